"""At most so many in any stretch of time."""

from __future__ import annotations

from collections import deque

from sipclient.config import Rate


class Window:
    """A sliding window: at most `rate.count` entries in any `rate.period` seconds. Remembers that many times."""

    __slots__ = ("_times", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._times: deque[float] = deque(maxlen=rate.count)

    def free_at(self, now: float) -> float:
        """When there is room for one more: `now`, or later."""
        if len(self._times) < self.rate.count:
            return now
        return max(now, self._times[0] + self.rate.period)

    def add(self, now: float) -> None:
        """One more entry; the oldest is forgotten where the window is full."""
        self._times.append(now)
