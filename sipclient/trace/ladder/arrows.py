"""One arrow in one line of characters, between columns that are bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Signs(NamedTuple):
    """What a terminal can show."""

    bar: str
    dash: str
    right: str
    left: str
    again: str  # of a message from a host to itself


_ALONE = 20  # characters beside a column that is the only one
UNICODE = Signs("│", "─", "▶", "◀", "↻")
ASCII = Signs("|", "-", ">", "<", "@")


def signs_for(encoding: str) -> Signs:
    """The signs that an output of this encoding has."""
    return UNICODE if encoding.lower().startswith("utf") else ASCII


def heads(places: Sequence[int], titles: Sequence[str]) -> str:
    """The titles of the columns, each centred on its own."""
    line = [" "] * (places[-1] + max(map(len, titles)) + 1)
    for place, title in zip(places, titles, strict=True):
        start = max(0, place - len(title) // 2)
        line[start : start + len(title)] = title
    return "".join(line).rstrip()


def across(
    begin: int, places: Sequence[int], source: int, target: int, words: str, short: str, signs: Signs
) -> Iterator[tuple[str, bool]]:
    """The pieces of a line from the character `begin` on, and whether each is the arrow: from one column to another,
    with the words on it, or the short ones where there is no room."""
    first, last = min(source, target), max(source, target)
    if first == last:  # it is drawn in the gap to the right, or left of the last column
        first, last = (first, first + 1) if first + 1 < len(places) or not first else (first - 1, first)
    drawn = begin
    for number, place in enumerate(places):
        if drawn > place:
            continue  # the arrow passes over this column
        yield " " * (place - drawn) + signs.bar, False
        drawn = place + 1
        if number == first:
            room = (places[last] if last < len(places) else place + _ALONE) - drawn
            if source == target:
                shaft = _own(room, words, short, signs, last == source)
            else:
                shaft = _shaft(room, words, short, signs, target > source)
            yield shaft, True
            drawn += len(shaft)


def _own(room: int, words: str, short: str, signs: Signs, left: bool) -> str:
    """What a host sends to itself, at the side of its column."""
    text = (words if len(words) <= room - 3 else short)[: max(0, room - 3)]
    return f"{text} {signs.again} ".rjust(room) if left else f" {signs.again} {text}"


def _shaft(room: int, words: str, short: str, signs: Signs, right: bool) -> str:
    room -= 1
    if len(words) > room:
        words = short[:room]
    filled = words.center(room, signs.dash) if len(words) > room - 2 else f" {words} ".center(room, signs.dash)
    return f"{filled}{signs.right}" if right else f"{signs.left}{filled}"
