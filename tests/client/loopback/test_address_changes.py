"""Our own address changes while the client runs: robustness 22, on real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sipclient import Client
from sipclient.protocol.events import Event, OfferReceived, SubscribeReceived
from sipclient.transport import udp, whereabouts


async def until(condition: Any) -> None:
    for _ in range(250):  # five seconds
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail("nothing of the kind came")


def told_from(event: Event, host: str) -> bool:
    return isinstance(event, SubscribeReceived) and event.refresh and host in event.request.contact_uri


async def test_all_is_told_the_new_address_within_five_seconds(pbx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback has an address as good as the first; that routing chooses it is what the test has to say itself.

    (The packets still leave from the first, so the registrar says, and the last REGISTER takes that back.)
    """
    calls = pbx.client.incoming()
    async with (
        asyncio.timeout(30),
        Client(pbx.account("udp", keepalive=0.0)) as client,
        client.watch("1001") as changes,
    ):
        await anext(changes)

        async def answer() -> Any:
            return await (await anext(calls)).answer()

        answering = asyncio.create_task(answer())
        async with client.call("7000", timeout=10) as call:
            await answering
            assert all("127.0.0.1" in contact for contact in pbx.registered)
            for module in (udp, whereabouts):
                monkeypatch.setattr(module, "source_address", lambda remote: "127.0.0.2")
            await until(lambda: any("@127.0.0.2:" in contact for contact in pbx.registered))
            await until(lambda: any(told_from(event, "@127.0.0.2:") for event in pbx.heard))
            await until(lambda: any(isinstance(event, OfferReceived) for event in pbx.heard))
            offer = next(event for event in pbx.heard if isinstance(event, OfferReceived))
            assert b"c=IN IP4 127.0.0.2" in offer.body
            assert call.end is None
    assert client.failures == 0
