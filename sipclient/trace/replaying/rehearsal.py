"""The rules in a replay: asked as the robot asks them, with nobody to carry out what they say but the trace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from sipclient.config import Config
from sipclient.protocol.events import CallEnded, ExtensionChanged
from sipclient.rules import (
    Action,
    CallFinished,
    Job,
    Memory,
    PlaceCall,
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

NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)


class Rehearsal:
    """`tell(now, sentence)` hears each decision. `began` is the wall time at `now` = `zero`."""

    def __init__(self, config: Config | None, began: datetime, zero: float, tell: Callable[[float, str], None]) -> None:
        self.rules = RuleSet(config) if config is not None else None
        self.memory = Memory()
        self._began = began
        self._zero = zero
        self._tell = tell
        self._wanted: list[Job] = []  # calls the rules placed, which the trace has not shown yet
        self._placed: list[str] = []
        self._fired: dict[str, int] = {}

    @property
    def deadline(self) -> float | None:
        """When to tick."""
        return self.memory.deadline

    def tick(self, now: float) -> None:
        """The deadline passed."""
        self._decide(Tick(), now)

    def changed(self, change: ExtensionChanged, account: str, now: float) -> None:
        """An extension's state changed; `account` is how robot.toml calls the one that watches it."""
        self._decide(msgspec.structs.replace(change, account=account), now)

    def ended(self, job: Job, event: CallEnded, now: float) -> None:
        """A call that a rule placed ended."""
        self._decide(CallFinished(job=job, cause=event.cause, status=event.status, answered=event.answered), now)

    def job_for(self, user: str) -> Job | None:
        """The rules' call that an INVITE of the trace to this user stands for."""
        for job in self._wanted:
            if _user(job.to) == user:
                self._wanted.remove(job)
                self._placed.append(job.id)
                return job
        return None

    def _decide(self, event: Event, now: float) -> None:
        at = self._began + timedelta(seconds=now - self._zero)
        for action in self.judge(event, now, at):
            self._tell(now, said(action, now))

    def judge(self, event: Event, now: float, at: datetime) -> list[Action]:
        """Ask the rules, and count what they decide. There may be none."""
        actions = decide(self.rules, self.memory, event, now, at) if self.rules is not None else []
        for action in actions:
            self._note(action)
        return actions

    def adopt(self, config: Config | None) -> None:
        """Other rules from now on."""
        self.rules = RuleSet(config) if config is not None else None
        if self.rules is not None:
            self.memory.adopt(self.rules)

    def _note(self, action: Action) -> None:
        if isinstance(action, PlaceCall):
            self._wanted.append(action.job)
            self._fired[action.job.rule] = self._fired.get(action.job.rule, 0) + 1
        elif isinstance(action, RunHook):
            self._fired[action.rule] = self._fired.get(action.rule, 0) + 1

    def verdicts(self) -> tuple[str, ...]:
        """A sentence for each rule: how often it would have acted, and why not the last time."""
        if self.rules is None:
            return ()
        return tuple(self._verdict(name) for name in self.rules.rules)

    def calls_not_shown(self) -> tuple[str, ...]:
        """The calls that the rules would have placed and the trace does not have."""
        return tuple(f"to {job.to} by rule {job.rule} for {job.extension} is not in the trace" for job in self._wanted)

    def _verdict(self, name: str) -> str:
        count = self._fired.get(name, 0)
        text = f"{name}: would have acted {count} time{'' if count == 1 else 's'}"
        last = self.memory.last(name)
        if last is None:
            return f"{text}; no change of an extension it covers was seen"
        if last.fired:
            return text
        return f"{text}; not the last time, for {last.extension}: {last.condition}: {last.detail}"


def said(action: Action, now: float) -> str:
    """A decision as a sentence."""
    match action:
        case PlaceCall(job=job, because=because):
            return f"rule {job.rule} calls {job.to}: {because}"
        case RunHook():
            return f"rule {action.rule} runs {action.file}:{action.function}: {action.because}"
        case Suppressed():
            return f"rule {action.rule} does not act on {action.extension}: {action.condition}: {action.detail}"
        case Wait():
            return f"rule {action.rule} waits {action.until - now:g} s for {action.extension}: {action.condition}"
        case RequestWaits(request=request, renewed=renewed):
            return f"the request {request.id} for {request.extension} {'is renewed' if renewed else 'waits'}"
        case RequestExpired():
            return f"the request {action.request.id} for {action.request.extension} expires unheard"


def _user(target: str) -> str:
    scheme, colon, rest = target.partition(":")
    return (rest if colon and scheme.lower() in ("sip", "sips", "tel") else target).partition("@")[0]
