"""The README and the pages of docs/, and what stands in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One fenced block: its page, the line it begins on, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """For the name of a test."""
        return f"{self.page}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Every fenced block of a language."""
    found = []
    for path in PAGES:
        text = path.read_text()
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 2
                found.append(Block(path.relative_to(ROOT).as_posix(), line, match[1], match[2]))
    return found


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", path.read_text())
