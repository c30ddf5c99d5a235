"""Patterns of extensions and addresses: exact, `?` one character, `*` any, `2000-2999` a range.

Both ends of a range have the same number of digits. A URI (`sip:`, `sips:`, `tel:`) may hold wildcards, and a
range as its whole user part. Scheme and host compare without regard to case, the user part with
(RFC 3261 §19.1.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Self

from sipclient.config.values import Mistake, quoted, text_of

MOST_EXTENSIONS = 100_000
LONGEST_PATTERN = 256

_DIGITS = re.compile(r"(\d+)(?:-(\d+))?", re.ASCII)
_URI = re.compile(r"(sips?|tel):(?:([^@]*)@)?(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)


class Pattern:
    """One pattern. `text` is how it reads, scheme and host in lower case; equal texts are equal patterns."""

    __slots__ = ("_after", "_before", "_high", "_low", "_pieces", "text", "uri", "wild")

    text: str
    uri: bool  # whether it is of whole URIs
    wild: bool  # whether it holds `?` or `*`, and so cannot be listed

    def __init__(self, text: str) -> None:
        """Raises Mistake for an empty or overlong text and for a range that is none."""
        if not text or len(text) > LONGEST_PATTERN:
            raise Mistake(f"a pattern has 1 to {LONGEST_PATTERN} characters")
        self.text = _normal(text)
        self.uri = _URI.fullmatch(text) is not None
        self.wild = "*" in text or "?" in text
        self._before, self._low, self._high, self._after = _span(self.text, self.uri)
        if self._low == self._high:
            self.text = f"{self._before}{self._low}{self._after}"  # 5-5 is 5
        self._pieces = tuple(self.text.split("*"))

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """What robot.toml gives: a string."""
        return cls(text_of(value, "a pattern"))

    @property
    def count(self) -> int:
        """How many texts it stands for; 0 where they cannot be listed."""
        if self.wild:
            return 0
        return int(self._high) - int(self._low) + 1 if self._low else 1

    def matches(self, text: str) -> bool:
        """Whether this extension, number or URI is meant. Costs at most len(text) · len(pattern) steps."""
        if ":" in text:
            text = _normal(text)
        if self.wild:
            return _matches_pieces(self._pieces, text)
        if self._low == self._high:
            return text == self.text
        start, end = len(self._before), len(self._before) + len(self._low)
        number = text[start:end]
        return (
            text.startswith(self._before)
            and text[end:] == self._after
            and len(number) == len(self._low)
            and number.isascii()
            and number.isdigit()
            and self._low <= number <= self._high
        )

    def expand(self, limit: int = MOST_EXTENSIONS) -> Iterator[str]:
        """Every text it stands for. Raises Mistake for a wildcard, and where they are more than `limit`."""
        if self.wild:
            told = "cannot be watched: a PBX is asked extension by extension; write a range"
            raise Mistake(f"{quoted(self.text)} {told}")
        if self.count > limit:
            raise Mistake(f"{quoted(self.text)} is {self.count} extensions; at most {limit} can be watched")
        if not self._low:
            return iter((self.text,))
        before, after, width = self._before, self._after, len(self._low)
        return (f"{before}{number:0{width}d}{after}" for number in range(int(self._low), int(self._high) + 1))

    def overlaps(self, other: Pattern) -> bool:
        """Whether some text matches both; between two wildcards it is not asked, and False."""
        if self.wild:
            return not other.wild and any(map(self.matches, other.expand()))
        if other.wild:
            return other.overlaps(self)
        if not (self._low and other._low):
            return self.text == other.text
        return self._family == other._family and self._low <= other._high and other._low <= self._high

    @property
    def _family(self) -> tuple[str, str, int]:
        """What two patterns must share before their numbers can meet."""
        return self._before, self._after, len(self._low)

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Pattern) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


def overlapping(patterns: Sequence[Pattern]) -> Iterator[tuple[int, int]]:
    """The places (earlier, later) of patterns that overlap; wildcards are left out.

    Each pattern is told at most once as the one that runs into another: sorted, neighbours are enough.
    """
    listed = [place for place, pattern in enumerate(patterns) if not pattern.wild]
    listed.sort(key=lambda place: (patterns[place]._family, patterns[place]._low or patterns[place].text, place))
    widest: int | None = None
    for place in listed:
        if widest is not None and patterns[widest].overlaps(patterns[place]):
            yield min(widest, place), max(widest, place)
            if patterns[place]._high <= patterns[widest]._high:
                continue
        widest = place


def _normal(text: str) -> str:
    found = _URI.fullmatch(text)
    if found is None:
        return text
    scheme, user, host = found.groups()
    return f"{scheme.lower()}:{f'{user}@' if user is not None else ''}{host.lower()}"


def _span(text: str, uri: bool) -> tuple[str, str, str, str]:
    """What stands before the number, its low and high end, what stands after; no ends where there is none."""
    scheme, _, rest = text.partition(":") if uri else ("", "", text)
    user, at, host = rest.partition("@")
    found = _DIGITS.fullmatch(user)
    if found is None or (not uri and at):
        return text, "", "", ""
    low, high = found[1], found[2] or found[1]
    if len(low) == len(high) and low <= high:
        return f"{scheme}:" if uri else "", low, high, at + host
    if uri:
        return text, "", "", ""  # sip:555-1234@... is a number with a visual separator, not a range
    raise Mistake(f"{quoted(text)} is no range: both ends need the same number of digits, the lower one first")


def _matches_pieces(pieces: tuple[str, ...], text: str) -> bool:
    """Whether `text` is the pieces in order with anything between them; `?` in a piece is any character."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(text) == len(first) and _fits(first, text, 0)
    end = len(text) - len(last)
    if end < len(first) or not _fits(first, text, 0) or not _fits(last, text, end):
        return False
    place = len(first)
    for piece in pieces[1:-1]:
        while place + len(piece) <= end and not _fits(piece, text, place):
            place += 1
        place += len(piece)
        if place > end:
            return False
    return True


def _fits(piece: str, text: str, place: int) -> bool:
    if "?" not in piece:
        return text.startswith(piece, place)
    return all(wanted in ("?", got) for wanted, got in zip(piece, text[place:], strict=False))
