"""Number 20, by the thousand: STUN, DTLS, RTP and RTCP that nobody asked for, and candidates without end. A call
survives each, its sound goes on meanwhile, and nothing of it stays.

Packets that only have the right address are sent from the peer's own socket: who can forge that is met here too.
"""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable

import pytest
from aioice.stun import Class, Message, Method

from sipclient import sdp
from sipclient.media import RtpSession
from sipclient.media.ice_agent import MOST_CANDIDATES, Agent, Endpoint
from sipclient.media.rtp import RtpPacket

FLOOD = 3000  # datagrams
BURST = 20  # of them at once, which is less than the socket holds
EACH = 0.001  # seconds of CPU for one, sending it included, on a slow and busy machine
LEFT = 2**19  # bytes that a flood may leave behind
HOST = "127.0.0.1"


class Phone(RtpSession):
    """A session, and why its media ended."""

    def __init__(self, kind: str) -> None:
        super().__init__(HOST, kind=kind)
        self.failures: list[str] = []
        self.watch(self.failures.append)

    @property
    def received(self) -> int:
        return self.stream.stats.received if self.stream is not None else 0

    @property
    def agent(self) -> Agent:
        """Its ICE."""
        assert self._carrier is not None and self._carrier._ice is not None
        agent = self._carrier._ice._agent
        assert agent is not None
        return agent


@pytest.fixture
async def phones() -> AsyncIterator[Callable[[str], tuple[Phone, Phone]]]:
    made: list[Phone] = []

    def two(kind: str = "webrtc") -> tuple[Phone, Phone]:
        made[:] = Phone(kind), Phone(kind)
        return made[0], made[1]

    yield two
    for each in made:
        await each.close()


