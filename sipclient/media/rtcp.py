"""RTCP packets as we send them: reports, the name that goes with them, and goodbye. RFC 3550 §6. Pure."""

from __future__ import annotations

import struct

import msgspec

from sipclient.media.reception import Block

_SENDER = struct.Struct("!BBHIIIIII")
_RECEIVER = struct.Struct("!BBHI")
_BLOCK = struct.Struct("!IIIIII")
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_CNAME = 1


class Sent(msgspec.Struct, frozen=True):
    """What a sender tells of itself: `elapsed` seconds by any steady clock (RFC 3550 §6.4.1 allows it where
    there is no wall clock), the RTP timestamp of that moment, and its counts."""

    elapsed: float
    timestamp: int
    packets: int
    octets: int


def report(ssrc: int, cname: str, sent: Sent | None, block: Block | None, goodbye: bool = False) -> bytes:
    """One compound packet (RFC 3550 §6.1): a sender report if we `sent`, else a receiver report, with a
    report block if we received; our name; and a BYE if we leave."""
    blocks = 0 if block is None else 1
    tail = b"" if block is None else _block(block)
    if sent is None:
        head = _RECEIVER.pack(0x80 | blocks, _RR, 1 + 6 * blocks, ssrc)
    else:
        seconds = int(sent.elapsed)
        fraction = int((sent.elapsed - seconds) * 2**32)
        head = _SENDER.pack(
            0x80 | blocks,
            _SR,
            6 + 6 * blocks,
            ssrc,
            seconds & 0xFFFFFFFF,
            fraction,
            sent.timestamp,
            sent.packets,
            sent.octets,
        )
    return head + tail + _name(ssrc, cname) + (_RECEIVER.pack(0x81, _BYE, 1, ssrc) if goodbye else b"")


def _block(block: Block) -> bytes:
    lost = max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF
    return _BLOCK.pack(block.ssrc, block.fraction << 24 | lost, block.highest, block.jitter, 0, 0)


def _name(ssrc: int, cname: str) -> bytes:
    text = cname.encode()[:255]
    items = struct.pack("!IBB", ssrc, _CNAME, len(text)) + text
    items += bytes(4 - len(items) % 4)  # one to four zeros end the list on a word (RFC 3550 §6.5)
    return struct.pack("!BBH", 0x81, _SDES, len(items) // 4) + items
