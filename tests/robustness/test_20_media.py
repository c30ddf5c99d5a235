"""Robustness 20, media.

RTP only from the negotiated or latched peer, whatever others send and however much; nothing that comes as RTP or
RTCP raises, grows, or makes us speak to a stranger. What SRTP, DTLS and ICE refuse is shown in tests/media.
"""

from __future__ import annotations

import random
import socket
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.media import RtpEngine, RtpStream, UdpTransport
from sipclient.media.rtcp import Sent, report
from sipclient.media.rtp import RtpPacket
from sipclient.media.xr import Delay, Extended, VoipMetrics
from sipclient.sdp import CN, PCMA, PCMU, TELEPHONE_EVENT
from tests.media.virtual import VirtualLoop, numbers
from tests.media.wire import Ear, End, agreement

HOST = "127.0.0.1"
BYTES = 2**20  # that a flood may leave behind
RECEIVES = ((0, PCMU), (8, PCMA), (13, CN))


class Sender:
    """Somebody with a socket."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, 0))
        self.sock.setblocking(False)
        self.address: tuple[str, int] = self.sock.getsockname()

    def to(self, port: int, data: bytes) -> None:
        self.sock.sendto(data, (HOST, port))

    def heard(self) -> int:
        count = 0
        while True:
            try:
                self.sock.recv(4096)
                count += 1
            except BlockingIOError:
                return count


def sound(n: int, ssrc: int = 7, payload_type: int = 0, payload: bytes = b"\xff" * 160) -> bytes:
    return bytes(RtpPacket(payload_type, n & 0xFFFF, 160 * n & 0xFFFFFFFF, ssrc & 0xFFFFFFFF, payload))


class Call:
    """A stream of ours over real sockets; the peer is where the description says, the stranger is not."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.engine = RtpEngine(self.loop, numbers)
        self.peer, self.control, self.stranger = Sender(), Sender(), Sender()
        self.transport = UdpTransport(self.loop, self.engine.open_ports(HOST, (0, 0)))
        self.transport.direct(self.peer.address, self.control.address)
        self.stream = RtpStream(self.engine, self.transport)
        self.stream.agree(agreement(receives=RECEIVES))
        self.port = self.transport.port

    def close(self) -> None:
        self.stream.close()
        for each in (self.peer, self.control, self.stranger):
            each.sock.close()


@pytest.fixture
def call() -> Iterator[Call]:
    made = Call()
    yield made
    made.close()


def test_a_stranger_is_neither_heard_nor_answered(call: Call) -> None:
    ear = Ear()
    call.stream.listen(ear)
    call.peer.to(call.port, sound(0))
    call.loop.poll()
    for n in range(1, 200):
        call.stranger.to(call.port, sound(n, ssrc=7, payload=b"\x00" * 160))  # even as the peer's own source
        call.stranger.to(call.port + 1, report(7, "x", Sent(1.0, 1, 1, 1)))
        call.peer.to(call.port, sound(n))
        call.loop.poll()
        call.loop.run_for(0.02)
    stats = call.stream.stats
    assert (stats.received, stats.lost, stats.duplicates, stats.reports) == (200, 0, 0, 0)
    assert stats.ignored == 2 * 199
    assert call.stranger.heard() == 0
    assert not any(ear.pcm)


def test_a_stranger_who_was_first_is_left_when_the_peer_speaks(call: Call) -> None:
    """RFC 7362 §5: until the signalled address speaks, whoever sends well-formed packets of the call may be a peer
    behind a NAT; from then on it cannot."""
    call.stranger.to(call.port, b"\x80\xff garbage")
    call.stranger.to(call.port, sound(1, payload_type=99))
    call.loop.poll()
    call.loop.run_for(0.1)
    assert call.stranger.heard() == 0  # a packet that is not of this call takes nothing over
    call.stranger.to(call.port, sound(1))
    call.loop.poll()
    call.loop.run_for(0.1)
    assert call.stranger.heard() > 0
    call.peer.to(call.port, sound(1))
    call.loop.poll()
    call.peer.heard()
    call.stranger.heard()
    for n in range(2, 50):
        call.stranger.to(call.port, sound(n))
    call.loop.poll()
    call.loop.run_for(0.2)
    assert (call.stranger.heard(), call.peer.heard()) == (0, 10)


