"""The journal of a run replayed: the same inputs at the same times with the same draws must give the same bytes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

import msgspec

from sipclient.config import Config, load
from sipclient.errors import InvalidValue, SipError, TraceError
from sipclient.message import MalformedMessage, parse
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import (
    CallEnded,
    Command,
    Effect,
    Event,
    ExtensionChanged,
    Invite,
    Packet,
    Send,
)
from sipclient.trace.record import Address
from sipclient.trace.replaying.compare import judge, masked
from sipclient.trace.replaying.journal import Decision, Entry
from sipclient.trace.replaying.journal import masked as hidden
from sipclient.trace.replaying.outcome import Line, Replay, Summary
from sipclient.trace.replaying.rehearsal import NO_DATE, Rehearsal, said
from sipclient.trace.replaying.words import words_of

_INPUTS = ("receive", "do", "tick")


class Dictated:
    """The run's own draws, role by role; where they are used up, others that are the same each time."""

    def __init__(self) -> None:
        self._drawn: dict[str, deque[str | float]] = {}
        self._more = 0

    def note(self, role: str, value: str | float) -> None:
        """The run drew this."""
        self._drawn.setdefault(role, deque()).append(value)

    def token(self, role: str) -> str:
        """The next one of that role."""
        waiting = self._drawn.get(role)
        if waiting:
            return str(waiting.popleft())
        self._more += 1
        return f"{self._more:032x}"

    def spread(self, role: str, low: float, high: float) -> float:
        """The next wait of that role."""
        waiting = self._drawn.get(role)
        return float(waiting.popleft()) if waiting else low


