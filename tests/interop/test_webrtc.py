"""WebRTC with an endpoint that is not ours, in both roles, and through coturn as the only way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import RTCIceServer
from interop.coturn_server import PASSWORD, USER, Coturn
from interop.processes import HOST, outer_address
from interop.waiting import until
from interop.webrtc_peer import WebrtcPeer

from sipclient.media import IceServers, RtpSession
from tests.media.tone import Humming, Listener

OURS, THEIRS = 350, 440  # Hz
LIMIT = 25

Make = Callable[..., tuple[RtpSession, WebrtcPeer]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[tuple[RtpSession, WebrtcPeer]] = []

    def pair(kind: str = "webrtc", host: str = "", **settings: object) -> tuple[RtpSession, WebrtcPeer]:
        peer = settings.pop("peer", None) or WebrtcPeer(THEIRS, OURS)
        assert isinstance(peer, WebrtcPeer)
        made.append((RtpSession(host or outer_address(), kind=kind, **settings), peer))  # type: ignore[arg-type]
        return made[-1]

    yield pair
    for session, peer in made:
        await session.close()
        await peer.close()


async def both_hear(session: RtpSession, peer: WebrtcPeer) -> None:
    """A tone each way, measured at the other end."""
    stream, ear = session.stream, Listener(THEIRS)
    assert stream is not None
    stream.source = Humming(OURS)
    stream.listen(ear)
    async with asyncio.timeout(LIMIT):
        await until(
            lambda: stream.stats.received > 30 and peer.ear.blocks > 30, "packets pass", now=lambda: stream.stats
        )
        ear.again()
        peer.ear.again()
        await until(lambda: ear.blocks >= 25 and peer.ear.blocks >= 25, "half a second is heard")
    assert ear.score > 0.6
    assert peer.ear.score > 0.6


async def test_it_takes_our_offer(make: Make) -> None:
    session, peer = make()
    await session.apply(await peer.answer(await session.offer()))
    await both_hear(session, peer)
    assert session.stream is not None and session.stream.agreed is not None
    assert session.stream.agreed.codec.name == "opus"


async def test_we_take_its_offer(make: Make) -> None:
    session, peer = make("rtp")
    await peer.apply(await session.answer(await peer.offer()))
    await both_hear(session, peer)


async def test_its_certificate_must_be_the_announced_one(make: Make) -> None:
    session, peer = make()
    failures: list[str] = []
    session.watch(failures.append)
    answer = await peer.answer(await session.offer())
    lines = [line for line in answer.decode().splitlines() if not line.startswith("a=fingerprint:")]
    lines.append("a=fingerprint:sha-256 " + ":".join(["AB"] * 32))
    await session.apply("".join(f"{line}\r\n" for line in lines).encode())
    await until(lambda: failures, "it is noticed")
    assert failures[0].startswith("the peer's certificate is not the one it announced")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_our_relay_as_the_only_way(coturn: Coturn, make: Make, transport: str) -> None:
    """RFC 8656: what we send leaves from coturn, and what comes to us goes there."""
    url = f"{coturn.url}?transport={transport}"
    session, peer = make(host=HOST, servers=IceServers("", url, USER, PASSWORD, relay_only=True))
    offer = await session.offer()
    assert {line.split()[7] for line in offer.splitlines() if line.startswith(b"a=candidate:")} == {b"relay"}
    await session.apply(await peer.answer(offer))
    await both_hear(session, peer)


async def test_its_relay_as_the_only_way(coturn: Coturn, make: Make) -> None:
    server = RTCIceServer(coturn.url, USER, PASSWORD)
    session, peer = make("rtp", host=HOST, peer=WebrtcPeer(THEIRS, OURS, [server], relay_only=True))
    await peer.apply(await session.answer(await peer.offer()))
    await both_hear(session, peer)


async def test_coturn_tells_us_our_address_and_a_wrong_password_costs_the_relay_only(
    coturn: Coturn, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    place = f"{HOST}:{coturn.port}"
    session, peer = make(host=HOST, servers=IceServers(f"stun:{place}", f"turn:{place}", USER, "not this one"))
    offer = await session.offer()
    assert b"typ relay" not in offer and b"typ host" in offer
    assert "a STUN or TURN server is of no use" in caplog.text
    assert "not this one" not in caplog.text
    await peer.connection.close()
