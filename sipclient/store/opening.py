"""From `[store] url` to an open store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec

from sipclient.errors import StoreError
from sipclient.store.base import Store
from sipclient.store.lock import Lock
from sipclient.store.place import Place
from sipclient.store.schema import migrate
from sipclient.store.sql import SqlStore
from sipclient.store.worker import Worker

_PATIENCE = 5.0  # seconds to wait for another process, such as somebody who looks into the file


@asynccontextmanager
async def open_store(url: str, patience: float = _PATIENCE) -> AsyncIterator[Store]:
    """The store of a URL: `sqlite:robot.db` (a path, relative to the working directory or not), `sqlite::memory:`,
    which ends with the process, or `postgresql://user@host/database`.

    Raises StoreError where it cannot be opened, or another robot has it open. `patience` is seconds to wait for a lock
    that another process holds: on SQLite's tables, or PostgreSQL's of a robot that died a moment ago.
    """
    scheme, _, path = url.partition(":")
    if scheme in ("postgresql", "postgres"):
        worker = _postgres(url)
        await worker.open(lambda: import_module("sipclient.store.postgres").opened(url, patience))
        try:
            yield SqlStore(worker)
        finally:
            await worker.close()
        return
    if scheme != "sqlite" or not path or "\0" in path:
        raise StoreError(f"{scheme}: is no store that this version has: write sqlite:robot.db or postgresql://...")
    lock = None if path == ":memory:" else _lock(path, url)
    worker = Worker(url, None if path == ":memory:" else Place(path, url))
    try:
        await worker.open(lambda: _connect(path, url, patience))
        try:
            yield SqlStore(worker)
        finally:
            await worker.close()
    finally:
        if lock is not None:
            lock.release()


def _postgres(url: str) -> Worker:
    """Loaded only where it is wanted: it is an extra."""
    if find_spec("psycopg") is None:
        raise StoreError("postgresql: needs the extra: pip install 'sipclient[postgres]'")
    postgres = import_module("sipclient.store.postgres")
    return Worker(postgres.shown(url), errors=import_module("psycopg").Error, words=postgres.in_words)


def _lock(path: str, url: str) -> Lock:
    directory = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(directory):
        raise StoreError(f"{url} cannot be opened: there is no directory {directory}")
    if os.path.isdir(path):
        raise StoreError(f"{url} cannot be opened: {path} is a directory")
    return Lock(path, url)


def _connect(path: str, url: str, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
    try:
        # FULL: a transaction is on the disk before it is acknowledged, also where the power goes.
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection, url)
        connection.execute("PRAGMA journal_mode = WAL")
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection
