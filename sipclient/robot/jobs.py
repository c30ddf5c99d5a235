"""From a decision to a call: written down, its turn awaited, placed, followed to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import msgspec

from sipclient.call import Call
from sipclient.errors import SipError
from sipclient.face.tasks import Tasks
from sipclient.protocol.events import Answered, CallEnded, Event
from sipclient.robot import told
from sipclient.robot.ledger import Ledger
from sipclient.robot.told import Told
from sipclient.robot.turns import Turns
from sipclient.rules import CallFinished, Job
from sipclient.store import CallbackRecord, ExtensionRecord, JobRecord, JobState


class Placer(Protocol):
    """What is needed of the client."""

    def place_job(self, job: Job) -> Call:
        """Place a call whose turn it is; the turn ends with it. Raises SipError where it may not, or cannot, leave."""


class Live:
    """A call under way."""

    __slots__ = ("call", "job")

    def __init__(self, job: Job, call: Call) -> None:
        self.job = job
        self.call = call


class Jobs:
    """The jobs of this run that are not finished, and their calls.

    `finished` is called with each call that ended, and says when the rules want another attempt. `settled` waits
    while an account is being replaced.
    """

    def __init__(
        self,
        ledger: Ledger,
        turns: Turns,
        placer: Placer,
        wall: Callable[[], datetime],
        tell: Callable[[Told], None],
        finished: Callable[[CallFinished], bool],
        settled: Callable[[str], Awaitable[None]],
    ) -> None:
        self.stopping = False
        self.tasks = Tasks()
        self._ledger = ledger
        self._turns = turns
        self._placer = placer
        self._wall = wall
        self._tell = tell
        self._finished = finished
        self._settled = settled
        self._records: dict[str, JobRecord] = {}  # of those that are not finished
        self._live: dict[int, Live] = {}

    def __len__(self) -> int:
        return len(self._records)

    def adopt(self, record: JobRecord) -> None:
        """A job of an earlier run whose INVITE never left may yet be placed."""
        self._records[record.id] = record

    def place(self, job: Job, state: ExtensionRecord | None = None, callback: CallbackRecord | None = None) -> None:
        """Write the job down, with the state of its extension and the callback it serves, then call when it is its
        turn."""
        self.tasks.spawn(self._place(job, state, callback))

    def give_up(self, id: str, reason: str) -> None:
        """A job that waited for another attempt, or for its first after a restart, gets none."""
        record = self._records.pop(id, None)
        if record is None:
            return
        state = JobState.FAILED if record.cause else JobState.ABANDONED
        self._ledger.outcome(msgspec.structs.replace(record, state=state))
        if state is JobState.ABANDONED:
            self._tell(told.JobAbandoned(id, str(record.detail.get("to", "")), reason, record.attempt))

    async def _place(self, job: Job, state: ExtensionRecord | None, callback: CallbackRecord | None) -> None:
        try:
            ready = await self._make_ready(job, state, callback)
        except SipError as error:
            self._not_placed(job, f"it cannot be written down, and might be called twice: {error}")
            return
        if not ready:
            return
        try:
            call = self._placer.place_job(job)
        except SipError as error:
            self._not_placed(job, str(error))
            return
        self._begin(Live(job, call))

    async def _make_ready(self, job: Job, state: ExtensionRecord | None, callback: CallbackRecord | None) -> bool:
        """Write the job and await its turn; False where it is not to be placed. Raises SipError.

        On the disk a job is `calling` before its INVITE leaves. Where it is its turn at once, that is the only
        write; where it waits, it is `pending` meanwhile.
        """
        turn = self._turns.turn(job.id)
        if turn is None:
            if await self._write(job, state, JobState.FAILED, callback):
                self._not_placed(job, "too many calls wait for their turn already: see [dial] in robot.toml")
            return False
        at_once = turn.done()
        if not await self._write(job, state, JobState.CALLING if at_once else JobState.PENDING, callback):
            self._turns.finished(job.id)
            return False
        if not at_once:
            await turn
            if not self.stopping:
                await self._write(job, None, JobState.CALLING)
        await self._settled(job.account)
        if self.stopping:
            self._ledger.outcome(msgspec.structs.replace(self._records[job.id], state=JobState.PENDING))
        return not self.stopping

    async def _write(
        self,
        job: Job,
        state: ExtensionRecord | None,
        how_far: JobState,
        callback: CallbackRecord | None = None,
    ) -> bool:
        before = self._records.get(job.id)
        if before is not None:
            record = msgspec.structs.replace(before, state=how_far, attempt=job.attempt)
            self._records[job.id] = record
            await self._ledger.update(record)
            return True
        record = record_of(job, how_far, self._wall())
        self._records[job.id] = record
        if await self._ledger.add(record, state, callback):
            return True
        del self._records[job.id]
        self._tell(told.CallNotPlaced(job.id, "it was called before, as the store says"))
        return False

    def _not_placed(self, job: Job, reason: str) -> None:
        self._turns.finished(job.id)
        self._tell(told.CallNotPlaced(job.id, reason))
        record = self._records.pop(job.id, None)
        if record is not None:
            detail = record.detail | {"reason": reason}
            self._ledger.outcome(msgspec.structs.replace(record, state=JobState.FAILED, detail=detail))

    # --- the call -----------------------------------------------------------------------------------

    def _begin(self, live: Live) -> None:
        self._live[live.call.id] = live
        # What the engine said before the call had been handed to us.
        if live.call.answered_at is not None:
            self._answered(live.job.id)
        if live.call.end is not None:
            self._over(live, live.call.end)

    def hear(self, event: Event) -> None:
        """What the engine says of a call; of those that are not ours nothing is taken."""
        live = self._live.get(event.id) if isinstance(event, Answered | CallEnded) else None
        if live is None:
            return
        if isinstance(event, CallEnded):
            self._over(live, event)
        else:
            self._answered(live.job.id)

    def _answered(self, id: str) -> None:
        if self._records[id].state is JobState.CALLING:
            self._records[id] = msgspec.structs.replace(self._records[id], state=JobState.ANSWERED)
            self._ledger.outcome(self._records[id])

    def _over(self, live: Live, event: CallEnded) -> None:
        job = live.job
        del self._live[event.id]
        record = msgspec.structs.replace(self._records[job.id], cause=event.cause, status=event.status)
        ended = CallFinished(job=job, cause=event.cause, status=event.status, answered=event.answered)
        if not self.stopping and self._finished(ended):
            again = msgspec.structs.replace(record, state=JobState.PENDING, attempt=job.attempt + 1)
            self._records[job.id] = again
            self._ledger.outcome(again)
            return
        del self._records[job.id]
        state = JobState.DONE if event.answered else JobState.FAILED
        self._ledger.outcome(msgspec.structs.replace(record, state=state))


def record_of(job: Job, state: JobState, at: datetime) -> JobRecord:
    """A job as the store keeps it; `job_in` brings it back."""
    return JobRecord(
        id=job.id,
        rule=job.rule,
        account=job.watched,
        extension=job.extension,
        episode=job.episode,
        state=state,
        attempt=job.attempt,
        created=at,
        updated=at,
        detail=msgspec.to_builtins(job),
    )


def job_in(record: JobRecord) -> Job | None:
    """The job of a record, None where it is not a call's or was written by another version."""
    try:
        return msgspec.structs.replace(msgspec.convert(record.detail, Job), attempt=record.attempt)
    except msgspec.ValidationError:
        return None
