"""Deadlines in one heap. A stopped timer stays in the heap until it surfaces, so stopping costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeAlias

# RFC 3261 §17.1.1.1 and Table 4, in seconds.
T1: Final = 0.5
T2: Final = 4.0
T4: Final = 5.0

_SWEEP: Final = 1024  # below this many dead entries a sweep would cost more than it frees


# One deadline, `[when, serial, run, argument]`: `run(argument)` runs once at or after `when`, unless stopped before.
# It is the heap's own entry: lists are compared without a call of ours, and one object in place of an entry and a timer
# halves what a start costs.
Timer: TypeAlias = list[Any]

_WHEN: Final = 0
_RUN: Final = 2
_ARGUMENT: Final = 3


def due_at(timer: Timer) -> float:
    """When a timer runs, in monotonic seconds."""
    when: float = timer[_WHEN]
    return when


class Timers:
    """Every deadline of an engine. `live` counts those that still wait."""

    __slots__ = ("_heap", "_serial", "live")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._serial = 0
        self.live = 0

    def start(self, when: float, run: Callable[[Any], None], argument: object = None) -> Timer:
        """Call `run(argument)` at `when` (monotonic seconds); equal times run in the order they were started."""
        self._serial += 1
        timer = [when, self._serial, run, argument]
        heappush(self._heap, timer)
        self.live += 1
        return timer

    def stop(self, timer: Timer | None) -> None:
        """Forget a timer; stopping one that has run, or None, does nothing."""
        if timer is None or timer[_RUN] is None:
            return
        timer[_RUN] = timer[_ARGUMENT] = None
        self.live -= 1
        heap = self._heap
        if len(heap) > _SWEEP and len(heap) > 2 * self.live:
            heap[:] = [entry for entry in heap if entry[_RUN] is not None]
            heapify(heap)

    @property
    def deadline(self) -> float | None:
        """The earliest live deadline."""
        heap = self._heap
        while heap:
            if heap[0][_RUN] is not None:
                return due_at(heap[0])
            heappop(heap)
        return None

    def run_due(self, now: float) -> None:
        """Run everything due at `now`, earliest first; what these start that is already due runs too."""
        heap = self._heap
        while heap:
            when: float = heap[0][_WHEN]
            if when > now:
                break
            timer = heappop(heap)
            run, argument = timer[_RUN], timer[_ARGUMENT]
            if run is None:
                continue
            timer[_RUN] = timer[_ARGUMENT] = None
            self.live -= 1
            run(argument)
