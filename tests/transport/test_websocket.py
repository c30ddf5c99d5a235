"""SIP over WebSocket: the handshake, one message a message, and peers that do it wrong. RFC 7118, RFC 6455.

The other side is the `websockets` library as people use it, on asyncio: another implementation of the shell
around the same frames; what it would never send is written by hand.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from sipclient.errors import ListenFailed
from sipclient.message import Limits as MessageLimits
from sipclient.protocol.account import Account
from sipclient.protocol.events import CloseFlow, Connect, ConnectFailed, FlowClosed, FlowOpened, Packet, Send, Target
from sipclient.transport import Limits, server_context

SIP = Subprotocol("sip")
MESSAGE = (
    b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n"
    b"From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: 1@example.com\r\n"
    b"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
PING, PONG = b"\r\n\r\n", b"\r\n"
ORIGIN = "https://app.example.com"


class Pbx:
    """Somebody else's SIP server over WebSocket; what connects goes into `connections`."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self.port = 0

    async def handle(self, connection: ServerConnection) -> None:
        await self.connections.put(connection)
        await connection.wait_closed()

    def target(self, path: str = "", transport: str = "ws", name: str = "") -> Target:
        return Target(transport, "127.0.0.1", self.port, name, path)


@pytest_asyncio.fixture
async def pbx() -> AsyncIterator[Pbx]:
    made = Pbx()
    async with serve(made.handle, "127.0.0.1", 0, subprotocols=[SIP], compression=None) as server:
        made.port = next(iter(server.sockets)).getsockname()[1]
        yield made


async def opened(network: Any, inbox: Any, pbx: Pbx) -> tuple[Any, ServerConnection]:
    network.perform(Connect(1, pbx.target("/ws?a=b", name="pbx.example.com"), "a"))
    flow = (await inbox.one(FlowOpened)).flow
    async with asyncio.timeout(5):
        return flow, await pbx.connections.get()


# --- as a client ------------------------------------------------------------------------------------


async def test_a_message_each_way(make_network: Any, pbx: Pbx) -> None:
    network, inbox = make_network()
    flow, peer = await opened(network, inbox, pbx)
    assert peer.request is not None and peer.request.path == "/ws?a=b"
    assert peer.request.headers["Host"] == f"pbx.example.com:{pbx.port}"
    assert peer.request.headers["Sec-WebSocket-Protocol"] == "sip"
    assert "Sec-WebSocket-Extensions" not in peer.request.headers
    assert (flow.transport, flow.reliable) == ("ws", True)
    network.perform(Send(flow, MESSAGE))
    assert await peer.recv() == MESSAGE.decode()
    network.perform(Send(flow, MESSAGE + b"\xff"))
    assert await peer.recv() == MESSAGE + b"\xff"
    await peer.send(MESSAGE.decode())
    await peer.send(MESSAGE)
    assert [packet.data for packet in await inbox.until(Packet, 2)] == [MESSAGE, MESSAGE]


async def test_fragments_with_a_ping_in_between(make_network: Any, pbx: Pbx) -> None:
    network, inbox = make_network()
    _, peer = await opened(network, inbox, pbx)

    async def parts() -> AsyncIterator[str]:
        text = MESSAGE.decode()
        for at in range(0, len(text), 7):
            yield text[at : at + 7]
            if at == 70:
                await (await peer.ping())

    await peer.send(parts())
    await peer.send(MESSAGE)
    assert [packet.data for packet in await inbox.until(Packet, 2)] == [MESSAGE, MESSAGE]


async def test_keepalives_either_way(make_network: Any, pbx: Pbx) -> None:
    """RFC 7118 §6: ours is WebSocket's ping; CRLF in a message, as some servers have it, is taken too."""
    network, inbox = make_network()
    flow, peer = await opened(network, inbox, pbx)
    network.perform(Send(flow, PING))
    assert (await inbox.one(Packet)).data == PONG
    await peer.send(PING)
    await peer.send(PONG)
    await peer.send("")
    assert [packet.data for packet in await inbox.until(Packet, 4)] == [PONG, PING, PONG, PONG]
    network.perform(Send(flow, PONG))
    assert await peer.recv() == "\r\n"


async def test_closed_by_us_with_a_goodbye(make_network: Any, pbx: Pbx) -> None:
    network, inbox = make_network()
    flow, peer = await opened(network, inbox, pbx)
    network.perform(Send(flow, MESSAGE))
    network.perform(CloseFlow(flow))
    network.perform(Send(flow, MESSAGE))
    assert await peer.recv() == MESSAGE.decode()
    with pytest.raises(ConnectionClosed):
        await peer.recv()
    assert peer.close_code == 1000
    assert await inbox.one(FlowClosed) == FlowClosed(flow, "closed by us")


async def test_closed_by_the_peer(make_network: Any, pbx: Pbx) -> None:
    network, inbox = make_network()
    flow, peer = await opened(network, inbox, pbx)
    await peer.close()
    assert await inbox.one(FlowClosed) == FlowClosed(flow, "closed by the peer")


