"""One thread for a database: what waits together is written together, with one wait for the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar

from sipclient.errors import StoreError
from sipclient.store.connection import Connection
from sipclient.store.failure import in_words
from sipclient.store.place import Place

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], T]

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
    the disk is shared, and no timer is needed. The thread is a bare one with a queue: an executor's futures, and
    asyncio's around them, cost each transition of the robot 80 µs of CPU more.

    `errors` is what the database raises, `words` makes a StoreError of it; `url` is what those name.
    """

    def __init__(
        self,
        url: str,
        place: Place | None = None,
        errors: type[Exception] = sqlite3.Error,
        words: Callable[[str, Exception], StoreError] = in_words,
    ) -> None:
        self._url = url
        self._expected = (errors, *_BAD_VALUE, StoreError)
        self._words = words
        self._place = place
        self._jobs: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._waiting: list[_Call] = []
        self._running: asyncio.Future[list[Any]] | None = None
        self._closed = False

    async def open(self, connect: Callable[[], Connection]) -> None:
        """Connect, in the thread. Raises StoreError."""
        Thread(target=self._serve, args=(asyncio.get_running_loop(),), name="sipclient-store", daemon=True).start()
        try:
            self._connection = await self._in_thread(connect)
        except self._expected as error:
            self._jobs.put(None)
            raise self._words(self._url, error) from error

    def run(self, work: Work[T]) -> asyncio.Future[T]:
        """The result of `work`, once it is on the disk. Raises StoreError; nothing of it was kept then.

        Cancelled, it is left out if it has not begun.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._closed or self._connection is None:
            future.set_exception(StoreError(f"{self._url} is {'closed' if self._closed else 'not open'}"))
            return future
        self._waiting.append(_Call(work, future))
        if self._running is None:
            self._pump(self._connection)
        return future

    async def close(self) -> None:
        """Finish what waits, then close the connection and end the thread."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await self._in_thread(connection.close)
            self._jobs.put(None)

    def _in_thread(self, job: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((job, future))
        return future

    def _pump(self, connection: Connection) -> None:
        calls = [call for call in self._waiting if not call.future.done()]
        batch, self._waiting = calls[:_MOST], calls[_MOST:]
        if batch:
            self._running = self._in_thread(partial(self._perform, connection, [call.work for call in batch]))
            self._running.add_done_callback(partial(self._performed, connection, batch))

    def _performed(self, connection: Connection, batch: list[_Call], done: asyncio.Future[list[Any]]) -> None:
        self._running = None
        self._pump(connection)  # the next is on its way to the disk before anyone hears of this one
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

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            result, failure = None, None
            try:
                result = work()
            except BaseException as error:  # whoever waits hears of it, a bug too
                failure = error
            with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result, failure)

    def _perform(self, connection: Connection, batch: list[Work[Any]]) -> list[Any]:
        """The result of each, or its error. One bad value must not cost the others: where a transaction
        fails, each is tried in its own."""
        try:
            results = _transact(connection, batch)
            if self._place is not None:
                self._place.look()
            return results
        except self._expected as error:
            if len(batch) == 1:
                return [self._words(self._url, error)]
        return [outcome for work in batch for outcome in self._perform(connection, [work])]


def _transact(connection: Connection, batch: list[Work[Any]]) -> list[Any]:
    connection.execute("BEGIN")
    try:
        results = [work(connection) for work in batch]
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return results


def _settle(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.cancelled():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
