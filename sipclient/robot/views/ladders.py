"""The messages of each call, for its ladder."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

from sipclient.protocol.events import Flow, Input, Packet, Send
from sipclient.robot.masked import whole
from sipclient.robot.views.shapes import Ladder, LadderMessage
from sipclient.trace.ladder import sheet, terminal
from sipclient.trace.record import Address, Direction, Record, Trace

CALLS = 300  # whose messages are kept
MESSAGES = 120  # of a call
LONGEST = 16 * 1024  # bytes of a message

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)


class Ladders:
    """The latest messages of the latest calls, by Call-ID; a call begins with its INVITE."""

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self._messages: dict[str, deque[Record]] = {}
        self._lost: dict[str, int] = {}

    def sent(self, send: Send) -> None:
        """A message left."""
        self._keep(send.data, send.flow, "sent")

    def received(self, input: Input) -> None:
        """The network spoke."""
        if isinstance(input, Packet):
            self._keep(input.data, input.flow, "received")

    def forget(self, call_id: str) -> None:
        """The call is forgotten."""
        self._messages.pop(call_id, None)
        self._lost.pop(call_id, None)

    def _keep(self, data: bytes, flow: Flow, direction: Direction) -> None:
        found = _CALL_ID.search(data, 0, LONGEST)
        if found is None:
            return
        call_id = found[1].decode("utf-8", "backslashreplace")
        messages = self._messages.get(call_id)
        if messages is None:
            if not data.startswith(b"INVITE "):
                return
            messages = self._messages[call_id] = deque(maxlen=MESSAGES)
            if len(self._messages) > CALLS:
                self.forget(next(iter(self._messages)))
        if len(messages) == MESSAGES:
            self._lost[call_id] = self._lost.get(call_id, 0) + 1
        ours, theirs = Address(flow.local_host, flow.local_port), Address(flow.remote_host, flow.remote_port)
        messages.append(
            Record(
                whole(data[:LONGEST]).encode("utf-8"),  # without credentials and keys, whoever may look
                self._wall().timestamp(),
                "wall",
                direction,
                flow.transport.upper(),
                *((ours, theirs) if direction == "sent" else (theirs, ours)),
                line=len(messages) + 1,
            )
        )

    def ladder(self, call_id: str) -> Ladder:
        """The ladder of a call; empty where nothing of it is kept."""
        records = tuple(self._messages.get(call_id, ()))
        return ladder_of(Trace("", records), self._lost.get(call_id, 0))


def ladder_of(trace: Trace, lost: int = 0, most: int = 10_000) -> Ladder:
    """The ladder of a trace, its first `most` lines; `lost` messages are known to be missing from it."""
    records = trace.records
    drawn = sheet(trace)
    hosts = [column.name for column in drawn.columns]
    rows = [row for row in drawn.rows if 0 < row.number <= len(records) and row.source >= 0]
    wall = bool(records) and records[0].clock == "wall"
    messages = [
        LadderMessage(
            at=datetime.fromtimestamp(records[0].at, UTC) + timedelta(seconds=row.at or 0.0) if wall else None,
            seconds=None if row.at is None else round(row.at, 6),
            from_=hosts[row.source],
            to=hosts[row.target],
            summary=row.label,
            detail=row.detail,
            tone=row.tone,
            sent=records[row.number - 1].direction == "sent",
            copies=row.copies,
        )
        for row in rows[:most]
    ]
    text = ""
    if records:
        text = "\n".join("".join(piece for piece, _ in line) for line in islice(terminal(drawn), 2 * most))
    return Ladder(hosts=hosts, messages=messages, text=text, lost=lost + max(0, len(rows) - most))
