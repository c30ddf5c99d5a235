"""An explanation as people read it: lines of text, each with a role for whoever colours them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Literal

from sipclient.trace.explain.finding import Explanation, Finding, counted, shown

Role = Literal["head", "high", "medium", "low", "quote", "text", "fine"]
_NARROWEST, _WIDEST = 40, 110  # characters of a line


def report(told: Explanation, width: int = 100) -> Iterator[tuple[str, Role]]:
    """The lines, none longer than the width (in characters)."""
    width = min(max(width, _NARROWEST), _WIDEST)
    repaired = f", {len(told.repairs)} repaired" if told.repairs else ""
    yield from _wrapped(f"{told.format}, {counted(told.messages, 'message')}{repaired}", width, "", "head")
    for note in told.notes:
        yield from _wrapped(f"note: {note}", width, "", "text")
    for number, repairs in told.repairs[:_MOST]:
        yield from _wrapped(f"message {number} was mended: {'; '.join(repairs)}", width, "  ", "text")
    if len(told.repairs) > _MOST:
        yield f"  and {len(told.repairs) - _MOST} more", "text"
    yield "", "text"
    if not told.findings:
        yield from _wrapped("Nothing is wrong in what this trace shows.", width, "", "fine")
        yield "", "text"
    for place, finding in enumerate(told.findings, 1):
        yield from _finding(place, finding, width)
    if told.unseen:
        yield "What this trace cannot show", "head"
        for each in told.unseen:
            yield from _wrapped(f"- {each}", width, "  ", "text")


_MOST = 20  # mended messages that are listed


def _finding(place: int, finding: Finding, width: int) -> Iterator[tuple[str, Role]]:
    title = f"{place}. {finding.title}  [{finding.id}, {finding.confidence} confidence]"
    yield from _wrapped(title, width, "", finding.confidence)
    places = (("message", finding.message), ("line", finding.line))
    if where := ", ".join(f"{name} {number}" for name, number in places if number):
        yield f"   {where}", "text"
        yield f"      {shown(finding.quote, width - 6)}", "quote"
    for name, text in (("why", finding.evidence), ("fix", finding.fix), ("not so if", finding.disproved_by)):
        yield from _wrapped(f"{name + ':':<10} {text}", width, "   ", "text", " " * 11)
    yield "", "text"


def _wrapped(text: str, width: int, indent: str, role: Role, hanging: str = "  ") -> Iterator[tuple[str, Role]]:
    for line in textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + hanging,
                              break_on_hyphens=False):  # fmt: skip
        yield line, role