class Again:
    """One run again. `config` has other rules than the run's; without it the run's own hold."""

    def __init__(self, entries: Iterable[Entry], config: Config | None, form: str) -> None:
        self._entries = list(entries)
        if not self._entries or self._entries[0].what != "begin":
            raise TraceError(f"{form} has no beginning: it is no journal of a run, or its first lines are gone")
        head = self._entries[0].value
        self._form = form
        self._zero = head.now
        self._given = config
        self._config = config or _config(head.config)
        self._draws = Dictated()
        self._agent = UserAgent(self._draws, user_agent=head.product)
        self._rehearsal = Rehearsal(self._config, NO_DATE, self._zero, self._rule)
        self._lines: list[Line] = []
        self._states: dict[str, str] = {}
        self._calls: dict[int, str] = {}
        self._ends: dict[int, str] = {}
        self._received = 0
        self._we: dict[str, None] = {}
        self._inferred: list[str] = []
        self._now = self._zero

    def play(self) -> Replay:
        """From the first input to the last."""
        entries = self._entries
        place = 1
        while place < len(entries):
            entry = entries[place]
            place += 1
            following = place
            while following < len(entries) and entries[following].what in ("draw", "send"):
                following += 1
            self._step(entry, entries[place:following], place)
            place = following
        return Replay(tuple(self._lines), self._summary())

    def _step(self, entry: Entry, came: list[Entry], number: int) -> None:
        what, value = entry.what, entry.value
        if what in _INPUTS:
            for each in came:
                if each.what == "draw":
                    self._draws.note(*each.value)
            self._now = entry.at
            effects = self._run(what, value, number)
            self._compare(effects, [each.value for each in came if each.what == "send"], number)
        elif what == "decide":
            self._decide(entry)
        elif what == "remember":
            self._rehearsal.memory.remember(value)
        elif what == "observe":
            self._rehearsal.memory.observe(*value)
        elif what == "resume":
            self._rehearsal.memory.resume(value, entry.at)
        elif what == "camps":
            self._rehearsal.memory.restore(value, entry.at)
        elif what == "rules" and self._given is None:
            self._rehearsal.adopt(_config(value))

    # --- the engine ---------------------------------------------------------------------------------

    def _run(self, what: str, value: object, number: int) -> list[Effect]:
        now = self._now
        if what == "tick":
            return self._agent.tick(now)
        if what == "receive":
            if isinstance(value, Packet) and value.data.strip():
                self._received += 1
                text = value.data.split(b"\r\n", 1)[0].decode("utf-8", "backslashreplace")
                peer = str(Address(value.flow.remote_host, value.flow.remote_port))
                self._we.setdefault(str(Address(value.flow.local_host, value.flow.local_port)))
                self._lines.append(Line(now - self._zero, "received", text, peer, number))
            return self._agent.receive(value, now)  # type: ignore[arg-type]  # what `receive` has is an Input
        return self._do(value, now)  # type: ignore[arg-type]  # and what `do` has a Command

    def _do(self, command: Command, now: float) -> list[Effect]:
        if isinstance(command, Invite):
            self._calls[command.id] = command.to
        try:
            return self._agent.do(command, now)
        except InvalidValue as error:
            self._lines.append(Line(now - self._zero, "state", f"this is not sent: {error}"))
            return []

    def _compare(self, effects: list[Effect], sent: list[Send], number: int) -> None:
        waiting = deque(sent)
        for effect in effects:
            if isinstance(effect, Send):
                self._sent(effect, waiting.popleft() if waiting else None, number)
            else:
                self._hear(effect)  # type: ignore[arg-type]  # or work for the shell, which is no news
        for missing in waiting:
            self._line(missing, number, "only in the trace")

    def _sent(self, ours: Send, theirs: Send | None, number: int) -> None:
        if theirs is None:
            self._line(ours, number, "only ours")
            return
        mine, other = masked(hidden(ours.data)), masked(theirs.data)
        if not mine.strip() or not other.strip():
            if mine != other:
                self._line(ours, number, "differs")
            return
        try:
            verdict, found = judge(parse(other), other, parse(mine), mine)
        except MalformedMessage:
            verdict, found = "differs", ()
        if verdict == "identical" and ours.flow != theirs.flow:
            verdict = "differs"
        line = Line(self._now - self._zero, "sent", _text(ours), _peer(ours), number, verdict, found)
        self._lines.append(line)

    def _line(self, send: Send, number: int, verdict: str) -> None:
        line = Line(self._now - self._zero, "sent", _text(send), _peer(send), number, verdict)  # type: ignore[arg-type]
        self._lines.append(line)

    def _hear(self, event: Event) -> None:
        if text := words_of(event):
            self._lines.append(Line(self._now - self._zero, "state", text))
        if isinstance(event, ExtensionChanged):
            self._states[event.extension] = str(event.after)
        elif isinstance(event, CallEnded):
            self._ends[event.id] = f"{event.cause}{', answered' if event.answered else ''}"

    # --- the rules ----------------------------------------------------------------------------------

    def _decide(self, entry: Entry) -> None:
        decision: Decision = entry.value
        self._now = entry.at
        told = [said(action, entry.at) for action in self._rehearsal.judge(decision.event, entry.at, decision.wall)]
        for text in told:
            self._rule(entry.at, text)
        if self._given is None and told != decision.said:
            self._rule(entry.at, f"but in the run it was: {'; '.join(decision.said) or 'nothing'}")
            self._inferred.append("the rules decide otherwise than in the run")

    def _rule(self, now: float, text: str) -> None:
        self._lines.append(Line(now - self._zero, "rule", text))

    def _summary(self) -> Summary:
        sent = [line for line in self._lines if line.kind == "sent"]
        calls = [f"to {to}: {self._ends.get(id, 'under way at the end')}" for id, to in self._calls.items()]
        return Summary(
            form=self._form,
            we=tuple(self._we),
            inferred=tuple(dict.fromkeys(self._inferred)),
            received=self._received,
            verdicts=dict(sorted(Counter(line.verdict for line in sent).items())),
            differences=dict(sorted(Counter(each.name for line in sent for each in line.differences).items())),
            states=dict(sorted(self._states.items())),
            calls=tuple(calls),
            rules=self._rehearsal.verdicts(),
        )


def _config(text: str) -> Config | None:
    try:
        return load(text, secrets=False) if text else None
    except SipError as error:
        raise TraceError(f"the robot.toml in the journal cannot be used here: {error}") from None


def _text(send: Send) -> str:
    return send.data.split(b"\r\n", 1)[0].decode("utf-8", "backslashreplace")


def _peer(send: Send) -> str:
    return str(Address(send.flow.remote_host, send.flow.remote_port))


def replay_run(entries: Iterable[Entry], config: Config | None = None, *, form: str = "the journal of a run") -> Replay:
    """The journal of a run again; with another configuration, by its rules. Raises TraceError."""
    try:
        return Again(entries, config, form).play()
    except (msgspec.ValidationError, TypeError, ValueError, LookupError) as error:
        raise TraceError(f"{form} is damaged: {error}") from None
