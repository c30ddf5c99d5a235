"""Our own address changes in the middle of a call: what is described next is there, and the sound goes on there."""

from __future__ import annotations

import asyncio

import pytest

from sipclient import sdp
from sipclient.errors import MediaError
from sipclient.media import NoMedia, RtpEngine, RtpSession
from tests.media.test_secure_sessions import Make, Phone, call, each_hears_the_other, hear, phone
from tests.media.virtual import VirtualLoop, numbers

__all__ = ["phone"]  # the fixture

OLD, NEW = "127.0.0.1", "127.0.0.2"


def hosts_of(body: bytes) -> set[str]:
    """Every address that a description names."""
    parsed = sdp.parse(body)
    lines = [line for line in body.decode().splitlines() if line.startswith(("c=", "a=candidate", "a=rtcp:"))]
    assert parsed.media[0].port
    return {host for host in (OLD, NEW) if any(f" {host}" in line for line in lines)}


def local_host(phone: Phone) -> str:
    """Where its packets come from, as the other side sees it."""
    carrier = phone._carrier
    assert carrier is not None
    return carrier._udp.host if carrier._udp is not None else carrier._ice._hosts[0]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["rtp", "srtp", "webrtc"])
async def test_the_sound_goes_on_from_the_new_address(phone: Make, kind: str) -> None:
    a, b = phone(kind), phone(kind)
    first, _ = await call(a, b)
    assert hosts_of(first) == {OLD}
    await each_hears_the_other(a, b)
    a.move(NEW)
    offer = await a.offer()
    assert hosts_of(offer) == {NEW}
    await hear(a, b)  # nothing has changed yet
    await a.apply(await b.answer(offer))
    await hear(a, b, more=30)  # what was under way is lost, and made up
    await each_hears_the_other(a, b)
    assert local_host(a) == NEW
    assert (a.failures, b.failures) == ([], [])
    held = await b.offer(hold=True)  # and it stays there, whoever offers
    answer = await a.answer(held)
    assert hosts_of(answer) == {NEW}
    await b.apply(answer)


async def test_keys_and_counts_go_on_so_that_no_key_stream_is_used_twice(phone: Make) -> None:
    a, b = phone("srtp"), phone("srtp")
    await call(a, b)
    await hear(a, b)
    keys = a._carrier._srtp  # type: ignore[union-attr]
    a.move(NEW)
    await a.apply(await b.answer(await a.offer()))
    await hear(a, b)
    assert a._carrier._srtp is keys  # type: ignore[union-attr]


async def test_plain_dtls_is_the_same_association_from_another_address(phone: Make) -> None:
    """RFC 8842 §3.1: no new fingerprint and no new role, no new handshake."""
    a, b = phone("webrtc"), phone("rtp")

    def plain(body: bytes) -> bytes:
        kept = [line for line in body.split(b"\r\n") if not line.startswith((b"a=candidate", b"a=ice-", b"a=end-of"))]
        return b"\r\n".join(kept)

    answer = plain(await b.answer(plain(await a.offer())))
    await a.apply(answer)
    await hear(a, b)
    association = b._carrier._dtls._main  # type: ignore[union-attr]
    b.move(NEW)
    offer = await b.offer()
    assert hosts_of(offer) == {NEW}
    await b.apply(plain(await a.answer(offer)))
    await hear(a, b)
    assert b._carrier._dtls._main is association  # type: ignore[union-attr]
    assert local_host(b) == NEW


@pytest.mark.parametrize("kind", ["rtp", "webrtc"])
async def test_a_move_that_the_peer_refuses_leaves_what_there_was(phone: Make, kind: str) -> None:
    a, b = phone(kind), phone(kind)
    await call(a, b)
    await hear(a, b)
    a.move(NEW)
    await a.offer()
    await hear(a, b)
    a.move(OLD)  # and moves again before the answer, as a laptop does between two networks
    a.move("127.0.0.3")
    again = await a.offer()
    assert b"127.0.0.3" in again
    await a.apply(await b.answer(again))
    await hear(a, b, more=30)
    await each_hears_the_other(a, b)
    assert local_host(a) == "127.0.0.3"


async def test_every_socket_is_given_back() -> None:
    loop = VirtualLoop()
    engine = RtpEngine(loop, numbers)
    a, b = RtpSession(OLD, engine=engine), RtpSession(OLD, engine=engine)
    await a.apply(await b.answer(await a.offer()))
    a.move(NEW)
    await a.offer()
    await a.close()
    await b.close()
    assert loop.readers == {} and loop.waiting == 0


async def test_to_an_address_that_is_none_or_before_there_is_anything(phone: Make) -> None:
    a = phone("rtp")
    for nowhere in ("0.0.0.0", "elsewhere"):
        with pytest.raises(MediaError):
            a.move(nowhere)
    a.move(NEW)
    assert hosts_of(await a.offer()) == {NEW}
    NoMedia().move(NEW)


async def test_an_address_of_the_other_ip_version_that_is_gone_costs_nothing(phone: Make) -> None:
    a, b = phone("webrtc", also=("::1",)), phone("webrtc")
    await call(a, b)
    await hear(a, b)
    a._hosts = (OLD, "2001:db8::7")
    a.move(NEW)
    async with asyncio.timeout(8):
        await a.apply(await b.answer(await a.offer()))
        await hear(a, b)
    with pytest.raises(MediaError, match=r"192\.0\.2\.7"):
        a.move("192.0.2.7")
        await a.offer()
