"""A bare capture replayed: its timestamps are the clock, and its peers the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from math import isfinite

from sipclient.config import Config
from sipclient.errors import TraceError
from sipclient.trace.record import Address, Record, Trace
from sipclient.trace.replaying.outcome import Line, Replay, Summary
from sipclient.trace.replaying.part import Part
from sipclient.trace.replaying.rehearsal import NO_DATE, Rehearsal
from sipclient.trace.replaying.sides import Seen, see, sides_of

ZERO = 1000.0  # the replay's clock at the first message: the engine takes 0 for "never"
LONGEST_GAP = 7200.0  # seconds: registrations and subscriptions have run out by then
TICKS, TICKS_EACH = 8_000, 20  # how often timers may ring, whatever the trace makes them do
_SAME = 1e-6  # seconds: a wait added up may miss a time by less
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 366 * 86400.0


def _retime(seen: list[Seen]) -> int:
    """Set the times to the replay's clock, silences cut where they are too long; how many were."""
    now, before, cut = ZERO, seen[0].at, 0
    for each in seen:
        gap = each.at - before if isfinite(each.at) and isfinite(before) else 0.0
        before = each.at
        cut += gap > LONGEST_GAP
        now += min(max(0.0, gap), LONGEST_GAP)
        each.at = now
    return cut


class Player:
    """One replay. `config` brings accounts and rules; without it both are inferred."""

    def __init__(self, trace: Trace, config: Config | None, us: str) -> None:
        self._trace = trace
        self._seen = see(trace.records)
        if not self._seen:
            raise TraceError("there is no message in the trace, so there is nothing to replay")
        self._sides = sides_of(self._seen, us)
        first = self._seen[0].at
        self._skipped = _retime(self._seen)
        self._ticks = TICKS + TICKS_EACH * len(self._seen)
        clock = self._seen[0].record.clock
        dated = clock == "wall" and 0 <= first < _LAST
        began = datetime.fromtimestamp(first, UTC) if dated else NO_DATE
        self._lines: list[Line] = []
        self._rehearsal = Rehearsal(config, began, ZERO, self._rule)
        self._config = config
        self._dated = dated
        self._clocked = all(each.record.clock for each in self._seen)
        self._received = 0
        self._parts = {address: self._part(address) for address in self._addresses()}

    def _addresses(self) -> list[Address]:
        there = [address for each in self._seen for address in (each.source, each.destination)]
        return [address for address in dict.fromkeys(there) if address in self._sides.ours]

    def _part(self, address: Address) -> Part:
        seen = [each for each in self._seen if address in (each.source, each.destination)]
        return Part(address, seen, self._config, self._rehearsal, self._lines.append, ZERO)

    def _rule(self, now: float, text: str) -> None:
        self._lines.append(Line(now - ZERO, "rule", text))

    def play(self) -> Replay:
        """From the first message to the last."""
        for seen in self._seen:
            self._tick_until(seen.at)
            receiver, sender = self._parts.get(seen.destination), self._parts.get(seen.source)
            if sender is not None:
                sender.expect(seen, seen.at)
            if receiver is not None and seen.destination != seen.source:
                self._received += 1
                receiver.receive(seen, seen.at)
        return Replay(tuple(self._in_order()), self._summary())

    def _tick_until(self, now: float) -> None:
        """Every deadline that comes before, in its order."""
        while True:
            due = min(
                ((each.deadline, place) for place, each in enumerate(self._clocks()) if each.deadline is not None),
                default=None,
            )
            if due is None or due[0] > now + _SAME:
                return
            if self._ticks <= 0:
                return
            self._ticks -= 1
            self._clocks()[due[1]].tick(due[0])

    def _clocks(self) -> list[Part | Rehearsal]:
        return [*self._parts.values(), self._rehearsal]

    def _in_order(self) -> list[Line]:
        missing = [
            Line(each.at - ZERO, "sent", each.text, str(each.destination), each.record.line, "only in the trace")
            for part in self._parts.values()
            for each in part.unsent()
        ]
        self._lines += missing
        return sorted(self._lines, key=lambda line: line.at)

    def _summary(self) -> Summary:
        sent = [line for line in self._lines if line.kind == "sent"]
        states = {name: state for part in self._parts.values() for name, state in part.states.items()}
        calls = [text for part in self._parts.values() for text in part.prompter.told()]
        return Summary(
            form=self._trace.format,
            we=tuple(f"{address}" for address in self._parts),
            inferred=tuple(self._inferred()),
            received=self._received,
            verdicts=dict(sorted(Counter(line.verdict for line in sent).items())),
            differences=dict(sorted(Counter(each.name for line in sent for each in line.differences).items())),
            states=dict(sorted(states.items())),
            calls=(*calls, *self._rehearsal.calls_not_shown()),
            rules=self._rehearsal.verdicts(),
            notes=self._trace.notes,
        )

    def _inferred(self) -> list[str]:
        told = [f"we are on that side because {self._sides.why}"] if self._parts else []
        for part in self._parts.values():
            told += [*part.casting.inferred, *part.prompter.inferred]
        if not self._clocked:
            told.append("the trace has no times: all of it happens at once")
        elif not self._dated and self._config is not None and any(rule.hours for rule in self._config.rules):
            told.append("the trace has no date: hours are judged as on the first of January 1970")
        if self._skipped:
            told.append(f"{self._skipped} silences of more than {LONGEST_GAP / 3600:g} hours are cut to that")
        if self._ticks <= 0:
            told.append("nobody answers us for so long that our timers are not played to the end")
        others = sum(each.source not in self._parts and each.destination not in self._parts for each in self._seen)
        if others:
            told.append(f"{others} messages between others are left out")
        return list(dict.fromkeys(told))


def replay(records: Trace | Iterable[Record], config: Config | None = None, *, us: str = "") -> Replay:
    """A trace through the same engine and the same rules as live traffic, under the trace's own clock.

    `us` (`host`, `host:port` or an address-of-record) says which side we are; without it that is found out. Without a
    configuration accounts, watched extensions and calls are inferred, and named so in what comes out. Raises
    TraceError where there is nothing to replay. The same records give the same bytes.
    """
    trace = records if isinstance(records, Trace) else Trace("records", tuple(records))
    return Player(trace, config, us).play()
