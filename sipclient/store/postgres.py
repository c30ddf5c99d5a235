"""PostgreSQL in the place of SQLite, under the same tables: the extra `postgres`.

The tables speak to a connection as sqlite3's (see `connection.py`). Everything is in the schema `sipclient` of the
database that the URL names, and one robot at a time holds that, by an advisory lock which ends with its session.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from sipclient.errors import StoreError
from sipclient.store.connection import Rows, Values
from sipclient.store.schema import APPLICATION, MIGRATIONS, Migration

PATIENCE = 5.0  # seconds to wait for a server, and for the lock of a robot that just died
AGAIN = 1.0  # seconds after a server was not reached, in which nobody else waits for it
_LOOK = 0.1  # seconds between two looks at the lock
_OPEN = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
_PORTS = re.compile(r"[\d,]*")
_VALUE = re.compile(r"\?(\d*)|(?<!:):(\w+)")
# A server that is silent is given up after some seconds, whatever the system's own patience; the URL may say otherwise.
_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_MISUSE = (
    "the URL cannot be understood: write postgresql://user@host:5432/database, other characters than letters as %XX"
)


def opened(url: str, patience: float = PATIENCE) -> PostgresConnection:
    """The database of a URL, locked, with its tables up to date. Raises StoreError."""
    connection = PostgresConnection(url, patience)
    try:
        migrate(connection, shown(url))
    except BaseException:
        connection.close()
        raise
    return connection


class PostgresConnection:
    """A connection that is made anew when it was lost: what was under way then failed, the next call has another."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self._url = url
        self._patience = patience
        self._refused: StoreError | None = None
        self._refused_at = 0.0
        self._real = self._connect()

    @property
    def in_transaction(self) -> bool:
        """See Connection."""
        return self._real.info.transaction_status in _OPEN

    def execute(self, statement: str, values: Values = (), /) -> Rows:
        """See Connection. Raises psycopg.Error, or StoreError where the server cannot be reached again.

        Where it shows with a BEGIN that the connection was lost, nothing was: the transaction begins on another.
        """
        if self._real.closed:
            self._again()
        query, fitting = translated(statement).encode(), _fitting(statement, values)
        try:
            return self._real.execute(query, fitting)
        except psycopg.OperationalError:
            if statement != "BEGIN" or not self._real.closed:
                raise
        self._again()
        return self._real.execute(query, fitting)

    def executemany(self, statement: str, values: Iterable[Values], /) -> Rows:
        """See Connection."""
        cursor = self._real.cursor()
        cursor.executemany(translated(statement).encode(), [_fitting(statement, each) for each in values])
        return cursor

    def close(self) -> None:
        """See Connection."""
        self._real.close()

    def _again(self) -> None:
        """A call waits for the server; those that come after it failed are told the same at once."""
        if self._refused is not None and time.monotonic() < self._refused_at + AGAIN:
            raise self._refused
        try:
            self._real = self._connect()
            self._refused = None
        except StoreError as error:
            self._refused, self._refused_at = error, time.monotonic()
            raise

    def _connect(self) -> psycopg.Connection[Any]:
        name = shown(self._url)
        parts = _parts(self._url)
        if parts is None:
            raise StoreError(f"{name} {_MISUSE}")
        wanted = {**_DEFAULTS, "fallback_application_name": f"sipclient {os.getpid()}", **parts}
        try:
            real = psycopg.connect("", autocommit=True, **wanted)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise StoreError(f"{name} cannot be opened: {_one_line(error)}") from error
        try:
            self._claim(real, name)
        except psycopg.Error as error:
            real.close()
            raise in_words(name, error) from error
        except BaseException:
            real.close()
            raise
        return real

    def _claim(self, real: psycopg.Connection[Any], name: str) -> None:
        """What is acknowledged must be on the disk; and nobody else may write here."""
        if real.execute("SHOW synchronous_commit").fetchone() == ("off",):
            real.execute("SET synchronous_commit = on")
        real.execute("SET search_path = sipclient")
        until = time.monotonic() + self._patience
        while real.execute("SELECT pg_try_advisory_lock(%s, 0)", (APPLICATION,)).fetchone() != (True,):
            if time.monotonic() > until:
                raise StoreError(f"{name} is in use by another robot{_owner(real)}")
            time.sleep(_LOOK)


