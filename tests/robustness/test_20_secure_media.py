"""Number 20: replays and forgeries end no call, a wrong certificate does, and nobody begins DTLS before ICE knows him.

Plain RTP is in `test_20_media.py`.
"""

from __future__ import annotations

import asyncio
import datetime
import random
import re
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from sipclient import sdp
from sipclient.media import RtpSession
from sipclient.media.certificate import Certificate
from sipclient.media.dtls import Association
from sipclient.media.handshake import Handshake
from sipclient.media.packets import PacketTransport
from sipclient.media.rtp import RtpPacket
from sipclient.sdp import Fingerprint

FORGED = 500  # packets
STRANGER = Fingerprint("sha-256", ":".join(["AB"] * 32))


async def until(true: Callable[[], object], within: float = 8.0) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Repeating:
    """A wire on which somebody sends everything twice, and the first packet over and over."""

    def __init__(self, lower: PacketTransport) -> None:
        self.seen: list[bytes] = []
        self._lower = lower

    def __getattr__(self, name: str) -> object:
        return getattr(self._lower, name)

    def send_rtp(self, data: bytes | bytearray) -> None:
        self.seen.append(bytes(data))
        for packet in (data, data, self.seen[0]):
            self._lower.send_rtp(packet)


class Phone(RtpSession):
    """A session whose end is written down, and the datagrams of whose socket are."""

    def __init__(self, kind: str) -> None:
        super().__init__("127.0.0.1", kind=kind)
        self.failures: list[str] = []
        self.watch(self.failures.append)

    @property
    def received(self) -> int:
        return self.stream.stats.received if self.stream is not None else 0

    @property
    def ignored(self) -> int:
        return self.stream.stats.ignored if self.stream is not None else 0


@pytest.fixture
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Phone, Phone]]:
    a, b = Phone(request.param), Phone(request.param)
    yield a, b
    await a.close()
    await b.close()


async def talking(a: Phone, b: Phone) -> int:
    """The port that a hears on, once both hear each other."""
    offer = await a.offer()
    await a.apply(await b.answer(offer))
    await until(lambda: a.received > 2 and b.received > 2)
    return sdp.parse(offer).media[0].port


@pytest.mark.parametrize("pair", ["srtp", "webrtc"], indirect=True)
async def test_forged_and_random_packets_end_no_call(pair: tuple[Phone, Phone]) -> None:
    a, b = pair
    port, chance = await talking(a, b), random.Random(20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(FORGED):
            kind = number % 4
            packet = bytes(RtpPacket(0, number, number * 160, chance.getrandbits(32), chance.randbytes(170)))
            forged = (
                packet,
                chance.randbytes(chance.randrange(1, 300)),
                b"\x80\xc9" + packet[2:],
                b"\x16\xfe\xfd" + packet,
            )
            stranger.sendto(forged[kind], ("127.0.0.1", port))
            if number % 50 == 0:
                await asyncio.sleep(0.005)
    before = a.received
    await until(lambda: a.received > before + 10)
    assert a.ignored > FORGED / 2
    assert a.failures == b.failures == []


@pytest.mark.parametrize("pair", ["srtp"], indirect=True)
async def test_replays_from_the_peers_own_address_are_dropped(pair: tuple[Phone, Phone]) -> None:
    """Whoever can write on the wire repeats what he saw: it is counted, and heard once."""
    a, b = pair
    await talking(a, b)
    srtp = b._carrier._srtp if b._carrier is not None else None
    assert srtp is not None
    wire = Repeating(srtp.lower)
    srtp._lower = wire  # type: ignore[assignment]
    seen = wire.seen
    ignored, heard, sent = a.ignored, a.received, len(seen)
    await until(lambda: len(seen) >= sent + 20)
    await asyncio.sleep(0.05)
    assert a.ignored - ignored >= 2 * 19
    assert a.received - heard <= len(seen) - sent
    assert a.stream is not None and a.stream.stats.duplicates == 0
    assert a.failures == []


@pytest.mark.parametrize("pair", ["webrtc"], indirect=True)
async def test_a_wrong_fingerprint_ends_the_call(pair: tuple[Phone, Phone]) -> None:
    a, b = pair
    answer = await b.answer(await a.offer())
    await a.apply(re.sub(rb"(a=fingerprint:sha-256 )\S+", rb"\1" + STRANGER.value.encode(), answer))
    await until(lambda: a.failures)
    assert a.failures[0].startswith("the peer's certificate is not the one it announced")
    assert a.received == 0


@pytest.mark.parametrize("pair", ["webrtc"], indirect=True)
async def test_a_hello_before_consent_is_ignored(pair: tuple[Phone, Phone]) -> None:
    """The class of CVE-2023-51443: a stranger's ClientHello, or a thousand, must not be answered, and the call
    that comes then goes on as if there had been none."""
    a, b = pair
    offer = await a.offer()
    port = sdp.parse(offer).media[0].port
    answer = await b.answer(offer)
    hello = Handshake(Certificate(datetime.datetime.now(datetime.UTC)), True, (STRANGER,)).begin()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for _ in range(200):
            for datagram in hello:
                stranger.sendto(datagram, ("127.0.0.1", port))
        await a.apply(answer)
        for _ in range(200):
            for datagram in hello:
                stranger.sendto(datagram, ("127.0.0.1", port))
            await asyncio.sleep(0.001)
        await until(lambda: a.received > 5 and b.received > 5)
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
    assert a.failures == b.failures == []


def plain(body: bytes) -> bytes:
    """A description without ICE."""
    lost = (b"a=candidate", b"a=ice-", b"a=end-of")
    return b"\r\n".join(line for line in body.split(b"\r\n") if not line.startswith(lost))


@pytest.mark.parametrize("pair", ["webrtc"], indirect=True)
@pytest.mark.parametrize("offers", [True, False])
async def test_a_hello_of_a_stranger_is_ignored_without_ice_too(
    pair: tuple[Phone, Phone], offers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but its address tells the peer from a stranger then, and a handshake listens to one: the peer has the
    first word. The socket of who offered is that of ICE, that of who answers a plain one."""
    a, b = pair
    if offers:
        offer = plain(await a.offer())
        with monkeypatch.context() as patch:
            patch.setattr(Association, "_post", lambda *_: None)  # its first words are lost on the way
            answer = plain(await b.answer(offer))
        await a.apply(answer)
        port = sdp.parse(offer).media[0].port
    else:
        answer = await a.answer(plain(await b.offer()).replace(b"a=setup:actpass", b"a=setup:active"))
        port = sdp.parse(answer).media[0].port
    hello = Handshake(Certificate(datetime.datetime.now(datetime.UTC)), True, (STRANGER,)).begin()
    alert = b"\x15\xfe\xfd" + bytes(9) + b"\x02\x02\x28"  # fatal: handshake failure
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for _ in range(50):
            for datagram in (*hello, alert):
                stranger.sendto(datagram, ("127.0.0.1", port))
            await asyncio.sleep(0.001)
        if not offers:
            await b.apply(answer)
        await until(lambda: a.received > 5 and b.received > 5)
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
    assert a.failures == b.failures == []
    assert a.ignored >= 100
