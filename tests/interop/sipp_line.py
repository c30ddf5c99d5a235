"""An account whose server is a SIPp scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from interop.processes import HOST, free_port
from interop.sipp_peer import Run

from sipclient import Account, Client


def account(server: int, *, transport: str = "udp", host: str = HOST, local: int = 0, **more: Any) -> Account:
    """An account without registration at the server on that port."""
    settings: dict[str, Any] = {
        "password": "secret",
        "server": f"{transport}:{host}:{server}",
        "local": f"{HOST}:{local}" if local else "",
        "register": False,
        "keepalive": 0.0,
        "media": "none",
        **more,
    }
    return Account(f"sip:robot@{HOST}", **settings)


@asynccontextmanager
async def calling(server: int, **more: Any) -> AsyncIterator[Client]:
    """A client that calls by way of that port; it must meet no bug."""
    async with Client(account(server, **more)) as client:
        yield client
    assert client.failures == 0


@asynccontextmanager
async def called(host: str = HOST, **more: Any) -> AsyncIterator[tuple[Client, int]]:
    """A client that listens on a port of its own, and takes calls from its server, which is said to be on `host`."""
    port = free_port()
    async with Client(account(free_port(), host=host, local=port, **more)) as client:
        yield client, port
    assert client.failures == 0


# What reaches SIPp before all is done that it wants done in the call: answers to its requests, and ACKs.
_LEAST = {
    "update": (2, 1),
    "ack_lost": (0, 3),
    "forked": (0, 2),
    "sends_back": (1, 1),
    "asks_inside": (5, 1),
    "refreshed_by_them": (3, 1),
    "offer_again": (2, 2),
    "update_with_offer": (1, 1),
}


def asked_all(run: Run, scenario: str) -> bool:
    """Whether SIPp got all that this scenario waits for before our BYE."""
    answers, acks = _LEAST.get(scenario, (0, 1))
    sent = len(run.sent(b"ACK"))  # its own, where it is the one who offers again
    return len(run.received(b"SIP/2.0 ")) >= answers and len(run.received(b"ACK")) + sent >= acks
