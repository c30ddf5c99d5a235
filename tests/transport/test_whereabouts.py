"""Which address packets to a server leave from, and when that changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sipclient.protocol.account import Account
from sipclient.protocol.events import AddressChanged, Connect, FlowOpened, Target
from sipclient.transport import Limits, udp, whereabouts
from sipclient.transport.addresses import SocketAddress

LIMITS = Limits(look_around=0.02)
SERVER = Target("udp", "127.0.0.1", 5060)


class Routing:
    """The routing table, as the test has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source = "127.0.0.1"
        for module in (udp, whereabouts):
            monkeypatch.setattr(module, "source_address", self)

    def __call__(self, remote: SocketAddress) -> str:
        if not self.source:
            raise OSError("no route")
        return self.source


@pytest.fixture
def routing(monkeypatch: pytest.MonkeyPatch) -> Routing:
    return Routing(monkeypatch)


async def test_a_change_is_told_once(make_network: Any, routing: Routing) -> None:
    network, inbox = make_network(limits=LIMITS)
    network.perform(Connect(1, SERVER, "a"))
    await inbox.one(FlowOpened)
    routing.source = ""  # the interface is down: nothing to tell before there is another way
    await asyncio.sleep(0.1)
    assert not inbox.of(AddressChanged)
    routing.source = "127.0.0.2"
    assert await inbox.until(AddressChanged) == [AddressChanged("127.0.0.1", "127.0.0.1", "127.0.0.2")]
    await asyncio.sleep(0.1)
    assert len(inbox.of(AddressChanged)) == 1
    network.perform(Connect(2, SERVER, "a"))
    assert (await inbox.until(FlowOpened, 2))[-1].flow.local_host == "127.0.0.2"
    routing.source = "127.0.0.1"
    assert (await inbox.until(AddressChanged, 2))[-1] == AddressChanged("127.0.0.1", "127.0.0.2", "127.0.0.1")


async def test_who_is_bound_to_an_address_stays_there(make_network: Any, routing: Routing) -> None:
    network, inbox = make_network(Account("sip:a@example.com", name="a", local="127.0.0.3:0"), limits=LIMITS)
    network.perform(Connect(1, SERVER, "a"))
    await inbox.one(FlowOpened)
    routing.source = "127.0.0.2"
    await asyncio.sleep(0.1)
    assert not inbox.of(AddressChanged)


async def test_nothing_is_looked_at_once_closed(make_network: Any, routing: Routing) -> None:
    network, inbox = make_network(limits=LIMITS)
    network.perform(Connect(1, SERVER, "a"))
    await inbox.one(FlowOpened)
    await network.close()
    routing.source = "127.0.0.2"
    await asyncio.sleep(0.1)
    assert not inbox.of(AddressChanged)
