"""What happened in a trace: messages with their hosts, copies folded, requests with their answers, calls."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import islice

import msgspec

from sipclient.trace.entry import Entry, entry_of
from sipclient.trace.hosts import UNKNOWN, Hosts
from sipclient.trace.reading import Scan
from sipclient.trace.record import MediaStream, Record, Trace

MOST_MESSAGES = 50_000  # that are looked at; of more the first
MOST_BYTES = 128 << 20
MOST_OF_A_KIND = 100  # exchanges of one method in one call
_SIGHTING = 0.01  # seconds: a copy that comes sooner was captured twice, for nobody sends again so soon (T1 is 0.5)
_RAGGED = 65.0  # seconds after which equal bytes are no retransmission any more (64*T1 and a little)


class Exchange:
    """A request and its answers on one hop. `ack` is the ACK to a final answer, by whatever transaction."""

    __slots__ = ("ack", "answers", "request")

    def __init__(self, request: Entry | None) -> None:
        self.request = request
        self.answers: list[Entry] = []
        self.ack: Entry | None = None

    @property
    def final(self) -> Entry | None:
        """The final answer, the last where several came."""
        return next((answer for answer in reversed(self.answers) if answer.status >= 200), None)


class Call:
    """All messages of one Call-ID, in order. `kind` is the method it began with.

    `byes` are its BYEs, `changes` the INVITEs and UPDATEs, and `ended` the number of the first message with which
    either side ended a dialog of it, 0 where neither did.
    """

    __slots__ = ("byes", "call_id", "changes", "ended", "entries", "exchanges", "invites", "kind")

    def __init__(self, call_id: str, kind: str) -> None:
        self.call_id = call_id
        self.kind = kind
        self.entries: list[Entry] = []
        self.exchanges: list[Exchange] = []
        self.invites: dict[int, Exchange] = {}  # the latest by CSeq
        self.byes: list[Entry] = []
        self.changes: list[Entry] = []
        self.ended = 0

    def of(self, method: str) -> list[Exchange]:
        """The exchanges of a method that have their request in the trace, the first hundred."""
        found = (each for each in self.exchanges if each.request is not None and each.request.method == method)
        return list(islice(found, MOST_OF_A_KIND))

    def add(self, entry: Entry) -> None:
        """The next message."""
        self.entries.append(entry)
        if not entry.is_request:
            return
        if entry.method == "BYE":
            self.byes.append(entry)
        elif entry.method in ("INVITE", "UPDATE"):
            self.changes.append(entry)
        if entry.method == "BYE" or "terminated" in entry.header("Subscription-State"):
            self.ended = self.ended or entry.number

    def bye(self, after: int) -> Entry | None:
        """The first BYE after a message."""
        return next((each for each in self.byes if each.number > after), None)

    @property
    def invite(self) -> Entry | None:
        """The first INVITE."""
        found = self.of("INVITE")
        return found[0].request if found else None


class Story(msgspec.Struct, frozen=True, dict=True):
    """A trace, understood. `unread` counts records that are no message."""

    trace: Trace
    entries: tuple[Entry, ...]
    calls: tuple[Call, ...]
    seen_twice: int = 0
    unread: int = 0

    @property
    def exchanges(self) -> Iterable[Exchange]:
        """Of all calls."""
        return (exchange for call in self.calls for exchange in call.exchanges)

    @property
    def timed(self) -> bool:
        """Whether the trace has times."""
        return any(entry.record.clock for entry in self.entries)

    @property
    def streams(self) -> tuple[MediaStream, ...]:
        """The RTP streams of the capture."""
        return self.trace.streams

    @cached_property
    def speakers(self) -> frozenset[str]:
        """The hosts that said something."""
        return frozenset(entry.source for entry in self.entries)


def gather(scan: Scan) -> Trace:
    """A trace read whole where it is of usual size, and of a larger one the first messages, in bounded memory."""
    records: list[Record] = []
    size = beyond = 0
    for record in scan:
        size += len(record.data)
        if len(records) < MOST_MESSAGES and size <= MOST_BYTES:
            records.append(record)
        else:
            beyond += 1
    notes = [f"of {len(records) + beyond} messages the first {len(records)} are looked at"] if beyond else []
    return Trace(scan.form, tuple(records), (*scan.notes, *notes), scan.streams, tuple(scan.remarks))


def tell(trace: Trace) -> Story:
    """The story of a trace. RFC 3261 §17.1.3, §17.2.3."""
    records = trace.records
    entries, twice, unread = _folded(records)
    calls: dict[str, Call] = {}
    pending: dict[tuple[str, ...], Exchange] = {}
    hosts = Hosts(records)
    told = []
    for each in entries:
        exchange = pending.get(_key(each)) if each.method != "ACK" or each.branch else None
        entry = hosts.placed(each, exchange.request if exchange is not None else None)
        if not entry.method and exchange is not None and exchange.request is not None:
            entry = msgspec.structs.replace(entry, method=exchange.request.method)
        told.append(entry)
        call = calls.setdefault(entry.call_id, Call(entry.call_id, entry.method))
        call.add(entry)
        _file(entry, call, exchange, pending)
    better = _adopt(calls.values())
    told = [better.get(entry.number, entry) for entry in told]
    return Story(trace, tuple(told), tuple(calls.values()), twice, unread)


def _folded(records: tuple[Record, ...]) -> tuple[list[Entry], int, int]:
    """The messages with their copies folded into the first; how often one packet was captured twice."""
    entries: list[Entry] = []
    places: dict[tuple[bytes, object, object], int] = {}
    twice = unread = 0
    for number, record in enumerate(records, 1):
        key = (record.data, record.source, record.destination)
        place = places.get(key)
        if place is not None and record.at - entries[place].at < _RAGGED:
            entry = entries[place]
            if record.clock and 0 <= record.at - entry.last < _SIGHTING:
                twice += 1
                continue
            entries[place] = msgspec.structs.replace(entry, copies=entry.copies + 1, last=record.at)
            continue
        read = entry_of(number, record)
        if read is None:
            unread += 1
            continue
        places[key] = len(entries)
        entries.append(read)
    return entries, twice, unread


def _key(entry: Entry) -> tuple[str, ...]:
    """What a request and its answers share on one hop."""
    if entry.branch:
        return entry.branch, entry.call_id
    return entry.call_id, str(entry.cseq), entry.method, entry.from_tag


def _file(entry: Entry, call: Call, exchange: Exchange | None, pending: dict[tuple[str, ...], Exchange]) -> None:
    if entry.method == "ACK":
        _acknowledge(entry, call, exchange)
    elif entry.is_request:
        if entry.method == "CANCEL":  # it has the branch of what it cancels
            cancel = Exchange(entry)
            call.exchanges.append(cancel)
            pending[(*_key(entry), "CANCEL")] = cancel
            return
        fresh = exchange is None or exchange.request is not None
        mine = Exchange(entry) if exchange is None or fresh else exchange
        if fresh:
            call.exchanges.append(mine)
        mine.request = entry
        if entry.method == "INVITE":
            call.invites[entry.cseq] = mine
        pending[_key(entry)] = mine
    else:
        mine = exchange or Exchange(None)
        if entry.method == "CANCEL":
            mine = pending.get((*_key(entry), "CANCEL"), mine)
        elif exchange is None:
            call.exchanges.append(mine)
            pending[_key(entry)] = mine
        mine.answers.append(entry)


def _acknowledge(entry: Entry, call: Call, exchange: Exchange | None) -> None:
    if exchange is None or exchange.ack is not None:
        exchange = call.invites.get(entry.cseq, exchange)
    if exchange is not None and exchange.ack is None:
        exchange.ack = entry


def _adopt(calls: Iterable[Call]) -> dict[int, Entry]:
    """Answers that stand before their request, or lack a CSeq (a paste), as they are now that it is known."""
    better: dict[int, Entry] = {}
    for call in calls:
        for exchange in call.exchanges:
            request = exchange.request
            for place, answer in enumerate(exchange.answers if request is not None else ()):
                if request is not None and (not answer.method or UNKNOWN in (answer.source, answer.target)):
                    source = request.target if answer.source == UNKNOWN else answer.source
                    target = request.source if answer.target == UNKNOWN else answer.target
                    better[answer.number] = exchange.answers[place] = msgspec.structs.replace(
                        answer, method=request.method, source=source, target=target
                    )
        call.entries = [better.get(entry.number, entry) for entry in call.entries]
        call.kind = call.kind or call.entries[0].method
    return better
