"""How fast calls may leave: `[dial] calls_per_second` and `calls_at_once`."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Generic, TypeVar

from sipclient.config import Rate
from sipclient.rules.window import Window

T = TypeVar("T")
MOST_WAITING = 1000


class Gate(Generic[T]):
    """Calls wait here in the order they came until the trunk may carry one more.

    `submit` a call under its id, then `admit` those that may leave now; tell `finished` when an admitted one has
    ended. `deadline` is when to admit next if nothing finishes before, None where only a finish can help.
    """

    def __init__(self, calls_per_second: float, calls_at_once: int, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._waiting: OrderedDict[str, T] = OrderedDict()
        self._running: set[str] = set()
        self._now = 0.0
        self.adjust(calls_per_second, calls_at_once)

    def adjust(self, calls_per_second: float, calls_at_once: int) -> None:
        """New limits, from the next `admit` on; what waits and what runs stays."""
        count = max(1, math.floor(calls_per_second))
        self._at_once = calls_at_once
        self._window = Window(Rate(count, count / calls_per_second))

    @property
    def running(self) -> int:
        """How many admitted calls have not finished."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def deadline(self) -> float | None:
        """In the time of `now`."""
        if not self._waiting or len(self._running) >= self._at_once:
            return None
        return self._window.free_at(self._now)

    def submit(self, id: str, call: T) -> bool:
        """Queue a call. False where it is known already or too many wait."""
        if id in self._waiting or id in self._running or len(self._waiting) >= self._most_waiting:
            return False
        self._waiting[id] = call
        return True

    def admit(self, now: float) -> list[T]:
        """The calls that may leave now, in order."""
        self._now = now
        admitted: list[T] = []
        while self._waiting and len(self._running) < self._at_once and self._window.free_at(now) <= now:
            id, call = self._waiting.popitem(last=False)
            self._running.add(id)
            self._window.add(now)
            admitted.append(call)
        return admitted

    def finished(self, id: str) -> None:
        """An admitted call ended, or one that waits is no longer wanted. An unknown id is ignored."""
        self._running.discard(id)
        self._waiting.pop(id, None)
