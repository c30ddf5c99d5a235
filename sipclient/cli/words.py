"""How the command line puts things."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMED = 5


def and_more(names: Sequence[str]) -> str:
    """`1001, 1002 and 7 more`: so many names as one can read."""
    more = len(names) - MOST_NAMED
    return f"{', '.join(names[:MOST_NAMED])} and {more} more" if more > 1 else ", ".join(names)
