"""Deadlines in one heap. A stopped timer stays in the heap until it surfaces, so stopping costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

# RFC 3261 §17.1.1.1 and Table 4, in seconds.
T1 = 0.5
T2 = 4.0
T4 = 5.0

_SWEEP = 1024  # below this many dead entries a sweep would cost more than it frees


class Timer:
    """One deadline: `run(argument)` is called once at or after `when`, unless stopped before."""

    __slots__ = ("argument", "run", "when")

    def __init__(self, when: float, run: Callable[[Any], None], argument: object) -> None:
        self.when = when
        self.run: Callable[[Any], None] | None = run
        self.argument = argument


class Timers:
    """Every deadline of an engine. `live` counts those that still wait."""

    __slots__ = ("_heap", "_serial", "live")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self.live = 0

    def start(self, when: float, run: Callable[[Any], None], argument: object = None) -> Timer:
        """Call `run(argument)` at `when` (monotonic seconds); equal times run in the order they were started."""
        timer = Timer(when, run, argument)
        self._serial += 1
        heappush(self._heap, (when, self._serial, timer))
        self.live += 1
        return timer

    def stop(self, timer: Timer | None) -> None:
        """Forget a timer; stopping one that has run, or None, does nothing."""
        if timer is None or timer.run is None:
            return
        timer.run = None
        timer.argument = None
        self.live -= 1
        heap = self._heap
        if len(heap) > _SWEEP and len(heap) > 2 * self.live:
            heap[:] = [entry for entry in heap if entry[2].run is not None]
            heapify(heap)

    @property
    def deadline(self) -> float | None:
        """The earliest live deadline."""
        heap = self._heap
        while heap:
            if heap[0][2].run is not None:
                return heap[0][0]
            heappop(heap)
        return None

    def run_due(self, now: float) -> None:
        """Run everything due at `now`, earliest first; what these start that is already due runs too."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            timer = heappop(heap)[2]
            run, argument = timer.run, timer.argument
            if run is None:
                continue
            timer.run = timer.argument = None
            self.live -= 1
            run(argument)
