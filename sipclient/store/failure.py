"""What went wrong with a database, in words."""

from __future__ import annotations

import sqlite3

from sipclient.errors import StoreError

# SQLite's primary result codes, and what they mean to whoever runs the robot.
_WORDS = {
    sqlite3.SQLITE_BUSY: "is locked by another process",
    sqlite3.SQLITE_LOCKED: "is locked by another process",
    sqlite3.SQLITE_READONLY: "cannot be written: it, its directory or its file system is read-only",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore a copy, or begin with a new file",
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: the path is no file, or may not be written",
    sqlite3.SQLITE_NOTADB: "is not a database of sipclient",
}


def in_words(url: str, error: Exception) -> StoreError:
    """The StoreError for whatever a database call raised."""
    if isinstance(error, StoreError):
        return error
    code = getattr(error, "sqlite_errorcode", None)
    words = _WORDS.get(code & 0xFF) if isinstance(code, int) else None
    return StoreError(f"{url} {words or 'failed'} ({error})")
