"""The tables, step by step: a database is brought from any earlier version to this one when it is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TypeAlias

from sipclient.errors import StoreError

Migration: TypeAlias = tuple[str, ...]  # statements, all or none of which are kept

APPLICATION = 0x53495043  # "SIPC" in the file's header tells our databases from others'

MIGRATIONS: tuple[Migration, ...] = (
    (
        """CREATE TABLE job (
            id TEXT PRIMARY KEY NOT NULL,
            rule TEXT NOT NULL,
            account TEXT NOT NULL,
            extension TEXT NOT NULL,
            episode INTEGER NOT NULL,
            state TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            cause TEXT NOT NULL,
            status INTEGER NOT NULL,
            created TEXT NOT NULL,
            updated TEXT NOT NULL,
            detail TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX job_by_state ON job (state, created)",
        "CREATE INDEX job_by_age ON job (created)",
        "CREATE INDEX job_by_extension ON job (account, extension, episode)",
        """CREATE TABLE extension (
            account TEXT NOT NULL,
            extension TEXT NOT NULL,
            state TEXT NOT NULL,
            episode INTEGER NOT NULL,
            open INTEGER NOT NULL,
            changed TEXT NOT NULL,
            PRIMARY KEY (account, extension)
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE letter (
            hook TEXT NOT NULL,
            seq INTEGER NOT NULL,
            id TEXT NOT NULL,
            at TEXT NOT NULL,
            body TEXT NOT NULL,
            waits INTEGER NOT NULL,
            PRIMARY KEY (hook, seq)
        ) WITHOUT ROWID""",
        "CREATE UNIQUE INDEX letter_once ON letter (hook, id)",
        "CREATE INDEX letter_waiting ON letter (hook, seq) WHERE waits = 1",
        """CREATE TABLE unended (
            id TEXT PRIMARY KEY NOT NULL,
            job TEXT NOT NULL,
            called TEXT NOT NULL,
            at TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE answer (
            key TEXT PRIMARY KEY NOT NULL,
            fingerprint TEXT NOT NULL,
            status INTEGER NOT NULL,
            body TEXT NOT NULL,
            at TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX answer_by_age ON answer (at)",
    ),
    (
        """CREATE TABLE callback (
            id TEXT PRIMARY KEY NOT NULL,
            account TEXT NOT NULL,
            extension TEXT NOT NULL,
            caller TEXT NOT NULL,
            caller_name TEXT NOT NULL,
            variables TEXT NOT NULL,
            state TEXT NOT NULL,
            job TEXT NOT NULL,
            created TEXT NOT NULL,
            updated TEXT NOT NULL,
            expires TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX callback_by_state ON callback (state, created)",
        "CREATE INDEX callback_by_age ON callback (created)",
    ),
)


def migrate(connection: sqlite3.Connection, url: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the tables, or bring them up to date. Raises StoreError for a newer schema and for another
    program's database; sqlite3.Error where the file cannot be read or written."""
    version = _number(connection, "user_version")
    application = _number(connection, "application_id")
    if application != APPLICATION:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application or version or tables:
            raise StoreError(f"{url} is another program's database: it was left as it is")
    if version > len(migrations):
        raise StoreError(
            f"{url} was written by a newer sipclient (its schema is {version}, this one knows {len(migrations)}): "
            "upgrade, or name another file"
        )
    for number, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
