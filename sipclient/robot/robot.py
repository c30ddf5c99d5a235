"""The standalone client: watches, decides, writes down, calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from sipclient.config import Config
from sipclient.errors import SipError
from sipclient.face.clock import SystemClock
from sipclient.face.shell import Clock
from sipclient.face.tasks import Tasks
from sipclient.protocol.account import Account
from sipclient.protocol.events import CallEnded, Event, ExtensionChanged
from sipclient.robot import told
from sipclient.robot.accounts import accounts_of
from sipclient.robot.alarm import Alarm
from sipclient.robot.browsers import open_to_browsers
from sipclient.robot.callbacks import Callbacks
from sipclient.robot.desk import Desk
from sipclient.robot.guarded import CALL_EVENTS, GuardedClient
from sipclient.robot.hook_runs import HookRuns
from sipclient.robot.hooks import NO_HOOKS, Hooks
from sipclient.robot.inbound import Inbound
from sipclient.robot.jobs import Jobs
from sipclient.robot.judge import Doing, Judge
from sipclient.robot.ledger import Ledger
from sipclient.robot.mirror import Mirror
from sipclient.robot.observer import Observer, Scene, telling
from sipclient.robot.recordings import Recordings
from sipclient.robot.recovery import FRESH, Recovery
from sipclient.robot.tape import Tape
from sipclient.robot.told import Told
from sipclient.robot.translate import told_of
from sipclient.robot.turns import Turns
from sipclient.robot.views import Views
from sipclient.robot.watched import Watched
from sipclient.rules import RuleSet
from sipclient.store import Store

STOP = 4.0  # seconds that leaving the PBXs may take
FINISH = 600.0  # seconds that the calls of an account which a reload changes get to end by themselves
# What a reload cannot change, and its name in the file.
BOUND = {"listen": "[listen]", "hep": "[hep]", "otel": "[otel]", "recordings": "recordings", "web": "[web]"}


T = TypeVar("T")


def both(first: Callable[[T], None], second: Callable[[T], None] | None) -> Callable[[T], None]:
    """Call one, then the other."""
    if second is None:
        return first
    then = second

    def call(value: T) -> None:
        first(value)
        then(value)

    return call


def utc_now() -> datetime:
    """Now, by the wall clock."""
    return datetime.now(UTC)


class Robot:
    """A checked robot.toml at work. `async with` begins; leaving hangs up, un-subscribes and un-registers.

    `tell` hears everything worth a line; `observers` hear that and every event of the engine. `folder` is where
    relative paths in the file begin. `client_options` go to the Client; `tape` writes down what the engine and the
    rules are given, `mirror` copies every message. Entering raises StoreError where the store cannot be read; no PBX is
    waited for.
    """

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        tell: Callable[[Told], None],
        hooks: Hooks = NO_HOOKS,
        folder: str = "",
        clock: Clock | None = None,
        wall: Callable[[], datetime] = utc_now,
        tape: Tape | None = None,
        observers: Iterable[Observer] = (),
        mirror: Mirror | None = None,
        **client_options: Any,
    ) -> None:
        self._config = config
        self._store = self.store = store
        self._observers = tuple(observers)
        tell = telling(tell, self._observers)
        self._folder = folder
        self._wall = wall
        clock = clock or SystemClock(asyncio.get_running_loop())
        self._clock = clock
        self.views = Views(config, clock, wall) if config.web is not None else None
        if self.views is not None:
            tell = both(self.views.hear, tell)
            client_options |= {
                "on_send": both(self.views.ladders.sent, client_options.get("on_send")),
                "on_receive": both(self.views.ladders.received, client_options.get("on_receive")),
            }
        self._tell = self.tell = tell
        self._mirror = mirror
        if mirror is not None:
            client_options |= {
                "on_send": both(mirror.sent, client_options.get("on_send")),
                "on_receive": both(mirror.received, client_options.get("on_receive")),
            }
        self._tape = tape
        if tape is not None:
            client_options = {"engine": tape.engine, **client_options}
        self._accounts = accounts_of(config, folder)
        self._ledger = Ledger(store, clock, wall, lambda text: tell(told.Notice("error", text)))
        self._turns = Turns(config.dial, clock)
        self.client = GuardedClient(
            *self._accounts.values(),
            permits=self._permits,
            turns=self._turns,
            tell=tell,
            wait=False,
            stop_timeout=STOP,
            on_event=self._hear,
            follow=partial(self._permits, ""),
            clock=clock,
            **client_options,
        )
        self.jobs = Jobs(
            self._ledger,
            self._turns,
            self.client,
            wall,
            tell,
            lambda event: self.judge.finished(event),
            self._settled,
        )
        self._hook_runs = HookRuns(self._ledger, self.client, wall, tell)
        self._hook_runs.hooks = hooks
        self.callbacks = Callbacks(lambda: self.judge, self._ledger, store, wall, tell)
        doing = Doing(self.jobs.place, self._hook_runs.run, self.jobs.give_up, self._ledger.state, self.callbacks)
        self.judge = Judge(RuleSet(config), doing, clock, wall, tell, tape)
        self._watched = Watched(self.client.do, self.client.next_id)
        self._recovery = Recovery(self._ledger, wall, tell)
        self._recovery_ends = Alarm(clock, self._recovery.overdue)
        self._reloading = asyncio.Lock()
        self._changing: frozenset[str] = frozenset()  # accounts that are being replaced now
        self._spared: frozenset[str] = frozenset()  # and those that will be, when their calls have ended
        self._overdue = Alarm(clock, lambda: self._tasks.spawn(self._adopt(spare=False)))
        self._tasks = Tasks()
        self._stopping = False
        self.recordings: Recordings | None = None
        if config.recordings:
            self.recordings = Recordings(os.path.join(folder, config.recordings), tell, wall)
        self._inbound = Inbound(self.client, self.callbacks, self._hook_runs, wall, tell, folder, self.recordings)
        self.desk: Desk | None = None
        if self.views is not None:
            self.views.follow(self.client, self.client.calls_of, self.judge, self._turns)
            self.desk = Desk(
                lambda: self._config,
                self.client,
                self._ledger,
                self._turns,
                self.views,
                lambda: self.recordings,
                store,
                folder,
            )

    # --- coming and going ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._tape is not None:
            self._tape.begin(self._clock.time(), self._wall())
        for observer in self._observers:
            observer.begin(Scene(self.client, self._turns, self.judge, self._clock, self._mirror))
        try:
            for name in self._accounts:
                await self._remember(name)
            made = await self._recovery.begin(self._store)
            self.judge.memory.remember(made)
            if self._tape is not None:
                self._tape.remembered(made)
            await self.callbacks.restore(self._clock.time())
            if self._recovery.waiting:
                self._recovery_ends.set(self._clock.time() + FRESH)
            self._inbound.adopt(self._config)
            await self.client.__aenter__()
            if self._config.listen is not None:
                self._tell(told.Listening(*await open_to_browsers(self.client, self._config.listen, self._folder)))
        except BaseException:
            await self.aclose()
            raise
        if self.views is not None:
            self.views.begin()
        _, _, problems = self._watched.adopt(self._config, self._accounts, self._accounts)
        self._tell(told.Started(len(self._accounts), len(self._watched), len(self.judge.rules.rules)))
        self._complain(problems)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Place nothing more, hang up, un-subscribe, un-register, and write down what became of it all."""
        if self._stopping:
            return
        self._stopping = self.jobs.stopping = True
        self.judge.close()
        self._turns.close()
        self._recovery_ends.set(None)
        self._overdue.set(None)
        await self._tasks.close(0.0)
        for observer in self._observers:
            observer.end()
        try:
            await self._inbound.close()
            await self.client.aclose()
            await self._hook_runs.close()
            if self.desk is not None:
                await self.desk.aclose()
            if self.recordings is not None:
                await self.recordings.aclose()
        finally:
            await self.jobs.tasks.close(0.0)
            await self._ledger.close()
            if self.views is not None:
                self.views.close()

    def unfinished(self) -> str:
        """What would be left behind if the process ended now; empty for nothing. Any thread may ask."""
        calls = len(self.client.calls)
        registered = [name for name in tuple(self._accounts) if self.client.is_registered(name)]
        left = [f"calls not hung up: {calls}"] if calls else []
        left += [f"not un-registered: {', '.join(registered)}"] if registered else []
        return "; ".join(left)

    async def reload(self, config: Config, hooks: Hooks) -> None:
        """Another configuration from now on. Accounts and watches that are the same in both are not touched.

        An account that is another one, or gone, and has calls stays as it was until the last of them has ended, for
        at most FINISH seconds.
        """
        changed = {key: old for key in BOUND if (old := getattr(self._config, key)) != getattr(config, key)}
        self._complain([f"{BOUND[key]} has changed: that needs a restart" for key in changed])
        config = msgspec.structs.replace(config, **changed)
        self._config, self._hook_runs.hooks = config, hooks
        self._overdue.set(None)
        await self._adopt(spare=True)
        if self._spared:
            self._overdue.set(self._clock.time() + FINISH)

    async def _adopt(self, spare: bool) -> None:
        async with self._reloading:
            config, before, after = self._config, self._accounts, accounts_of(self._config, self._folder)
            changed = [name for name, account in before.items() if after.get(name) != account]
            busy = {name: calls for name in changed if spare and (calls := self.client.calls_of(name))}
            self._spared = frozenset(busy)
            gone = [name for name in changed if name not in busy]
            new = [name for name in after if name not in before or name in gone]
            self._changing = frozenset(gone)
            try:
                await asyncio.gather(*map(self.client.remove, gone))
                for name in gone:
                    del before[name]
                problems = [problem for name in new if (problem := await self._add(after[name]))]
                self.client.arrange(after)
            finally:
                self._changing = frozenset()
            self._turns.adjust(config.dial)
            if self._tape is not None:
                self._tape.adopted()
            for request in self.judge.adopt(RuleSet(config)):
                self.callbacks.dropped(request.id)
            self._inbound.adopt(config)
            if self.views is not None:
                self.views.adopt(config)
            kept = [name for name in before if name not in new]
            more, fewer, unwatched = self._watched.adopt(config, kept, before)
            self._tell(told.Reloaded(tuple(new), tuple(gone), more, fewer, len(self.judge.rules.rules)))
            for name, calls in busy.items():
                self._tell(told.Notice("info", f"account {name} stays as it was until its calls have ended ({calls})"))
            self._complain(problems + unwatched)

    def _adopt_when_idle(self) -> None:
        """The last call of an account that was changed may have ended."""
        if any(not self.client.calls_of(name) for name in self._spared):
            self._spared = frozenset()
            self._tasks.spawn(self._adopt(spare=True))

    async def _settled(self, account: str) -> None:
        """Wait while an account is being replaced: what it is to call meanwhile is called after."""
        if account in self._changing:
            async with self._reloading:
                pass

    async def _add(self, account: Account) -> str:
        """Empty, or why the account cannot be used."""
        await self._remember(account.key)
        try:
            self.client.add(account)
        except SipError as error:
            return f"account {account.key} cannot be used: {error}"
        self._accounts[account.key] = account
        return ""

    def _complain(self, problems: list[str]) -> None:
        for problem in problems:
            self._tell(told.Notice("error", problem))

    async def _remember(self, account: str) -> None:
        records = await self._store.extensions(account)
        self._watched.remember(records)
        for record in records:
            self.judge.memory.observe(record.account, record.extension, record.state)
            if self._tape is not None:
                self._tape.observed(record.account, record.extension, record.state)

    # --- what the engine says -----------------------------------------------------------------------

    def _hear(self, event: Event) -> None:
        if self.views is not None:
            self.views.heard(event)
        for observer in self._observers:
            observer.heard(event)
        if isinstance(event, ExtensionChanged):
            self._changed(event)
        elif isinstance(event, CALL_EVENTS):
            self.client.hear(event)
            self.jobs.hear(event)
            if self._spared and isinstance(event, CallEnded):
                self._adopt_when_idle()
        elif not self._stopping and (news := told_of(event, self._wall)) is not None:
            self._tell(news)

    def _changed(self, change: ExtensionChanged) -> None:
        if self._stopping:
            return
        self._tell(
            told.StateChanged(
                change.account,
                change.extension,
                str(change.before),
                str(change.after),
                change.episode,
                change.opened,
                change.closed,
                change.gap,
                change.note,
            )
        )
        self.judge.changed(change, self._watched.heard(change, self._wall()))
        if self._recovery.waiting:
            for record, job in self._recovery.heard(change):
                self.jobs.adopt(record)
                self.judge.resume(job)

    def _permits(self, account: str, target: str) -> bool:
        """Whether `[dial]` names a target for this account, or for any where none is named.

        A redirected call, too, goes nowhere that it could not be dialled (RFC 3261 §8.1.3.4). An account that a
        hook brought along may call nobody: what the numbers of the list are there, nobody said.
        """
        if not account:
            return any(self.judge.rules.allows(each, target) for each in self._accounts)
        ours = self._accounts.get(account)
        return ours is not None and ours in self.client.accounts and self.judge.rules.allows(account, target)
