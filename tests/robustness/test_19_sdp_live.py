"""Robustness 19, live: descriptions as large as messages can be, at a client that is at work."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from sipclient import Account, Client, SipError


def invite(transport: str, port: int, filling: str) -> bytes:
    head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n"
    body = head + filling * ((64_000 - len(head)) // len(filling))
    mark = time.monotonic_ns()
    return (
        f"INVITE sip:robot@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} 127.0.0.1:{port};branch=z9hG4bK{mark};rport\r\n"
        f"From: <sip:big@127.0.0.1>;tag=1\r\nTo: <sip:robot@127.0.0.1>\r\nCall-ID: {mark}\r\n"
        f"CSeq: 1 INVITE\r\nContact: <sip:big@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "filling", ["a=x\r\n", "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", "m=audio 9 RTP/AVP 18\r\n"]
)
async def test_a_description_of_64_kb_is_refused_and_the_client_goes_on(transport: str, filling: str) -> None:
    """Robustness 19: 488 within a second, and the next is answered as fast."""
    account = Account("sip:robot@127.0.0.1", register=False, keepalive=0.0, peers=("127.0.0.0/8",), media="rtp")
    async with asyncio.timeout(20), Client(account) as client, client.incoming() as calls:
        _, port = await client.listen(transport, "127.0.0.1")

        async def answer() -> None:
            async for incoming in calls:
                with pytest.raises(SipError):
                    await incoming.answer()

        answering = asyncio.create_task(answer())
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as peer:
            peer.setblocking(False)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            if transport == "udp":
                peer.bind(("127.0.0.1", 0))
            loop = asyncio.get_running_loop()
            await loop.sock_connect(peer, ("127.0.0.1", port))
            for _ in range(3):
                began = time.monotonic()
                await loop.sock_sendall(peer, invite(transport, peer.getsockname()[1], filling))
                heard = b""
                while b"SIP/2.0 488" not in heard:
                    heard += await asyncio.wait_for(loop.sock_recv(peer, 65536), 5)
                assert time.monotonic() - began < 1.0
                assert b"Warning: " in heard
        answering.cancel()
        assert client.failures == 0
