"""The store in SQL: the same statements in a file of SQLite's and in PostgreSQL (how, `connection.py` says)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from sipclient.errors import StoreError
from sipclient.store.answers import SqlAnswers
from sipclient.store.base import (
    UNFINISHED,
    CallbackRecord,
    CallbackState,
    ExtensionRecord,
    JobRecord,
    JobState,
)
from sipclient.store.connection import Connection
from sipclient.store.moments import text_of
from sipclient.store.outbox import SqlOutbox
from sipclient.store.worker import Worker

_PRUNED = 2000  # jobs forgotten in one transaction: others wait no longer than that takes

_JOB = "id, rule, account, extension, episode, state, attempt, cause, status, created, updated, detail"
_ADD_JOB = f"INSERT INTO job ({_JOB}) VALUES ({', '.join('?' * 12)}) ON CONFLICT (id) DO NOTHING"
_UPDATE_JOB = "UPDATE job SET state = ?, attempt = ?, cause = ?, status = ?, updated = ?, detail = ? WHERE id = ?"
_UNFINISHED = ", ".join(f"'{state}'" for state in UNFINISHED)
_SAVE = """
INSERT INTO extension (account, extension, state, episode, open, changed) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (account, extension) DO UPDATE SET
    state = excluded.state, episode = excluded.episode, open = excluded.open, changed = excluded.changed
"""
_EXTENSIONS = """
SELECT account, extension, state, episode, open, changed,
    (SELECT max(episode) FROM job WHERE job.account = e.account AND job.extension = e.extension)
FROM extension AS e WHERE account = :account
UNION ALL
SELECT account, extension, 'unknown', 0, 0, max(updated), max(episode)
FROM job AS j WHERE account = :account AND NOT EXISTS (
    SELECT 1 FROM extension AS e WHERE e.account = j.account AND e.extension = j.extension)
GROUP BY account, extension
ORDER BY extension
"""
_PRUNE = f"""
DELETE FROM job WHERE id IN (
    SELECT id FROM job WHERE updated < ? AND state NOT IN ({_UNFINISHED}) AND NOT EXISTS (
        SELECT 1 FROM extension AS e
        WHERE e.account = job.account AND e.extension = job.extension AND job.episode >= e.episode AND job.episode >= 1)
    LIMIT {_PRUNED})
"""
_CALLBACK = "id, account, extension, caller, caller_name, variables, state, job, created, updated, expires"
_SAVE_CALLBACK = f"""
INSERT INTO callback ({_CALLBACK}) VALUES ({", ".join("?" * 11)})
ON CONFLICT (id) DO UPDATE SET
    caller_name = excluded.caller_name, variables = excluded.variables, state = excluded.state, job = excluded.job,
    updated = excluded.updated, expires = excluded.expires
"""
_PRUNE_CALLBACKS = f"DELETE FROM callback WHERE state <> '{CallbackState.WAITING}' AND updated < ?"


class SqlStore:
    """A Store; `open_store` makes it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.outbox = SqlOutbox(worker)
        self.answers = SqlAnswers(worker)

    async def add_job(
        self,
        job: JobRecord,
        extensions: Iterable[ExtensionRecord] = (),
        callback: CallbackRecord | None = None,
    ) -> bool:
        """See Store."""
        row, states = _job_row(job), [_extension_row(record) for record in extensions]
        served = [] if callback is None else [_callback_row(callback)]

        def add(connection: Connection) -> bool:
            connection.executemany(_SAVE, states)
            connection.executemany(_SAVE_CALLBACK, served)
            return connection.execute(_ADD_JOB, row).rowcount == 1

        return await self._worker.run(add)

    async def update_job(self, job: JobRecord) -> bool:
        """See Store."""
        row = (job.state, job.attempt, job.cause, job.status, text_of(job.updated), _json(job.detail), job.id)
        return await self._worker.run(lambda connection: connection.execute(_UPDATE_JOB, row).rowcount == 1)

    async def job(self, id: str) -> JobRecord | None:
        """See Store."""
        found = await self._read_jobs(f"SELECT {_JOB} FROM job WHERE id = ?", (id,))
        return found[0] if found else None

    async def jobs(self, state: JobState | None = None, limit: int = 100) -> list[JobRecord]:
        """See Store."""
        where, values = ("", ()) if state is None else ("WHERE state = ?", (str(state),))
        order = "ORDER BY created DESC, id DESC LIMIT ?"
        return await self._read_jobs(f"SELECT {_JOB} FROM job {where} {order}", (*values, limit))

    async def unfinished(self) -> list[JobRecord]:
        """See Store."""
        where = f"WHERE state IN ({_UNFINISHED}) ORDER BY created, id"
        return await self._read_jobs(f"SELECT {_JOB} FROM job {where}", ())

    async def save_extensions(self, batch: Iterable[ExtensionRecord]) -> None:
        """See Store."""
        rows = [_extension_row(record) for record in batch]
        if rows:
            await self._worker.run(lambda connection: connection.executemany(_SAVE, rows).rowcount)

    async def extensions(self, account: str) -> list[ExtensionRecord]:
        """See Store."""
        return await self._worker.run(
            lambda connection: [_extension(row) for row in connection.execute(_EXTENSIONS, {"account": account})]
        )

    async def save_callback(self, callback: CallbackRecord) -> None:
        """See Store."""
        row = _callback_row(callback)
        await self._worker.run(lambda connection: connection.execute(_SAVE_CALLBACK, row).rowcount)

    async def callback(self, id: str) -> CallbackRecord | None:
        """See Store."""
        found = await self._read_callbacks("WHERE id = ?", (id,))
        return found[0] if found else None

    async def callbacks(self, limit: int = 100) -> list[CallbackRecord]:
        """See Store."""
        return await self._read_callbacks("ORDER BY created DESC, id DESC LIMIT ?", (limit,))

    async def waiting_callbacks(self) -> list[CallbackRecord]:
        """See Store."""
        return await self._read_callbacks("WHERE state = ? ORDER BY created, id", (str(CallbackState.WAITING),))

    async def prune(self, before: datetime) -> int:
        """See Store."""
        moment = text_of(before)
        await self._worker.run(lambda connection: connection.execute(_PRUNE_CALLBACKS, (moment,)).rowcount)
        pruned = 0
        while True:
            count = await self._worker.run(lambda connection: connection.execute(_PRUNE, (moment,)).rowcount)
            pruned += count
            if count < _PRUNED:
                return pruned

    async def _read_jobs(self, statement: str, values: tuple[Any, ...]) -> list[JobRecord]:
        return await self._worker.run(lambda connection: [_job(row) for row in connection.execute(statement, values)])

    async def _read_callbacks(self, which: str, values: tuple[Any, ...]) -> list[CallbackRecord]:
        statement = f"SELECT {_CALLBACK} FROM callback {which}"
        return await self._worker.run(
            lambda connection: [_callback(row) for row in connection.execute(statement, values)]
        )


