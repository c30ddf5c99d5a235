"""Bounded queues from the shell, which never waits, to whoever iterates."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from sipclient.errors import SipError
from sipclient.face.subclassed import mypyc_attr

T = TypeVar("T")

log = logging.getLogger("sipclient")


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream(Generic[T]):
    """An async iterator over news, also to be entered (`async with`) so that it ends when left.

    At most `limit` items wait unread; beyond that the oldest goes, `dropped` counts it, and a warning says so
    once each time the reader falls behind. Several tasks may read one stream: each item goes to one of them.
    """

    def __init__(self, what: str, limit: int, on_close: Callable[[], None]) -> None:
        self.dropped = 0
        self._what = what
        self._limit = limit
        self._on_close = on_close
        self._items: deque[T] = deque()
        self._readers: list[asyncio.Future[None]] = []  # that wait, as there is nothing to read
        self._closed = False
        self._behind = False
        self._error: SipError | None = None

    def put(self, item: T) -> None:
        """Add one item, making room first where the reader is too far behind."""
        if self._closed:
            return
        if len(self._items) >= self._limit:
            self._shed()
        self._items.append(item)
        if self._readers:
            self._wake()

    def end(self, error: SipError | None = None) -> None:
        """No more will come: the reader gets what waits, then the end, or `error`."""
        self._closed = True
        self._error = error
        self._wake()

    async def aclose(self) -> None:
        """Stop listening. What waits unread is forgotten; closing twice does nothing."""
        if not self._closed:
            self.end()
            self._on_close()
        self._items.clear()

    def _shed(self) -> None:
        self._items.popleft()
        self._lost(1)

    def _lost(self, count: int) -> None:
        self.dropped += count
        if not self._behind:
            self._behind = True
            log.warning("%s: not read for long, older news was dropped", self._what)

    def _wake(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():  # it was not cancelled
                reader.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._behind = False
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers = [each for each in self._readers if not each.done()]
            self._readers.append(reader)
            await reader
        return self._items.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
