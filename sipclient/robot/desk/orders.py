"""What was asked for, until it has ended: its name, its record on the disk, and what is under way of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from sipclient.call import Call
from sipclient.errors import DialLimitReached, InvalidValue
from sipclient.face.dialler import Dialler
from sipclient.face.tasks import Tasks
from sipclient.message import check_call_id
from sipclient.robot.ledger import Ledger
from sipclient.robot.turns import Turns
from sipclient.robot.views import Views
from sipclient.robot.views.calls import new_id
from sipclient.rules.gate import MOST_WAITING
from sipclient.store import JobRecord, JobState

MOST = 1000  # calls and bridges asked for that may be under way or wait at once


class Order(msgspec.Struct, frozen=True):
    """Something that was asked for and written down; `start` has it done, or `drop` says that it is not wanted."""

    id: str
    start: Callable[[], None]
    drop: Callable[[], None]


class UnderWay:
    """A call or a bridge that was asked for, until it has ended."""

    __slots__ = ("call", "dialler", "joined", "left", "task")

    def __init__(self) -> None:
        self.call: Call | None = None
        self.dialler: Dialler | None = None
        self.joined: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.left = False


class Orders:
    """All that were asked for and have not ended."""

    def __init__(self, ledger: Ledger, turns: Turns, views: Views) -> None:
        self._ledger = ledger
        self._turns = turns
        self._views = views
        self._under_way: dict[str, UnderWay] = {}
        self._records: dict[str, JobRecord] = {}
        self._tasks = Tasks()

    async def aclose(self) -> None:
        """The calls are hung up by the client; give what waits for them a moment."""
        await self._tasks.close(0.3)

    def get(self, id: str) -> UnderWay | None:
        """What is under way of one; None for what has ended, or was not asked for here."""
        return self._under_way.get(id)

    def room(self) -> None:
        """Raises DialLimitReached where as many are under way as may be."""
        if len(self._under_way) >= MOST or self._turns.waiting >= MOST_WAITING:
            raise DialLimitReached("too many calls wait for their turn already: see [dial] in robot.toml")

    def name(self, kind: str, given: str) -> str:
        """The id of a new one: the one that was given, or another. Raises InvalidValue for one that cannot be."""
        if not given:
            return new_id(kind)
        check_call_id(given)
        if self._views.calls.get(given) is not None or self._views.bridges.get(given) is not None:
            raise InvalidValue(f"id: {given} is taken already")
        return given

    async def write(self, id: str, detail: dict[str, Any]) -> None:
        """On the disk before anything is sent, so that a crash is told of. Raises StoreError, InvalidValue."""
        now = self._views.now()
        record = JobRecord(
            id=id, rule="", account="", extension="", created=now, updated=now, state=JobState.CALLING, detail=detail
        )
        if not await self._ledger.add(record, None):
            raise InvalidValue(f"id: {id} is taken already")
        self._records[id] = record

    def begin(self, id: str) -> UnderWay:
        """One that was written is under way from now on."""
        under_way = self._under_way[id] = UnderWay()
        return under_way

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done, until the robot ends."""
        return self._tasks.spawn(work)

    def end(self, id: str) -> None:
        """It is under way no more; `close` follows once that is shown."""
        self._under_way.pop(id, None)

    def close(self, id: str, state: JobState, status: int, cause: str) -> None:
        """Write what became of it."""
        record = self._records.pop(id, None)
        if record is not None:
            self._ledger.outcome(msgspec.structs.replace(record, state=state, status=status, cause=cause))

    def dry(self, id: str) -> Order:
        """The order of one that has ended already, since in a dry run nothing is called."""
        self.close(id, JobState.DONE, 0, "DRY_RUN")
        return Order(id, _done, _done)


def _done() -> None:
    """There is nothing to be done."""
