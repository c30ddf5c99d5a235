"""A record and what its message says, read so that damage never raises: what cannot be read is empty."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import msgspec

from sipclient.errors import MalformedDescription, MalformedMessage
from sipclient.message import Request, Response, SipUri, parse
from sipclient.message.names import key_of
from sipclient.sdp import SessionDescription
from sipclient.sdp import parse as parse_description
from sipclient.trace.record import Record

T = TypeVar("T")


class Entry(msgspec.Struct, frozen=True, dict=True):
    """One message of a trace. `number` counts from 1, `copies` says how often the same bytes were sent again.

    `method` is the request's, also of a response (by its CSeq); `status` is 0 for a request. `source` and `target`
    name hosts as columns of a ladder do.
    """

    number: int
    record: Record
    message: Request | Response
    method: str
    status: int
    call_id: str
    cseq: int
    branch: str
    from_tag: str
    to_tag: str
    source: str = ""
    target: str = ""
    copies: int = 0
    last: float = 0.0  # when the last copy came

    @property
    def at(self) -> float:
        """When it came, in seconds by the clock of the trace."""
        return self.record.at

    @property
    def is_request(self) -> bool:
        """Whether it is a request."""
        return not self.status

    def header(self, name: str) -> str:
        """The first value of a header, "" if there is none."""
        return self.message.headers.get(name) or ""

    @cached_property
    def _lines(self) -> list[bytes]:
        return self.record.data.split(b"\n")

    def line_of(self, name: str) -> int:
        """The line of a header in the message, from 1; 0 if there is none."""
        for number, line in enumerate(self._lines[1:], 2):
            if not line.strip():
                return 0
            if key_of(line.partition(b":")[0].strip().decode("latin-1")) == key_of(name):
                return number
        return 0

    def line(self, number: int) -> str:
        """The text of a line of the message, "" if there is none."""
        if not 0 < number <= len(self._lines):
            return ""
        return self._lines[number - 1].decode("utf-8", "replace").strip()

    def sdp_line(self, number: int) -> int:
        """The line of the message in which a line of its description stands; 0 for 0."""
        return self._before_sdp + number if number else 0

    @cached_property
    def sdp_text(self) -> bytes:
        """The session description the message carries, alone or as a part of a body; empty if it has none."""
        body = self.message.body
        if body.lstrip(b"\r\n")[:2] in (b"v=", b"o="):
            return body
        begin = body.find(b"\nv=0") + 1 if self.message_type.startswith("multipart/") else 0
        if not begin:
            return b""
        end = body.find(b"\n--", begin)
        return body[begin:] if end < 0 else body[begin : end + 1]

    @cached_property
    def _before_sdp(self) -> int:
        place = self.record.data.find(self.sdp_text.lstrip(b"\r\n")) if self.sdp_text else -1
        return self.record.data.count(b"\n", 0, place) if place >= 0 else 0

    @cached_property
    def sdp(self) -> SessionDescription | None:
        """The session description, None if there is none that can be read."""
        try:
            return parse_description(self.sdp_text) if self.sdp_text else None
        except MalformedDescription:
            return None

    @property
    def message_type(self) -> str:
        """The Content-Type, in lower case, "" if there is none."""
        return safely(lambda: self.message.content_type, "")

    @property
    def caller(self) -> str:
        """The user of From."""
        return user_of(safely(lambda: self.message.from_.uri, None))

    @property
    def called(self) -> str:
        """The user of the Request-URI, of a response the user of To."""
        message = self.message
        if isinstance(message, Request):
            return user_of(safely(lambda: message.uri, None))
        return user_of(safely(lambda: message.to.uri, None))

    @property
    def title(self) -> str:
        """`INVITE` or `488 Not Acceptable Here`."""
        if isinstance(self.message, Response):
            return f"{self.message.status} {self.message.reason}".strip()
        return self.message.method


def safely(read: Callable[[], T], default: T) -> T:
    """What a property of a message says, or the default where its header is missing or no such header."""
    try:
        return read()
    except MalformedMessage:
        return default


def all_of(read: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
    """What a property that gives several says, or none."""
    return safely(read, ())


def user_of(uri: object) -> str:
    """The user part of a SIP URI, "" of anything else."""
    return uri.user_text if isinstance(uri, SipUri) else ""


def entry_of(number: int, record: Record) -> Entry | None:
    """The record, read; None where its bytes are no message at all."""
    try:
        message = parse(record.data)
    except MalformedMessage:
        return None
    status = message.status if isinstance(message, Response) else 0
    cseq = safely(lambda: message.cseq, None)
    method = message.method if isinstance(message, Request) else cseq.method if cseq else ""
    return Entry(
        number,
        record,
        message,
        method,
        status,
        safely(lambda: message.call_id, ""),
        cseq.number if cseq else -1,
        safely(lambda: message.via.branch, ""),
        safely(lambda: message.from_tag, ""),
        safely(lambda: message.to_tag, ""),
        last=record.at,
    )
