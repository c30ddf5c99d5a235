"""What is kept, and what any store can do. All moments are aware, and come back in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from sipclient.store.answers import Answers
from sipclient.store.outbox import Outbox


class JobState(StrEnum):
    """How far a job is."""

    PENDING = "pending"  # decided and written; the INVITE may or may not have left
    CALLING = "calling"
    ANSWERED = "answered"
    DONE = "done"  # answered and ended
    FAILED = "failed"
    ABANDONED = "abandoned"  # cut short by a crash, or no longer wanted


UNFINISHED = (JobState.PENDING, JobState.CALLING, JobState.ANSWERED)


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call for one rule, extension and episode.

    `id` is made of those, so that it is the same whoever makes it and however often. `account` is the one that
    watches the extension. `status` is the last attempt's final SIP status and `cause` its hangup cause; `detail`
    is whatever else is worth keeping, in the types of JSON.
    """

    id: str
    rule: str
    account: str
    extension: str
    created: datetime
    updated: datetime
    episode: int = 0
    state: JobState = JobState.PENDING
    attempt: int = 1
    cause: str = ""
    status: int = 0
    detail: dict[str, Any] = {}


class ExtensionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The last known state of an extension, its latest episode (0: none yet), and whether that is open."""

    account: str
    extension: str
    state: str
    changed: datetime
    episode: int = 0
    open: bool = False


class CallbackState(StrEnum):
    """What became of a request to be told when an extension is ready."""

    WAITING = "waiting"
    SERVED = "served"  # its rule acted: `job` says which call or hook
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class CallbackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody camps on an extension, or did. `account` is the one that watches it; `caller` is empty where nobody
    called. `expires` is the moment at which it ends unheard."""

    id: str
    account: str
    extension: str
    created: datetime
    updated: datetime
    expires: datetime
    caller: str = ""
    caller_name: str = ""
    variables: dict[str, str] = {}
    state: CallbackState = CallbackState.WAITING
    job: str = ""


class Store(Protocol):
    """Everything that is written is on the disk when the call returns, in the order of the calls.

    Calls may overlap: what waits together is written together. Every method raises StoreError where the
    store cannot be read or written; nothing of that call was kept then. InvalidValue says that a record
    cannot be written at all, such as a moment without a time zone.
    """

    @property
    def outbox(self) -> Outbox:
        """Events on their way to webhooks, in the same database."""

    @property
    def answers(self) -> Answers:
        """Answers to requests that may come twice, in the same database."""

    async def add_job(
        self,
        job: JobRecord,
        extensions: Iterable[ExtensionRecord] = (),
        callback: CallbackRecord | None = None,
    ) -> bool:
        """Write a new job and, in the same breath, these states and the callback it serves. False where the id was
        there already: then the job was placed before, by whatever run, and must not be placed again (the states and
        the callback are kept)."""

    async def update_job(self, job: JobRecord) -> bool:
        """Write the job's state, attempt, cause, status, detail and `updated`. False where there is no such job."""

    async def job(self, id: str) -> JobRecord | None:
        """One job."""

    async def jobs(self, state: JobState | None = None, limit: int = 100) -> list[JobRecord]:
        """The latest jobs (in this state), newest first."""

    async def unfinished(self) -> list[JobRecord]:
        """Every job that is pending, calling or answered, oldest first: at the start, those a crash cut short."""

    async def save_extensions(self, batch: Iterable[ExtensionRecord]) -> None:
        """Write the states of any number of extensions at once."""

    async def extensions(self, account: str) -> list[ExtensionRecord]:
        """The last known states of an account's extensions. An episode is never below that of a job: no id
        can be made a second time, even where a crash lost the state."""

    async def save_callback(self, callback: CallbackRecord) -> None:
        """Write a callback: a new one, or in the place of the one with this id."""

    async def callback(self, id: str) -> CallbackRecord | None:
        """One callback."""

    async def callbacks(self, limit: int = 100) -> list[CallbackRecord]:
        """The latest callbacks, newest first."""

    async def waiting_callbacks(self) -> list[CallbackRecord]:
        """Every callback that waits, in the order they came."""

    async def prune(self, before: datetime) -> int:
        """Forget finished jobs last updated before that moment, but for those of an extension's latest
        episode, and callbacks that wait no more; how many jobs they were."""
