"""A ladder in characters: columns where they fit, else a list."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Literal

from sipclient.trace.ladder.arrows import UNICODE, Signs, across, heads
from sipclient.trace.ladder.sheet import Row, Sheet, Tone

_LEFT = 20  # where the first column stands: number, time and letter are left of it
_TIGHTEST, _WIDEST = 16, 36  # characters from column to column
_ASIDE = 8  # characters right of the last column

Style = Tone | Literal["head", "bar", "dim", "text"]
Piece = tuple[str, Style]


def terminal(drawn: Sheet, width: int = 100, signs: Signs = UNICODE) -> Iterator[list[Piece]]:
    """Lines, each in pieces with their styles, of at most `width` characters; no narrower than 40."""
    width = max(40, width)
    for line in textwrap.wrap(drawn.title, width):
        yield [(line, "head")]
    for note in drawn.notes:
        for line in textwrap.wrap(f"note: {note}", width):
            yield [(line, "dim")]
    yield from _legend(drawn, width)
    yield [("", "text")]
    count = len(drawn.columns)
    gap = min(_WIDEST, (width - _LEFT - _ASIDE) // max(1, count - 1))
    if gap < _TIGHTEST:
        yield from _list(drawn, width, signs)
        return
    places = [_LEFT + gap * number for number in range(count)]
    titles = [_cut(column.name, gap - 1) for column in drawn.columns]
    subtitles = [_cut(column.subtitle, gap - 1) for column in drawn.columns]
    if count:
        yield [(_cut(heads(places, titles), width), "head")]
        if any(subtitles):
            yield [(_cut(heads(places, subtitles), width), "dim")]
    for row in drawn.rows:
        yield from _row(row, drawn, places, width, signs)


def _legend(drawn: Sheet, width: int) -> Iterator[list[Piece]]:
    if len(drawn.groups) < 2:
        return
    for group in drawn.groups[:20]:
        more = f" ({len(group.call_ids)} legs)" if len(group.call_ids) > 1 else ""
        outcome = f": {group.outcome}" if group.outcome else ""
        yield [(_cut(f"{group.letter:>3}  {group.title}{more}{outcome}", width), "text")]
        for why in group.why[:3]:
            yield [(_cut(f"     legs by {why}", width), "dim")]
    if len(drawn.groups) > 20:
        yield [(f"     and {len(drawn.groups) - 20} more", "dim")]


def _row(row: Row, drawn: Sheet, places: list[int], width: int, signs: Signs) -> Iterator[list[Piece]]:
    if row.source < 0:
        yield [(" " * _LEFT + f"... {row.label} ...", "dim")]
        return
    left = _left(row, drawn)
    words = _words(row)
    pieces = across(len(left), places, row.source, row.target, words, words, signs)
    yield [(left, "dim"), *((text, row.tone if is_arrow else "bar") for text, is_arrow in pieces)]
    if row.detail:
        line = ""
        first = min(row.source, row.target, max(0, len(places) - 2))  # never right of the last column
        for place in places[: first + 1]:
            line += " " * (place - len(line)) + signs.bar
        yield [(line, "bar"), (" " + _cut(row.detail, max(10, width - len(line) - 1)), "dim")]


def _left(row: Row, drawn: Sheet) -> str:
    number = f"{row.number:>5}" if row.number else "     "
    at = " " * 10 if row.at is None else f"{row.at:>10.3f}" if abs(row.at) < 1e6 else f"{row.at:>10.4g}"
    letter = drawn.groups[row.group].letter if row.group >= 0 and len(drawn.groups) > 1 else ""
    return f"{number}{at} {letter:<2} "


def _words(row: Row) -> str:
    return f"{row.label} ×{row.copies + 1}" if row.copies else row.label


def _list(drawn: Sheet, width: int, signs: Signs) -> Iterator[list[Piece]]:
    """A line for each message, where columns would be too narrow."""
    for row in drawn.rows:
        if row.source < 0:
            yield [(f"      ... {row.label} ...", "dim")]
            continue
        yield [(_left(row, drawn), "dim"), (_cut(_words(row), width - _LEFT), row.tone)]
        source, target = drawn.columns[row.source].name, drawn.columns[row.target].name
        yield [(_cut(f"      {source} {signs.dash}{signs.right} {target}", width), "bar")]
        if row.detail:
            yield [(_cut(f"      {row.detail}", width), "dim")]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(0, room - 1)]}…"
