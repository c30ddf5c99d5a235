"""What the process is told from outside, and the end that comes whatever hangs."""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from sipclient.robot import told
from sipclient.robot.hooks import place_in_hook
from sipclient.robot.told import Told

GRACE = 4.7  # seconds from the signal to the end, whatever hangs
_LAST_WORDS = 0.1  # seconds that saying so may take: whoever reads our lines may hang too
STOPPING = (signal.SIGTERM, signal.SIGINT)

T = TypeVar("T")


class Signals:
    """Enter it before anything else: from then on SIGHUP asks to reload, SIGTERM and SIGINT to stop.

    The handlers are Python's and not the loop's, so that they run in the middle of a hook that keeps the loop to
    itself; from the first one to stop, a thread counts the time until the process ends. A second one ends it at once.
    `tell` may be called from that thread. `unfinished` says in words what would be left behind.
    """

    def __init__(self, tell: Callable[[Told], None], grace: float = GRACE) -> None:
        self.unfinished: Callable[[], str] = str
        self._tell = tell
        self._grace = grace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: signal.Signals | None = None
        self._reload = False
        self._stopped = asyncio.Event()
        self._heard = asyncio.Event()
        self._left = threading.Event()
        self._clean = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (*STOPPING, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        # A thread of a hook's that never ends would keep the process: then the count goes on.
        others = (each for each in threading.enumerate() if each is not threading.main_thread())
        if all(each.daemon for each in others):
            self._left.set()

    def attach(self) -> None:
        """Wake the running loop from now on, at once if something was heard already."""
        self._loop = asyncio.get_running_loop()
        if self._stop or self._reload:
            self._wake()

    def left(self) -> None:
        """Everything that should be done was done."""
        self._clean = True

    async def reload_wanted(self) -> bool:
        """Wait for a signal: True for one to reload, False for one to stop."""
        await self._heard.wait()
        self._heard.clear()
        reload, self._reload = self._reload, False
        return reload and self._stop is None

    async def unless_stopped(self, work: Awaitable[T]) -> T | None:
        """What the work gives; it goes no further than to a signal to stop, and then that is None."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            task.cancel()
            await asyncio.wait((task, stop))
        return None if task.cancelled() else task.result()

    def _received(self, number: int, frame: FrameType | None) -> None:
        # Between any two instructions of the main thread: whatever takes a lock may wait for that very thread.
        if number == signal.SIGHUP:
            self._reload = True
        elif self._stop is not None:
            os._exit(128 + number)  # asked twice: whatever still hangs is not waited for
        else:
            self._stop = signal.Signals(number)
            _thread.start_new_thread(self._count, ())
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nothing is left to stop
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._stop is not None and not self._stopped.is_set():
            self._tell(told.Stopping(self._stop.name))
            self._stopped.set()
        self._heard.set()

    def _count(self) -> None:
        if self._left.wait(self._grace):
            return
        last = threading.Thread(target=self._say_what_is_left, daemon=True)
        last.start()
        last.join(_LAST_WORDS)
        os._exit(0 if self._clean else 1)

    def _say_what_is_left(self) -> None:
        if self._clean:
            self._tell(told.Notice("warning", "a thread of a hook still runs: it is left as it is"))
            return
        where = place_in_hook(sys._current_frames().get(threading.main_thread().ident or 0))
        blocked = f"; {where} keeps everything waiting" if where else ""
        what = self.unfinished() or "nothing of it was begun"
        self._tell(told.Notice("error", f"not done after {self._grace:g} s, leaving as it is: {what}{blocked}"))
