"""A command's work in an event loop, and what an interrupt does to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from sipclient.cli.output import Output
from sipclient.robot.service import loop_factory

INTERRUPTED = 130


def run(work: Coroutine[Any, Any, int]) -> int:
    """The exit status of the work. SIGINT and SIGTERM cancel it, so that it can hang up; a second one ends all.
    So does an output that breaks."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_interruptible(work))


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    asked = 0

    def interrupt() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            os._exit(INTERRUPTED)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    output = sys.stdout
    if isinstance(output, Output):
        output.on_lost = task.cancel
    try:
        await asyncio.wait([task])
    finally:
        if isinstance(output, Output):
            output.on_lost = None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return INTERRUPTED if task.cancelled() else task.result()
