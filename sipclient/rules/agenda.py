"""What is due when."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["settle", "retry", "request"]
Entry: TypeAlias = tuple[str, ...]
SPARE = 64  # dead entries that are not worth clearing away


class Agenda:
    """At most one moment for each kind and entry; a later `add` replaces the earlier. Deletion is lazy."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Kind, Entry]] = []
        self._live: dict[tuple[Kind, Entry], int] = {}
        self._serial = 0

    @property
    def deadline(self) -> float | None:
        """The next moment, None where nothing is planned."""
        while self._heap and not self._is_live(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def add(self, due: float, kind: Kind, entry: Entry) -> None:
        """Plan something, in place of what was planned for it."""
        self._serial += 1
        self._live[kind, entry] = self._serial
        heapq.heappush(self._heap, (due, self._serial, kind, entry))
        if len(self._heap) > 2 * len(self._live) + SPARE:
            self._heap = [item for item in self._heap if self._is_live(item)]
            heapq.heapify(self._heap)

    def drop(self, kind: Kind, entry: Entry) -> None:
        """Forget it, if it was planned."""
        self._live.pop((kind, entry), None)

    def due(self, now: float) -> Iterator[tuple[Kind, Entry]]:
        """Take out what is due, the earliest first."""
        while (deadline := self.deadline) is not None and deadline <= now:
            _, _, kind, entry = heapq.heappop(self._heap)
            del self._live[kind, entry]
            yield kind, entry

    def __len__(self) -> int:
        return len(self._heap)

    def _is_live(self, item: tuple[float, int, Kind, Entry]) -> bool:
        _, serial, kind, entry = item
        return self._live.get((kind, entry)) == serial
