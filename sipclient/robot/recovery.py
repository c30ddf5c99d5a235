"""What an earlier run left unfinished.

Nothing is called twice. A job found as `calling` may have sent its INVITE: it is abandoned, and told. One found
as `pending` has not: it is called after all, if it is young, as soon as its extension is heard to be in the
state that made it; a call that says what was true some minutes ago helps nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from sipclient.protocol.events import ExtensionChanged
from sipclient.robot import told
from sipclient.robot.jobs import job_in
from sipclient.robot.ledger import Ledger
from sipclient.robot.told import Told
from sipclient.rules import Job
from sipclient.store import JobRecord, JobState, Store

FRESH = 120.0  # seconds since a job was last written, and to wait for its extension
KNOWN = 1000  # jobs of the past that the rules are reminded of, for their why-not; the store knows all


class Recovery:
    """The jobs of an earlier run that may yet be placed."""

    def __init__(self, ledger: Ledger, wall: Callable[[], datetime], tell: Callable[[Told], None]) -> None:
        self._ledger = ledger
        self._wall = wall
        self._tell = tell
        self._waiting: dict[tuple[str, str], dict[str, tuple[JobRecord, Job]]] = {}

    async def begin(self, store: Store) -> list[str]:
        """Go through the unfinished jobs; the ids of the latest ones. Raises StoreError."""
        for record in await store.unfinished():
            job = job_in(record)
            if record.state is not JobState.PENDING:
                self._abandon(record, "it was under way when that run ended, and is not called a second time")
            elif job is None:
                self._abandon(record, "it was written by another version")
            elif abs((self._wall() - record.updated).total_seconds()) > FRESH:
                self._abandon(record, "it waited when that run ended, too long ago to call now")
            else:
                self._waiting.setdefault((record.account, record.extension), {})[record.id] = record, job
        return [record.id for record in await store.jobs(limit=KNOWN)]

    @property
    def waiting(self) -> bool:
        """Whether any job waits for its extension to be heard of."""
        return bool(self._waiting)

    def heard(self, change: ExtensionChanged) -> list[tuple[JobRecord, Job]]:
        """The jobs that wait for this extension, whatever its state is now."""
        if change.after == "unknown":
            return []
        return list(self._waiting.pop((change.account, change.extension), {}).values())

    def overdue(self) -> None:
        """Whoever was not heard of by now is not waited for any longer."""
        for jobs in self._waiting.values():
            for record, job in jobs.values():
                self._abandon(record, f"{job.extension} was not heard of for {FRESH:g} s")
        self._waiting.clear()

    def _abandon(self, record: JobRecord, reason: str) -> None:
        self._ledger.outcome(msgspec.structs.replace(record, state=JobState.ABANDONED))
        to = record.detail.get("to") or record.detail.get("hook") or ""
        self._tell(told.JobAbandoned(record.id, str(to), reason, record.attempt))
