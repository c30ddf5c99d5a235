"""A live agent on loopback sockets, and peers that speak to it over streams, well or badly."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from sipclient import Account, Client
from sipclient.message import Framer, Response, parse

PATIENCE = 5.0  # seconds until a test gives up


@asynccontextmanager
async def agent(**more: Any) -> AsyncIterator[Client]:
    """A client that takes requests from this host, and that must have met no bug when it leaves."""
    values: dict[str, Any] = {"server": "udp:127.0.0.1:9", "register": False, "keepalive": 0.0, **more}
    async with Client(Account("sip:robot@127.0.0.1", **values)) as client:
        yield client
    assert client.failures == 0


def options(number: int | str, body: bytes = b"", *, length: str | None = "") -> bytes:
    """An OPTIONS; `length` replaces its Content-Length, None leaves the line out."""
    lines = [
        "OPTIONS sip:robot@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKlive{number};rport",
        "From: <sip:a@b>;tag=1",
        "To: <sip:robot@b>",
        f"Call-ID: live{number}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
    ]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class StreamPeer:
    """One connection to the agent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.pongs = 0
        self.answered: list[str] = []
        self.statuses: list[int] = []
        self._framer = Framer()

    @classmethod
    async def connect(cls, address: tuple[str, int], tls: ssl.SSLContext | None = None, name: str = "") -> StreamPeer:
        return cls(*await asyncio.open_connection(*address, ssl=tls, server_hostname=name or None))

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read(self) -> bool:
        """Take what has come; False at the end of the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                data = await self.reader.read(65536)
        except ConnectionError:
            return False
        for frame in self._framer.feed(data):
            if not frame.strip():
                self.pongs += 1
                continue
            message = parse(frame)
            assert isinstance(message, Response)
            self.answered.append(message.call_id)
            self.statuses.append(message.status)
        return bool(data)

    async def until(self, count: int) -> list[str]:
        """The Call-IDs of the answers, once there are so many."""
        while len(self.answered) < count:
            assert await self.read(), "the agent closed the connection"
        return self.answered

    async def until_closed(self) -> None:
        while await self.read():
            continue

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()
