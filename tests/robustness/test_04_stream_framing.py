"""Robustness 4, stream framing.

One-byte chunks, glued messages, missing or wrong Content-Length, CRLF pings in between, over TCP and TLS, to a live
agent. (WebSocket comes with its transport.)
"""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from robustness.common import share
from robustness.live import StreamPeer, agent, options
from transport.conftest import san_dns

from sipclient.message import Framer, MalformedMessage
from sipclient.transport import server_context

NAME = "robot.test"
Dial = Callable[[], Awaitable[StreamPeer]]


@pytest.fixture(params=["tcp", "tls"])
async def dial(request: Any, authority: Any) -> AsyncIterator[Dial]:
    """Connections to a live agent."""
    peers: list[StreamPeer] = []
    async with agent() as client:
        tls, trusting = None, None
        if request.param == "tls":
            tls = server_context(authority.issue(san_dns(NAME)))
            trusting = ssl.create_default_context(cafile=authority.path)
        address = await client.listen(request.param, "127.0.0.1", tls=tls)

        async def connect() -> StreamPeer:
            peers.append(await StreamPeer.connect(address, trusting, NAME if trusting else ""))
            return peers[-1]

        yield connect
        for peer in peers:
            await peer.close()


async def test_one_byte_at_a_time(dial: Dial) -> None:
    peer = await dial()
    for number in range(share(10, 500)):
        for byte in options(number, b"hello"):
            await peer.write(bytes([byte]))
        await peer.until(number + 1)
    assert peer.answered == [f"live{number}" for number in range(share(10, 500))]
    assert set(peer.statuses) == {200}


@pytest.mark.parametrize("count", [2, 10, 200])
async def test_glued_messages(dial: Dial, count: int) -> None:
    peer = await dial()
    await peer.write(b"".join(options(number, b"x" * number) for number in range(count)))
    assert await peer.until(count) == [f"live{number}" for number in range(count)]


async def test_pings_between_messages_and_pongs_for_each(dial: Dial) -> None:
    peer = await dial()
    await peer.write(b"\r\n\r\n" + b"".join(options(number) + b"\r\n\r\n" for number in range(20)))
    await peer.until(20)
    while peer.pongs < 21:
        assert await peer.read()
    await peer.write(b"\r\n" + options("last"))  # a pong nobody asked for
    assert (await peer.until(21))[-1] == "live" + "last"
    assert peer.pongs == 21


async def test_messages_cut_anywhere(dial: Dial) -> None:
    rng = random.Random(4)
    peer = await dial()
    count = share(60, 3_000)
    bodies = [b"\r\n\r\nv=0\r\n" * rng.randrange(4) for _ in range(count)]
    data = b"".join(rng.choice((b"", b"\r\n\r\n")) + options(number, body) for number, body in enumerate(bodies))
    while data:
        size = rng.choice((1, 2, 3, 7, 100, 1000, 5000))
        await peer.write(data[:size])
        data = data[size:]
    assert await peer.until(count) == [f"live{number}" for number in range(count)]


BROKEN = {
    "no Content-Length": options("bad", length=None),
    "a length that is no number": options("bad", length="5x"),
    "a negative length": options("bad", length="-1"),
    "two lengths": options("bad", length="1\r\nl: 2"),
    "a length beyond all limits": options("bad", length="70000"),
    "a length of forty digits": options("bad", length="9" * 40),
    "headers without end": b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 20_000,
    "no SIP at all": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_framed_ends_that_connection_and_no_other(dial: Dial, name: str) -> None:
    """Where a message has no end, nothing behind it has a beginning; what came before it counts."""
    other, peer = await dial(), await dial()
    await other.write(options("before"))
    await other.until(1)
    await peer.write(options("first") + BROKEN[name] + options("behind"))
    await peer.until_closed()
    assert "livebehind" not in peer.answered
    assert peer.answered[:1] in (["livefirst"], [])  # a reset may overtake the answer
    await other.write(options("after"))
    assert await other.until(2) == ["livebefore", "liveafter"]


async def test_a_length_too_short_leaves_a_rest_that_is_no_message(dial: Dial) -> None:
    peer = await dial()
    await peer.write(options("short", b"hello, world\r\n\r\n", length="5") + options("behind"))
    await peer.until_closed()
    assert "livebehind" not in peer.answered


async def test_a_length_too_long_takes_what_follows_for_the_body(dial: Dial) -> None:
    peer = await dial()
    swallowed = options("swallowed")
    await peer.write(options("long", length=str(len(swallowed))) + swallowed + options("next"))
    assert await peer.until(2) == ["livelong", "livenext"]


PIECES = st.sampled_from([b"\r\n\r\n", b"\r\n"]) | st.builds(options, st.integers(0, 9), st.binary(max_size=30))


@settings(max_examples=share(150, 20_000), deadline=None)
@given(
    st.lists(PIECES, max_size=6),
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
)
def test_where_the_stream_is_cut_does_not_matter(parts: list[bytes], sizes: list[int]) -> None:
    data = b"".join(parts)
    whole = [frame for frame in Framer().feed(data) if frame.strip()]
    framer, pieces, place, index = Framer(), [], 0, 0
    while place < len(data):
        size = sizes[index % len(sizes)]
        pieces += framer.feed(data[place : place + size])
        place, index = place + size, index + 1
    assert [frame for frame in pieces if frame.strip()] == whole
    assert whole == [part for part in parts if part.strip()]


@settings(max_examples=share(150, 20_000), deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_stream_gives_frames_or_the_documented_end(data: bytes, size: int) -> None:
    framer = Framer()
    try:
        for place in range(0, len(data), size):
            framer.feed(data[place : place + size])
    except MalformedMessage:
        assert framer.pending == 0
    else:
        assert framer.pending <= len(data)
