"""RTCP: reports, names, goodbyes and feedback, as values, read and written. RFC 3550 §6. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from sipclient.media.reception import Block
from sipclient.media.rtp import MalformedPacket
from sipclient.media.xr import Extended, parse_extended

_HEAD = struct.Struct("!BBHI")
_SENDER = struct.Struct("!IIIII")
_BLOCK = struct.Struct("!IIIIII")
_SR, _RR, _SDES, _BYE, _APP, _RTPFB, _PSFB, _XR = 200, 201, 202, 203, 204, 205, 206, 207
_CNAME = 1
_WORD = 0xFFFFFFFF
_PACKETS = 32  # of one compound: more than anyone needs to say at once


class Sent(msgspec.Struct, frozen=True):
    """What a sender tells of itself: `elapsed` seconds by any steady clock (RFC 3550 §6.4.1 allows it where
    there is no wall clock), the RTP timestamp of that moment, and its counts."""

    elapsed: float
    timestamp: int
    packets: int
    octets: int


class Report(msgspec.Struct, frozen=True):
    """A sender report, or, without `sent`, a receiver report; of `ssrc`, on each source in `blocks`."""

    ssrc: int
    sent: Sent | None = None
    blocks: tuple[Block, ...] = ()


class Names(msgspec.Struct, frozen=True):
    """A source description: (SSRC, kind of item, text) for each item; kind 1 is the CNAME. RFC 3550 §6.5."""

    items: tuple[tuple[int, int, str], ...]


class Goodbye(msgspec.Struct, frozen=True):
    """These sources are gone. RFC 3550 §6.6."""

    ssrcs: tuple[int, ...]
    reason: str = ""


class Feedback(msgspec.Struct, frozen=True):
    """Feedback of AVPF (RFC 4585 §6.1) from `ssrc` on `about`: `kind` 205 (transport) or 206 (payload), and
    its `format`. Audio has no use for it, and must not stumble over it."""

    kind: int
    format: int
    ssrc: int
    about: int
    data: bytes = b""


class Other(msgspec.Struct, frozen=True):
    """A packet of a type that says nothing to us: its type and what follows its first four bytes."""

    kind: int
    data: bytes


RtcpPacket: TypeAlias = Report | Names | Goodbye | Feedback | Extended | Other


def middle(seconds: float) -> int:
    """The middle 32 bits of an NTP timestamp, in 1/65536 s: the unit of LSR, DLSR, LRR and DLRR."""
    return int(seconds * 0x10000) & _WORD


def round_trip(now: float, last: int, delay: int) -> float | None:
    """Seconds to the peer and back, by the report of ours it saw `last` and the `delay` until it answered;
    None where it saw none, or where the numbers cannot be. RFC 3550 §6.4.1."""
    if not last:
        return None
    taken = (middle(now) - last - delay) & _WORD
    return taken / 0x10000 if taken < 0x80000000 else None


# --- read -------------------------------------------------------------------------------------------


def parse_rtcp(data: bytes) -> tuple[RtcpPacket, ...]:
    """The packets of a compound, or of a reduced-size one (RFC 5506 §3.4.1). Raises MalformedPacket."""
    packets: list[RtcpPacket] = []
    start, end = 0, len(data)
    if end < 4:
        raise MalformedPacket(f"an RTCP packet has at least 4 bytes, not {end}")
    while start < end and len(packets) < _PACKETS:
        if end - start < 4:
            raise MalformedPacket("bytes are left over after the last RTCP packet")
        flags, kind = data[start], data[start + 1]
        after = start + 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if flags >> 6 != 2:
            raise MalformedPacket(f"RTCP of version {flags >> 6}, not 2")
        if after > end:
            raise MalformedPacket("an RTCP packet reaches beyond its datagram")
        body = data[start + 4 : after]
        if flags & 0x20:
            body = _unpadded(body)
        packets.append(_packet(kind, flags & 0x1F, body))
        start = after
    return tuple(packets)


def _unpadded(body: bytes) -> bytes:
    if not body or not 0 < body[-1] <= len(body):
        raise MalformedPacket("the padding reaches beyond its RTCP packet")
    return body[: -body[-1]]


def _packet(kind: int, count: int, body: bytes) -> RtcpPacket:
    if kind in (_SR, _RR):
        return _report(kind, count, body)
    if kind == _SDES:
        return _names(count, body)
    if kind == _BYE:
        return _goodbye(count, body)
    if kind in (_RTPFB, _PSFB):
        _need(body, 8, "feedback")
        return Feedback(kind, count, _word(body, 0), _word(body, 4), body[8:])
    if kind == _XR:
        _need(body, 4, "extended report")
        return parse_extended(body)
    return Other(kind, body)


def _report(kind: int, count: int, body: bytes) -> Report:
    at = 24 if kind == _SR else 4
    _need(body, at + 24 * count, "report")
    sent = None
    if kind == _SR:
        seconds, fraction, timestamp, packets, octets = _SENDER.unpack_from(body, 4)
        sent = Sent(seconds + fraction / 2**32, timestamp, packets, octets)
    blocks = []
    for n in range(count):
        ssrc, lost, highest, jitter, last, delay = _BLOCK.unpack_from(body, at + 24 * n)
        total = lost & 0xFFFFFF
        total -= (total & 0x800000) << 1
        blocks.append(Block(ssrc, lost >> 24, total, highest, jitter, last, delay))
    return Report(_word(body, 0), sent, tuple(blocks))


def _names(count: int, body: bytes) -> Names:
    items = []
    at = 0
    for _ in range(count):
        _need(body, at + 4, "source description")
        ssrc = _word(body, at)
        at += 4
        while at < len(body) and body[at]:
            kind, length = body[at], body[at + 1] if at + 1 < len(body) else 0
            _need(body, at + 2 + length, "source description")
            items.append((ssrc, kind, body[at + 2 : at + 2 + length].decode(errors="replace")))
            at += 2 + length
        at = (at // 4 + 1) * 4  # one to four zeros end a chunk on a word
    return Names(tuple(items))


def _goodbye(count: int, body: bytes) -> Goodbye:
    _need(body, 4 * count, "goodbye")
    reason = body[4 * count + 1 : 4 * count + 1 + body[4 * count]] if len(body) > 4 * count else b""
    return Goodbye(struct.unpack_from(f"!{count}I", body), reason.decode(errors="replace"))


def _need(body: bytes, size: int, what: str) -> None:
    if len(body) < size:
        raise MalformedPacket(f"the {what} ends after {len(body)} of {size} bytes")


def _word(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 4], "big")


# --- written ----------------------------------------------------------------------------------------


def report(
    ssrc: int,
    cname: str,
    sent: Sent | None,
    blocks: Sequence[Block] = (),
    extended: Extended | None = None,
    goodbye: bool = False,
) -> bytes:
    """One compound packet (RFC 3550 §6.1): a sender report if we `sent`, else a receiver report, with the
    report blocks; our name; what is `extended` of it; and a BYE if we leave."""
    own = b"" if sent is None else _sender(sent)
    told = own + b"".join(map(_block, blocks))
    first = _HEAD.pack(0x80 | len(blocks), _RR if sent is None else _SR, 1 + len(told) // 4, ssrc) + told
    tail = b"" if extended is None else bytes(extended)
    return first + _name(ssrc, cname) + tail + (bye(ssrc) if goodbye else b"")


def bye(ssrc: int) -> bytes:
    """The goodbye of one source, to go at the end of a compound."""
    return _HEAD.pack(0x81, _BYE, 1, ssrc)


def _sender(sent: Sent) -> bytes:
    seconds = int(sent.elapsed)
    fraction = int((sent.elapsed - seconds) * 2**32)
    return _SENDER.pack(seconds & _WORD, fraction, sent.timestamp, sent.packets, sent.octets)


def _block(block: Block) -> bytes:
    lost = max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc, block.fraction << 24 | lost, block.highest, block.jitter, block.last_report, block.delay
    )


def _name(ssrc: int, cname: str) -> bytes:
    text = cname.encode()[:255]
    items = struct.pack("!IBB", ssrc, _CNAME, len(text)) + text
    items += bytes(4 - len(items) % 4)  # one to four zeros end the list on a word (RFC 3550 §6.5)
    return struct.pack("!BBH", 0x81, _SDES, len(items) // 4) + items
