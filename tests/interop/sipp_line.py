"""An account whose server is a SIPp scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from interop.processes import HOST, free_port

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
