"""What a trace holds, whatever form it came in: messages with their time, way and place, and streams of media."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from sipclient.trace.remarks import Remark

Clock = Literal["wall", "year", "day", "relative", ""]
Direction = Literal["sent", "received", ""]


class Address(NamedTuple):
    """A host as the trace writes it, without brackets, and a port: "" and 0 where the trace does not say."""

    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host or "?"
        return f"{host}:{self.port}" if self.port else host


NOWHERE = Address()


def known(host: str, port: int) -> Address:
    """The address; NOWHERE for 0.0.0.0:0, which those write who do not know it (Asterisk's own captures do)."""
    return NOWHERE if not port and host in ("0.0.0.0", "::") else Address(host, port)


def counted(number: int, what: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


class Record(msgspec.Struct, frozen=True):
    """One SIP message of a trace.

    `at` is in seconds, and `clock` says from when: `wall` since 1970 (UTC, or local time where the trace names no
    zone), `year` since the first of January of a year that is not told, `day` since midnight of a day that is not
    told (it goes on past 86400 where the trace passes midnight), `relative` since some moment of the trace's own,
    and "" where the trace has no times: then `at` is 0 and the order is all that is known.
    """

    data: bytes  # the message: from a packet as it was, from text with its line ends put back
    at: float = 0.0
    clock: Clock = ""
    direction: Direction = ""  # as seen by whoever wrote the trace; "" where it only listened
    transport: str = ""  # UDP, TCP, TLS, WS, WSS, SCTP; "" where the trace does not say
    source: Address = NOWHERE
    destination: Address = NOWHERE
    repairs: tuple[str, ...] = ()  # what was mended in the message, in words; empty: it is as it was written
    other: bytes = b""  # the message in its second possible reading, where the damage leaves two
    missing: tuple[str, ...] = ()  # what the damage took and nobody can know: "the address of c=, line 12"
    line: int = 0  # where it begins: the line of a text, the number of a packet that completed it

    @property
    def repaired(self) -> bool:
        """Whether the message is not as it stands in the trace."""
        return bool(self.repairs)


class MediaStream(msgspec.Struct, frozen=True):
    """RTP packets of one SSRC from one address to another, counted. RFC 3550 §6.4.1 and appendix A."""

    source: Address
    destination: Address
    ssrc: int
    payload_type: int
    codec: str  # by the static table or by an SDP of the trace; "" where neither names it
    packets: int
    lost: int  # expected less received; 0 where duplicates outnumber losses
    jitter: float | None  # seconds at the end of the stream; None where the clock rate is not known
    began: float  # seconds, by the clock of the trace
    ended: float


class Trace(msgspec.Struct, frozen=True):
    """A trace that was read whole."""

    form: str  # the name of the form alone: "FreeSWITCH siptrace"
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()  # what the reader of it should know: a cut file, encrypted connections
    streams: tuple[MediaStream, ...] = ()
    remarks: tuple[Remark, ...] = ()  # lines of a log between the messages that say why something failed

    @property
    def format(self) -> str:
        """In words: "FreeSWITCH siptrace, 14 messages, 2 repaired"."""
        count, repaired = len(self.records), sum(record.repaired for record in self.records)
        words = f"{self.form}, {counted(count, 'message')}"
        return f"{words}, {repaired} repaired" if repaired else words
