"""Why no call can come of a description, in words for whoever has to mend it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_MOST = 50  # whoever has more to mend than that begins with these

MEDIA_TYPE, FORMAT, ATTRIBUTE, OTHER = 304, 305, 306, 399  # warn-codes of RFC 3261 §20.43


class Reason(msgspec.Struct, frozen=True):
    """One thing that stands in the way, in words for an administrator.

    `line` is the line of the peer's description it stands on, from 1; where one is missing, the line before
    which it belongs, or the last (0 where the peer's description has no part in it). `code` is what a Warning
    header calls it: 304 a media type, 305 a format, 306 an attribute, 399 anything else (RFC 3261 §20.43).
    """

    text: str
    line: int = 0
    code: int = OTHER

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class Refusal(msgspec.Struct, frozen=True):
    """No call can come of this description: `reasons` has at least one, those that decide before those that
    only add to it. Beyond fifty the last one counts the rest."""

    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.reasons))

    @property
    def warnings(self) -> tuple[tuple[int, str], ...]:
        """What Warning headers say of it: the code and the words of each reason, with its line."""
        return tuple((reason.code, str(reason)) for reason in self.reasons)

    @classmethod
    def of(cls, reasons: Iterable[Reason]) -> Refusal:
        """For these reasons, each once."""
        found = tuple(dict.fromkeys(reasons))
        if len(found) <= _MOST:
            return cls(found)
        return cls((*found[:_MOST], Reason(f"and {len(found) - _MOST} more")))
