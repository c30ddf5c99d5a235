"""An independent stack reads us: aiosip 0.2.0 takes our REGISTER and SUBSCRIBE, and we take its NOTIFY."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from interop.aiosip_peer import Registrar
from interop.processes import HOST
from interop.waiting import until

from sipclient import Account, Client


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    registrar = Registrar()
    await registrar.start()
    try:
        yield registrar
    finally:
        registrar.close()


async def test_it_takes_our_register_and_subscribe(registrar: Registrar) -> None:
    address = f"sip:robot@{HOST}:{registrar.port}"  # it answers to where To and Contact say, so To needs the port
    account = Account(address, server=f"udp:{HOST}:{registrar.port}", keepalive=0.0, display_name="The Robot")
    async with asyncio.timeout(20), Client(account) as client:
        assert client.is_registered()
        (register,) = registrar.seen
        assert register.method == "REGISTER"
        assert register.cseq == 1
        assert register.to_details["uri"].short_uri() == address
        assert register.from_details["name"] == "The Robot"
        assert register.from_details["params"]["tag"]
        contact = register.contact_details
        assert (contact["uri"]["user"], contact["uri"]["host"]) == ("robot", HOST)
        assert int(contact["params"]["expires"]) == 300

        async with client.watch("1001", events=("presence",)) as changes:
            assert (await anext(changes)).after == "ready"
            await registrar.tell("On the phone")
            assert (await anext(changes)).after == "on-the-phone"
        subscribe = registrar.seen[1]
        assert subscribe.method == "SUBSCRIBE"
        assert subscribe.headers["Event"] == "presence"
        assert "application/pidf+xml" in subscribe.headers["Accept"]
        assert subscribe.to_details["uri"]["user"] == "1001"
        await until(lambda: len(registrar.answers) == 2, "both NOTIFYs are answered")
        assert [answer.status_code for answer in registrar.answers] == [200, 200]
        assert client.failures == 0
