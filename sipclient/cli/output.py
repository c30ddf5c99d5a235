"""The standard streams as a command may rely on them: open, fit for any text, and known to have broken."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class OutputLost(OSError):
    """What is printed goes nowhere any more: whoever read it has gone, or the disk is full."""


class Output:
    """A stream to print to. Where it breaks, `lost` says why, the rest is dropped, and `on_lost` is called; where
    nobody has set that, OutputLost is raised."""

    def __init__(self, stream: TextIO, on_lost: Callable[[], object] | None = None) -> None:
        self.lost: OSError | None = None
        self.on_lost = on_lost
        self._stream = stream

    def write(self, text: str) -> int:
        """As a text stream does."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._broke(error)
            return len(text)

    def flush(self) -> None:
        """As a text stream does."""
        try:
            self._stream.flush()
        except OSError as error:
            self._broke(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _broke(self, error: OSError) -> None:
        first, self.lost = self.lost is None, self.lost or error
        with suppress(OSError, ValueError):  # what is buffered would fail again when Python ends
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        if self.on_lost is None:
            raise OutputLost(error.errno, error.strerror)
        if first:
            self.on_lost()

    @property
    def complaint(self) -> str:
        """What to say of it; nothing of a reader that has read enough (`| head`)."""
        if self.lost is None or self.lost.errno == errno.EPIPE:
            return ""
        return f"the output cannot be written: {(self.lost.strerror or str(self.lost)).lower()}"


@contextmanager
def standard_streams() -> Iterator[Output]:
    """Standard input, output and errors, opened on nothing where they were closed; gives the output."""
    for number in range(3):  # else the first socket would be number 1, and get what is printed
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    before = sys.stdin, sys.stdout, sys.stderr
    stdin, stdout, stderr = before
    sys.stdin = stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - Python's own are never closed
    output = Output(_plain(stdout, 1))
    sys.stdout = output
    sys.stderr = Output(_plain(stderr, 2), lambda: None)
    try:
        yield output
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def _plain(stream: TextIO | None, number: int) -> TextIO:
    """The stream, writing what its encoding lacks as escapes; a new one where Python found none."""
    if stream is None:
        return open(number, "w", encoding="utf-8", closefd=False)
    with suppress(AttributeError, ValueError, OSError):  # a stream of a test's, or of an embedding program's
        stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return stream
