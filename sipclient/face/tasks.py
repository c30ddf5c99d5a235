"""The owner of the tasks a client starts: nobody's task is forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("sipclient")


class Tasks:
    """Tasks under way. What one of them raises is logged when it happens; at the end all are awaited."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin a piece of work."""
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self, seconds: float) -> None:
        """Give all that is under way this long to finish, then cancel it; in the end nothing is left."""
        try:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=seconds)
        finally:
            while self._under_way:
                for task in self._under_way:
                    task.cancel()
                await asyncio.wait(self._under_way)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a bug in sipclient, please report it; in %r", task.get_coro(), exc_info=error)
