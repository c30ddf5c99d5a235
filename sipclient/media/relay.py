"""The packets of one stream handed to another: untouched where both speak one codec. No clock, no socket."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache

from sipclient.media.codecs import decoder, encoder
from sipclient.media.rtp import pack_header
from sipclient.media.sender import Sender, event_of
from sipclient.sdp import PCMA, PCMU, AudioStream, Codec

_EVENT = struct.Struct("!BBH")
_END = 0x80
_LONGEST = 0xFFFF  # ticks of one event
_NEARLY = 0.2  # seconds before the end of the longest event in which its last update is taken for the end
_LEAP = 3000  # sequence numbers ahead or behind that are another run (RFC 3550 A.1)
_JUMP = 5  # seconds by which a timestamp may run ahead of the sound before it without being looked at
_ASTRAY = 2  # seconds by which it may then be wrong
_HOLD = 0.06  # seconds without a packet of an event after which sound goes on
_WORD = 0xFFFFFFFF


class Relay:
    """One direction: what comes to one stream goes out as `sender`'s, by `send`.

    The other side hears one source: our SSRC, and numbers that go on whoever speaks. Losses and the order of
    packets are left as they are, so that its own jitter buffer can see them. `passed` counts packets,
    `dropped` those that had no way: nobody to take them, or a source of ours spoke.
    """

    __slots__ = (
        "_clock",
        "_event",
        "_event_start",
        "_follows",
        "_packetizer",
        "_run",
        "_scale",
        "_send",
        "_sender",
        "_sends",
        "_sequences",
        "_ssrc",
        "_stray",
        "_table",
        "_ticks",
        "_timestamps",
        "dropped",
        "passed",
    )

    def __init__(self, sender: Sender, send: Callable[[bytes], None]) -> None:
        self.passed = 0
        self.dropped = 0
        self._sender = sender
        self._packetizer = sender.packetizer
        self._send = send
        self._table: dict[int, tuple[int, bytes | None]] = {}  # payload type there, and what each byte becomes
        self._sends = False
        self._clock = 8000
        self._ticks = 160
        self._stray = _JUMP * 8000
        self._event: tuple[int, int] | None = None
        self._scale = _EventScale()
        self._event_start = 0
        self._ssrc = -1  # whose packets are numbered now
        self._sequences = 0  # to be added to theirs for ours
        self._timestamps = 0
        self._run = 0  # packets since these were set
        self._follows = -1  # the next sequence number, unless somebody else has sent

    def agree(self, receives: Mapping[int, Codec], agreed: AudioStream) -> None:
        """What may come, and what the other side takes."""
        codec = agreed.codec
        self._table = {
            number: (kind, _g711(theirs, codec))
            for number, theirs in receives.items()
            if (kind := _payload_type(theirs, agreed)) is not None
        }
        self._sends = agreed.direction.sends
        self._clock, self._ticks = codec.clock, agreed.samples
        self._stray = _JUMP * codec.clock
        self._event = event_of(agreed)
        self._ssrc = -1

    def sound(self, kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, now: float) -> bool:
        """A packet came; `kind` is its second byte. False: the other side cannot take it as it is."""
        entry = self._table.get(kind & 0x7F)
        if entry is None:
            return False
        sender = self._sender
        if not self._sends or sender.source is not None or sender.keys.waiting:
            self.dropped += 1
            return True
        number = self._number(sequence, timestamp, ssrc, now)
        if number < 0:
            self.dropped += 1
            return True
        packetizer = self._packetizer
        stamp = (timestamp + self._timestamps) & _WORD
        payload_type, table = entry
        if table is not None:
            payload = payload.translate(table)
        if packetizer.fresh:
            packetizer.fresh = False
            kind |= 0x80
        self._send(pack_header(0x80, kind & 0x80 | payload_type, number, stamp, packetizer.ssrc) + payload)
        if self._follows == (number + 1) & 0xFFFF:
            packetizer.timestamp = (stamp + self._ticks) & _WORD
            packetizer.ticks = self._ticks
            packetizer.sent_at = now
        packetizer.packets = (packetizer.packets + 1) & _WORD
        packetizer.octets = (packetizer.octets + len(payload)) & _WORD
        self.passed += 1
        return True

    def event(
        self, kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, clock: int, now: float, own: bool
    ) -> None:
        """A packet of a key came, with durations in ticks of `clock`. `own`: the sound is encoded here, so its
        packets have numbers of ours, not of theirs."""
        event, sender = self._event, self._sender
        if event is None or not self._sends or sender.busy or len(payload) < _EVENT.size:
            self.dropped += 1
            return
        payload_type, theirs = event
        payload, offset, first = self._scale.scaled(timestamp, payload, clock, theirs)
        packetizer = self._packetizer
        if not own and (number := self._number(sequence, timestamp, ssrc, now)) < 0:
            self.dropped += 1
            return
        if first:
            self._event_start = packetizer.moment(now, self._clock)
        stamp = (self._event_start + round(offset * self._clock)) & _WORD
        if own:
            sender.carried_until = now + _HOLD
            self._send(packetizer.event(payload_type, payload, stamp, first, now))
        else:
            kind = 0x80 * first | payload_type
            self._send(pack_header(0x80, kind, number, stamp, packetizer.ssrc) + payload)
            packetizer.packets = (packetizer.packets + 1) & _WORD
            packetizer.octets = (packetizer.octets + len(payload)) & _WORD
        self.passed += 1

    def _number(self, sequence: int, timestamp: int, ssrc: int, now: float) -> int:
        """Our sequence number for theirs, -1 for a packet that comes too late to have one."""
        packetizer = self._packetizer
        next_number = packetizer.sequence
        if ssrc != self._ssrc or next_number != self._follows:
            self._renumber(sequence, timestamp, ssrc, now)
        number = (sequence + self._sequences) & 0xFFFF
        ahead = (number - next_number) & 0xFFFF
        if ahead >= _LEAP:
            behind = 0x10000 - ahead
            if behind <= _LEAP:
                return number if behind <= self._run else -1  # late, and of this run or of one before
            self._renumber(sequence, timestamp, ssrc, now)
            number = next_number
        step = (timestamp + self._timestamps - packetizer.timestamp) & _WORD
        if self._stray < step < _WORD - self._stray and self._strayed(timestamp, now):
            self._renumber(sequence, timestamp, ssrc, now)
            number = next_number
        self._run += 1 + ((number - next_number) & 0xFFFF)
        self._follows = packetizer.sequence = (number + 1) & 0xFFFF
        return number

    def _strayed(self, timestamp: int, now: float) -> bool:
        """Whether their timestamp jumped further than time went by."""
        away = (timestamp + self._timestamps - self._packetizer.moment(now, self._clock)) & _WORD
        return _ASTRAY * self._clock < away < _WORD - _ASTRAY * self._clock

    def _renumber(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """Somebody else speaks: their numbers from here on follow what was sent before."""
        packetizer = self._packetizer
        packetizer.resume(now, self._clock)
        self._ssrc, self._run = ssrc, 0
        self._sequences = packetizer.sequence - sequence
        self._timestamps = packetizer.timestamp - timestamp


class _EventScale:
    """Durations of events in ticks of another clock: a press may then need more, or fewer, segments."""

    def __init__(self) -> None:
        self._start = -1
        self._code = -1
        self._before = 0.0  # seconds of the press in segments that are over
        self._spent = 0.0  # seconds of this segment
        self._marked = False

    def scaled(self, timestamp: int, payload: bytes, clock: int, to: int) -> tuple[bytes, float, bool]:
        """The payload there; the seconds from the beginning of the press to that of its segment; and whether a
        press begins."""
        code, flags, ticks = _EVENT.unpack_from(payload)
        first = False
        if timestamp != self._start:
            if code == self._code and self._spent > _LONGEST / clock - _NEARLY:
                self._before += _LONGEST / clock
            else:
                self._before, first = 0.0, True
            self._start, self._code, self._spent = timestamp, code, 0.0
        self._spent = max(self._spent, ticks / clock)
        if clock == to and not self._before:
            return payload, 0.0, first
        whole = round((self._before + ticks / clock) * to)
        segment = max(0, whole - 1) // _LONGEST
        return _EVENT.pack(code, flags, whole - segment * _LONGEST), segment * _LONGEST / to, first


def _payload_type(theirs: Codec, agreed: AudioStream) -> int | None:
    """What a packet of their codec is called on the other side, None where it cannot go there as it is."""
    codec = agreed.codec
    if theirs.is_called(codec.name, codec.clock, codec.channels) or {theirs, codec} == {PCMU, PCMA}:
        return agreed.payload_type
    return agreed.comfort_noise if theirs.name == "CN" and theirs.clock == codec.clock else None


@lru_cache(maxsize=4)
def _g711(theirs: Codec, ours: Codec) -> bytes | None:
    """What each byte of theirs becomes, where one is PCMU and the other PCMA."""
    if {theirs, ours} != {PCMU, PCMA}:
        return None
    return encoder(ours).encode(decoder(theirs).decode(bytes(range(256))))
