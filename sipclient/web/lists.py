"""Lists in pages: `?limit=` and `?cursor=`, and `{"items": [...], "next": ...}`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from sipclient.web.problems import Refused

T = TypeVar("T")

MOST = 200
Limit = Annotated[int, QueryParameter(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[str, QueryParameter(max_length=300, description="`next` of the page before.")]


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; `next` is the cursor of the page after it, null where there is none."""

    items: list[T]
    next: str | None


def page_of(items: Iterable[T], limit: int, cursor: str, name: Callable[[T], str]) -> Page[T]:
    """The page after the one whose last was called `cursor`. Refuses a cursor that names none of them."""
    found = iter(items)
    if cursor and not any(name(item) == cursor for item in found):
        raise Refused(422, "cursor", "cursor: there is none of that name any more: begin anew")
    page = list(islice(found, limit))
    more = len(page) == limit and next(found, None) is not None
    return Page(page, name(page[-1]) if more else None)
