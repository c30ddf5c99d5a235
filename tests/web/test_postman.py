"""Posting over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sipclient.web.webhooks.posting import Postman, Reply


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each request so; its URL, and what it read."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"}"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/hook", heard


async def test_what_is_posted_and_what_is_made_of_the_answer() -> None:
    postman = Postman()
    try:
        async with server(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 99999999999\r\n\r\n") as (
            url,
            heard,
        ):
            assert await postman(url, b'{"a":1}', {"Webhook-Id": "x"}) == Reply(429, after=7.0)
        assert heard[0].startswith(b"POST /hook HTTP/1.1\r\n") and heard[0].endswith(b'{"a":1}')
        assert b"webhook-id: x\r\n" in heard[0].lower() and b"content-type: application/json\r\n" in heard[0].lower()
        moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"
        async with server(moved) as (url, _):
            assert await postman(url, b"{}", {}) == Reply(302)
        async with server(b"nonsense\r\n\r\n") as (url, _):
            assert "RemoteProtocolError" in (await postman(url, b"{}", {})).problem
        gone = await postman(url, b"{}", {})
        assert gone.status == 0 and "ConnectError" in str(gone) and not gone.taken
        assert (await postman("http://[", b"{}", {})).problem
    finally:
        await postman.aclose()
