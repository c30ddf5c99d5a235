"""A ladder as a Mermaid sequence diagram, as wikis and forges draw them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sipclient.trace.ladder.sheet import Row, Sheet

MOST = 500  # messages: Mermaid draws no more than a page can bear
_HARMFUL = re.compile(r"[;#%<>{}\"`\\\x00-\x1f]")


def sequence(drawn: Sheet) -> str:
    """The diagram. Of more messages than MOST the first."""
    return "\n".join([*_lines(drawn), ""])


def _lines(drawn: Sheet) -> Iterator[str]:
    yield "sequenceDiagram"
    for place, column in enumerate(drawn.columns):
        subtitle = f"<br/>{_plain(column.subtitle)}" if column.subtitle else ""
        yield f"    participant h{place} as {_plain(column.name)}{subtitle}"
    messages = [row for row in drawn.rows if row.source >= 0]
    for row in drawn.rows[:MOST]:
        yield from _row(row, len(drawn.columns))
    if len(drawn.rows) > MOST and drawn.columns:
        yield f"    Note over h0: the first {MOST} rows of {len(messages)} messages"


def _row(row: Row, count: int) -> Iterator[str]:
    if row.source < 0:
        if count:
            over = f"h0,h{count - 1}" if count > 1 else "h0"
            yield f"    Note over {over}: {row.label} later"
        return
    arrow = "->>" if row.tone == "request" else "--)" if row.tone == "sound" else "-->>"
    again = f" ×{row.copies + 1}" if row.copies else ""
    yield f"    h{row.source}{arrow}h{row.target}: {_plain(row.label)}{again}"
    if row.detail:
        left, right = sorted((row.source, row.target))
        over = f"h{left},h{right}" if left != right else f"h{left}"
        yield f"    Note over {over}: {_plain(row.detail)}"


def _plain(text: str) -> str:
    """Text without what Mermaid would read as its own."""
    return _HARMFUL.sub(" ", text).strip() or "?"
