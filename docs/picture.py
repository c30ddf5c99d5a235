"""Write docs/images/demo.svg again: what `sipclient demo` shows on a terminal, as a picture.

    python docs/picture.py

It is made by hand and not by `make docs`: the times in it are those of one run.
"""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
COLUMNS = 100
_NORMAL = "484f58 ff7b72 3fb950 d29922 58a6ff bc8cff 39c5cf b1bac4"
_BRIGHT = "6e7681 ffa198 56d364 e3b341 79c0ff d2a8ff 56d4dd f0f6fc"
# Rich's own frame fetches a font from elsewhere; a picture should need nothing.
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: arial; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def colours(codes: str) -> list[tuple[int, int, int]]:
    """Hexadecimal codes as rich wants them."""
    return [(number >> 16, number >> 8 & 255, number & 255) for number in (int(code, 16) for code in codes.split())]


# Dark, and legible beside a light page as beside a dark one.
THEME = TerminalTheme((22, 27, 34), (201, 209, 217), colours(_NORMAL), colours(_BRIGHT))


def shown(arguments: list[str]) -> str:
    """What a command of ours shows on a terminal, with its escapes. Raises CalledProcessError where it fails."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": "60"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "sipclient", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment, cwd=ROOT) as process:
        os.close(theirs)
        seen = bytearray()
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the far end of a pty is closed
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, bytes(seen))
    return seen.decode()


def picture(text: str) -> str:
    """Terminal output as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in text.replace("\r\n", "\n").strip("\n").split("\n"):
        console.print(Text.from_ansi(line), overflow="fold")
    return console.export_svg(title="sipclient demo", theme=THEME, code_format=FRAME, unique_id="demo")


def main() -> None:
    """Run the demo and write the picture."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(shown(["demo"])))


if __name__ == "__main__":
    main()
