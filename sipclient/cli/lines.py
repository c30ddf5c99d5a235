"""Lines that somebody types, or pipes in, while a loop runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO

_CHUNK = 65536
_LONGEST = 4096  # characters of a line


@asynccontextmanager
async def lines_of(stream: TextIO) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a terminal, a pipe or a file, as they come, to the end of the stream.

    No thread waits in a read, so an interrupt never waits for a key to be pressed.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    rest = b""
    watched = -1

    def feed(data: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[-_LONGEST:]
        if not data and rest:
            lines, rest = [rest], b""
        for line in lines:
            queue.put_nowait(line.decode("utf-8", "replace"))
        if not data:
            queue.put_nowait(None)

    def stop() -> None:
        nonlocal watched
        if watched >= 0:
            loop.remove_reader(watched)
            watched = -1

    def readable() -> None:
        try:
            data = os.read(watched, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            stop()
        feed(data)

    try:
        watched = stream.fileno()
        loop.add_reader(watched, readable)
    except (OSError, ValueError):
        # A file or /dev/null cannot be waited for, and need not be.
        watched = -1
        feed(_all_of(stream))
        feed(b"")

    async def lines() -> AsyncIterator[str]:
        while (line := await queue.get()) is not None:
            yield line

    try:
        yield lines()
    finally:
        stop()


def _all_of(stream: TextIO) -> bytes:
    try:
        return stream.read().encode()
    except (OSError, ValueError):
        return b""  # it was closed before we began
