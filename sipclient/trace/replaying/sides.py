"""Where each message of a trace went from and to, and which side of it is ours."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from sipclient.errors import MalformedMessage, TraceError
from sipclient.message import Request, Response, SipUri, parse
from sipclient.trace.record import NOWHERE, Address, Record

_CLIENTS = {"REGISTER": 5, "SUBSCRIBE": 4, "PUBLISH": 4, "NOTIFY": -2}  # what sending one says of the sender
_ASKS = (401, 407, 423, 489, 202)  # what answers a client


class Seen(msgspec.Struct):
    """A message of the trace, read; `message` is None where it is none. `at` is as the record has it."""

    record: Record
    at: float
    source: Address
    destination: Address
    message: Request | Response | None
    transport: str  # as flows have it: udp, tcp, tls, ws, wss
    call: str = ""  # its Call-ID
    method: str = ""  # of the CSeq

    @property
    def is_request(self) -> bool:
        """Whether it asks rather than answers."""
        return not self.record.data.startswith(b"SIP/2.0 ")

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return self.message.status if isinstance(self.message, Response) else 0

    @property
    def text(self) -> str:
        """Its start line, whatever it is."""
        return self.record.data.split(b"\r\n", 1)[0].decode("utf-8", "backslashreplace")


def see(records: Iterable[Record]) -> list[Seen]:
    """The messages in the order of their time, with addresses where the trace or the messages themselves tell them."""
    seen = [_seen(record) for record in records]
    if all(each.record.clock for each in seen):
        seen.sort(key=lambda each: each.at)
    places: dict[str, tuple[Address, Address]] = {}  # by branch: where a request came from and went to
    for each in seen:
        _place(each, places)
    return seen


def _seen(record: Record) -> Seen:
    message: Request | Response | None = None
    call = method = ""
    transport = (record.transport or "UDP").lower()
    try:
        message = parse(record.data)
        call, method = message.call_id, message.cseq.method
        if not record.transport:
            transport = message.via.transport.lower()
        _read(message)
    except MalformedMessage:
        message = None  # it is shown to the engine all the same, where it was received
    transport = transport if transport in ("udp", "tcp", "tls", "ws", "wss") else "udp"
    return Seen(record, record.at, record.source, record.destination, message, transport, call, method)


def _read(message: Request | Response) -> None:
    """Everything that a replay must understand of a message. Raises MalformedMessage."""
    _ = message.hop, message.via, message.from_tag, message.to_tag, message.contacts, message.authorizations
    _ = message.expires
    if isinstance(message, Request):
        _ = message.event, message.uri


def _place(seen: Seen, places: dict[str, tuple[Address, Address]]) -> None:
    message = seen.message
    if message is None:
        return
    branch = message.hop.branch
    if isinstance(message, Request):
        known = places.get(branch)
        seen.source = _filled(seen.source, known[0] if known else _sent_by(message))
        seen.destination = _filled(seen.destination, known[1] if known else _asked(message))
        places.setdefault(branch, (seen.source, seen.destination))
    else:
        came, went = places.get(branch, (_sent_by(message), NOWHERE))
        seen.source = _filled(seen.source, went)
        seen.destination = _filled(seen.destination, came)


def _filled(given: Address, told: Address) -> Address:
    return Address(given.host or told.host, given.port or told.port) if given.host in ("", told.host) else given


def _sent_by(message: Request | Response) -> Address:
    via = message.via
    port = via.rport if isinstance(via.rport, int) else via.port or 5060
    return Address(via.received or via.host, port)


def _asked(message: Request) -> Address:
    uri = message.uri
    return Address(uri.host, uri.port or 5060) if isinstance(uri, SipUri) else NOWHERE


class Sides(msgspec.Struct, frozen=True):
    """Which addresses are ours, and how that was found out."""

    ours: frozenset[Address]
    why: str


def sides_of(seen: list[Seen], us: str = "") -> Sides:
    """Which side we are: who registers and subscribes, not who answers like a PBX. `us` (`host`, `host:port` or an
    address-of-record) says it instead. Raises TraceError where nobody in the trace is that."""
    if us:
        return _named(seen, us)
    scores: dict[Address, int] = {}
    for each in seen:
        said = _says(each)
        scores[each.source] = scores.get(each.source, 0) + said
        scores[each.destination] = scores.get(each.destination, 0) - said
    ours = frozenset(address for address, score in scores.items() if score > 0)
    if ours:
        return Sides(ours, "they register or subscribe" if len(ours) > 1 else "it registers or subscribes")
    first = next((each for each in seen if each.is_request), seen[0])
    if first.record.direction == "received" or first.status:
        return Sides(frozenset((first.destination,)), "it was asked first, and wrote the trace")
    return Sides(frozenset((first.source,)), "it asked first")


def _says(seen: Seen) -> int:
    if seen.is_request:
        return _CLIENTS.get(seen.method, 0)
    return -3 if seen.status in _ASKS and seen.method in _CLIENTS else -1 if seen.status in (401, 407) else 0


def _named(seen: list[Seen], us: str) -> Sides:
    addresses = {address for each in seen for address in (each.source, each.destination)}
    if us.startswith(("sip:", "sips:")):
        asked = [each for each in seen if each.is_request and _sender(each) == us]
        # A PBX passes the name on with the call: who registers it has it.
        found = {each.source for each in asked if each.method == "REGISTER"} or {each.source for each in asked[:1]}
    else:
        found = {address for address in addresses if us in (address.host, str(address))}
    if not found:
        there = ", ".join(sorted(map(str, addresses))[:8])
        raise TraceError(f"nobody in the trace is {us!r}: there are {there or 'no addresses'}")
    return Sides(frozenset(found), "--as says so")


def _sender(seen: Seen) -> str:
    """The address-of-record in From."""
    uri = seen.message.from_.uri if seen.message is not None else None
    return f"{uri.scheme}:{uri.user}@{uri.host}" if isinstance(uri, SipUri) and uri.user else ""


def is_address(host: str) -> bool:
    """Whether a host is an IP literal."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
