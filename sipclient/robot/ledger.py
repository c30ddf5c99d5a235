"""What the robot writes down, and when.

A job is on the disk before its INVITE leaves, and with it the state that made it. Other states and the
outcomes of calls go out a moment later, many at once: losing the last of them in a crash costs one line that
says a call was abandoned, never a second call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from sipclient.errors import StoreError
from sipclient.face.shell import Clock
from sipclient.face.tasks import Tasks
from sipclient.robot.alarm import Alarm
from sipclient.store import UNFINISHED, CallbackRecord, ExtensionRecord, JobRecord, Store

SOON = 0.05  # seconds that what is not urgent may gather
PAUSE = 5.0  # seconds after the store failed
KEPT = timedelta(days=90)  # finished jobs are forgotten after that; episodes go on counting all the same
DAY = 86_400.0  # seconds between two looks for what is that old


class Ledger:
    """Writes jobs at once and the rest soon; `trouble` hears, in words, that the store fails."""

    def __init__(
        self, store: Store, clock: Clock, wall: Callable[[], datetime], trouble: Callable[[str], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._wall = wall
        self._trouble = trouble
        self._alarm = Alarm(clock, lambda: self._tasks.spawn(self._flush_soon()))
        self._armed = False
        self._forgot = float("-inf")
        self._tasks = Tasks()
        self._states: dict[tuple[str, str], ExtensionRecord] = {}
        self._outcomes: dict[str, JobRecord] = {}
        self._callbacks: dict[str, CallbackRecord] = {}

    async def add(self, job: JobRecord, state: ExtensionRecord | None, callback: CallbackRecord | None = None) -> bool:
        """Write a new job, the state that made it, and the callback it serves. False where the job was there. Raises
        StoreError."""
        states = self._with_waiting(state)
        try:
            return await self._store.add_job(job, states, callback)
        except StoreError:
            self._keep(states)
            raise

    async def update(self, job: JobRecord) -> None:
        """Write how far a job is, now. Raises StoreError."""
        self._outcomes.pop(job.id, None)
        await self._store.update_job(msgspec.structs.replace(job, updated=self._wall()))

    def outcome(self, job: JobRecord) -> None:
        """Write how far a job is, soon."""
        self._outcomes[job.id] = msgspec.structs.replace(job, updated=self._wall())
        self._arm(SOON)

    async def callback(self, record: CallbackRecord) -> None:
        """Write how it stands with a callback, now. Raises StoreError."""
        self._callbacks.pop(record.id, None)
        await self._store.save_callback(record)

    def callback_ended(self, record: CallbackRecord) -> None:
        """Write that a callback waits no more, soon."""
        self._callbacks[record.id] = record
        self._arm(SOON)

    def state(self, record: ExtensionRecord) -> None:
        """Write the state of an extension, soon."""
        self._states[record.account, record.extension] = record
        self._arm(SOON)

    async def flush(self) -> None:
        """Write what waits, and once a day forget what is old. Raises StoreError; then it waits still."""
        states, self._states = list(self._states.values()), {}
        try:
            await self._store.save_extensions(states)
        except StoreError:
            self._keep(states)
            raise
        callbacks = map(self._write_callback, tuple(self._callbacks))
        finished = await asyncio.gather(*map(self._write, tuple(self._outcomes)), *callbacks, return_exceptions=True)
        for failure in finished:
            if failure is not None:
                raise failure
        await self._forget_old()

    async def _forget_old(self) -> None:
        now = self._clock.time()
        if now >= self._forgot + DAY:
            self._forgot = now
            await self._store.prune(self._wall() - KEPT)

    async def _write(self, id: str) -> None:
        # Taken out and handed to the store without a pause between, so that no later word on this job, which
        # `update` writes, can be overtaken by this one.
        job = self._outcomes.pop(id, None)
        if job is None:
            return
        try:
            await self._store.update_job(job)
        except StoreError:
            if job.state not in UNFINISHED:  # nothing comes after it, so it is still true
                self._outcomes.setdefault(id, job)
            raise

    async def _write_callback(self, id: str) -> None:
        record = self._callbacks[id]  # it ends once: nothing comes after it
        await self._store.save_callback(record)
        self._callbacks.pop(id, None)

    async def close(self) -> None:
        """Write the rest, if it can be written."""
        self._alarm.set(None)
        await self._tasks.close(1.0)
        try:
            await self.flush()
        except StoreError as error:
            self._trouble(f"what was still to be written down is lost: {error}")

    def _with_waiting(self, state: ExtensionRecord | None) -> list[ExtensionRecord]:
        """A job's write takes along whatever waits: the disk is asked once."""
        if state is not None:
            self._states[state.account, state.extension] = state
        states, self._states = list(self._states.values()), {}
        return states

    def _keep(self, states: Iterable[ExtensionRecord]) -> None:
        """Not written: they wait again, but for those that are no longer the latest."""
        for record in states:
            self._states.setdefault((record.account, record.extension), record)
        self._arm(PAUSE)

    def _arm(self, seconds: float) -> None:
        if not self._armed:
            self._armed = True
            self._alarm.set(self._clock.time() + seconds)

    async def _flush_soon(self) -> None:
        self._armed = False
        try:
            await self.flush()
        except StoreError as error:
            self._trouble(f"the states of extensions and the outcomes of calls cannot be written down: {error}")
            self._arm(PAUSE)
