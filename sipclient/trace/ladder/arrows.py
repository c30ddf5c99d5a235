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
    drawn = begin
    for number, place in enumerate(places):
        if drawn > place:
            continue  # the arrow passes over this column
        yield " " * (place - drawn) + signs.bar, False
        drawn = place + 1
        if number == first:
            end = places[last] if first != last else places[number + 1] if number + 1 < len(places) else place + 30
            shaft = _shaft(end - drawn, words, short, signs, target - source)
            yield shaft, True
            drawn += len(shaft)


def _shaft(room: int, words: str, short: str, signs: Signs, way: int) -> str:
    if not way:
        return f" {signs.again} {words if len(words) <= room - 3 else short}"[: max(0, room)]
    room -= 1
    if len(words) > room:
        words = short[:room]
    filled = words.center(room, signs.dash) if len(words) > room - 2 else f" {words} ".center(room, signs.dash)
    return f"{filled}{signs.right}" if way > 0 else f"{signs.left}{filled}"
