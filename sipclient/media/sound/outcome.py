"""What can be awaited by anyone, as often as they like: how something that takes its time came out."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Generic, TypeVar

from sipclient.errors import SipError

T = TypeVar("T")


class Outcome(Generic[T]):
    """A value or a SipError that comes once. Set it from any thread, await it in any loop; nobody needs to, and who is
    cancelled while waiting spoils it for no other."""

    def __init__(self) -> None:
        self._future: Future[T] = Future()
        self._future.set_running_or_notify_cancel()  # from now on no waiter's cancellation reaches it

    def __await__(self) -> Generator[None, None, T]:
        return asyncio.wrap_future(self._future).__await__()

    def __repr__(self) -> str:
        if not self.done:
            return "<Outcome: not yet>"
        return f"<Outcome: {self._future.exception() or self._future.result()!r}>"

    @property
    def done(self) -> bool:
        """Whether it has come."""
        return self._future.done()

    def set(self, value: T) -> None:
        """It came out well. Only the first word counts."""
        with suppress(InvalidStateError):
            self._future.set_result(value)

    def fail(self, error: SipError) -> None:
        """It went wrong. Only the first word counts."""
        with suppress(InvalidStateError):
            self._future.set_exception(error)
