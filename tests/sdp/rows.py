"""The rows of tests/sdp/rows: offers as somebody sends them, each with its origin and what must become of it.

A file holds rows one after the other:

    == name of the row
    origin: who sends this, and how it is known
    with: the set of capabilities, see able.py
    -- offer
    v=0 ...
    -- answer                 the whole description
    -- refused                a reason a line: its warn-code, its line if it has one, its words
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

FOLDER = Path(__file__).with_name("rows")


class Row(msgspec.Struct, frozen=True):
    """One offer, and what must become of it: `answer`, or the reasons in `refused`."""

    name: str
    origin: str
    able: str
    offer: str
    answer: tuple[str, ...]
    refused: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def rows() -> list[Row]:
    """Every row of every file."""
    return [row for file in sorted(FOLDER.glob("*.txt")) for row in _read(file)]


def _read(file: Path) -> Iterator[Row]:
    _, *texts = file.read_text(encoding="utf-8").split("\n== ")
    for text in texts:
        head, *parts = text.split("\n-- ")
        name, *facts = head.splitlines()
        told = dict(fact.split(": ", 1) for fact in facts if fact)
        blocks = dict(part.split("\n", 1) for part in parts)
        yield Row(
            f"{file.stem}: {name}",
            told["origin"],
            told["with"],
            blocks["offer"],
            tuple(blocks.get("answer", "").split("\n\n")[0].splitlines()),
            tuple(blocks.get("refused", "").split("\n\n")[0].splitlines()),
        )
