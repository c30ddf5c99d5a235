"""The heading above a message: found by the table of forms, and read to time, direction and places."""

from __future__ import annotations

import re

import msgspec

from sipclient.trace.forms import BARE, FORMS, PREFIXES, Form
from sipclient.trace.lines import Line, Lines
from sipclient.trace.moments import moment
from sipclient.trace.places import place
from sipclient.trace.record import NOWHERE, Address, Clock, Direction

_LONGEST = 512  # characters of a heading
_MORE = 16  # lines of one heading, at most
_WAYS: dict[str, Direction] = {
    "recv": "received", "received": "received", "rx": "received", "read": "received", "incoming": "received",
    "send": "sent", "sent": "sent", "tx": "sent", "sending": "sent", "transmitting": "sent", "outgoing": "sent",
    "reliably transmitting": "sent", "retransmitting": "sent",
    "-->": "received", "<--": "sent", "in": "received", "out": "sent",
}  # fmt: skip
_VIAS = {"U": "UDP", "T": "TCP"}
_KEYS = {"time": "when", "proto": "via", "srcip": "src", "srcport": "sport", "dstip": "dst", "dstport": "dport"}


class Heading(msgspec.Struct, frozen=True):
    """What stands above a message. `rest` is the part of the message that stands on the same line."""

    form: Form
    line: int
    at: float = 0.0
    clock: Clock = ""
    direction: Direction = ""
    transport: str = ""
    source: Address = NOWHERE
    destination: Address = NOWHERE
    rest: str = ""


def bare(line: int) -> Heading:
    """Of a message that has no heading."""
    return Heading(BARE, line)


def heading(line: Line, text: str, stamp: str, lines: Lines) -> Heading | None:
    """The heading that begins on a line (`text` is the line or what a prefix left of it, `stamp` the prefix's
    time); its further lines are taken from `lines`. None where no form fits."""
    head, beyond = text[:_LONGEST], text[_LONGEST:]
    for form in FORMS:
        if form.needle not in head:
            continue
        found = form.head.search(head)
        if found is None or (beyond and "rest" not in form.head.groupindex):
            continue
        parts = {name: value for name, value in found.groupdict().items() if value}
        if beyond:
            parts["rest"] = parts.get("rest", "") + beyond
        count = _further(form, lines, parts)
        if form.needs_more and not count:
            continue
        for _ in range(count):
            lines.next()
        return _heading(form, line.number, parts, stamp)
    return None


def _further(form: Form, lines: Lines, parts: dict[str, str]) -> int:
    """How many of the next lines belong to the heading; what they say goes to `parts`."""
    count = 0
    while form.more is not None and count < _MORE and (line := lines.peek(count)) is not None:
        text, _, _ = peeled(line.text)
        found = form.more.match(text[:_LONGEST])
        if found is None:
            break
        count += 1
        groups = {name: value for name, value in found.groupdict().items() if value}
        if "key" in groups:
            groups = {_KEYS[groups["key"]]: groups.get("value", "")} if groups["key"] in _KEYS else {}
        elif not groups and text.strip():  # a rule that ends the heading
            break
        parts.update(groups)
    return count


def peeled(text: str) -> tuple[str, str, str]:
    """A line without what its logger wrote before it; the time in that, and the form it tells."""
    for prefix in PREFIXES:
        found = prefix.pattern.match(text)
        if found is not None:
            return text[found.end() :], found["when"] or "", prefix.name
    return text, "", ""


def _heading(form: Form, line: int, parts: dict[str, str], stamp: str) -> Heading:
    when = parts.get("when", "")
    at, clock = moment(f"{when}.{parts['ms']} {parts['year']}" if "year" in parts else when)
    if not clock:
        at, clock = moment(stamp)
    way = re.sub(r" #\d+$", "", parts.get("way", "").lower())
    direction = _WAYS.get(way, "")
    transport, here = place(parts.get("here", ""))
    via, peer = place(parts.get("peer", ""))
    if "port" in parts and peer.host:
        peer = Address(peer.host, int(parts["port"]) % 65536)
    source, destination = (peer, here) if direction == "received" else (here, peer)
    if "src" in parts:
        via, source = _with_port(parts["src"], parts.get("sport", ""))
        _, destination = _with_port(parts.get("dst", ""), parts.get("dport", ""))
    named = parts.get("via", "").upper().partition(" ")[0]
    return Heading(form, line, at, clock, direction, _VIAS.get(named, named) or via or transport, source, destination,
                   parts.get("rest", ""))  # fmt: skip


def _with_port(text: str, port: str) -> tuple[str, Address]:
    via, address = place(text.strip(), ported=not port)
    if port.strip().isdecimal():
        address = Address(address.host, int(port.strip()) % 65536)
    return via, address
