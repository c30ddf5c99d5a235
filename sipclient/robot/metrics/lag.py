"""How late the event loop rings."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.face.shell import Clock
from sipclient.robot.alarm import Alarm

PACE = 1.0  # seconds between two looks


class Lag:
    """Sets an alarm again and again, and tells `observe` how many seconds after its moment each rang."""

    def __init__(self, clock: Clock, observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._due = clock.time() + PACE
        self._alarm = Alarm(clock, self._rang)
        self._alarm.set(self._due)

    def close(self) -> None:
        """Look no more."""
        self._alarm.set(None)

    def _rang(self) -> None:
        now = self._clock.time()
        self._observe(max(0.0, now - self._due))
        self._due = now + PACE
        self._alarm.set(self._due)
