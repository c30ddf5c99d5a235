"""Work that may take long, or never end, done where it keeps nobody waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from sipclient.errors import ConfigError

T = TypeVar("T")


async def in_thread(work: Callable[[], T], seconds: float, file: str) -> T:
    """What the work returns or raises; ConfigError names the file where it takes longer than this.

    The thread is a daemon, not one of the loop's own: for those a loop that closes and a process that ends would wait.
    The work must not raise StopIteration, which no future can carry.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            value = work()
        except BaseException as failure:
            give(partial(outcome.set_exception, failure))
        else:
            give(partial(outcome.set_result, value))

    def give(settle: Callable[[], None]) -> None:
        def unless_over() -> None:
            if not outcome.done():
                settle()

        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(unless_over)

    threading.Thread(target=run, name=f"reading {file}", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await outcome
    except TimeoutError:
        raise ConfigError(f"it cannot be loaded: that takes longer than {seconds:g} s", file=file) from None
