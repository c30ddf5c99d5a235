"""The page's files, as they lie in the package: what a strict policy lets a browser do, and nothing else."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

PAGE = files("sipclient.web") / "page"
FILES = {each.name: each.read_text(encoding="utf-8") for each in PAGE.iterdir()}
SCRIPTS = sorted(name for name in FILES if name.endswith(".js"))


def test_it_is_there() -> None:
    assert {"index.html", "main.js", "palette.css", "icon.svg"} <= FILES.keys()


@pytest.mark.parametrize("name", sorted(FILES))
def test_it_asks_nobody_but_the_robot(name: str) -> None:
    text = FILES[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://(?!\$)|@import|url\(", text.replace("url(path)", ""))


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_stranger_wrote_is_never_markup(name: str) -> None:
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"):
        assert way not in FILES[name]
    assert 'setAttribute("style"' not in FILES[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_import_is_there_and_used(name: str) -> None:
    for names, source in re.findall(r'^import (.+?) from "\./(.+?)";', FILES[name], re.M):
        assert source in FILES
        for each in re.findall(r"[\w$]+(?:\s+as\s+[\w$]+)?", names.strip("{} ").removeprefix("* as ")):
            exported, _, local = each.partition(" as ")
            assert len(re.findall(rf"\b{re.escape(local or exported)}\b", FILES[name])) > 1, each
            if not names.startswith("*"):
                assert re.search(rf"export (?:async )?(?:function\*?|const|let|class) {exported}\b", FILES[source]), (
                    each
                )


def test_the_shell_has_nothing_inline() -> None:
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", FILES["index.html"])
    for name in re.findall(r'(?:href|src)="([\w.-]+)"', FILES["index.html"]):
        assert name in FILES


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast ratio of two colours (`#rrggbb`)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _palettes() -> dict[str, dict[str, str]]:
    light, dark = FILES["palette.css"].split('[data-theme="dark"]')
    read = {
        name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text))
        for name, text in (("light", light), ("dark", dark))
    }
    return {"light": read["light"], "dark": read["light"] | read["dark"]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: str) -> None:
    """4.5:1 for text, 3:1 for what is operated (WCAG 2.2, 1.4.3 and 1.4.11)."""
    colors = _palettes()[theme]
    states = ("ready", "ringing", "on-the-phone", "on-hold", "offline", "unknown")
    grounds = ("ground", "surface", "raised", "sunken", *(f"{state}-wash" for state in states))
    texts = [(ink, ground) for ink in ("ink", "soft") for ground in grounds]
    texts += [(state, f"{state}-wash") for state in states]
    texts += [(tone, f"{tone}-wash") for tone in ("good", "warn", "bad", "accent")]
    texts += [("accent-ink", "accent"), ("accent", "surface"), ("accent", "raised"), ("bad", "surface")]
    low = {pair: round(contrast(*(colors[each] for each in pair)), 2) for pair in texts}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}
    assert contrast(colors["edge"], colors["surface"]) >= 3
