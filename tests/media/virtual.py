"""A loop whose time only passes when told, over real sockets: loopback delivers before `sendto` returns."""

from __future__ import annotations

import heapq
import select
from collections.abc import Callable, Iterator
from itertools import count


class Alarm:
    """A scheduled call."""

    def __init__(self, when: float, order: int, callback: Callable[[], None]) -> None:
        self.when = when
        self.order = order
        self.callback = callback
        self.live = True

    def cancel(self) -> None:
        self.live = False

    def __lt__(self, other: Alarm) -> bool:
        return (self.when, self.order) < (other.when, other.order)


class VirtualLoop:
    """Time, alarms and readers."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.late = 0.0  # seconds every alarm rings late
        self.alarms: list[Alarm] = []
        self.readers: dict[int, Callable[[], None]] = {}
        self._order: Iterator[int] = count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Alarm:
        alarm = Alarm(when, next(self._order), callback)
        heapq.heappush(self.alarms, alarm)
        return alarm

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        self.readers[fd] = callback

    def remove_reader(self, fd: int, /) -> object:
        return self.readers.pop(fd, None)

    def poll(self) -> None:
        """Call every reader that has something, until none has."""
        while ready := select.select(list(self.readers), [], [], 0)[0]:
            for fd in ready:
                self.readers[fd]()

    def run_for(self, seconds: float) -> None:
        """Let time pass, alarm by alarm."""
        end = self.now + seconds
        while self.alarms and self.alarms[0].when + self.late <= end:
            alarm = heapq.heappop(self.alarms)
            if alarm.live:
                self.now = max(self.now, alarm.when + self.late)
                alarm.callback()
                self.poll()
        self.now = end
        self.poll()

    @property
    def waiting(self) -> int:
        """Alarms that will ring."""
        return sum(alarm.live for alarm in self.alarms)


def numbers(bits: int) -> int:
    """Randomness without any: half of the range."""
    return 1 << (bits - 1)
