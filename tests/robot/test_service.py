"""The process around the robot: its loop that nothing stops before its time, and its signals, on both loops."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from sipclient.errors import ConfigError
from sipclient.robot import Journal, Told, told
from sipclient.robot.robot import utc_now
from sipclient.robot.service import _drive
from sipclient.robot.signals import Signals
from sipclient.robot.threads import in_thread

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


def drive(make_loop: Callable[[], Any], work: Callable[[], Any]) -> str:
    out = io.StringIO()
    with asyncio.Runner(loop_factory=make_loop) as runner:
        _drive(runner.get_loop(), work(), Journal(out, "text", 0, utc_now))
    return out.getvalue()


async def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("make_loop", LOOPS)
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_would_end_a_loop_does_not_end_the_work(make_loop: Callable[[], Any], error: BaseException) -> None:
    """A task, a callback and `stop()`: the work goes on, and whoever awaits the task hears of it."""
    heard: list[str] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.create_task(raising(error))
        except BaseException as failure:
            heard.append(type(failure).__name__)
        loop.call_soon(sys.exit, 4)
        loop.call_soon(heard.append, "after sys.exit")
        await asyncio.sleep(0.01)
        loop.stop()
        await asyncio.sleep(0.01)
        heard.append("done")

    lines = drive(make_loop, work).splitlines()
    assert heard == [type(error).__name__, "after sys.exit", "done"]
    assert len(lines) == 3
    assert "a hook tried to end the robot (SystemExit: 4): it goes on" in lines[1]


@pytest.mark.parametrize("make_loop", LOOPS)
def test_an_error_of_the_work_itself_comes_out(make_loop: Callable[[], Any]) -> None:
    for error in (ConfigError("no account"), RuntimeError("a bug"), SystemExit(2)):
        with pytest.raises(type(error)):
            drive(make_loop, lambda error=error: raising(error))


@pytest.mark.parametrize("make_loop", LOOPS)
def test_signals_reach_the_loop_also_those_that_came_before_it(make_loop: Callable[[], Any]) -> None:
    said: list[Told] = []

    async def work(signals: Signals) -> None:
        signals.attach()
        assert await signals.reload_wanted()
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGHUP)
        assert await signals.reload_wanted()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await signals.unless_stopped(asyncio.Event().wait()) is None
        assert not await signals.reload_wanted()
        assert await signals.unless_stopped(asyncio.sleep(0, "at once")) in ("at once", None)
        signals.left()

    before = signal.getsignal(signal.SIGTERM)
    with Signals(said.append) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.get_loop().run_until_complete(work(signals))
        os.kill(os.getpid(), signal.SIGHUP)  # the loop is closed: nobody is disturbed
    assert said == [told.Stopping("SIGTERM")]
    assert signal.getsignal(signal.SIGTERM) is before


async def test_work_in_a_thread_that_takes_too_long_is_left_behind() -> None:
    with pytest.raises(ConfigError, match=r"hooks.py: it cannot be loaded: that takes longer than 0.01 s"):
        await in_thread(lambda: signal.sigwait([signal.SIGRTMAX]), 0.01, "hooks.py")


async def test_work_in_a_thread_gives_what_it_returns_or_raises() -> None:
    assert await in_thread(lambda: 42, 5, "a") == 42
    for error in (ConfigError("no"), SystemExit(3)):
        with pytest.raises(type(error)):
            await in_thread(lambda error=error: (_ for _ in ()).throw(error), 5, "a")  # type: ignore[misc]
