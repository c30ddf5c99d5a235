"""What short texts say, remembered: a peer writes the same few header values all day, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 1024  # texts
LONGEST: Final = 256  # characters of a text that is remembered: these two bound the memory


class Memo(dict[str, T]):
    """`memo[text]` is what `read(text)` makes of it: a value that cannot change, or what it raises.

    A dictionary and no function, as one that is met again costs a lookup and no call: of a NOTIFY that is read and
    checked 10 of 16 µs.
    """

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[str], T]) -> None:
        self._read = read

    def __missing__(self, text: str) -> T:
        read = self._read
        value = read(text)
        remember(self, text, value)
        return value


def remember(known: dict[str, T], text: str, value: T) -> None:
    """Keep what a text says, within the bounds."""
    if len(text) <= LONGEST:
        if len(known) >= MOST:
            known.clear()
        known[text] = value
