"""Two sessions that call each other, on real sockets and in virtual time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import uvloop

from sipclient import sdp
from sipclient.errors import MalformedDescription, MediaError
from sipclient.media import MediaSession, NoMedia, RtpEngine, RtpSession, RtpStream
from sipclient.media.peer import Peer
from sipclient.media.rtp import RtpPacket, parse_rtp
from tests.media.virtual import VirtualLoop, numbers


class Phone:
    """A peer made of two sockets, which says and hears exactly what it is told."""

    def __init__(self) -> None:
        self.rtp = self._bind()
        self.rtcp = self._bind()
        self.port = self.rtp.getsockname()[1]
        self.sequence = 0

    @staticmethod
    def _bind() -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        bound.setblocking(False)
        return bound

    def describe(self, *lines: str, formats: str = "0 101") -> bytes:
        rtcp = self.rtcp.getsockname()[1]
        head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        head += f"m=audio {self.port} RTP/AVP {formats}\r\n"
        more = (f"a=rtcp:{rtcp}", "a=rtpmap:101 telephone-event/8000", *lines)
        return (head + "".join(f"{line}\r\n" for line in more)).encode()

    def heard(self) -> list[RtpPacket]:
        return [parse_rtp(data) for data in self._all(self.rtp)]

    def reports(self) -> list[bytes]:
        return self._all(self.rtcp)

    def say(self, port: int, payload_type: int = 0) -> None:
        self.sequence += 1
        packet = RtpPacket(payload_type, self.sequence, 160 * self.sequence, 77, b"\xff" * 160)
        self.rtp.sendto(bytes(packet), ("127.0.0.1", port))

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()

    @staticmethod
    def _all(bound: socket.socket) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(bound.recv(4096))
            except BlockingIOError:
                return found


@pytest.fixture
def phone() -> Iterator[Phone]:
    made = Phone()
    yield made
    made.close()


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


@pytest.fixture
def engine(loop: VirtualLoop) -> RtpEngine:
    return RtpEngine(loop, numbers)


def port_of(description: bytes) -> int:
    return sdp.parse(description).media[0].port


def stream_of(session: RtpSession) -> RtpStream:
    assert session.stream is not None
    return session.stream


async def test_two_of_us_talk(loop: VirtualLoop, engine: RtpEngine) -> None:
    a, b = RtpSession("127.0.0.1", engine=engine), RtpSession("127.0.0.1", engine=engine)
    await a.apply(await b.answer(await a.offer()))
    loop.run_for(10.001)
    for session in (a, b):
        stream = stream_of(session).stats
        assert stream.sent == stream.received == 500
        assert (stream.lost, stream.ignored, stream.malformed, stream.unsent) == (0, 0, 0, 0)
        assert stream.reports == 2
    await a.close()
    await b.close()
    assert loop.readers == {}
    assert loop.waiting == 0


@pytest.mark.parametrize(("formats", "payload_type", "silence"), [("0 101", 0, b"\xff"), ("8", 8, b"\xd5")])
async def test_silence_is_well_formed(
    loop: VirtualLoop, engine: RtpEngine, phone: Phone, formats: str, payload_type: int, silence: bytes
) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.answer(phone.describe(formats=formats))
    loop.run_for(0.1)
    packets = phone.heard()
    assert [packet.marker for packet in packets] == [True, False, False, False, False]
    assert [packet.sequence - packets[0].sequence for packet in packets] == [0, 1, 2, 3, 4]
    assert [packet.timestamp - packets[0].timestamp for packet in packets] == [0, 160, 320, 480, 640]
    assert all(packet.payload == silence * 160 for packet in packets)
    assert {(packet.payload_type, packet.ssrc) for packet in packets} == {(payload_type, 1 << 31)}
    await session.close()


async def test_packets_are_as_long_as_agreed_and_may_change(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.answer(phone.describe("a=ptime:40"))
    loop.run_for(0.401)
    assert [len(packet.payload) for packet in phone.heard()] == [320] * 10
    await session.answer(phone.describe("a=ptime:20"))
    loop.run_for(0.401)
    assert [len(packet.payload) for packet in phone.heard()] == [160] * 20
    await session.close()
    assert loop.waiting == 0


async def test_hold_and_resume_by_the_peer(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    first = await session.answer(phone.describe())
    loop.run_for(0.101)
    before = phone.heard()
    held = await session.answer(phone.describe("a=inactive"))
    loop.run_for(1.0)
    assert phone.heard() == []
    back = await session.answer(phone.describe())
    loop.run_for(0.101)
    after = phone.heard()
    assert after[0].sequence == before[-1].sequence + 1
    assert after[0].timestamp - before[-1].timestamp > 160 * 50
    assert after[0].marker and not after[1].marker
    assert b"a=inactive" in held
    versions = [sdp.parse(body).origin for body in (first, held, back)]
    assert [origin.version for origin in versions if origin] == ["1", "2", "3"]
    assert port_of(first) == port_of(held) == port_of(back)
    await session.close()


async def test_hold_and_resume_by_us(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    first = await session.offer()
    await session.apply(phone.describe())
    held = await session.offer(hold=True)
    assert b"a=sendonly" in held and b" 2 IN IP4" in held
    await session.apply(phone.describe("a=recvonly"))
    again = await session.offer()
    assert again == held  # nothing changed, so neither does the version
    resumed = await session.offer(hold=False)
    assert sdp.parse(resumed).lines[2:] == sdp.parse(first).lines[2:]
    assert b" 3 IN IP4" in resumed
    await session.close()


async def test_a_handshake_that_is_not_wanted_any_more_ends_no_call(
    loop: VirtualLoop, engine: RtpEngine, phone: Phone
) -> None:
    """DTLS was offered, and then plain RTP in its place, within the ten seconds that DTLS has."""
    session = RtpSession("127.0.0.1", engine=engine)
    failures: list[str] = []
    session.watch(failures.append)
    fingerprint = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    offer = phone.describe("a=setup:passive", fingerprint).replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVP")
    assert b"fingerprint" in await session.answer(offer)
    loop.run_for(1.0)
    await session.answer(phone.describe())
    loop.run_for(15.0)
    assert failures == []
    await session.close()
    assert loop.waiting == 0


async def test_early_media_and_then_the_answer_from_elsewhere(
    loop: VirtualLoop, engine: RtpEngine, phone: Phone
) -> None:
    other = Phone()
    session = RtpSession("127.0.0.1", engine=engine)
    await session.offer()
    await session.apply(phone.describe())
    loop.run_for(0.101)
    await session.apply(other.describe())
    loop.run_for(0.101)
    assert len(phone.heard()) == len(other.heard()) == 5
    await session.close()
    other.close()


async def test_only_the_peer_is_heard(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    stranger = Phone()
    session = RtpSession("127.0.0.1", engine=engine)
    port = port_of(await session.offer())
    stream = stream_of(session)
    phone.say(port)
    loop.poll()
    assert stream.stats.ignored == 1  # nothing is agreed yet
    await session.apply(phone.describe())
    phone.say(port)
    stranger.say(port)
    phone.say(port, payload_type=18)
    phone.rtp.sendto(b"no RTP", ("127.0.0.1", port))
    phone.rtp.sendto(b"\x80", ("127.0.0.1", port))
    loop.poll()
    assert (stream.stats.received, stream.stats.ignored, stream.stats.malformed) == (1, 3, 2)
    await session.close()
    stranger.close()


async def test_a_peer_behind_a_nat_is_followed(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    outside = Phone()
    session = RtpSession("127.0.0.1", engine=engine)
    port = port_of(await session.answer(phone.describe()))
    outside.say(port)
    loop.poll()
    loop.run_for(0.101)
    assert (len(outside.heard()), len(phone.heard())) == (5, 0)
    phone.say(port)  # the signalled address speaks after all: nobody else is heard from now on
    outside.say(port)
    loop.poll()
    loop.run_for(0.101)
    assert (len(outside.heard()), len(phone.heard())) == (0, 5)
    assert (stream_of(session).stats.received, stream_of(session).stats.ignored) == (2, 1)
    await session.close()
    outside.close()


async def test_after_a_new_address_nothing_goes_to_the_old_one(
    loop: VirtualLoop, engine: RtpEngine, phone: Phone
) -> None:
    """A re-INVITE moves the peer's media, to one who only listens; what was under way from before comes after it."""
    other = Phone()
    session = RtpSession("127.0.0.1", engine=engine)
    port = port_of(await session.answer(phone.describe()))
    phone.say(port)
    loop.run_for(0.101)
    await session.answer(other.describe("a=recvonly"))
    phone.heard()
    for _ in range(50):
        phone.say(port)
        loop.run_for(0.02)
    assert phone.heard() == [] and len(other.heard()) >= 49
    assert stream_of(session).stats.received == 1
    await session.close()
    other.close()


