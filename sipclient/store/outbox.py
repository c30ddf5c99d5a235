"""Events on their way to webhooks: what was told and is not delivered yet survives a crash, in order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import msgspec

from sipclient.store.connection import Connection
from sipclient.store.moments import moment_of, text_of
from sipclient.store.worker import Worker


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one webhook.

    `id` is the same however often the event is told or sent: what is written a second time is left out. `body` is the
    event as JSON. `seq` counts the letters of a webhook from 1, without a gap; the outbox gives it.
    """

    hook: str
    id: str
    at: datetime
    body: str
    seq: int = 0


class Unended(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was told of and has not been told to have ended. `id` is that of the event that will end it."""

    id: str
    job: str
    to: str
    at: datetime


class Outbox(Protocol):
    """Each method raises StoreError where the store cannot be read or written; nothing of that call was kept then."""

    async def post(self, letters: Iterable[Letter], begun: Iterable[Unended] = (), ended: Iterable[str] = ()) -> int:
        """Write letters, each once for its webhook and id, in this order; with them which calls began and which ended.
        How many of the letters are new."""

    async def waiting(self, hook: str, limit: int = 100) -> list[Letter]:
        """The letters of a webhook that were not delivered, oldest first."""

    async def delivered(self, hook: str, seq: int) -> None:
        """All letters of a webhook up to this one are done with. Their ids are remembered until they are pruned."""

    async def shorten(self, hook: str, most: int) -> int:
        """Give up the oldest letters of a webhook until so many wait; how many that were."""

    async def unended(self) -> list[Unended]:
        """The calls that have not ended, oldest first: at the start, those a crash cut short."""

    async def prune_letters(self, before: datetime) -> int:
        """Forget the letters from before that moment which are done with; how many they were."""


_POST = """
INSERT INTO letter (hook, id, at, body, seq, waits)
SELECT ?1, ?2, ?3, ?4, 1 + coalesce((SELECT max(seq) FROM letter WHERE hook = ?1), 0), 1
WHERE NOT EXISTS (SELECT 1 FROM letter WHERE hook = ?1 AND id = ?2)
"""
_WAITING = "SELECT hook, id, at, body, seq FROM letter WHERE hook = ? AND waits = 1 ORDER BY seq LIMIT ?"
_DONE = "UPDATE letter SET waits = 0, body = '' WHERE hook = ? AND waits = 1 AND seq <= ?"
# The last letter of a webhook stays, so that its numbers go on from there.
_PRUNE = """
DELETE FROM letter WHERE at < ? AND waits = 0
AND seq < (SELECT max(other.seq) FROM letter AS other WHERE other.hook = letter.hook)
"""


class SqlOutbox:
    """An Outbox in the database of a SqlStore."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def post(self, letters: Iterable[Letter], begun: Iterable[Unended] = (), ended: Iterable[str] = ()) -> int:
        """See Outbox."""
        rows = [(each.hook, each.id, text_of(each.at), each.body) for each in letters]
        calls = [(each.id, each.job, each.to, text_of(each.at)) for each in begun]
        over = [(id,) for id in ended]

        def post(connection: Connection) -> int:
            new = sum(connection.execute(_POST, row).rowcount for row in rows)
            connection.executemany(
                "INSERT INTO unended (id, job, called, at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", calls
            )
            connection.executemany("DELETE FROM unended WHERE id = ?", over)
            return new

        return await self._worker.run(post)

    async def waiting(self, hook: str, limit: int = 100) -> list[Letter]:
        """See Outbox."""
        return await self._worker.run(
            lambda connection: [_letter(row) for row in connection.execute(_WAITING, (hook, limit))]
        )

    async def delivered(self, hook: str, seq: int) -> None:
        """See Outbox."""
        await self._worker.run(lambda connection: connection.execute(_DONE, (hook, seq)).rowcount)

    async def shorten(self, hook: str, most: int) -> int:
        """See Outbox."""
        newest = "SELECT seq FROM letter WHERE hook = ? AND waits = 1 ORDER BY seq DESC LIMIT 1 OFFSET ?"

        def shorten(connection: Connection) -> int:
            row = connection.execute(newest, (hook, most)).fetchone()
            return 0 if row is None else connection.execute(_DONE, (hook, row[0])).rowcount

        return await self._worker.run(shorten)

    async def unended(self) -> list[Unended]:
        """See Outbox."""
        rows = "SELECT id, job, called, at FROM unended ORDER BY at, id"
        return await self._worker.run(
            lambda connection: [
                Unended(id=id, job=job, to=to, at=moment_of(at)) for id, job, to, at in connection.execute(rows)
            ]
        )

    async def prune_letters(self, before: datetime) -> int:
        """See Outbox."""
        moment = text_of(before)
        return await self._worker.run(lambda connection: connection.execute(_PRUNE, (moment,)).rowcount)


def _letter(row: tuple[str, str, str, str, int]) -> Letter:
    hook, id, at, body, seq = row
    return Letter(hook=hook, id=id, at=moment_of(at), body=body, seq=seq)