def migrate(connection: PostgresConnection, name: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the tables, or bring them up to date. Raises StoreError for a newer schema, and psycopg.Error."""
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'sipclient'").fetchone() is None:
        connection.execute("CREATE SCHEMA sipclient")
    connection.execute("CREATE TABLE IF NOT EXISTS version (number BIGINT NOT NULL)")
    row = connection.execute("SELECT max(number) FROM version").fetchone()
    version = row[0] or 0
    if version > len(migrations):
        raise StoreError(
            f"{name} was written by a newer sipclient (its schema is {version}, this one knows {len(migrations)}): "
            "upgrade, or name another database"
        )
    for number, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN")
        try:
            for statement in statements:
                connection.execute(defined(statement))
            connection.execute("INSERT INTO version VALUES (?)", (number,))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


# --- words --------------------------------------------------------------------------------------------------


def shown(url: str) -> str:
    """The URL without its password and its options; nothing of one that cannot be understood."""
    parts = _parts(url)
    if parts is None:
        return "postgresql:"
    user, host, port = (parts.get(key, "") for key in ("user", "host", "port"))
    user, port = f"{user}@" if user else "", f":{port}" if port else ""
    return f"postgresql://{user}{f'[{host}]' if ':' in host else host}{port}/{parts.get('dbname', '')}"


def _parts(url: str) -> dict[str, str] | None:
    """What a URL says, None where it is none. A password with an @ or a / in it as they are would be taken for more."""
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except (psycopg.Error, UnicodeError):
        return None
    if "@" in parts.get("host", "") + parts.get("dbname", "") or not _PORTS.fullmatch(parts.get("port", "")):
        return None
    return parts


def in_words(name: str, error: Exception) -> StoreError:
    """The StoreError for whatever a call raised; `name` is what `shown` made of the URL."""
    if isinstance(error, StoreError):
        return error
    state = getattr(error, "sqlstate", None) or ""
    words = _WORDS.get(state) or _WORDS.get(state[:2])
    if words is None:
        words = "was lost" if isinstance(error, psycopg.OperationalError) and not state else "failed"
    return StoreError(f"{name} {words} ({_one_line(error)})")


# PostgreSQL's error codes, or their classes, and what they mean to whoever runs the robot.
_WORDS = {
    "57P01": "was lost: the server was stopped",
    "57P02": "was lost: the server broke down",
    "57P03": "cannot be used yet: the server is starting or stopping",
    "53100": "cannot be written: the disk is full",
    "53": "cannot be written: the server lacks the means",
    "25006": "cannot be written: the server is read-only, as a standby is",
    "42501": "cannot be written: its user lacks the rights",
    "58": "cannot be read or written: the server's disk reports an error",
    "08": "was lost",
}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _owner(real: psycopg.Connection[Any]) -> str:
    row = real.execute(
        "SELECT application_name, host(client_addr) FROM pg_stat_activity JOIN pg_locks USING (pid) "
        "WHERE locktype = 'advisory' AND classid = %s AND granted AND pg_locks.database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())",
        (APPLICATION,),
    ).fetchone()
    if row is None:
        return ""
    name, address = row
    return f" ({name or 'without a name'}{f' at {address}' if address else ''})"


# --- statements ---------------------------------------------------------------------------------------------


@lru_cache(512)
def translated(statement: str) -> str:
    """A statement's values by psycopg's names for them: `%s`, `%(p1)s`, `%(name)s`."""

    def value(found: re.Match[str]) -> str:
        if found[2]:
            return f"%({found[2]})s"
        return f"%(p{found[1]})s" if found[1] else "%s"

    return _VALUE.sub(value, statement.replace("%", "%%"))


def defined(statement: str) -> str:
    """A definition of SQLite's as PostgreSQL's: numbers of 64 bits, and text that sorts by its characters."""
    statement = statement.replace(" WITHOUT ROWID", "").replace(" INTEGER", " BIGINT")
    return statement.replace(" TEXT", ' TEXT COLLATE "C"')


def _fitting(statement: str, values: Values) -> Any:
    """Words out of a list are plain text here; what a statement numbers goes by its number."""
    if isinstance(values, Mapping):
        return values
    plain = [str(each) if isinstance(each, str) else each for each in values]
    return {f"p{number}": each for number, each in enumerate(plain, 1)} if "?1" in statement else plain
