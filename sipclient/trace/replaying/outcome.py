"""What comes of a replay, as plain values: lines in the order of their time, and a summary."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["received", "sent", "state", "rule"]
Verdict = Literal["identical", "same", "differs", "only ours", "only in the trace"]


class Difference(msgspec.Struct, frozen=True):
    """One way in which what we do is not what the trace has. Empty text: there is nothing of the kind there."""

    kind: Literal["message", "header", "body", "timing"]
    name: str  # the header's; `start-line`, `body`, `seconds`
    trace: str
    ours: str

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.trace)} in the trace, {_shown(self.ours)} of ours"


class Line(msgspec.Struct, frozen=True):
    """One line of the transcript.

    `at` is in seconds since the first message of the trace. For a message `text` is its start line and `peer` where
    it came from or goes to; else it is a sentence.
    """

    at: float
    kind: Kind
    text: str
    peer: str = ""
    record: int = 0  # the line or packet of the trace that has the message; 0: it is in none
    verdict: Verdict | Literal[""] = ""
    differences: tuple[Difference, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is empty is left out."""
        whole: dict[str, Any] = {"at": round(self.at, 6), **msgspec.to_builtins(self)}
        whole["at"] = round(self.at, 6)
        return {key: value for key, value in whole.items() if value or key == "at"}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What it comes to. `rules` has a sentence for each rule: what it would have done, and why not."""

    form: str
    we: tuple[str, ...]
    inferred: tuple[str, ...]
    received: int
    verdicts: dict[str, int]
    differences: dict[str, int]  # how often which header, body or time differs
    states: dict[str, str]
    calls: tuple[str, ...]
    rules: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what is to be known of the trace: that it was cut, or that more is in it


class Replay(msgspec.Struct, frozen=True):
    """A replay from beginning to end. `str()` of it is the transcript."""

    lines: tuple[Line, ...]
    summary: Summary

    @property
    def equal(self) -> bool:
        """Whether we did what the trace has, message for message."""
        odd = ("differs", "only ours", "only in the trace")
        return not any(self.summary.verdicts.get(verdict) for verdict in odd)

    def objects(self) -> list[dict[str, Any]]:
        """What `replay --json` prints, an object a line; the last is the summary."""
        return [line.as_dict() for line in self.lines] + [{"kind": "summary", **msgspec.to_builtins(self.summary)}]

    def __str__(self) -> str:
        return "\n".join(transcript(self)) + "\n"


_SIGN = {"received": "<", "sent": ">", "state": "=", "rule": "="}


def transcript(replay: Replay) -> list[str]:
    """The lines of the transcript, each difference written out the first time it is met."""
    summary, known = replay.summary, set[Difference]()
    out = [f"# {summary.form}", f"# we are {', '.join(summary.we) or 'nobody in it'}"]
    out += [f"# note: {text}" for text in summary.notes]
    out += [f"# inferred: {text}" for text in summary.inferred]
    for line in replay.lines:
        out.append(_written(line))
        new = [each for each in line.differences if each not in known]
        out += [f"                 ! {each}" for each in new]
        known.update(new)
    return [*out, *_end(summary)]


def _written(line: Line) -> str:
    head = f"{line.at:14.6f} {_SIGN[line.kind]} {line.text}"
    if line.kind == "received":
        return f"{head} (from {line.peer})"
    if line.kind != "sent":
        return head
    names = ", ".join(dict.fromkeys(each.name for each in line.differences))
    how = {"same": " but for ", "differs": " in "}.get(line.verdict, " ")
    return f"{head} (to {line.peer}): {line.verdict}{how + names if names else ''}"


def _end(summary: Summary) -> list[str]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in summary.verdicts.items()) or "none"
    out = ["#", f"# received: {summary.received}; sent: {counts}"]
    if summary.differences:
        odd = ", ".join(f"{name} {count}" for name, count in summary.differences.items())
        out.append(f"# differences: {odd}")
    out += [f"# {extension} is {state}" for extension, state in summary.states.items()]
    out += [f"# call {text}" for text in summary.calls]
    out += [f"# rule {text}" for text in summary.rules]
    return out


def _shown(text: str) -> str:
    return repr(text)[1:-1].join('""') if text else "nothing"
