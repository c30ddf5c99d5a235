"""A folder of journals, rotated and bounded: `sipclient run --trace-dir`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sipclient.errors import InvalidValue
from sipclient.robot.tape import Tape
from sipclient.trace.replaying.journal import ENDING

FILE = 16 * 1024 * 1024  # bytes of a file
ALL = 16 * FILE  # bytes of the folder: what is older goes


class TraceDir:
    """The files of one run, named by its beginning and numbered. `trouble` hears once why it cannot go on.

    What was written goes to the file at once, so that a crash loses nothing. Raises InvalidValue where the folder
    cannot be used.
    """

    def __init__(
        self, folder: str, began: datetime, trouble: Callable[[str], None], *, file: int = FILE, most: int = ALL
    ) -> None:
        self._folder = Path(folder)
        self._name = began.strftime("%Y%m%dT%H%M%S.%fZ")
        self._trouble = trouble
        self._file, self._most = file, most
        self._number = 0
        self._size = 0
        self._out = -1
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._next()
        except OSError as error:
            raise InvalidValue(f"--trace-dir {folder}: nothing can be written there: {error.strerror}") from None

    def write(self, data: bytes) -> None:
        """Whole lines. Where that fails the run goes on without."""
        if self._out < 0:
            return
        try:
            if self._size >= self._file:
                self._next()
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._out, rest) :]
            self._size += len(data)
        except OSError as error:
            self.close()
            self._trouble(f"the trace ends here: {self._folder}: {error.strerror}")

    def close(self) -> None:
        """Nothing more is written."""
        if self._out >= 0:
            with suppress(OSError):
                os.close(self._out)
        self._out = -1

    def _next(self) -> None:
        self.close()
        self._number += 1
        path = self._folder / f"{self._name}-{self._number:04d}{ENDING}"
        self._out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0
        self._forget()

    def _forget(self) -> None:
        """The oldest files go; the one being written stays."""
        files = sorted(self._folder.glob(f"*{ENDING}"))
        sizes = {path: path.stat().st_size for path in files}
        for path in files[:-1]:
            if sum(sizes.values()) <= self._most - self._file:
                return
            path.unlink(missing_ok=True)
            del sizes[path]


@contextmanager
def taped(folder: str, config: str, trouble: Callable[[str], None]) -> Iterator[Tape | None]:
    """The tape of a run, kept in a folder; none without one. `config` is the text of robot.toml."""
    if not folder:
        yield None
        return
    files = TraceDir(folder, datetime.now(UTC), trouble)
    try:
        yield Tape(files.write, config)
    finally:
        files.close()
