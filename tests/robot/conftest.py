"""A robot in virtual time: the real one, on an engine that answers by a script and a store that may be killed."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from sipclient.config import load
from sipclient.errors import StoreError
from sipclient.presence import State
from sipclient.protocol.events import (
    AccountRemoved,
    AddAccount,
    Answered,
    CallEnded,
    Calling,
    ExtensionChanged,
    Follow,
    Hangup,
    Invite,
    Redirect,
    Registered,
    Reject,
    RemoveAccount,
    Ringing,
    Unwatch,
    Watch,
)
from sipclient.protocol.events import Answer as AnswerCall
from sipclient.protocol.watch import Episode
from sipclient.robot import Robot, Told
from sipclient.store import UNFINISHED, Answer, CallbackRecord, CallbackState, ExtensionRecord, JobRecord, JobState

HEAD = """
[accounts.pbx]
address = "sip:robot@pbx.example.com"
media = "none"
[[watch]]
extensions = ["1001", "1002", "1003"]
"""
QUEUE = """
[[rules]]
name = "queue"
call = { to = "7000", caller_id = '"Ext {extension}" <{extension}>', headers = { X-Job = "{extension}/{episode}" } }
"""
DIAL = '[dial]\nallow = ["7???"]\n'
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Clock:
    """Virtual seconds; `advance` rings what is due on the way."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._serial = count()

    def time(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return MONDAY + timedelta(seconds=self.now - 1000.0)

    def call_at(self, when: float, callback: Callable[[], None], /) -> Alarm:
        alarm = Alarm(callback)
        heapq.heappush(self._alarms, (when, next(self._serial), alarm))
        return alarm

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await settle()
        while self._alarms and self._alarms[0][0] <= end:
            when, _, alarm = heapq.heappop(self._alarms)
            self.now = max(self.now, when)
            if alarm.callback is not None:
                alarm.callback()
                await settle()
        self.now = end


class Alarm:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(30):
        await asyncio.sleep(0)


class Killed(BaseException):
    """The process died here."""


class World:
    """What outlives a robot: time, the extensions, the disk, and what was seen on the wire.

    `kill_at` is the number of the step (a write, begun or done, or an INVITE) at which the process dies.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.states: dict[str, str] = {}
        self.jobs: dict[str, JobRecord] = {}
        self.extensions: dict[tuple[str, str], ExtensionRecord] = {}
        self.answers: dict[str, Answer] = {}
        self.callbacks: dict[str, CallbackRecord] = {}
        self.invites: list[Invite] = []
        self.commands: list[Any] = []
        self.told: list[Told] = []
        self.steps = 0
        self.kill_at = 0
        self.dead = False
        self.engine: Engine | None = None

    def step(self) -> None:
        """One more moment at which the process may die."""
        if self.dead:
            raise Killed
        self.steps += 1
        if self.steps == self.kill_at:
            self.dead = True
            raise Killed

    def hear(self, news: Told) -> None:
        if not self.dead:
            self.told.append(news)

    def of(self, kind: type) -> list[Any]:
        return [news for news in self.told if isinstance(news, kind)]

    def commanded(self, kind: type) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]

    def set(self, extension: str, state: str) -> None:
        """The extension changes, and whoever watches it hears so."""
        self.states[extension] = state
        if self.engine is not None and not self.dead:
            self.engine.notify(extension)

    async def go(self, extension: str, *states: str) -> None:
        for state in states:
            self.set(extension, state)
            await settle()


class Kept:
    """Answers, in the same memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._answers = store.world.answers

    async def keep(self, answer: Answer) -> bool:
        return bool(await self._store._write(lambda: self._answers.setdefault(answer.key, answer) is answer))

    async def answer(self, key: str) -> Answer | None:
        return self._answers.get(key)

    async def prune_answers(self, before: datetime) -> int:
        old = [key for key, answer in self._answers.items() if answer.at < before]
        for key in old:
            del self._answers[key]
        return len(old)


class Store:
    """A Store in memory, whose every write is a moment to die at: before it, or after it and before its answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.trouble = ""
        self.answers: Any = Kept(self)

    async def _write(self, work: Callable[[], Any]) -> Any:
        if self.trouble:
            raise StoreError(self.trouble)
        await self._maybe_die()
        result = work()
        await self._maybe_die()
        await asyncio.sleep(0)
        return result

    async def _maybe_die(self) -> None:
        try:
            self.world.step()
        except Killed:
            await asyncio.get_running_loop().create_future()  # a dead process waits for nothing and does nothing

    async def add_job(
        self, job: JobRecord, extensions: Iterable[ExtensionRecord] = (), callback: CallbackRecord | None = None
    ) -> bool:
        batch = list(extensions)

        def add() -> bool:
            self._save(batch)
            if callback is not None:
                self.world.callbacks[callback.id] = callback
            return self.world.jobs.setdefault(job.id, job) is job

        return bool(await self._write(add))

    async def update_job(self, job: JobRecord) -> bool:
        def update() -> bool:
            known = job.id in self.world.jobs
            if known:
                self.world.jobs[job.id] = job
            return known

        return bool(await self._write(update))

    async def job(self, id: str) -> JobRecord | None:
        return self.world.jobs.get(id)

    async def jobs(self, state: JobState | None = None, limit: int = 100) -> list[JobRecord]:
        found = [job for job in self.world.jobs.values() if state in (None, job.state)]
        return sorted(found, key=lambda job: job.created, reverse=True)[:limit]

    async def unfinished(self) -> list[JobRecord]:
        return [job for job in self.world.jobs.values() if job.state in UNFINISHED]

    async def save_extensions(self, batch: Iterable[ExtensionRecord]) -> None:
        records = list(batch)
        if records:
            await self._write(lambda: self._save(records))

    async def extensions(self, account: str) -> list[ExtensionRecord]:
        """As the real one: no episode below a job's."""
        found: dict[str, ExtensionRecord] = {}
        for (owner, extension), record in self.world.extensions.items():
            if owner == account:
                found[extension] = record
        for job in self.world.jobs.values():
            record = found.get(job.extension)
            if job.account == account and (record is None or job.episode > record.episode):
                found[job.extension] = ExtensionRecord(
                    account=account,
                    extension=job.extension,
                    state=record.state if record else "unknown",
                    changed=job.updated,
                    episode=job.episode,
                )
        return list(found.values())

    async def save_callback(self, callback: CallbackRecord) -> None:
        await self._write(lambda: self.world.callbacks.__setitem__(callback.id, callback))

    async def callback(self, id: str) -> CallbackRecord | None:
        return self.world.callbacks.get(id)

    async def callbacks(self, limit: int = 100) -> list[CallbackRecord]:
        return list(self.world.callbacks.values())[::-1][:limit]

    async def waiting_callbacks(self) -> list[CallbackRecord]:
        return [each for each in self.world.callbacks.values() if each.state is CallbackState.WAITING]

    async def prune(self, before: datetime) -> int:
        old = [id for id, job in self.world.jobs.items() if job.updated < before and job.state not in UNFINISHED]
        for id in old:
            del self.world.jobs[id]
        return len(old)

    def _save(self, records: list[ExtensionRecord]) -> None:
        for record in records:
            self.world.extensions[record.account, record.extension] = record


class Engine:
    """Registers at once, tells the world's states to whoever watches, and records calls.

    `outcomes` says what becomes of the next calls: a status each; 200 answers and lasts until the test ends it.
    """

    deadline: float | None = None

    def __init__(self, world: World) -> None:
        self.world = world
        self.deliver: Callable[[list[Any]], None] = lambda inputs: None
        self.outcomes: list[int] = []
        self.says: Any = None  # the response by which calls ring and are answered
        self.live: dict[int, bool] = {}  # whether it was answered
        self._watches: dict[int, tuple[Watch, Episode, State]] = {}

    def subscriptions(self) -> Iterable[tuple[str, str, str]]:
        return [
            (watch.account, package, "active") for watch, _, _ in self._watches.values() for package in watch.packages
        ]

    def states(self) -> Iterable[tuple[str, State]]:
        return [(watch.account, state) for watch, _, state in self._watches.values()]

    def receive(self, event: Any, now: float, /) -> list[Any]:
        return [event]

    def tick(self, now: float, /) -> list[Any]:
        return []

    def do(self, command: Any, now: float, /) -> list[Any]:
        if self.world.dead:
            return []
        self.world.commands.append(command)
        match command:
            case AddAccount(account=account):
                return [Registered(account.key, 300.0, "")]
            case RemoveAccount(account=account):
                for id, (watch, _, _) in list(self._watches.items()):
                    if watch.account == account:
                        del self._watches[id]
                ended = [self._end(id, "local") for id in list(self.live)]
                return [*ended, AccountRemoved(account)]
            case Watch():
                self._watches[command.id] = (command, Episode(command.episode, command.open), State.UNKNOWN)
                asyncio.get_running_loop().call_soon(self.notify, command.extension)
            case Unwatch():
                del self._watches[command.id]
            case Invite():
                return self._invite(command)
            case Hangup() if command.id in self.live:
                return [self._end(command.id, "local")]
            case AnswerCall():
                self.live[command.id] = True
                return [Answered(command.id)]
            case Follow():
                return [Answered(command.id)]
            case Reject():
                return [CallEnded(command.id, command.status, "CALL_REJECTED", 21, "", "local", False)]
            case Redirect():
                return [CallEnded(command.id, 302, "NORMAL_UNSPECIFIED", 31, "", "local", False)]
        return []

    def notify(self, extension: str) -> None:
        for id, (watch, episode, before) in list(self._watches.items()):
            after = State(self.world.states.get(extension, "ready"))
            if watch.extension != extension or after is before:
                continue
            self._watches[id] = (watch, episode, after)
            opened, closed, gap = episode.follow(after)
            number = episode.number if episode.open or closed else 0
            self.emit(ExtensionChanged(id, watch.account, extension, before, after, number, opened, closed, gap))

    def emit(self, event: Any) -> None:
        if not self.world.dead:
            self.deliver([event])

    def end(self, id: int | None = None, status: int = 200) -> None:
        """The far end hangs up one call, or the oldest."""
        self.emit(self._end(next(iter(self.live)) if id is None else id, "remote"))

    def _invite(self, invite: Invite) -> list[Any]:
        try:
            self.world.step()
        except Killed:
            return []  # it died just before
        self.world.invites.append(invite)
        status = self.outcomes.pop(0) if self.outcomes else 200
        calling = Calling(invite.id, f"call-{len(self.world.invites)}")
        if status == 200:
            self.live[invite.id] = True
            rings = [Ringing(invite.id, 180, "Ringing", response=self.says)] if self.says is not None else []
            events: list[Any] = [calling, *rings, Answered(invite.id, self.says)]
        else:
            cause = {486: "USER_BUSY", 503: "NORMAL_TEMPORARY_FAILURE"}.get(status, "NORMAL_UNSPECIFIED")
            events = [calling, CallEnded(invite.id, status, cause, 0, "", "remote", False)]
        try:
            self.world.step()
        except Killed:
            return []  # or just after
        return events

    def _end(self, id: int, by: str) -> CallEnded:
        answered = self.live.pop(id)
        return CallEnded(id, 200, "NORMAL_CLEARING", 16, "", by, answered)


class Wires:
    def __init__(self) -> None:
        self.closed = False

    def perform(self, effect: Any, /) -> None: ...

    async def listen(
        self, transport: str, host: str, port: int, *, tls: Any = None, origins: Any = ()
    ) -> tuple[str, int]:
        return host, port

    async def close(self) -> None:
        self.closed = True


class Stage:
    """Starts robots in one world, one after another, and lets them die or end."""

    HEAD = HEAD

    def __init__(self) -> None:
        self.world = World()
        self.store = Store(self.world)
        self.robot: Robot | None = None

    async def start(self, rules: str = QUEUE, *, head: str = HEAD, dial: str = DIAL, **more: Any) -> Robot:
        """One more robot, with what the store has."""
        world = self.world
        engine = world.engine = Engine(world)

        def network(deliver: Any, accounts: Any, tell: Any) -> Wires:
            engine.deliver = deliver
            return Wires()

        self.robot = Robot(
            load(head + rules + dial),
            store=self.store,
            tell=world.hear,
            clock=world.clock,
            wall=world.clock.wall,
            engine=lambda: engine,
            network=network,
            **more,
        )
        await self.robot.__aenter__()
        await settle()
        return self.robot

    async def stop(self) -> None:
        robot, self.robot, self.world.kill_at = self.robot, None, 0
        if robot is not None:
            await robot.aclose()
        if self.world.engine is not None:
            self.world.engine = None

    async def die(self) -> None:
        """kill -9: whatever the robot was doing ends here, and nobody cleans up."""
        self.world.dead = True
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        for task in others:
            task.cancel()
        for task in others:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=1)
        self.world.clock._alarms.clear()
        self.world.engine = self.robot = None
        self.world.dead = False
        self.world.kill_at = 0


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    if stage.robot is not None:
        assert stage.robot.client.failures == 0
        await stage.stop()


def headers_of(invite: Invite) -> dict[str, str]:
    return dict(invite.headers)


def replaced(record: JobRecord, **changes: Any) -> JobRecord:
    return msgspec.structs.replace(record, **changes)
