"""A process of its own that reads one trace from its standard input and writes what it shows, as JSON.

What comes from a stranger's telephone may be made to take long, or much: here it takes that from a process which may
not have much, and calls go on meanwhile.
"""

from __future__ import annotations

import resource
import sys

import msgspec

from sipclient.errors import TraceError
from sipclient.robot.views.ladders import ladder_of
from sipclient.robot.views.shapes import Ladder
from sipclient.trace import Scan
from sipclient.trace.explain import Finding, explain
from sipclient.trace.story import gather

MEMORY = 1 << 30  # bytes of address space
TIME = 30  # seconds of CPU
DRAWN = 2000  # messages of the ladder


class Repaired(msgspec.Struct, frozen=True):
    """What was mended in one message."""

    message: int
    repairs: list[str]


class Inspected(msgspec.Struct, frozen=True, tag_field="kind", tag="trace"):
    """What a trace shows: `messages` of it, how many were `repaired` and how, a ladder, what went wrong, and what
    cannot be seen in it."""

    format: str
    messages: int
    repaired: int
    repairs: list[Repaired]
    ladder: Ladder
    findings: list[Finding]
    unseen: list[str]
    notes: list[str]


class Unreadable(msgspec.Struct, frozen=True, tag_field="kind", tag="unreadable"):
    """It is no trace, in a sentence."""

    error: str


def inspected(data: bytes) -> Inspected:
    """What a trace shows. Raises TraceError for what is none."""
    trace = gather(Scan(data))
    found = explain(trace)
    return Inspected(
        format=trace.form,
        messages=found.messages,
        repaired=len(found.repairs),
        repairs=[Repaired(number, list(repairs)) for number, repairs in found.repairs],
        ladder=ladder_of(trace, most=DRAWN),
        findings=list(found.findings),
        unseen=list(found.unseen),
        notes=list(found.notes),
    )


def main() -> None:
    """Read, and write."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (TIME, TIME))
    answer: Inspected | Unreadable
    try:
        answer = inspected(sys.stdin.buffer.read())
    except TraceError as error:
        answer = Unreadable(str(error))
    except (MemoryError, RecursionError):
        answer = Unreadable("it takes too much memory to read here: sipclient explain reads it on the command line")
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
