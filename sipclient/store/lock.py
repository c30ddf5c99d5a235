"""At most one robot for each database: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os

from sipclient.errors import StoreError

_MODE = 0o644


class Lock:
    """An exclusive lock on the file `<path>.lock`, which holds its owner's process id.

    A file of its own, because closing any handle of the database itself would drop SQLite's own locks.
    """

    def __init__(self, path: str, url: str) -> None:
        """Take the lock. Raises StoreError where another holds it, or the file cannot be made."""
        name = f"{os.path.realpath(path)}.lock"
        try:
            self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            raise StoreError(f"{url} cannot be opened: {name}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, b"%d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            owner = os.pread(self._file, 20, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise StoreError(f"{url} is in use by another robot (process {owner or 'unknown'})") from error
        except OSError as error:
            os.close(self._file)
            raise StoreError(f"{url} cannot be locked: {name}: {error.strerror}") from error

    def release(self) -> None:
        """Let another have it. The file stays: removing it would let two lock two files of one name."""
        os.close(self._file)