def test_a_flood_of_a_stranger_takes_turns_with_the_others(call: Call) -> None:
    other = Call()
    wake = iter(call.loop.readers.values())
    flooded = next(wake)
    call.peer.to(call.port, sound(0))
    call.loop.poll()
    for n in range(200):
        call.stranger.to(call.port, sound(n))
    for most in (16, 32, 48):
        flooded()
        assert call.stream.stats.ignored <= most  # no more at one wake-up, though all are there
    other.close()
    call.loop.poll()
    assert call.stream.stats.received == 1


def test_sources_by_the_thousand_leave_nothing_behind() -> None:
    loop = VirtualLoop()
    engine = RtpEngine(loop, numbers)
    a = End(engine, agreement(receives=RECEIVES))
    b = End(engine, agreement())
    a.stream.relay_to(b.stream)
    a.stream.listen(ear := Ear())

    def flood(count: int) -> None:
        for n in range(count):
            a.wire.come(sound(n * 7919, ssrc=n * 104_729, payload_type=(0, 8, 13, 101)[n % 4], payload=b"\5\x0a\0\xa0"))
            a.wire.come(
                report(n, "x", Sent(1.0, n, n, n), (), Extended(n, 1.0, (Delay(n, 1, 1),), (VoipMetrics(n),))), 1
            )
            b.wire.rtp.clear()
            b.wire.rtcp.clear()
            a.wire.rtcp.clear()
            a.wire.rtp.clear()
            ear.pcm = b""
            ear.keys.clear()
            if n % 10 == 0:
                loop.run_for(0.02)

    flood(2000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        flood(10_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < BYTES
    assert a.stream.stats.received == 12_000


def test_nobody_who_listens_and_nobody_who_ticks_lets_packets_pile_up() -> None:
    """A process that is held up, or a playout that is not asked: the jitter buffer has an end."""
    end = End(RtpEngine(VirtualLoop(), numbers), agreement(receives=RECEIVES))
    end.stream.listen(Ear())
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for n in range(20_000):
            end.wire.come(sound(n, payload=bytes(1400)))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < BYTES


HEADERS = st.builds(
    lambda flags, kind, rest: bytes([flags, kind]) + rest,
    st.sampled_from((0x80, 0x90, 0xA0, 0xB0, 0x8F, 0xBF, 0x40, 0x00)),
    st.sampled_from((0, 8, 13, 101, 128, 229, 200, 201, 202, 203, 204, 205, 206, 207, 99)),
    st.binary(max_size=60),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.one_of(HEADERS, st.binary(max_size=40)), st.booleans(), st.booleans()), max_size=30))
def test_no_bytes_raise(datagrams: list[tuple[bytes, bool, bool]]) -> None:
    """Into both receivers of a stream that listens, relays and answers, while time passes."""
    loop = VirtualLoop()
    engine = RtpEngine(loop, numbers)
    a = End(engine, agreement(receives=RECEIVES))
    b = End(engine, agreement(PCMA, 8, event=(96, 48_000)))
    a.stream.relay_to(b.stream)
    a.stream.listen(a.ear)
    for data, control, passes in datagrams:
        a.wire.come(data, int(control))
        if passes:
            loop.run_for(0.02)
    loop.run_for(1)
    stats = a.stream.stats
    assert stats.received + stats.malformed + stats.ignored + stats.reports == len(datagrams)
    a.stream.close()
    b.stream.close()


def test_mutations_of_a_real_call_are_survived() -> None:
    """Every field of every packet may be wrong, and the call goes on after."""
    chance = random.Random(20)
    loop = VirtualLoop()
    end = End(RtpEngine(loop, numbers), agreement(receives=RECEIVES))
    end.stream.listen(end.ear)
    for n in range(5000):
        data = bytearray(sound(n, payload_type=chance.choice((0, 8, 13, 101))))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(16)] = chance.randrange(256)
        end.wire.come(bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.1 else data))
        loop.run_for(0.02)
    end.ear.pcm = b""
    for n in range(5000, 5100):
        end.wire.come(sound(n, payload=b"\x90" * 160))
        loop.run_for(0.02)
    assert end.ear.pcm[-16_000:].count(end.ear.pcm[-2:]) >= 7990  # what is said now is what is heard now


def test_an_event_code_of_every_kind_is_a_key_or_nothing() -> None:
    end = End(RtpEngine(VirtualLoop(), numbers), agreement())
    for code in range(256):
        for flags in (0x80, 0x00, 0xFF):
            end.wire.come(bytes(RtpPacket(101, code, 1000 * code, 7, bytes([code, flags]) + b"\xff\xff")))
    assert {press.key for press in end.ear.keys} <= set("0123456789*#ABCD!")
    assert len(end.ear.keys) == 17
    assert TELEPHONE_EVENT.is_event
