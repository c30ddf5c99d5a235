"""The latest events, numbered, for whoever reads along and comes back after a break."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from datetime import datetime

import msgspec

from sipclient.robot.told import Notice, Told

KEPT = 2000


class Numbered(msgspec.Struct, frozen=True):
    """An event: `json` is what `run --log-format json` writes, with its number."""

    seq: int
    kind: str
    json: bytes


class EventLog:
    """Numbers grow by one, and begin where the clock says, in milliseconds since 1970: so those of a later run are
    above those of an earlier one, and who comes back with an old number learns that something is missing."""

    def __init__(self, began: datetime, kept: int = KEPT) -> None:
        self.first = self.last = int(began.timestamp() * 1000)  # of this run: the number before its first event
        self._kept = kept
        self._events: dict[int, Numbered] = {}
        self._more = asyncio.Event()
        self.closed = False
        self.readers = 0

    def add(self, news: Told, at: datetime) -> None:
        """One more; debug notices are nobody's news."""
        if isinstance(news, Notice) and news.level == "debug":
            return
        self.last += 1
        body = msgspec.json.encode(news)[1:]
        head = f'{{"seq":{self.last},"at":"{at.isoformat(timespec="milliseconds")}",'.encode()
        kind = str(news.__struct_config__.tag)
        self._events[self.last] = Numbered(self.last, kind, head + body)
        if len(self._events) > self._kept:
            del self._events[next(iter(self._events))]
        self._wake()

    def since(self, after: int, kinds: Container[str] | None = None, most: int = 100) -> tuple[list[Numbered], int]:
        """At most so many events after that number, of these kinds, and the number up to which was looked."""
        found: list[Numbered] = []
        number = max(after, self.oldest - 1)
        while number < self.last and len(found) < most:
            number += 1
            event = self._events[number]
            if kinds is None or event.kind in kinds:
                found.append(event)
        return found, number

    @property
    def oldest(self) -> int:
        """The number of the oldest that is kept, or of the next where none is."""
        return next(iter(self._events), self.last + 1)

    def missing(self, after: int) -> int | None:
        """How many events after that number are no longer kept; None where it is of another run, so that nobody
        knows."""
        if not self.first <= after <= self.last:
            return None
        return self.oldest - 1 - after if after < self.oldest - 1 else 0

    async def more(self, after: int) -> None:
        """Wait for an event after that number, or for the end."""
        while self.last <= after and not self.closed:
            await self._more.wait()

    def close(self) -> None:
        """Nothing more comes: who waits is woken."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()
