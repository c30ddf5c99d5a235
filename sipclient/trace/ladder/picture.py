"""A ladder as an SVG picture: one file, nothing from outside, light or dark as its viewer is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sipclient.trace.ladder.paint import GROUPS, HEAD, LEFT, LINE, PAUSE, RIGHT, ROW, SMALL, safe, style, text
from sipclient.trace.ladder.sheet import Column, Row, Sheet

MOST = 2_000  # rows of a picture; more is for a terminal
_LONG = 25  # rows from which the hosts are named at the foot again
_TIP = 7  # pixels of an arrow's head


def picture(drawn: Sheet, *, linked: bool = False) -> str:
    """The picture. Of more rows than MOST the first. `linked`: each message leads to `#mNUMBER`, and the colours are
    those of the page around it."""
    return "".join(_svg(drawn, linked))


def measures(drawn: Sheet) -> tuple[int, int]:
    """Pixels from column to column, and the width of the whole."""
    count = len(drawn.columns)
    gap = 300 if count <= 2 else 250 if count <= 4 else 215
    return gap, LEFT + gap * max(1, count) + RIGHT


def header(drawn: Sheet, *, linked: bool = True) -> str:
    """The hosts alone, as a picture as wide as the whole."""
    gap, width = measures(drawn)
    inside = "".join(_heads(drawn.columns, gap, 0))
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEAD}" role="presentation">{inside}</svg>'


def _svg(drawn: Sheet, linked: bool) -> Iterator[str]:
    gap, width = measures(drawn)
    rows = drawn.rows[:MOST]
    top = 0 if linked else 40 + HEAD
    foot = HEAD if len(rows) > _LONG else 12
    height = top + 14 + sum(_height(row, gap) for row in rows) + foot + (24 if len(drawn.rows) > MOST else 0)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{safe(drawn.title)}" class="ladder">'
    )
    if not linked:
        yield f'<style>{style(".ladder")}</style><rect class="paper" width="100%" height="100%"/>'
        yield text(16, 26, drawn.title, "name")
        yield from _heads(drawn.columns, gap, 40)
    middle = [LEFT + gap // 2 + gap * number for number in range(len(drawn.columns))]
    for x in middle:
        yield f'<line x1="{x}" x2="{x}" y1="{top}" y2="{height - foot + 4}" class="life"/>'
    y = top + 14
    for row in rows:
        yield from _row(row, drawn, middle, gap, y, linked)
        y += _height(row, gap)
    if len(rows) < len(drawn.rows):
        yield text(LEFT, y + 14, f"the first {MOST} of {len(drawn.rows)} rows", "detail")
        y += 24
    if len(rows) > _LONG:
        yield from _heads(drawn.columns, gap, y)
    yield "</svg>"


def _heads(columns: tuple[Column, ...], gap: int, y: int) -> Iterator[str]:
    for number, column in enumerate(columns):
        x, middle = LEFT + gap * number + 8, LEFT + gap * number + gap / 2
        yield f"<g><title>{safe(column.name)} {safe(column.subtitle)}</title>"
        yield f'<rect class="box" x="{x}" y="{y + 6}" width="{gap - 16}" height="46" rx="7"/>'
        line = y + (26 if column.subtitle else 34)
        yield text(middle, line, column.name, "name", "middle", gap - 24)
        if column.subtitle:
            yield text(middle, y + 43, column.subtitle, "detail", "middle", gap - 24)
        yield "</g>"


def _height(row: Row, gap: int) -> int:
    if row.source < 0:
        return PAUSE
    return ROW + LINE * len(_detail(row, gap)) + (2 if row.detail else 0)


def _room(row: Row, gap: int) -> int:
    """Pixels that the words of a row may take."""
    return gap * abs(row.target - row.source) - 16 if row.target != row.source else gap - 40


def _detail(row: Row, gap: int) -> list[str]:
    """The detail in one line, or in two where one is too short for it."""
    characters = int(_room(row, gap) / SMALL)
    lines = textwrap.wrap(row.detail, characters, break_on_hyphens=False, max_lines=2, placeholder="…")
    return lines if row.detail else []


def _row(row: Row, drawn: Sheet, middle: list[int], gap: int, y: int, linked: bool) -> Iterator[str]:
    if row.source < 0:
        yield text((middle[0] + middle[-1]) / 2, y + 15, f"⋯ {row.label} ⋯", "detail", "middle")
        return
    base = y + 22
    anchor = f'<a href="#m{row.number}">' if linked and row.number else ""
    yield anchor
    yield f"<g><title>{safe(' · '.join(part for part in (row.label, row.detail) if part))}</title>"
    if row.number:
        yield text(34, base + 1, str(row.number), "time", "end")
    if row.at is not None:
        yield text(LEFT - 28, base + 1, f"{row.at:.3f}", "time", "end")
    if row.group >= 0 and len(drawn.groups) > 1:
        colour, letter = GROUPS[row.group % len(GROUPS)], drawn.groups[row.group].letter
        size = 10 + 7 * len(letter)
        yield f'<rect x="{LEFT - 22}" y="{base - 10}" width="{size}" height="15" rx="4" fill="{colour}"/>'
        yield text(LEFT - 22 + size / 2, base + 1, letter, "badge", "middle")
    yield from _arrow(row, middle, gap, base)
    yield "</g>"
    yield "</a>" if anchor else ""


def _arrow(row: Row, middle: list[int], gap: int, base: int) -> Iterator[str]:
    words = f"{row.label} ×{row.copies + 1}" if row.copies else row.label
    start, end = middle[row.source], middle[row.target]
    wide = " wide" if row.tone == "sound" else ""
    if start == end:
        yield (
            f'<path class="arrow {row.tone}" d="M{start} {base - 6} h26 v12 h-22"/>'
            f'<path class="t-{row.tone}" d="M{start + 2} {base + 6} l{_TIP} -4 v8 z"/>'
        )
        yield text(start + 34, base + 2, words, f"label t-{row.tone}", "start", gap - 40)
        for number, line in enumerate(_detail(row, gap)):
            yield text(start + 34, base + 17 + LINE * number, line, "detail")
        return
    way = 1 if end > start else -1
    yield f'<line class="arrow {row.tone}{wide}" x1="{start}" x2="{end - way * 4}" y1="{base}" y2="{base}"/>'
    yield f'<path class="t-{row.tone}" d="M{end} {base} l{-way * (_TIP + 2)} -5 v10 z"/>'
    centre = (start + end) / 2
    yield text(centre, base - 6, words, f"label t-{row.tone}", "middle", _room(row, gap))
    for number, line in enumerate(_detail(row, gap)):
        yield text(centre, base + 15 + LINE * number, line, "detail", "middle")
