"""A real phone, baresip: a call placed to it and a call received from it, with sound both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.baresip_phone import Baresip
from interop.processes import HOST, free_port
from interop.sipp_line import account
from interop.waiting import until

from sipclient import Call, Client
from sipclient.media.rtp_session import RtpSession

LIMIT = 20


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Baresip]:
    phone = Baresip(tmp_path)
    try:
        yield phone
    finally:
        phone.stop()


async def both_hear(phone: Baresip, call: Call) -> None:
    await until(lambda: "CALL_RTPESTAB" in phone.told, "baresip hears us", now=lambda: phone.told)
    media = call.media
    assert isinstance(media, RtpSession)
    await until(lambda: media.stream is not None and media.stream.stats.received > 5, "we hear baresip")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_placed_to_it(phone: Baresip, transport: str) -> None:
    ours = account(phone.port, transport=transport, media="rtp")
    async with asyncio.timeout(LIMIT), phone, Client(ours) as client:
        async with client.call("phone") as call:
            await both_hear(phone, call)
        end = await call.ended()
        assert (end.answered, end.by, end.cause) == (True, "local", "NORMAL_CLEARING")
        await until(lambda: "CALL_CLOSED" in phone.told, "baresip knows that it is over")
        assert [state async for state in call] == ["calling", "ringing", "answered", "ended"]
        assert client.failures == 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_received_from_it(phone: Baresip, transport: str) -> None:
    port = free_port()
    ours = account(phone.port, transport=transport, local=port if transport == "udp" else 0, media="rtp")
    async with asyncio.timeout(LIMIT), phone, Client(ours) as client:
        if transport == "tcp":
            await client.listen("tcp", HOST, port)
        calls = client.incoming()
        phone.do("dial", f"sip:robot@{HOST}:{port};transport={transport}")
        incoming = await anext(calls)
        assert incoming.caller == "phone"
        incoming.ring()
        call = await incoming.answer()
        await both_hear(phone, call)
        phone.do("hangup")
        end = await call.ended()
        assert (end.answered, end.by, end.cause) == (True, "remote", "NORMAL_CLEARING")
        assert client.failures == 0


async def test_it_gives_up_while_we_ring(phone: Baresip) -> None:
    port = free_port()
    async with asyncio.timeout(LIMIT), phone, Client(account(phone.port, local=port, media="rtp")) as client:
        calls = client.incoming()
        phone.do("dial", f"sip:robot@{HOST}:{port}")
        incoming = await anext(calls)
        incoming.ring()
        await until(lambda: "CALL_RINGING" in phone.told, "baresip hears it ring", now=lambda: phone.told)
        phone.do("hangup")
        end = await incoming.call.ended()
        assert (end.answered, end.by, end.cause) == (False, "remote", "ORIGINATOR_CANCEL")


async def test_we_refuse(phone: Baresip) -> None:
    port = free_port()
    async with asyncio.timeout(LIMIT), phone, Client(account(phone.port, local=port, media="rtp")) as client:
        calls = client.incoming()
        phone.do("dial", f"sip:robot@{HOST}:{port}")
        (await anext(calls)).reject(486)
        await until(lambda: "CALL_CLOSED" in phone.told, "baresip knows that it is over", now=lambda: phone.told)
        assert "CALL_ESTABLISHED" not in phone.told
