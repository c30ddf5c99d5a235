"""Where bytes of a trace come from: a file read in pieces, with what is left of it known, gzip undone."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path

from sipclient.errors import TraceError

Progress = Callable[[int, int], object]  # bytes read of the file, bytes it has (0: nobody knows)
GZIP = b"\x1f\x8b\x08"
_BOMB = 200  # times its size: no trace packs as well as that (captures 3 to 20 times, logs at most 60)
_SMALL = 16 << 20  # bytes that are unpacked of anything
_STEP = 1 << 18  # bytes between two words of progress


class Source:
    """A trace being read. `name` is how messages call it; `cut` says why it ended early."""

    def __init__(self, raw: io.BufferedReader, name: str, size: int = 0, progress: Progress | None = None) -> None:
        self.name = name
        self.cut = ""
        self._raw = raw
        self._size = size
        self._progress = progress
        self._told = 0
        self._file = raw
        self._buffer = b""
        self._unpacked = 0
        try:
            self.packed = raw.peek(3)[:3] == GZIP
        except OSError as error:
            raise TraceError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}") from None
        if self.packed:
            self._file = io.BufferedReader(gzip.GzipFile(fileobj=raw))

    def peek(self, count: int) -> bytes:
        """The next bytes, which stay to be read; fewer at the end."""
        if len(self._buffer) < count:
            self._buffer += self._read(count - len(self._buffer))
        return self._buffer[:count]

    def read(self, count: int) -> bytes:
        """So many bytes; fewer at the end."""
        if not self._buffer:
            return self._read(count)
        head, self._buffer = self._buffer[:count], self._buffer[count:]
        return head if len(head) == count else head + self._read(count - len(head))

    def _read(self, count: int) -> bytes:
        try:
            data = self._file.read(count)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.cut = f"the gzip file is cut or damaged: {error}".rstrip(".")
            return b""
        except OSError as error:
            raise TraceError(f"{self.name} cannot be read: {(error.strerror or str(error)).lower()}") from None
        self._unpacked += len(data)
        if self.packed and self._unpacked > _SMALL and self._is_bomb():
            self.cut = f"what is in the gzip file is more than {_BOMB} times as large: the rest is not read"
            self._file = io.BufferedReader(io.BytesIO())
        if self._progress is not None:
            self._tell()
        return data

    def _is_bomb(self) -> bool:
        return self._raw.seekable() and self._unpacked > _BOMB * self._raw.tell()

    def _tell(self) -> None:
        place = self._raw.tell() if self._raw.seekable() else 0
        if self._progress is not None and (place - self._told >= _STEP or place == self._size):
            self._told = place
            self._progress(place, self._size)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


def open_source(trace: str | Path | bytes | io.BufferedReader, progress: Progress | None = None) -> Source:
    """A file by its path, the bytes of one, or a stream. Raises TraceError when it cannot be opened."""
    if isinstance(trace, io.BufferedReader):
        name = getattr(trace, "name", "")
        return Source(trace, name if isinstance(name, str) and name[:1] not in "<" else "standard input", 0, progress)
    if isinstance(trace, bytes):
        return Source(io.BufferedReader(io.BytesIO(trace)), "the trace", len(trace), progress)
    name = str(trace)
    path = Path(trace)
    try:
        raw = open(path, "rb")  # noqa: SIM115 - the source closes it
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise TraceError(f"{name} cannot be opened: {words.lower()}") from None
    if path.is_block_device() or (path.is_char_device() and not raw.isatty()):
        raw.close()
        raise TraceError(f"{name} is a device, and no file with a trace in it")
    size = raw.seek(0, io.SEEK_END) if raw.seekable() else 0
    if raw.seekable():
        raw.seek(0)
    return Source(raw, name, size, progress)
