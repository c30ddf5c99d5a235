"""The system's clock, as the engine and the rules ask it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from sipclient.face.shell import Clock

NAP = 15.0  # seconds of being awake after which an alarm looks whether more have passed


def awake_or_not() -> Callable[[], float]:
    """A monotonic clock that goes on while the machine sleeps, where there is one; setting the time moves neither."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock is as good as it gets
    return time.monotonic if boot is None else partial(time.clock_gettime, boot)


@asynccontextmanager
async def until(clock: Clock, when: float | None) -> AsyncIterator[None]:
    """What stands inside is over by then, in the clock's seconds, or ends in TimeoutError; None: no limit.

    `asyncio.timeout_at` asks the loop's clock, by which an hour that a laptop slept through never passed.
    """
    async with asyncio.timeout(None) as limit:
        alarm = clock.call_at(when, lambda: limit.reschedule(0.0)) if when is not None else None
        try:
            yield
        finally:
            if alarm is not None:
                alarm.cancel()


class SystemClock:
    """A Clock on an event loop.

    A loop's own clock stands still while a laptop or a virtual machine is suspended, and then our registration and
    subscriptions would seem to last when the PBX has long forgotten them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float] | None = None) -> None:
        self._loop = loop
        self.time: Callable[[], float] = now or awake_or_not()

    def call_at(self, when: float, callback: Callable[[], None], /) -> Alarm:
        """See Clock; after a sleep it may ring NAP seconds late."""
        return Alarm(self._loop, self.time, when, callback)


class Alarm:
    """One alarm of a SystemClock."""

    __slots__ = ("_callback", "_handle", "_loop", "_time", "_when")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, time: Callable[[], float], when: float, callback: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._time = time
        self._when = when
        self._callback = callback
        self._sleep()

    def cancel(self) -> None:
        """Forget it."""
        self._handle.cancel()

    def _sleep(self) -> None:
        self._handle = self._loop.call_later(min(max(self._when - self._time(), 0.0), NAP), self._look)

    def _look(self) -> None:
        if self._time() < self._when:
            self._sleep()
        else:
            self._callback()
