"""Answers to requests that may come twice: kept under the key that whoever asked chose, so that a repeated request gets
the first answer and does nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from sipclient.store.connection import Connection
from sipclient.store.moments import moment_of, text_of
from sipclient.store.worker import Worker


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer to a request. `fingerprint` tells whether another request under this key is the same one."""

    key: str
    fingerprint: str
    status: int
    body: str
    at: datetime


class Answers(Protocol):
    """Each method raises StoreError where the store cannot be read or written; nothing of that call was kept then."""

    async def keep(self, answer: Answer) -> bool:
        """Write an answer. False where there is one under this key already: that stays."""

    async def answer(self, key: str) -> Answer | None:
        """The answer under a key."""

    async def prune_answers(self, before: datetime) -> int:
        """Forget those from before that moment; how many they were."""


_KEEP = "INSERT INTO answer (key, fingerprint, status, body, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"


class SqlAnswers:
    """Answers in the database of a SqlStore."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def keep(self, answer: Answer) -> bool:
        """See Answers."""
        row = (answer.key, answer.fingerprint, answer.status, answer.body, text_of(answer.at))
        return await self._worker.run(lambda connection: connection.execute(_KEEP, row).rowcount == 1)

    async def answer(self, key: str) -> Answer | None:
        """See Answers."""

        def find(connection: Connection) -> Answer | None:
            statement = "SELECT key, fingerprint, status, body, at FROM answer WHERE key = ?"
            row = connection.execute(statement, (key,)).fetchone()
            if row is None:
                return None
            return Answer(key=row[0], fingerprint=row[1], status=row[2], body=row[3], at=moment_of(row[4]))

        return await self._worker.run(find)

    async def prune_answers(self, before: datetime) -> int:
        """See Answers."""
        moment = text_of(before)
        return await self._worker.run(
            lambda connection: connection.execute("DELETE FROM answer WHERE at < ?", (moment,)).rowcount
        )
