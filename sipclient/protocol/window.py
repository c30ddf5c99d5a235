"""How many SUBSCRIBEs of a line are under way at once, so that ten thousand do not flood the PBX."""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """Who waits for room in the window."""

    def proceed(self) -> None:
        """There is room now."""


class Window:
    """First come, first served; closed while the account is not registered."""

    __slots__ = ("_inside", "_queue", "_size", "is_open")

    def __init__(self, size: int, *, is_open: bool) -> None:
        self._size = size
        self._queue: dict[Waiting, None] = {}
        self._inside: set[Waiting] = set()
        self.is_open = is_open

    def enter(self, waiting: Waiting) -> None:
        """Proceed when there is room; entering twice is entering once."""
        if waiting in self._inside:
            return
        if not self.is_open or len(self._inside) >= self._size:
            self._queue.setdefault(waiting)
            return
        self._inside.add(waiting)
        waiting.proceed()

    def done(self, waiting: Waiting) -> None:
        """Make room."""
        if waiting in self._inside:
            self._inside.discard(waiting)
            self._pull()

    def forget(self, waiting: Waiting) -> None:
        """Give up the place in the queue, and make room."""
        self._queue.pop(waiting, None)
        self.done(waiting)

    def open(self) -> None:
        """The account is registered."""
        self.is_open = True
        self._pull()

    def close(self) -> None:
        """The account is not registered: what waits goes on waiting."""
        self.is_open = False

    def _pull(self) -> None:
        while self._queue and self.is_open and len(self._inside) < self._size:
            waiting = next(iter(self._queue))
            del self._queue[waiting]
            self._inside.add(waiting)
            waiting.proceed()
