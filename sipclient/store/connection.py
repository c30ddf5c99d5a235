"""What the tables need of a database, and how SQLite and PostgreSQL share each statement.

A statement is written once, as sqlite3 takes it and in the SQL that both understand: `?`, `?1` and `:name` for values,
TEXT and INTEGER for columns, 0 and 1 for no and yes, ON CONFLICT for a row that is there, and no function that one of
the two lacks. SQLite runs it as it stands; `postgres.py` writes its values as psycopg names them, and the definitions
of `schema.py`, which are SQLite's, as PostgreSQL's. So `sql.py`, `outbox.py` and `answers.py` know neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote."""

    def __iter__(self) -> Iterator[Any]:
        """Each row, a tuple."""

    def fetchone(self) -> Any:
        """The next row, None where there is none."""


class Connection(Protocol):
    """An open database, used by one thread."""

    @property
    def in_transaction(self) -> bool:
        """Whether one is open."""

    def execute(self, statement: str, values: Any = ..., /) -> Rows:
        """Run one statement."""

    def executemany(self, statement: str, values: Iterable[Any], /) -> Rows:
        """Run it once for each of these."""

    def close(self) -> None:
        """No more of it."""