async def test_a_network_that_closes_says_goodbye(make_network: Any, pbx: Pbx) -> None:
    network, inbox = make_network()
    flow, peer = await opened(network, inbox, pbx)
    network.perform(Send(flow, MESSAGE))
    await network.close()
    assert await peer.recv() == MESSAGE.decode()
    await peer.wait_closed()
    assert peer.close_code == 1000


async def test_too_large_a_message_ends_the_connection(make_network: Any, pbx: Pbx) -> None:
    network, inbox = make_network(limits=Limits(message=MessageLimits(message=1000)))
    _, peer = await opened(network, inbox, pbx)
    await peer.send(b"x" * 999)
    await peer.send([b"x" * 600, b"x" * 600])
    assert (await inbox.one(FlowClosed)).reason.startswith("the peer broke the WebSocket framing")
    assert [len(packet.data) for packet in inbox.of(Packet)] == [999]
    await peer.wait_closed()
    assert peer.close_code == 1009


async def test_a_server_of_another_kind(make_network: Any) -> None:
    async def other(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(other, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        network, inbox = make_network()
        network.perform(Connect(1, Target("ws", "127.0.0.1", port), "a"))
        reason = (await inbox.one(ConnectFailed)).reason
    assert reason == 'the server speaks WebSocket, but not SIP over it (subprotocol "sip")'
    assert not inbox.of(FlowClosed)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "the server refuses the WebSocket: 404 Not Found"),
        (b"HTTP/1.1 101 Go\r\n\r\n", "the server refuses the WebSocket: missing Connection header"),
        (b"SIP/2.0 400 Bad Request\r\n\r\n", "the peer does not speak WebSocket: "),
        (b"HTTP/1.1 101" + b"x" * 100_000, "the peer does not speak WebSocket: "),
        (b"", "the connection was closed in the WebSocket handshake"),
        (None, "no answer within 0.3 s"),
    ],
)
async def test_handshakes_that_fail(make_network: Any, answer: bytes | None, words: str) -> None:
    async def serve_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is not None:
            writer.write(answer)
            writer.close()
        else:
            await reader.read()
            writer.close()

    async with await asyncio.start_server(serve_once, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        network, inbox = make_network(limits=Limits(connect_timeout=0.3))
        network.perform(Connect(1, Target("ws", "127.0.0.1", port), "a"))
        assert (await inbox.one(ConnectFailed)).reason.startswith(words)
        assert not inbox.of(FlowClosed)
        assert not inbox.of(FlowOpened)


async def test_wss_is_held_to_the_name(make_network: Any, authority: Any, san: Any) -> None:
    pbx = Pbx()
    context = server_context(authority.issue(san["dns"]("pbx.example.com")))
    account = Account("sip:a@pbx.example.com", name="a", tls_ca=authority.path)
    async with serve(pbx.handle, "127.0.0.1", 0, ssl=context, subprotocols=[SIP]) as server:
        pbx.port = next(iter(server.sockets)).getsockname()[1]
        network, inbox = make_network(account)
        network.perform(Connect(1, pbx.target(transport="wss", name="pbx.example.com"), "a"))
        assert (await inbox.one(FlowOpened)).flow.transport == "wss"
        network.perform(Connect(2, pbx.target(transport="wss", name="other.example.com"), "a"))
        assert "other.example.com" in (await inbox.one(ConnectFailed)).reason
        await network.close()


# --- as a server ------------------------------------------------------------------------------------


async def test_a_browser_comes(make_network: Any) -> None:
    network, inbox = make_network()
    host, port = await network.listen("ws", "127.0.0.1", 0, origins=[ORIGIN])
    async with connect(f"ws://{host}:{port}/any", subprotocols=[SIP], origin=ORIGIN) as browser:  # type: ignore[arg-type]
        assert browser.subprotocol == "sip"
        await browser.send(MESSAGE.decode())
        packet = await inbox.one(Packet)
        assert (packet.data, packet.flow.transport) == (MESSAGE, "ws")
        network.perform(Send(packet.flow, MESSAGE))
        assert await browser.recv() == MESSAGE.decode()
        await (await browser.ping())
        network.perform(CloseFlow(packet.flow))
        await browser.wait_closed()
        assert browser.close_code == 1001
    assert await inbox.one(FlowClosed) == FlowClosed(packet.flow, "closed by us")


@pytest.mark.parametrize(
    ("origins", "given", "protocols", "status"),
    [
        ([ORIGIN], "https://evil.example.com", [SIP], 403),
        ([ORIGIN], None, [SIP], 403),
        ([], ORIGIN, [SIP], 403),
        ([ORIGIN], ORIGIN, None, 400),
        ([ORIGIN], ORIGIN, ["chat"], 400),
        (["*"], None, [SIP], 0),
        (["*"], "https://anybody.example.com", [SIP], 0),
        ([ORIGIN, "https://b.example.com"], "https://b.example.com", ["chat", SIP], 0),
    ],
)
async def test_who_may_come(make_network: Any, origins: Any, given: Any, protocols: Any, status: int) -> None:
    network, inbox = make_network()
    host, port = await network.listen("ws", "127.0.0.1", 0, origins=origins)
    if not status:
        async with connect(f"ws://{host}:{port}", subprotocols=protocols, origin=given) as peer:
            assert peer.subprotocol == "sip"
        return
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{host}:{port}", subprotocols=protocols, origin=given)
    assert refused.value.response.status_code == status
    assert not inbox.inputs


def request(**changes: str) -> bytes:
    headers = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "sip",
        "Origin": ORIGIN,
    } | changes
    return ("GET / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n").encode()


