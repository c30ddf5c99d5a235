"""Reading what may be broken without harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sipclient.errors import MalformedMessage

_T = TypeVar("_T")


def lenient(read: Callable[[], tuple[_T, ...]]) -> tuple[_T, ...]:
    """What only informs (Reason, Allow) may be broken: a BYE counts all the same."""
    try:
        return read()
    except MalformedMessage:
        return ()
