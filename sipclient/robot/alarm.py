"""One alarm on a clock."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.face.shell import Clock, Handle


class Alarm:
    """Calls back once when its moment comes; setting it anew moves it."""

    def __init__(self, clock: Clock, callback: Callable[[], object]) -> None:
        self._clock = clock
        self._callback = callback
        self._handle: Handle | None = None
        self._when = 0.0

    def set(self, when: float | None) -> None:
        """Ring at `when`, in the clock's seconds; None: not at all."""
        if self._handle is not None:
            if when == self._when:
                return
            self._handle.cancel()
            self._handle = None
        if when is not None:
            self._when = when
            self._handle = self._clock.call_at(when, self._rang)

    def _rang(self) -> None:
        self._handle = None
        self._callback()