async def test_who_insists_is_there_still(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    """Behind a NAT another address is announced, and packets come from where they came from before."""
    outside = Phone()
    session = RtpSession("127.0.0.1", engine=engine)
    port = port_of(await session.answer(phone.describe()))
    outside.say(port)
    loop.poll()
    second = Phone()
    await session.answer(second.describe())
    for _ in range(120):
        outside.say(port)
        loop.run_for(0.02)
    assert stream_of(session).stats.received == 21
    outside.heard()
    loop.run_for(0.101)
    assert len(outside.heard()) in (5, 6)
    await session.close()
    outside.close()
    second.close()


def test_who_is_the_peer() -> None:
    peer = Peer("2001:DB8:0::1", 4000)
    signalled, first, second = ("2001:db8::1", 4000), ("2001:db8::2", 1), ("2001:db8::3", 1)
    assert peer.signalled == signalled
    assert peer.admits(first) and peer.admits(second)  # nothing good came of either yet
    peer.heard(first)
    assert peer.admits(first) and not peer.admits(second) and peer.admits(signalled)
    peer.heard(first)
    assert peer.destination == first
    peer.heard(signalled)
    assert peer.admits(signalled) and not peer.admits(first)
    assert peer.destination == signalled


async def test_a_flood_is_read_in_bounded_bites(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    port = port_of(await session.answer(phone.describe()))
    for _ in range(100):
        phone.say(port)
    stream = stream_of(session)
    readable = next(iter(loop.readers.values()))
    readable()
    assert stream.stats.received == 1  # nobody sends two packets at once
    readable()
    assert stream.stats.received == 17  # who comes back at once is behind
    loop.poll()
    assert stream.stats.received == 100
    await session.close()


async def test_reports_tell_what_was_sent_and_lost_and_goodbye(
    loop: VirtualLoop, engine: RtpEngine, phone: Phone
) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    port = port_of(await session.answer(phone.describe()))
    phone.say(port)
    phone.sequence += 1
    phone.say(port)
    loop.poll()
    loop.run_for(2.501)
    (report,) = phone.reports()
    assert (report[0], report[1]) == (0x81, 200)
    assert int.from_bytes(report[20:24], "big") == 124  # packets sent
    assert report[28:32] == (77).to_bytes(4, "big")
    assert report[33:36] == b"\0\0\1"  # lost in all
    await session.answer(phone.describe("a=sendonly"))
    loop.run_for(10.0)
    assert [report[1] for report in phone.reports()] == [200, 201]  # one packet was still on its way
    await session.close()
    (goodbye,) = phone.reports()
    assert goodbye[-8:-4] == bytes.fromhex("81cb0001")
    await session.close()


async def test_who_is_held_the_old_way_gets_nothing_at_all(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.answer(b"v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n")
    loop.run_for(20)
    stream = stream_of(session)
    assert (stream.stats.sent, stream.stats.unsent) == (0, 0)
    await session.close()


async def test_what_cannot_be_sent_is_counted_and_harms_nothing(loop: VirtualLoop, engine: RtpEngine) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.answer(b"v=0\r\nc=IN IP4 255.255.255.255\r\nm=audio 4000 RTP/AVP 0\r\n")
    loop.run_for(0.1)
    assert stream_of(session).stats.unsent == 5
    await session.close()


async def test_after_a_standstill_only_the_latest_is_sent(loop: VirtualLoop, engine: RtpEngine, phone: Phone) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.answer(phone.describe())
    loop.run_for(0.05)
    phone.heard()
    loop.now += 2.0
    loop.run_for(0.005)
    packets = phone.heard()
    assert len(packets) == 5
    assert packets[0].marker
    assert packets[-1].timestamp - packets[0].timestamp == 640
    loop.run_for(0.1)
    assert len(phone.heard()) == 5
    await session.close()


async def test_a_refusal_says_why_and_leaves_the_call_as_it_was(
    loop: VirtualLoop, engine: RtpEngine, phone: Phone
) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.answer(phone.describe())
    with pytest.raises(MediaError, match=r"line 6: no codec in common: offered G729 \(18\)") as refused:
        await session.answer(phone.describe(formats="18"))
    assert [code for code, _ in refused.value.warnings] == [305]
    with pytest.raises(MalformedDescription):
        await session.answer(b"hello")
    with pytest.raises(MediaError, match="nothing was offered"):
        await session.apply(phone.describe())
    await session.offer()
    with pytest.raises(MediaError, match="which we did not offer"):
        await session.apply(phone.describe(formats="18"))
    loop.run_for(0.1)
    assert len(phone.heard()) == 5
    await session.close()
    for late in (session.offer(), session.answer(phone.describe()), session.apply(phone.describe())):
        with pytest.raises(MediaError):
            await late


async def test_what_peers_are_told(engine: RtpEngine) -> None:
    session = RtpSession("0.0.0.0", public_address="203.0.113.5", codecs=["pcma"], engine=engine)
    description = sdp.parse(await session.offer())
    assert description.session.own_connection == sdp.Connection("IP4", "203.0.113.5", 4)
    assert description.media[0].formats == ("8",)
    assert description.media[0].port % 2 == 0
    await session.close()


def test_peers_are_told_no_zone(engine: RtpEngine) -> None:
    """RFC 4007 §11.2: it means something on this machine only."""
    assert RtpSession("fe80::2%4", engine=engine)._told("fe80::2%4") == "fe80::2"


async def test_an_offer_that_nobody_can_take_does_not_leave(engine: RtpEngine) -> None:
    session = RtpSession("0.0.0.0", public_address="233.252.0.1", engine=engine)
    with pytest.raises(MediaError, match=r"our own offer: line 4: 233\.252\.0\.1 is a multicast address"):
        await session.offer()
    await session.close()


@pytest.mark.parametrize(
    ("host", "public", "codecs", "words"),
    [
        ("0.0.0.0", "", (), "nobody can send media to"),
        ("pbx.example.com", "", (), "need an IP address"),
        ("192.0.2.1", "2001:db8::1", (), "one is IPv4, the other IPv6"),
        ("127.0.0.1", "", ("speex",), "'speex' is not available: there are opus, G722, PCMU, PCMA, L16"),
        ("127.0.0.1", "", ("telephone-event",), "nothing for speech"),
    ],
)
def test_settings_that_cannot_be(host: str, public: str, codecs: tuple[str, ...], words: str) -> None:
    with pytest.raises(MediaError, match=words):
        RtpSession(host, public_address=public, codecs=codecs)


async def test_ports_come_from_the_range_and_go_back(engine: RtpEngine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        low = probe.getsockname()[1] & ~1
    span = (low, low + 1)
    first = RtpSession("127.0.0.1", ports=span, engine=engine)
    assert port_of(await first.offer()) == low
    with pytest.raises(MediaError, match=f"no RTP port free in {low}-{low + 1}"):
        await RtpSession("127.0.0.1", ports=span, engine=engine).offer()
    await first.close()
    second = RtpSession("127.0.0.1", ports=span, engine=engine)
    assert port_of(await second.offer()) == low
    await second.close()


async def test_a_session_that_nobody_used_can_be_closed(loop: VirtualLoop, engine: RtpEngine) -> None:
    session = RtpSession("127.0.0.1", engine=engine)
    await session.close()
    assert session.stream is None
    other = RtpSession("127.0.0.1", engine=engine)
    await other.offer()
    await other.close()
    assert (loop.readers, loop.waiting) == ({}, 0)


async def test_no_media_at_all() -> None:
    session: MediaSession = NoMedia()
    assert await session.offer() == b""
    assert await session.answer(b"v=0") == b""
    await session.apply(b"")
    await session.close()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_on_a_real_loop_by_its_own_clock(factory: object) -> None:
    async def talk() -> None:
        a, b = RtpSession("::1"), RtpSession("::1")
        await a.apply(await b.answer(await a.offer()))
        async with asyncio.timeout(5):
            while min(stream_of(a).stats.received, stream_of(b).stats.received) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # the loop's own clock is what is tested here
        await a.close()
        await b.close()

    with asyncio.Runner(loop_factory=factory) as runner:  # type: ignore[arg-type]
        runner.run(talk())