def frame(payload: bytes, opcode: int = 1, fin: bool = True, masked: bool = True) -> bytes:
    head = struct.pack("!BB", fin << 7 | opcode, masked << 7 | (126 if len(payload) > 125 else len(payload)))
    if len(payload) > 125:
        head += struct.pack("!H", len(payload))
    return head + (b"\0\0\0\0" if masked else b"") + payload


BROKEN = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"426"),
    (b"POST / HTTP/1.1\r\n\r\n", b"405"),
    (MESSAGE, b""),
    (b"\x16\x03\x01" + b"\xff" * 200, b""),
    (b"GET /" + b"a" * 100_000, b"414"),
    (request(**{f"X-{n}": "y" for n in range(500)}), b"431"),
    (request() + frame(b"x", masked=False), b"101"),
    (request() + frame(b"x", opcode=3), b"101"),
    (request() + frame(b"x", opcode=0), b"101"),
    (request() + frame(b"x", fin=False) + frame(b"y"), b"101"),
    (request() + frame(b"x" * 200, opcode=9), b"101"),
    (request() + b"\x81\xff" + b"\x7f" * 8, b"101"),
]


@pytest.mark.parametrize(("sent", "status"), BROKEN)
async def test_peers_that_do_it_wrong_are_let_go(make_network: Any, sent: bytes, status: bytes) -> None:
    network, inbox = make_network(limits=Limits(connect_timeout=0.1))
    host, port = await network.listen("ws", "127.0.0.1", 0, origins=[ORIGIN])
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent)
    async with asyncio.timeout(5):
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""
    assert answer.split(b" ")[1:2] in ([status], []) and bool(status) >= bool(answer)
    writer.close()
    assert not inbox.of(Packet)


async def test_one_byte_at_a_time(make_network: Any) -> None:
    network, inbox = make_network()
    host, port = await network.listen("ws", "127.0.0.1", 0, origins=[ORIGIN])
    _, writer = await asyncio.open_connection(host, port)
    for byte in request() + frame(MESSAGE) + frame(MESSAGE[:9], fin=False) + frame(MESSAGE[9:], opcode=0):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert [packet.data for packet in await inbox.until(Packet, 2)] == [MESSAGE, MESSAGE]
    writer.close()


async def test_who_never_ends_a_handshake_or_a_message_is_let_go(make_network: Any) -> None:
    limits = Limits(connect_timeout=0.0, partial_message=0.0)
    network, inbox = make_network(limits=limits)
    host, port = await network.listen("ws", "127.0.0.1", 0, origins=[ORIGIN])
    silent, first = await asyncio.open_connection(host, port)
    first.write(b"GET / HTTP/1.1\r\n")
    halting, second = await asyncio.open_connection(host, port)
    second.write(request())
    await halting.readuntil(b"\r\n\r\n")
    second.write(frame(MESSAGE, fin=False))
    async with asyncio.timeout(5):
        while not (silent.at_eof() and halting.at_eof()):
            network.sweep(asyncio.get_running_loop().time() + 1)
            for reader in (silent, halting):
                with contextlib.suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(0.05):
                        await reader.read(1)
    assert "no complete message" in (await inbox.one(FlowClosed)).reason
    first.close()
    second.close()


async def test_closing_leaves_nobody_in_a_handshake(make_network: Any) -> None:
    network, _ = make_network(limits=Limits(close_grace=0.1))
    host, port = await network.listen("ws", "127.0.0.1", 0, origins=[ORIGIN])
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET / HTTP/1.1\r\n")
    await asyncio.sleep(0.05)
    await network.close()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()


async def test_a_certificate_goes_with_wss(make_network: Any, authority: Any, san: Any) -> None:
    network, inbox = make_network()
    with pytest.raises(ListenFailed, match="a certificate goes with tls and wss"):
        await network.listen("wss", "127.0.0.1", 0)
    context = server_context(authority.issue(san["ip"]("127.0.0.1")))
    host, port = await network.listen("wss", "127.0.0.1", 0, tls=context, origins=["*"])
    trusting = ssl.create_default_context(cafile=authority.path)
    async with connect(f"wss://{host}:{port}", ssl=trusting, subprotocols=[SIP]) as browser:
        await browser.send(MESSAGE)
        assert (await inbox.one(Packet)).flow.transport == "wss"