async def until(true: Callable[[], object], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def talking(a: Phone, b: Phone) -> int:
    """The port that a hears on, once both hear each other."""
    offer = await a.offer()
    await a.apply(await b.answer(offer))
    await until(lambda: a.received > 2 and b.received > 2)
    return sdp.parse(offer).media[0].port


async def survives(a: Phone, b: Phone, send: Callable[[bytes], None], flood: Iterable[bytes]) -> None:
    """Send all that to a: both go on hearing each other while it comes, it costs little, and it leaves nothing."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        heard, begun, worst = (a.received, b.received), time.process_time(), 0.0
        for number, datagram in enumerate(flood):
            send(datagram)
            if number % BURST == BURST - 1:
                paused = time.process_time()
                await asyncio.sleep(0.001)
                worst = max(worst, time.process_time() - paused)
        spent = time.process_time() - begun
        await until(lambda: a.received > heard[0] + 20 and b.received > heard[1] + 20)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < LEFT
    finally:
        tracemalloc.stop()
    assert spent < FLOOD * EACH * 5  # memory is traced meanwhile, which costs several times as much
    assert worst < 0.5  # seconds of CPU for one burst, until the loop is ours again
    assert a.failures == b.failures == []


def stun(chance: random.Random, username: str = "", kind: Class = Class.REQUEST) -> bytes:
    """A check as somebody makes it who does not know the password."""
    message = Message(message_method=Method.BINDING, message_class=kind, transaction_id=chance.randbytes(12))
    message.attributes["USERNAME"] = username or f"{chance.getrandbits(40):x}:{chance.getrandbits(40):x}"
    message.attributes["PRIORITY"] = chance.getrandbits(31)
    if kind is Class.REQUEST:
        message.attributes["ICE-CONTROLLED"] = chance.getrandbits(63)
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(chance.randbytes(16))
    message.add_fingerprint()
    return bytes(message)


def checks(username: str) -> Iterable[bytes]:
    """STUN of every kind that is wrong: passwords, names, answers to nothing, pieces."""
    chance = random.Random(5389)
    for number in range(FLOOD):
        whole = stun(chance, username if number % 2 else "", chance.choice(list(Class)))
        cut = chance.randrange(1, len(whole))
        broken = bytearray(whole)
        broken[chance.randrange(2, len(whole))] ^= chance.randrange(1, 256)
        yield (whole, whole[:cut], bytes(broken), b"\x00\x01" + chance.randbytes(chance.randrange(1200)))[number % 4]


def records() -> Iterable[bytes]:
    """What begins as DTLS does: lengths that lie, types there are not, alerts, hellos, application data."""
    chance = random.Random(6347)
    for number in range(FLOOD):
        body = chance.randbytes(chance.randrange(0, 200))
        head = bytes([chance.choice((20, 21, 22, 23, 24, 30, 63))]) + b"\xfe" + bytes([chance.choice((0xFD, 0xFF, 0))])
        epoch = chance.choice((b"\0\0", b"\0\1", chance.randbytes(2)))
        length = chance.choice((len(body), chance.randrange(65536)))
        alert = b"\x15\xfe\xfd" + epoch + chance.randbytes(6) + b"\0\2" + bytes([2, chance.randrange(256)])
        whole = head + epoch + chance.randbytes(6) + length.to_bytes(2, "big") + body
        yield (whole, alert, whole[: chance.randrange(1, 14)], b"\x16" + chance.randbytes(1100))[number % 4]


def packets() -> Iterable[bytes]:
    """RTP and RTCP, well-formed and not, of sources by the thousand."""
    chance = random.Random(3550)
    for number in range(FLOOD):
        rtp = bytes(
            RtpPacket(chance.randrange(128), number, number * 160, chance.getrandbits(32), chance.randbytes(160))
        )
        rtcp = bytes([0x80 | chance.randrange(32), chance.randrange(192, 224)]) + chance.randbytes(100)
        yield (rtp, rtcp, b"\x80" + chance.randbytes(60), chance.randbytes(chance.randrange(1, 1400)))[number % 4]


@pytest.mark.parametrize("attack", ["stun", "dtls", "rtp and rtcp"])
async def test_a_flood_of_a_stranger_is_survived(phones: Callable[..., tuple[Phone, Phone]], attack: str) -> None:
    """RFC 7983: whatever the first byte says it is."""
    a, b = phones()
    port = await talking(a, b)
    ours = f"{a.agent.local_username}:{b.agent.local_username}"
    flood = {"stun": checks(ours), "dtls": records(), "rtp and rtcp": packets()}[attack]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        await survives(a, b, lambda datagram: stranger.sendto(datagram, (HOST, port)), flood)
    assert len(a.agent._check_list) <= 2


@pytest.mark.parametrize("attack", ["stun", "dtls", "rtp and rtcp"])
async def test_so_is_one_that_comes_from_the_peers_own_address(
    phones: Callable[..., tuple[Phone, Phone]], attack: str
) -> None:
    a, b = phones()
    port = await talking(a, b)
    endpoint = next(each for each in b.agent._protocols if isinstance(each, Endpoint))
    ours = f"{a.agent.local_username}:{b.agent.local_username}"
    flood = {"stun": checks(ours), "dtls": records(), "rtp and rtcp": packets()}[attack]
    await survives(a, b, lambda datagram: endpoint.transport.sendto(datagram, (HOST, port)), flood)


@pytest.mark.parametrize("kind", ["rtp", "srtp"])
async def test_plain_sockets_survive_a_strangers_flood(phones: Callable[..., tuple[Phone, Phone]], kind: str) -> None:
    a, b = phones(kind)
    port = await talking(a, b)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        flood = (datagram for pair in zip(packets(), records(), strict=True) for datagram in pair)
        await survives(a, b, lambda datagram: stranger.sendto(datagram, (HOST, port)), flood)


async def test_garbage_before_consent_spoils_no_handshake(phones: Callable[..., tuple[Phone, Phone]]) -> None:
    """A stranger's DTLS before the checks are done, which is more than what waits for its sender may hold."""
    a, b = phones()
    offer = await a.offer()
    port = sdp.parse(offer).media[0].port
    answer = await b.answer(offer)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number, datagram in enumerate((*records(), *checks(""))):
            stranger.sendto(datagram, (HOST, port))
            if number % BURST == 0:
                await asyncio.sleep(0)
            if number == FLOOD // 10:
                await a.apply(answer)
        await until(lambda: a.received > 5 and b.received > 5)
    assert a.failures == b.failures == []


def offered(offer: bytes, candidates: Iterable[str]) -> bytes:
    """An offer with these candidates in the place of its own."""
    lines = [line for line in offer.decode().splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
    return "\r\n".join((*lines, *(f"a=candidate:{each}" for each in candidates), "")).encode()


@pytest.mark.parametrize("where", [HOST, "{}.local", "192.0.2.{}"])
async def test_a_thousand_candidates_make_no_storm(phones: Callable[..., tuple[Phone, Phone]], where: str) -> None:
    """They are answered at once, so many are tried as make sense, offer after offer; and who is behind them is found
    by its own checks. RFC 8445 §6.1.2.5."""
    a, b = phones()
    begun = time.process_time()
    offer = await a.offer()
    answer = b""
    for again in range(3):
        hosts = (where.format(number % 250) for number in range(1000))
        made = [f"{n} 1 udp {2**31 - 9 - n} {host} {20000 + 1000 * again + n} typ host" for n, host in enumerate(hosts)]
        answer = answer or await b.answer(offered(offer, made))
        await b.answer(offered(offer, made))
        await asyncio.sleep(0.05)
    assert len(b.agent.remote_candidates) + len(b.agent._resolving) <= MOST_CANDIDATES
    assert len(b.agent._check_list) <= 2 * MOST_CANDIDATES
    await a.apply(answer)
    await until(lambda: a.received > 2 and b.received > 2)
    assert a.failures == b.failures == []
    assert time.process_time() - begun < 5
