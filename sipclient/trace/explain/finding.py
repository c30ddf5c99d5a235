"""What is wrong, said so that it can be acted on, and doubted."""

from __future__ import annotations

from typing import Literal

import msgspec

from sipclient.trace.damage import UNKNOWN
from sipclient.trace.entry import Entry

Confidence = Literal["high", "medium", "low"]
_RANK: dict[Confidence, int] = {"high": 0, "medium": 1, "low": 2}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, or may be.

    `id` is a stable word. `message` is the number of the message it stands on (0: none), `line` a line of that message
    from 1 (0: none in particular), `quote` the text of that line. `disproved_by` says what would show it to be wrong.
    """

    id: str
    title: str
    confidence: Confidence
    message: int
    line: int
    evidence: str
    fix: str
    disproved_by: str
    quote: str = ""
    also: tuple[int, ...] = ()  # other messages that show the same

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return _RANK[self.confidence]


class Explanation(msgspec.Struct, frozen=True):
    """All that is to be said of a trace: findings, the best first, and what it cannot show."""

    format: str  # the name of the trace's form alone
    messages: int
    repairs: tuple[tuple[int, tuple[str, ...]], ...]  # number of a message, and what was mended in it
    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def as_json(self) -> dict[str, object]:
        """What `sipclient explain --json` prints."""
        return {
            "format": self.format,
            "messages": self.messages,
            "repaired": len(self.repairs),
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
            "unseen": list(self.unseen),
            "repairs": [{"message": number, "repairs": list(repairs)} for number, repairs in self.repairs],
            "notes": list(self.notes),
        }


def on(
    entry: Entry, line: int, id: str, title: str, confidence: Confidence, evidence: str, fix: str, disproved_by: str
) -> Finding:
    """A finding that stands on a line of a message; 0 for the message as a whole."""
    quote = (entry.line(line) if line else entry.line(1)).replace(UNKNOWN, "(lost)")
    return Finding(id, title, confidence, entry.number, line, evidence, fix, disproved_by, shown(quote, 160))


def shown(text: str, most: int = 80) -> str:
    """The trace's own words, fit for a terminal: cut, and without control characters."""
    cut = text[: most + 1]
    plain = "".join(each if each.isprintable() else "?" for each in cut)
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."


def counted(number: int, what: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
