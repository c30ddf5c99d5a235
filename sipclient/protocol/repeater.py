"""What is sent again until the peer acknowledges it."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.protocol.events import Flow
from sipclient.protocol.exchange import Stack
from sipclient.protocol.timers import T1, T2, Timer


class Repeater:
    """A 2xx sent again until its ACK comes (RFC 3261 §13.3.1.4), or a reliable 1xx until its PRACK (RFC 3262 §3)."""

    __slots__ = ("_data", "_flow", "_give_up", "_interval", "_on_silence", "_stack", "_timer", "_top")

    def __init__(
        self, stack: Stack, flow: Flow, data: bytes, on_silence: Callable[[], None], *, top: float = T2
    ) -> None:
        self._stack = stack
        self._flow = flow
        self._data = data
        self._on_silence = on_silence
        self._interval = T1
        self._top = top
        core = stack.core
        self._timer: Timer | None = core.timers.start(core.now + T1, self._again)
        self._give_up: Timer | None = core.timers.start(core.now + 64 * T1, self._silence)

    def stop(self) -> None:
        """It was acknowledged."""
        timers = self._stack.core.timers
        timers.stop(self._timer)
        timers.stop(self._give_up)
        self._timer = self._give_up = None

    def _again(self, _: object) -> None:
        core = self._stack.core
        core.send(self._flow, self._data)
        self._interval = min(self._interval * 2, self._top)
        self._timer = core.timers.start(core.now + self._interval, self._again)

    def _silence(self, _: object) -> None:
        self.stop()
        self._on_silence()
