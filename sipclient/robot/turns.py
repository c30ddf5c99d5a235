"""Whose turn it is to call: the gate of `[dial]` on a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipclient.config import DialConfig
from sipclient.face.shell import Clock
from sipclient.robot.alarm import Alarm
from sipclient.rules import Gate


class Turns:
    """Every call asks here first, the rules' and the hooks'; `finished` must follow each that was let go."""

    def __init__(self, dial: DialConfig, clock: Clock) -> None:
        self._clock = clock
        self._gate: Gate[Callable[[], None]] = Gate(dial.calls_per_second, dial.calls_at_once)
        self._alarm = Alarm(clock, self._admit)

    @property
    def running(self) -> int:
        """How many calls are under way."""
        return self._gate.running

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._gate.waiting

    def adjust(self, dial: DialConfig) -> None:
        """New limits; those who wait keep their place."""
        self._gate.adjust(dial.calls_per_second, dial.calls_at_once)
        self._admit()

    def ask(self, id: str, go: Callable[[], None]) -> bool:
        """Call `go` when it is this call's turn, maybe at once. False where too many wait, or the id is known."""
        if not self._gate.submit(id, go):
            return False
        self._admit()
        return True

    def turn(self, id: str) -> asyncio.Future[None] | None:
        """Done when it is this call's turn, which may be now. None where `ask` gives False."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def go() -> None:
            if not turn.done():
                turn.set_result(None)

        return turn if self.ask(id, go) else None

    async def wait(self, id: str) -> bool:
        """Wait for this call's turn; False as `ask` says. Cancelled, it gives the turn back."""
        turn = self.turn(id)
        if turn is None:
            return False
        try:
            await turn
        except BaseException:
            self.finished(id)
            raise
        return True

    def now_or_never(self, id: str) -> bool:
        """Whether a call may leave at once; if not, it does not wait either."""
        turn: list[bool] = []
        if not self.ask(id, lambda: turn.append(True)):
            return False
        if not turn:
            self.finished(id)
        return bool(turn)

    def finished(self, id: str) -> None:
        """A call ended, or is no longer wanted."""
        self._gate.finished(id)
        self._admit()

    def close(self) -> None:
        """Nobody's turn comes any more."""
        self._alarm.set(None)

    def _admit(self) -> None:
        for go in self._gate.admit(self._clock.time()):
            go()
        self._alarm.set(self._gate.deadline)
