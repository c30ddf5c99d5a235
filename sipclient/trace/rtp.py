"""Streams of RTP in a capture: counted, with loss and jitter. RFC 3550 §5.1, §6.4.1, appendix A.3 and A.8."""

from __future__ import annotations

import re

from sipclient.trace.record import Address, MediaStream

_STATIC = {
    0: ("PCMU", 8000), 3: ("GSM", 8000), 4: ("G723", 8000), 5: ("DVI4", 8000), 6: ("DVI4", 16000),
    7: ("LPC", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 10: ("L16", 44100), 11: ("L16", 44100),
    12: ("QCELP", 8000), 13: ("CN", 8000), 14: ("MPA", 90000), 15: ("G728", 8000), 18: ("G729", 8000),
    26: ("JPEG", 90000), 31: ("H261", 90000), 32: ("MPV", 90000), 33: ("MP2T", 90000), 34: ("H263", 90000),
}  # fmt: skip  # RFC 3551 §6
_STREAMS = 4096  # kept at a time; of more, none is begun
_PLACES = 4096  # addresses of media that SDPs named
_SURE = 10  # packets, all of one SSRC and payload type, that make a stream where no SDP announced one
_CONNECTION = re.compile(rb"^c=IN IP[46] ([^\s/]+)", re.M)
_MEDIA = re.compile(rb"^m=(?:audio|video) (\d{1,5}) [^\r\n]*")
_RTPMAP = re.compile(rb"^a=rtpmap:(\d{1,3}) ([^/\s]{1,32})/(\d{1,7})", re.M)
_SECTIONS = re.compile(rb"^(?=m=)", re.M)


class _Stream:
    __slots__ = ("arrival", "began", "clock", "codec", "cycles", "first", "highest", "jitter", "known", "last",
                 "packets", "payload_type", "strange", "timestamp")  # fmt: skip

    def __init__(self, sequence: int, payload_type: int, codec: str, clock: int, known: bool, at: float) -> None:
        self.first = self.highest = sequence
        self.cycles = 0
        self.packets = 0
        self.strange = 0
        self.payload_type, self.codec, self.clock, self.known = payload_type, codec, clock, known
        self.jitter = 0.0
        self.timestamp = -1
        self.began = self.last = at
        self.arrival = at

    def add(self, sequence: int, timestamp: int, at: float) -> None:
        self.packets += 1
        ahead = (sequence - self.highest) & 0xFFFF
        if 0 < ahead < 0x8000:
            self.cycles += 0x10000 if sequence < self.highest else 0
            self.highest = sequence
            self.strange += ahead > 3000
        if self.clock and self.timestamp >= 0:
            ticks = ((timestamp - self.timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            self.jitter += (abs((at - self.arrival) - ticks / self.clock) - self.jitter) / 16
        self.timestamp, self.arrival, self.last = timestamp, at, at

    @property
    def lost(self) -> int:
        return max(0, self.cycles + self.highest - self.first + 1 - self.packets)


class MediaCounter:
    """Learns from SDPs what flows where, and counts what flows."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], dict[int, tuple[str, int]]] = {}
        self._streams: dict[tuple[Address, Address, int], _Stream] = {}

    def learn(self, message: bytes) -> None:
        """The media addresses and rtpmaps of a message with an SDP."""
        begin = message.find(b"\nv=0")
        if begin < 0 or len(self._places) >= _PLACES:
            return
        session, *media = _SECTIONS.split(message[begin + 1 :])[:17]
        common = _CONNECTION.search(session)
        for section in media:
            line, own = _MEDIA.match(section), _CONNECTION.search(section) or common
            if line is None or own is None:
                continue
            place = (own[1].decode("latin-1"), int(line[1]))
            maps = self._places.setdefault(place, {})
            for number, name, rate in _RTPMAP.findall(section)[:64]:
                maps[int(number)] = (name.decode("latin-1"), int(rate))

    def add(self, source: Address, destination: Address, data: bytes, at: float) -> None:
        """A datagram that may be RTP."""
        payload_type = data[1] & 0x7F if len(data) >= 12 else 72
        if data[0] >> 6 != 2 or 64 <= payload_type <= 95:  # not RTP, or RTCP: RFC 5761 §4
            return
        key = (source, destination, int.from_bytes(data[8:12], "big"))
        sequence, timestamp = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= _STREAMS:
                return
            announced = self._places.get((destination.host, destination.port))
            codec, clock = (announced or {}).get(payload_type) or _STATIC.get(payload_type, ("", 0))
            stream = _Stream(sequence, payload_type, codec, clock, announced is not None, at)
            self._streams[key] = stream
        stream.add(sequence, timestamp, at)

    def streams(self) -> tuple[MediaStream, ...]:
        """What was counted, by the time it began; without what only looks like RTP."""
        found = [
            MediaStream(
                source, destination, ssrc, stream.payload_type, stream.codec, stream.packets, stream.lost,
                stream.jitter if stream.clock else None, stream.began, stream.last,
            )
            for (source, destination, ssrc), stream in self._streams.items()
            if stream.known or (stream.packets >= _SURE and stream.strange * 10 < stream.packets)
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda stream: stream.began))
