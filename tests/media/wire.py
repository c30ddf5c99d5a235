"""Streams without sockets: transports that hand packets over, at once or as a bad network does."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable

from sipclient.media.dtmf import KeyPress
from sipclient.media.engine import RtpEngine
from sipclient.media.packets import Receiver
from sipclient.media.rtp import RtpPacket, parse_rtp
from sipclient.media.rtp_stream import RtpStream
from sipclient.sdp import PCMU, TELEPHONE_EVENT, AudioStream, Codec, Direction
from tests.media.measure import sine
from tests.media.virtual import VirtualLoop

EVENT = 101


class Wire:
    """A transport: what is sent goes to `other`'s receivers, and is kept in `rtp` and `rtcp`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.dropped = 0
        self.unsent = 0
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.closed = False
        self.other: Wire | None = None
        self.delay: Callable[[], float | None] = lambda: 0.0  # None: lost
        self._loop = loop
        self._receivers: tuple[Receiver, Receiver] | None = None
        self.fail: Callable[[str], None] = lambda reason: None

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        self._receivers = rtp, rtcp
        self.fail = failed

    def send_rtp(self, data: bytes) -> None:
        self.rtp.append(data)
        self._carry(data, 0)

    def send_rtcp(self, data: bytes) -> None:
        self.rtcp.append(data)
        self._carry(data, 1)

    def close(self) -> None:
        self.closed = True

    def come(self, data: bytes, kind: int = 0) -> bool:
        """A packet arrives."""
        assert self._receivers is not None
        return self._receivers[kind](data, self._loop.time())

    def packets(self) -> list[RtpPacket]:
        """What was sent since the last time."""
        sent, self.rtp = self.rtp, []
        return [parse_rtp(data) for data in sent]

    def _carry(self, data: bytes, kind: int) -> None:
        other, delay = self.other, self.delay()
        if other is None or delay is None:
            return
        if not delay:
            other.come(data, kind)
        else:
            self._loop.call_at(self._loop.time() + delay, lambda: other.come(data, kind))


class Ear:
    """A sink that keeps what it hears, and a listener to keys."""

    def __init__(self) -> None:
        self.pcm = b""
        self.rate = 0
        self.keys: list[KeyPress] = []

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        self.pcm += pcm
        self.rate = rate


class Tone:
    """A source of one frequency."""

    def __init__(self, frequency: float) -> None:
        self.frequency = frequency
        self._rate = 0
        self._pcm = array("h")
        self._at = 0

    def frame(self, samples: int, rate: int) -> bytes | None:
        if rate != self._rate:
            self._rate, self._at = rate, 0
            self._pcm = array("h", sine(self.frequency, 1.0, rate))
        second = self._pcm + self._pcm
        piece = second[self._at : self._at + samples]
        self._at = (self._at + samples) % len(self._pcm)
        return piece.tobytes()


def agreement(
    codec: Codec = PCMU,
    number: int = 0,
    *,
    event: tuple[int, int] | None = (EVENT, 8000),
    receives: tuple[tuple[int, Codec], ...] = (),
    direction: Direction = Direction.SENDRECV,
    ptime: int = 20,
    comfort_noise: int | None = None,
) -> AudioStream:
    """What was negotiated: one codec both ways, and telephone-event at one clock."""
    events = ()
    if event is not None:
        events = ((event[0], Codec(TELEPHONE_EVENT.name, event[1], fmtp="0-15")),)
    return AudioStream(
        codec=codec,
        payload_type=number,
        event_type=event[0] if event is not None and event[1] == codec.clock else None,
        receives=(receives or ((number, codec),)) + events,
        direction=direction,
        ptime=ptime,
        host="192.0.2.1",
        port=4000,
        rtcp_host="192.0.2.1",
        rtcp_port=4001,
        events=() if event is None else (event,),
        comfort_noise=comfort_noise,
    )


class End:
    """A stream and its wire."""

    def __init__(self, engine: RtpEngine, agreed: AudioStream | None = None) -> None:
        assert isinstance(engine.loop, VirtualLoop)
        self.wire = Wire(engine.loop)
        self.stream = RtpStream(engine, self.wire)
        self.ear = Ear()
        self.stream.on_key = self.ear.keys.append
        if agreed is not None:
            self.stream.agree(agreed)

    def to(self, other: End) -> End:
        """Join it to another."""
        self.wire.other, other.wire.other = other.wire, self.wire
        return other


def bad_network(seed: int, loss: float, jitter: float) -> Callable[[], float | None]:
    """A delay for each packet, evenly up to `jitter` seconds, or its loss."""
    chance = random.Random(seed)
    return lambda: None if chance.random() < loss else chance.uniform(0.001, jitter)
