"""The headers of a message: an ordered multimap that knows compact forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from sipclient.message.names import KEYS, check_header_name, check_header_value, key_of
from sipclient.message.text import split_commas

T = TypeVar("T")
Entry = tuple[str, str, str]  # key, name as received, value as received (unfolded, blanks around it kept)

# Whole lines that `check` found good by themselves, whatever message they stand in -> key, value: most of what a peer
# writes it wrote before.
GOOD_LINES: Final[dict[str, tuple[str, str]]] = {}
_NO_LINES: Final[list[str]] = []


class Headers:
    """Header lines in order. Names ignore case and compactness, and come back as they were given.

    Values are text: UTF-8, and where received bytes are none, surrogates that write as the same bytes again.
    What is derived from the lines (`read`) is kept until a line changes.
    """

    __slots__ = ("_derived", "_known", "_lines", "fresh", "index", "repeats")

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self._known: list[Entry] | None = None
        self._lines = _NO_LINES  # as received, until someone asks for more than the first of each name
        self._derived: dict[Callable[[Headers], Any], Any] = {}
        # The first value of each header by its key (long form, lower case), blanks around it kept.
        self.index: dict[str, str] = {}
        self.repeats = False  # whether any name has more than one line; `repeated` says which
        # The lines as received that are none of GOOD_LINES -> key; None where nobody knows which those are.
        self.fresh: dict[str, str] | None = None
        if lines:
            for name, value in lines:
                self.add(name, value)

    @classmethod
    def of_entries(cls, entries: list[Entry]) -> Headers:
        """Headers made of lines that were checked already. Takes the list over. For the parser."""
        headers = Headers()
        headers._known = entries
        headers._changed()
        return headers

    @classmethod
    def of_lines(cls, lines: list[str], index: dict[str, str], fresh: dict[str, str]) -> Headers:
        """Headers made of lines that were checked already, no name of which repeats, their index, and the fresh
        ones among them. For the parser."""
        headers = Headers()
        headers._lines = lines
        headers.index = index
        headers.fresh = fresh
        return headers

    @property
    def _entries(self) -> list[Entry]:
        known = self._known
        if known is None:
            parts = [line.split(":", 1) for line in self._lines]
            known = self._known = [(KEYS[name], name, value) for name, value in parts]
            self._lines = _NO_LINES
        return known

    def first(self, key: str) -> str | None:
        """The first value of a header by its key, blanks around it kept; None if there is none."""
        return self.index.get(key)

    def get(self, name: str) -> str | None:
        """The first value of that name, None if there is none."""
        value = self.index.get(key_of(name))
        return value.strip(" \t") if value is not None else None

    def lines(self, key: str) -> list[str]:
        """The value of each line of a header by its key (long form, lower case)."""
        value = self.first(key)
        if value is None:
            return []
        if not self.repeats:
            return [value.strip(" \t")]
        return [value.strip(" \t") for each, _, value in self._entries if each == key]

    def all(self, name: str) -> list[str]:
        """The value of each line of that name."""
        return self.lines(key_of(name))

    def values(self, name: str) -> list[str]:
        """The elements of all lines of that name, split at commas outside quotes and brackets; none is empty.

        Only for headers that are lists (RFC 3261 §7.3.1). Raises MalformedMessage where a quote does not close.
        """
        return [part for line in self.all(name) for part in split_commas(line) if part]

    def read(self, reader: Callable[[Headers], T]) -> T:
        """What `reader` makes of these headers, computed once until a line changes."""
        derived = self._derived
        if reader in derived:
            value: T = derived[reader]
            return value
        value = derived[reader] = reader(self)
        return value

    def add(self, name: str, value: str) -> None:
        """Append a line. Raises InvalidValue for a name or value that must not reach the wire."""
        entry = _checked(name, value)
        self._entries.append(entry)
        self.repeats = self.repeats or entry[0] in self.index
        self.index.setdefault(entry[0], value)
        self.fresh = None
        self._derived = {}

    def prepend(self, name: str, value: str) -> None:
        """Put a line above all of its name, or on top if there is none. Raises InvalidValue as `add` does."""
        entry = _checked(name, value)
        self._entries.insert(next((i for i, old in enumerate(self._entries) if old[0] == entry[0]), 0), entry)
        self._changed()

    def set(self, name: str, value: str) -> None:
        """Make this the one line of its name, in the place of the first. Raises InvalidValue as `add` does."""
        entry = _checked(name, value)
        place = next((i for i, old in enumerate(self._entries) if old[0] == entry[0]), len(self._entries))
        rest = [old for old in self._entries[place:] if old[0] != entry[0]]
        self._entries[place:] = [entry, *rest]
        self._changed()

    def remove(self, name: str) -> None:
        """Remove all lines of that name."""
        unwanted = key_of(name)
        self._entries[:] = [entry for entry in self._entries if entry[0] != unwanted]
        self._changed()

    def carry(self, other: Headers, *names: str) -> None:
        """Append the lines of these names from `other`, as they were received and without another check.

        For what a response repeats of its request (RFC 3261 §8.2.6.2): a quoted control character is legal
        there, though we would not write one of our own.
        """
        wanted = [key_of(name) for name in names]
        self._entries.extend([entry for key in wanted for entry in other._entries if entry[0] == key])
        self._changed()

    def copy(self) -> Headers:
        """Headers with the same lines, to change at will."""
        return Headers.of_entries(self._entries.copy())

    def _changed(self) -> None:
        entries = self._entries
        self.index = {key: value for key, _, value in reversed(entries)}
        self.repeats = len(self.index) != len(entries)
        self.fresh = None
        self._derived = {}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and key_of(name) in self.index

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name, value.strip(" \t")) for _, name, value in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._meaning() == other._meaning()

    __hash__ = None  # type: ignore[assignment]  # it can change

    def _meaning(self) -> list[tuple[str, str]]:
        return [(key, value.strip(" \t")) for key, _, value in self._entries]

    def __repr__(self) -> str:
        return f"<Headers {', '.join(name for _, name, _ in self._entries)}>"

    def repeated(self) -> frozenset[str]:
        """The keys (long form, lower case) of the names that have more than one line."""
        counts = Counter(key for key, _, _ in self._entries)
        return frozenset(key for key, count in counts.items() if count > 1)


def _checked(name: str, value: str) -> Entry:
    check_header_name(name)
    check_header_value(value, name)
    return key_of(name), name, value
