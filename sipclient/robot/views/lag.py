"""How late the clock rings: whoever keeps the loop busy shows here."""

from __future__ import annotations

from sipclient.face.shell import Clock
from sipclient.robot.alarm import Alarm

EVERY = 1.0  # seconds


class Lag:
    """`seconds` is by how much the last alarm came too late."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = 0.0
        self._clock = clock
        self._alarm = Alarm(clock, self._rang)
        self._due = 0.0

    def begin(self) -> None:
        """From now on."""
        self._due = self._clock.time() + EVERY
        self._alarm.set(self._due)

    def close(self) -> None:
        """No more."""
        self._alarm.set(None)

    def _rang(self) -> None:
        self.seconds = max(0.0, self._clock.time() - self._due)
        self.begin()
