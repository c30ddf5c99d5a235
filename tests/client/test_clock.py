"""The clock goes on while the machine sleeps, and an alarm finds out soon after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from client.conftest import FakeClock

from sipclient.face import clock
from sipclient.face.clock import NAP, SystemClock, awake_or_not, until


class Loop:
    """Timers that count the time awake only."""

    def __init__(self) -> None:
        self.awake = 0.0
        self.asleep = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return 1000.0 + self.awake + self.asleep

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        timer = (self.awake + delay, callback)
        self.timers.append(timer)

        class Handle:
            def cancel(_: Any) -> None:
                self.timers.remove(timer)

        return Handle()

    def run(self, seconds: float) -> None:
        end = self.awake + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.awake = max(self.awake, first[0])
            first[1]()
        self.awake = end


@pytest.fixture
def loop() -> Loop:
    return Loop()


def alarm_at(loop: Loop, when: float, rang: list[float]) -> Any:
    system = SystemClock(loop, loop.now)  # type: ignore[arg-type]
    return system.call_at(when, lambda: rang.append(loop.now()))


def test_an_alarm_rings_in_time(loop: Loop) -> None:
    rang: list[float] = []
    alarm_at(loop, 1100.0, rang)
    alarm_at(loop, 900.0, rang)
    loop.run(99.9)
    assert rang == [1000.0]
    loop.run(0.2)
    assert rang == [1000.0, 1100.0] and loop.timers == []


def test_time_asleep_counts(loop: Loop) -> None:
    rang: list[float] = []
    alarm_at(loop, 1000.0 + 3600.0, rang)
    loop.run(10)
    loop.asleep = 7200.0
    loop.run(NAP)
    assert len(rang) == 1


def test_a_cancelled_alarm_is_silent(loop: Loop) -> None:
    rang: list[float] = []
    alarm = alarm_at(loop, 1100.0, rang)
    loop.run(50)
    alarm.cancel()
    loop.run(100)
    assert rang == [] and loop.timers == []


def test_the_system_has_such_a_clock_or_a_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first = awake_or_not()()
    assert awake_or_not()() >= first
    monkeypatch.delattr(clock.time, "CLOCK_BOOTTIME", raising=False)
    assert awake_or_not() is time.monotonic


async def test_on_a_real_loop() -> None:
    rang = asyncio.Event()
    system = SystemClock(asyncio.get_running_loop())
    system.call_at(system.time() + 0.01, rang.set)
    async with asyncio.timeout(5):
        await rang.wait()


async def test_what_takes_too_long_by_the_clock_ends() -> None:
    ticking = FakeClock()
    waiting = asyncio.create_task(within(ticking, 1005.0))
    await asyncio.sleep(0)
    ticking.advance(4.9)
    await asyncio.sleep(0)
    assert not waiting.done()
    ticking.advance(0.1)
    with pytest.raises(TimeoutError):
        await waiting
    assert ticking.alarms == []


async def test_what_is_in_time_leaves_no_alarm() -> None:
    ticking = FakeClock()
    async with until(ticking, 1005.0):
        assert len(ticking.alarms) == 1
    async with until(ticking, None):
        assert ticking.alarms == []


async def within(ticking: FakeClock, when: float) -> None:
    async with until(ticking, when):
        await asyncio.Event().wait()
