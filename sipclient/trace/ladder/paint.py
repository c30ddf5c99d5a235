"""Colours, measures and text for pictures: legible on white and on black."""

from __future__ import annotations

from html import escape

ROW, LINE, PAUSE = 34, 14, 26  # heights in pixels: a message, a line of detail below it, a pause
HEAD, LEFT, RIGHT = 64, 132, 40
GLYPH, SMALL = 7.0, 6.0  # widths of a character, wide enough for most fonts
GROUPS = ("#3b6fd4", "#b4541a", "#6a4fb3", "#1f7a5c", "#a83268", "#5c6b1f", "#2b7a94", "#8a4b9c")

_LIGHT = {
    "paper": "#ffffff", "ink": "#1b1f24", "muted": "#57606a", "faint": "#c9d1d9", "box": "#f3f5f8",
    "request": "#0b57c2", "provisional": "#8a5a00", "success": "#12713a", "redirect": "#6f42c1", "failure": "#c0182b",
    "sound": "#00727d",
}  # fmt: skip
_DARK = {
    "paper": "#10151c", "ink": "#e8edf3", "muted": "#9aa7b5", "faint": "#38424e", "box": "#1b232d",
    "request": "#7db3ff", "provisional": "#f0bb4e", "success": "#5fd38d", "redirect": "#c5a3ff", "failure": "#ff7b83",
    "sound": "#4fd0dc",
}  # fmt: skip
FONT = "ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace"


def style(root: str) -> str:
    """The style sheet, with the colours on the element `root`; the reader's system says which set."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in each.items()) for each in (_LIGHT, _DARK))
    tones = "".join(
        f".{tone}{{stroke:var(--{tone})}}.t-{tone}{{fill:var(--{tone})}}"
        for tone in ("request", "provisional", "success", "redirect", "failure", "sound")
    )
    return (
        f"{root}{{{light}}}@media (prefers-color-scheme:dark){{{root}{{{dark}}}}}"
        f".paper{{fill:var(--paper)}}.box{{fill:var(--box);stroke:var(--faint)}}.life{{stroke:var(--muted);stroke-opacity:.6;"
        "stroke-dasharray:3 4}.arrow{stroke-width:1.6;fill:none}.wide{stroke-width:3}"
        f"text{{font-family:{FONT};fill:var(--ink)}}.name{{font-size:13px;font-weight:600}}"
        ".label{font-size:12.5px;font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:4px;"
        "stroke-linejoin:round}.detail{font-size:11px;fill:var(--muted);paint-order:stroke;stroke:var(--paper);"
        f"stroke-width:4px}}.time{{font-family:{MONO};font-size:11px;fill:var(--muted)}}.badge{{font-size:10px;"
        f"font-weight:700;fill:#fff}}{tones}"
    )


def text(x: float, y: float, words: str, kind: str, anchor: str = "start", room: float = 0.0) -> str:
    """A line of text, cut where it would not fit into `room` pixels."""
    if room:
        words = cut(words, room / (SMALL if "detail" in kind or "time" in kind else GLYPH))
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{safe(words)}</text>'


def cut(words: str, characters: float) -> str:
    """The words, with an ellipsis where they are longer."""
    most = max(1, int(characters))
    return words if len(words) <= most else f"{words[: most - 1]}…"


def safe(words: str) -> str:
    """Text for XML: escaped, and without the characters that XML cannot hold."""
    return escape("".join(each if each.isprintable() else "\ufffd" for each in words))
