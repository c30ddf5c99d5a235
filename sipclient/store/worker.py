"""One thread for a database: what waits together is written together, with one wait for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

from sipclient.errors import StoreError
from sipclient.store.failure import in_words

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]

_MOST = 1000  # calls in one transaction
_BAD_VALUE = (ValueError, OverflowError)  # a number beyond 64 bits, half a character


class _Call:
    """One piece of work, and whoever waits for it."""

    __slots__ = ("future", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future


class Worker:
    """Runs work on a connection in a thread of its own, in the order in which it was given.

    While the disk is busy with one transaction, the calls that come meanwhile gather for the next: the wait for
    the disk is shared, and no timer is needed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="sipclient-store")
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[_Call] = []
        self._running: asyncio.Future[list[Any]] | None = None
        self._closed = False

    async def open(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Connect, in the thread. Raises StoreError."""
        loop = asyncio.get_running_loop()
        try:
            self._connection = await loop.run_in_executor(self._executor, connect)
        except (sqlite3.Error, *_BAD_VALUE, StoreError) as error:
            self._executor.shutdown(wait=False)
            raise in_words(self._url, error) from error

    async def run(self, work: Work[T]) -> T:
        """The result of `work`, once it is on the disk. Raises StoreError; nothing of it was kept then.

        Cancelled, it is left out if it has not begun.
        """
        if self._closed:
            raise StoreError(f"{self._url} is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(work, future))
        self._pump()
        return await future

    async def close(self) -> None:
        """Finish what waits, then close the connection and end the thread."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await asyncio.get_running_loop().run_in_executor(self._executor, connection.close)
        self._executor.shutdown(wait=False)

    def _pump(self) -> None:
        if self._running is not None:
            return
        calls = [call for call in self._waiting if not call.future.done()]
        batch, self._waiting = calls[:_MOST], calls[_MOST:]
        if not batch:
            return
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._executor, self._perform, [call.work for call in batch])
        self._running = running
        running.add_done_callback(lambda done: self._performed(batch, done))

    def _performed(self, batch: list[_Call], done: asyncio.Future[list[Any]]) -> None:
        self._running = None
        self._pump()  # the next is on its way to the disk before anyone hears of this one
        failed = done.exception()
        outcomes = [failed] * len(batch) if failed is not None else done.result()
        for call, outcome in zip(batch, outcomes, strict=True):
            if call.future.done():
                continue
            if isinstance(outcome, BaseException):
                call.future.set_exception(outcome)
            else:
                call.future.set_result(outcome)

    # --- in the thread ------------------------------------------------------------------------------

    def _perform(self, batch: list[Work[Any]]) -> list[Any]:
        """The result of each, or its error. One bad value must not cost the others: where a transaction
        fails, each is tried in its own."""
        try:
            return self._transact(batch)
        except (sqlite3.Error, *_BAD_VALUE, StoreError) as error:
            if len(batch) == 1:
                return [in_words(self._url, error)]
        return [outcome for work in batch for outcome in self._perform([work])]

    def _transact(self, batch: list[Work[Any]]) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise StoreError(f"{self._url} is not open")
        connection.execute("BEGIN")
        try:
            results = [work(connection) for work in batch]
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return results
