"""The rules at work: each change is decided at once, and what is decided is handed on to be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from sipclient.face.shell import Clock
from sipclient.protocol.events import ExtensionChanged
from sipclient.robot import told
from sipclient.robot.alarm import Alarm
from sipclient.robot.tape import Tape
from sipclient.robot.told import Told
from sipclient.rules import (
    Action,
    CallFinished,
    Job,
    Memory,
    PlaceCall,
    Requested,
    RequestExpired,
    RequestWaits,
    RuleSet,
    RunHook,
    Suppressed,
    Tick,
    Wait,
    decide,
)
from sipclient.rules.values import Event
from sipclient.store import CallbackRecord, ExtensionRecord

Extension = tuple[str, str]  # account, extension


class Camps(Protocol):
    """Who camps on an extension, and what became of it."""

    def waits(self, request: Requested, renewed: bool) -> None:
        """A request was taken."""

    def served(self, id: str, job: str) -> CallbackRecord | None:
        """Its rule acts: what must be on the disk no sooner than the deed."""

    def expired(self, id: str) -> None:
        """It ended unheard."""


class Doing(msgspec.Struct, frozen=True):
    """Who does what was decided. Each takes the state that must be on the disk no sooner than the deed."""

    place: Callable[[Job, ExtensionRecord | None, CallbackRecord | None], None]
    run: Callable[[RunHook, ExtensionRecord | None, CallbackRecord | None], None]
    give_up: Callable[[str, str], None]
    write_state: Callable[[ExtensionRecord], None]
    camps: Camps


class Judge:
    """The rules, their memory and their alarm.

    The order of writing is its affair: the state that closes an episode is written with the job it makes, or
    after the settle time has passed. So a crash in between leaves the episode open in the store, and the next
    start finds an edge that was missed, rather than nothing.
    """

    def __init__(
        self,
        rules: RuleSet,
        doing: Doing,
        clock: Clock,
        wall: Callable[[], datetime],
        tell: Callable[[Told], None],
        tape: Tape | None = None,
    ) -> None:
        self.rules = rules
        self._tape = tape
        self.memory = Memory()
        self._doing = doing
        self._clock = clock
        self._wall = wall
        self._tell = tell
        self._alarm = Alarm(clock, self._tick)
        self._held: dict[Extension, ExtensionRecord] = {}  # states that wait for the settle time
        self._retrying: set[str] = set()

    def changed(self, change: ExtensionChanged, state: ExtensionRecord | None) -> None:
        """Decide what a change means. `state` is what is to be remembered of it."""
        key = change.account, change.extension
        if state is not None:
            self._held[key] = state
        self.decide(change)
        self._release(key)

    def finished(self, event: CallFinished) -> bool:
        """A call ended: whether the rules want another attempt."""
        self.decide(event)
        again = event.job.id in self.memory.retries
        if again:
            self._retrying.add(event.job.id)
        return again

    def resume(self, job: Job) -> None:
        """A job of an earlier run, to be placed now if it is still true."""
        self._retrying.add(job.id)
        now = self._clock.time()
        if self._tape is not None:
            self._tape.resumed(job, now)
        self.memory.resume(job, now)
        self.decide(Tick())

    def restore(self, request: Requested, due: float) -> bool:
        """Somebody camped on an extension in an earlier run, and does until `due`. False where nobody can any more."""
        covered = self.rules.about(request.account, request.extension) is not None
        if not covered or not self.memory.restore(request, due):
            return False
        if self._tape is not None:
            self._tape.camps(request, due)
        self._alarm.set(self.memory.deadline)
        return True

    def adopt(self, rules: RuleSet) -> list[Requested]:
        """New rules. What they no longer cover is forgotten; gives the requests that nobody can serve any more."""
        self.rules = rules
        dropped = self.memory.adopt(rules)
        self._settle_retries([], "its rule is gone")
        for key in list(self._held):
            self._release(key)
        self._alarm.set(self.memory.deadline)
        return dropped

    def close(self) -> None:
        """Decide nothing more. States that wait for a settle time are left as the store has them."""
        self._alarm.set(None)
        self._held.clear()

    def decide(self, event: Event) -> list[Action]:
        """Ask the rules, and have done what they say."""
        now = self._clock.time()
        at = self._wall().astimezone()
        actions = decide(self.rules, self.memory, event, now, at)
        if self._tape is not None:
            self._tape.decided(event, actions, now, at)
        for action in actions:
            self._act(action, now)
        if self._retrying:
            self._settle_retries(actions, "what it would say is no longer true")
        self._alarm.set(self.memory.deadline)
        return actions

    def _tick(self) -> None:
        self.decide(Tick())

    def _act(self, action: Action, now: float) -> None:
        match action:
            case PlaceCall(job=job, because=because):
                self._tell(told.RuleFired(job.rule, job.watched, job.extension, job.episode, job.id, because))
                served = self._doing.camps.served(job.request, job.id) if job.request and job.attempt == 1 else None
                self._doing.place(job, self._state_with((job.watched, job.extension)), served)
            case RunHook(change=change):
                key = change.account, change.extension
                self._tell(told.RuleFired(action.rule, *key, change.episode, action.id, action.because))
                asked = action.request
                served = self._doing.camps.served(asked.id, action.id) if asked is not None else None
                self._doing.run(action, self._state_with(key), served)
            case RequestWaits(request=request, renewed=renewed):
                self._doing.camps.waits(request, renewed)
            case RequestExpired(request=request):
                self._doing.camps.expired(request.id)
            case Suppressed(condition="request"):
                pass  # whoever asked is told
            case Suppressed():
                self._tell(told.RuleSuppressed(*msgspec.structs.astuple(action)))
                self._release((action.account, action.extension))
            case Wait():
                key = action.account, action.extension
                wait = action.until - now
                self._tell(told.RuleWaits(action.rule, *key, action.episode, action.condition, wait))

    def _settling(self, key: Extension) -> bool:
        covered = self.rules.about(*key) if self.memory.settling else None
        return covered is not None and any((str(r.name), *key) in self.memory.settling for r in covered.rules)

    def _state_with(self, key: Extension) -> ExtensionRecord | None:
        """The state to write together with a job; None while another rule still waits for it to settle."""
        return None if self._settling(key) else self._held.pop(key, None)

    def _release(self, key: Extension) -> None:
        """Nothing waits for the state any more: it may be written."""
        if key in self._held and not self._settling(key):
            self._doing.write_state(self._held.pop(key))

    def _settle_retries(self, actions: list[Action], reason: str) -> None:
        """Those for which the wait is over: placed again, or given up."""
        placed = {action.job.id for action in actions if isinstance(action, PlaceCall)}
        for id in [id for id in self._retrying if id not in self.memory.retries]:
            self._retrying.discard(id)
            if id not in placed:
                self._doing.give_up(id, reason)
