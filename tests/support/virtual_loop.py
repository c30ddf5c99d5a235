"""An asyncio loop in virtual time: when everybody waits, its clock jumps to the next alarm."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

BEGINNING = 1000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whatever asks this loop for the time, or waits by it, lives in virtual seconds: an hour takes no longer than what
    happens in it. What would run in a thread runs at once, so that nothing ever overtakes anything.

    Sockets may be read: a datagram on loopback is there before `sendto` returns, so they need no time either. A loop in
    which everybody waits for something that can never come raises, in the place of hanging.
    """

    def __init__(self) -> None:
        self.now = BEGINNING
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class _Jumping(selectors.DefaultSelector):
    """Lets the loop's time pass in the place of waiting."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everybody waits, and nothing is left that could happen")
        self._loop.now += timeout
        return []