# --- records to rows and back ---------------------------------------------------------------------------


def _json(detail: dict[str, Any]) -> str:
    return msgspec.json.encode(detail).decode()


def _job_row(job: JobRecord) -> tuple[Any, ...]:
    moments = (text_of(job.created), text_of(job.updated))
    head = (job.id, job.rule, job.account, job.extension, job.episode, str(job.state), job.attempt, job.cause)
    return (*head, job.status, *moments, _json(job.detail))


def _extension_row(record: ExtensionRecord) -> tuple[Any, ...]:
    head = (record.account, record.extension, str(record.state), record.episode)
    return (*head, int(record.open), text_of(record.changed))


def _callback_row(callback: CallbackRecord) -> tuple[Any, ...]:
    head = (callback.id, callback.account, callback.extension, callback.caller, callback.caller_name)
    moments = (text_of(callback.created), text_of(callback.updated), text_of(callback.expires))
    return (*head, _json(callback.variables), str(callback.state), callback.job, *moments)


def _callback(row: tuple[Any, ...]) -> CallbackRecord:
    id, account, extension, caller, caller_name, variables, state, job, created, updated, expires = row
    try:
        return CallbackRecord(
            id=id,
            account=account,
            extension=extension,
            caller=caller,
            caller_name=caller_name,
            variables=msgspec.json.decode(variables, type=dict[str, str]),
            state=CallbackState(state),
            job=job,
            created=datetime.fromisoformat(created),
            updated=datetime.fromisoformat(updated),
            expires=datetime.fromisoformat(expires),
        )
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise StoreError(f"callback {id!r} in the store cannot be read: {error}") from error


def _job(row: tuple[Any, ...]) -> JobRecord:
    id, rule, account, extension, episode, state, attempt, cause, status, created, updated, detail = row
    try:
        return JobRecord(
            id=id,
            rule=rule,
            account=account,
            extension=extension,
            episode=episode,
            state=JobState(state),
            attempt=attempt,
            cause=cause,
            status=status,
            created=datetime.fromisoformat(created),
            updated=datetime.fromisoformat(updated),
            detail=msgspec.json.decode(detail, type=dict[str, Any]),
        )
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise StoreError(f"job {id!r} in the store cannot be read: {error}") from error


def _extension(row: tuple[Any, ...]) -> ExtensionRecord:
    account, extension, state, episode, still_open, changed, called = row
    ahead = called is not None and called > episode
    try:
        return ExtensionRecord(
            account=account,
            extension=extension,
            state=state,
            episode=called if ahead else episode,
            open=bool(still_open) and not ahead,
            changed=datetime.fromisoformat(changed),
        )
    except (ValueError, TypeError) as error:
        raise StoreError(f"extension {extension!r} in the store cannot be read: {error}") from error
