"""From an account to its media session, and the local address it binds."""

from __future__ import annotations

import pytest

from sipclient import Account, InvalidValue, MediaError
from sipclient.face.sessions import Sessions, local_host_of
from sipclient.protocol.events import Target
from sipclient.transport import Resolver

AOR = "sip:robot@pbx.example.com"


@pytest.mark.parametrize(
    ("account", "host"),
    [
        (Account(AOR, server="udp:127.0.0.1:5060"), "127.0.0.1"),
        (Account(AOR, server="tls:localhost"), "127.0.0.1"),
        (Account(AOR, server="tcp:[::1]:5060"), "::1"),
        (Account("sip:robot@127.0.0.1"), "127.0.0.1"),
        (Account(AOR, local="127.0.0.9:5070"), "127.0.0.9"),
        (Account(AOR, local="0.0.0.0:5070", server="udp:127.0.0.1"), "127.0.0.1"),
    ],
)
async def test_media_leave_from_where_packets_to_the_server_do(account: Account, host: str) -> None:
    found = await local_host_of(account)
    assert found == host or (host == "127.0.0.1" and found == "::1" and "localhost" in account.server)


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("udp:no-such-host.invalid", "no-such-host.invalid"),
        ("carrier-pigeon:here", "is not a port"),
        ("udp:127.0.0.1:99999", "is not a port"),
    ],
)
async def test_where_there_is_no_way_there_are_no_media(server: str, why: str) -> None:
    with pytest.raises(MediaError, match=f"no way to .*{why}") as refused:
        await local_host_of(Account(AOR, server=server))
    assert "Errno" not in str(refused.value)


async def test_the_way_is_looked_up_as_that_of_packets_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain may have SRV records and no address of its own (RFC 3263 §4.2)."""
    asked: list[str] = []

    async def resolve(self: Resolver, server: str, family: object = None) -> tuple[tuple[Target, ...], str]:
        asked.append(server)
        return (Target("tcp", "127.0.0.1", 5060, "pbx.example.com"),), ""

    monkeypatch.setattr(Resolver, "resolve", resolve)
    assert await local_host_of(Account(AOR)) == "127.0.0.1"
    assert asked == [AOR]


async def test_the_session_is_what_the_account_says() -> None:
    account = Account(AOR, public_address="192.0.2.7", codecs=("PCMA",))
    session = await Sessions().open(account, "rtp", "127.0.0.1")
    try:
        offer = await session.offer()
    finally:
        await session.close()
    assert b"c=IN IP4 192.0.2.7" in offer
    assert b"PCMA/8000" in offer and b"PCMU" not in offer


async def test_without_a_known_address_the_way_to_the_server_says_it() -> None:
    session = await Sessions().open(Account(AOR, server="udp:127.0.0.1:5060"), "rtp", "")
    try:
        assert b"c=IN IP4 127.0.0.1" in await session.offer()
    finally:
        await session.close()


async def test_media_there_are_not() -> None:
    with pytest.raises(InvalidValue, match="'video'"):
        await Sessions().open(Account(AOR), "video", "127.0.0.1")


@pytest.mark.parametrize(
    ("kind", "line"),
    [("rtp", b" RTP/AVP 0 8 101"), ("srtp", b" RTP/SAVP "), ("webrtc", b" UDP/TLS/RTP/SAVPF ")],
)
async def test_each_kind_of_media_offers_itself(kind: str, line: bytes) -> None:
    session = await Sessions().open(Account(AOR, media=kind), kind, "127.0.0.1")
    try:
        offer = await session.offer()
    finally:
        await session.close()
    assert line in offer
    assert (b"a=crypto:" in offer, b"a=candidate:" in offer) == (kind == "srtp", kind == "webrtc")


async def test_on_loopback_ice_has_loopback_only() -> None:
    session = await Sessions().open(Account(AOR, media="webrtc"), "webrtc", "127.0.0.1")
    try:
        offer = await session.offer()
    finally:
        await session.close()
    assert [line.split()[4] for line in offer.splitlines() if line.startswith(b"a=candidate:")] == [b"127.0.0.1"]


async def test_servers_and_their_password_reach_the_session_and_no_repr() -> None:
    account = Account(AOR, turn="turn:127.0.0.1:9", turn_username="u", turn_password="hidden", media="webrtc")
    session = await Sessions().open(account, "webrtc", "127.0.0.1")
    assert "hidden" not in repr(account) + repr(session) + repr(vars(session))
    await session.close()
