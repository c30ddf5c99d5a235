"""RTP packets: bytes to values and back, and the numbering of those we send. RFC 3550 §5. Pure."""

from __future__ import annotations

import struct

import msgspec

from sipclient.errors import SipError

_FIXED = struct.Struct("!BBHII")
unpack_header = _FIXED.unpack_from  # flags, marker and payload type, sequence, timestamp, SSRC
pack_header = _FIXED.pack
_EXTENSION = struct.Struct("!HH")
_VERSION = 2
_MARKER = 0x80


class MalformedPacket(SipError):
    """Bytes that are no RTP or RTCP packet."""


class RtpPacket(msgspec.Struct, frozen=True):
    """One packet. `timestamp` counts ticks of the codec's clock; `extension` is its profile and its data,
    a multiple of four bytes; padding is not kept."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None

    def __bytes__(self) -> bytes:
        head = _FIXED.pack(
            _VERSION << 6 | (self.extension is not None) << 4 | len(self.csrcs),
            self.marker << 7 | self.payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
        )
        csrcs = struct.pack(f"!{len(self.csrcs)}I", *self.csrcs)
        if self.extension is None:
            return head + csrcs + self.payload
        profile, data = self.extension
        return head + csrcs + _EXTENSION.pack(profile, len(data) // 4) + data + self.payload


def parse_rtp(data: bytes) -> RtpPacket:
    """The packet these bytes are. Raises MalformedPacket."""
    if len(data) < _FIXED.size:
        raise MalformedPacket(f"an RTP packet has at least {_FIXED.size} bytes, not {len(data)}")
    flags, kind, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if flags >> 6 != _VERSION:
        raise MalformedPacket(f"RTP of version {flags >> 6}, not {_VERSION}")
    end = len(data)
    start = _FIXED.size
    csrcs: tuple[int, ...] = ()
    extension = None
    if flags & 0x3F:  # rare: padding, an extension, or contributing sources
        start += 4 * (flags & 0x0F)
        if start > end:
            raise MalformedPacket("the contributing sources reach beyond the packet")
        csrcs = struct.unpack_from(f"!{flags & 0x0F}I", data, _FIXED.size)
        if flags & 0x10:
            extension, start = _extension(data, start)
        if flags & 0x20:
            end -= data[-1]
            if not data[-1] or end < start:
                raise MalformedPacket("the padding reaches beyond the payload")
    return RtpPacket(kind & 0x7F, sequence, timestamp, ssrc, data[start:end], bool(kind & _MARKER), csrcs, extension)


def _extension(data: bytes, start: int) -> tuple[tuple[int, bytes], int]:
    body = start + _EXTENSION.size
    if body > len(data):
        raise MalformedPacket("the header extension reaches beyond the packet")
    profile, words = _EXTENSION.unpack_from(data, start)
    after = body + 4 * words
    if after > len(data):
        raise MalformedPacket("the header extension reaches beyond the packet")
    return (profile, data[body:after]), after


class Packetizer:
    """Numbers the packets of one stream: the sequence rises by one, the timestamp by what was sent.

    `packets` and `octets` count what was sent, as sender reports want it (RFC 3550 §6.4.1). The marker bit
    is on the first packet of a talk spurt only: some PBXs flush their jitter buffer at each one. `timestamp` and
    `sequence` are those of the next packet. `ticks` is the length of the last, sent at `sent_at` (seconds; 0:
    never), `fresh` whether the next begins a talk spurt. A relay that numbers packets by those of another source
    keeps these up to date itself.
    """

    __slots__ = ("fresh", "octets", "packets", "sent_at", "sequence", "ssrc", "ticks", "timestamp")

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self.packets = 0
        self.octets = 0
        self.sent_at = 0.0
        self.ticks = 0
        self.fresh = True

    def packet(self, payload_type: int, payload: bytes, ticks: int, now: float) -> bytes:
        """The next packet of sound. `ticks` of the codec's clock is how long its payload lasts."""
        kind = _MARKER | payload_type if self.fresh else payload_type
        head = _FIXED.pack(_VERSION << 6, kind, self.sequence, self.timestamp, self.ssrc)
        self.fresh = False
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF
        self.ticks = ticks
        self._count(payload, now)
        return head + payload

    def event(self, payload_type: int, payload: bytes, timestamp: int, marker: bool, now: float) -> bytes:
        """A packet of an event, which has the timestamp of its beginning; the time of the sound stands still."""
        kind = _MARKER | payload_type if marker else payload_type
        head = _FIXED.pack(_VERSION << 6, kind, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        self.ticks = 0
        self._count(payload, now)
        return head + payload

    def pass_time(self, ticks: int) -> None:
        """An event, or nothing at all, was sent in the place of so much sound."""
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF
        self.ticks += ticks

    def pause(self, ticks: int) -> None:
        """Nothing is sent for so long; what follows is a new talk spurt."""
        self.pass_time(ticks)
        self.fresh = True

    def moment(self, now: float, clock: int) -> int:
        """The timestamp of sound that is heard at `now`, by that of the last packet and when it was sent."""
        if not self.sent_at:
            return self.timestamp
        return (self.timestamp - self.ticks + int((now - self.sent_at) * clock)) & 0xFFFFFFFF

    def resume(self, now: float, clock: int) -> None:
        """A new talk spurt begins now: time has passed since the last packet, and never goes back."""
        moment = self.moment(now, clock)
        if not (moment - self.timestamp) & 0x80000000:
            self.timestamp = moment
        self.fresh = True

    def _count(self, payload: bytes, now: float) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets = (self.packets + 1) & 0xFFFFFFFF
        self.octets = (self.octets + len(payload)) & 0xFFFFFFFF
        self.sent_at = now
