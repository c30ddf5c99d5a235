"""TCP: framing, reuse, and the end of patience with peers that are slow, greedy, silent or gone."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    CloseFlow,
    Connect,
    ConnectFailed,
    FlowClosed,
    FlowOpened,
    Packet,
    Send,
    SendFailed,
    Target,
)
from sipclient.transport import Limits
from sipclient.transport.stream import Stream

MESSAGE = (
    b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: 1@example.com\r\n"
    b"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 5\r\n\r\nhello"
)
PING = b"\r\n\r\n"


class Server:
    """Somebody else's TCP server: blocking sockets, driven by the test."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listening = socket.socket(family, socket.SOCK_STREAM)
        self.listening.bind((host, 0))
        self.listening.listen()
        self.listening.settimeout(5)
        self.target = Target("tcp", host, self.listening.getsockname()[1])
        self.connections: list[socket.socket] = []

    def accept(self) -> socket.socket:
        connection, _ = self.listening.accept()
        connection.settimeout(5)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        for sock in (self.listening, *self.connections):
            sock.close()


@pytest.fixture
def server() -> Any:
    made = Server()
    yield made
    made.close()


Dial = Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest_asyncio.fixture
async def dial() -> AsyncIterator[Dial]:
    """Connections of peers to us."""
    writers = []

    async def make(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(host, port)
        writers.append(writer)
        return reader, writer

    yield make
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_stream_carries_both_ways(make_network: Any, host: str) -> None:
    server = Server(host)
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    flow = (await inbox.one(FlowOpened)).flow
    peer = server.accept()
    assert (flow.transport, flow.reliable) == ("tcp", True)
    assert (flow.local_host, flow.local_port) == peer.getpeername()[:2]
    assert (flow.remote_host, flow.remote_port) == (host, server.target.port)
    network.perform(Send(flow, b"hello"))
    assert peer.recv(100) == b"hello"
    peer.sendall(MESSAGE + MESSAGE[:40])
    assert await inbox.until(Packet) == [Packet(flow, MESSAGE)]
    peer.sendall(MESSAGE[40:] + PING)
    packets = await inbox.until(Packet, 3)
    assert [packet.data for packet in packets] == [MESSAGE, MESSAGE, PING]
    server.close()


async def test_nothing_small_is_held_back(
    make_network: Any, server: Server, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nagle's algorithm would let a request wait 40 ms for the acknowledgement of the one before it."""
    delayed: list[bool] = []
    made = Stream.connection_made

    def watched(self: Stream, transport: asyncio.BaseTransport) -> None:
        made(self, transport)
        sock = transport.get_extra_info("socket")
        delayed.append(not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(Stream, "connection_made", watched)
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    _, writer = await dial(*await network.listen("tcp", "127.0.0.1", 0))
    writer.write(MESSAGE)
    await inbox.one(Packet)
    assert delayed == [False, False]


async def test_one_byte_at_a_time(make_network: Any, server: Server) -> None:
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    peer = server.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(MESSAGE)):
        peer.send(MESSAGE[at : at + 1])
        await asyncio.sleep(0)
    peer.sendall(MESSAGE)
    assert [packet.data for packet in await inbox.until(Packet, 2)] == [MESSAGE, MESSAGE]


async def test_a_flood_on_one_stream_leaves_the_loop_its_turns(make_network: Any, server: Server) -> None:
    """Thousands of small messages in one read are delivered in their order, some at a time, and nothing is read on."""
    network, inbox = make_network(limits=Limits(messages_per_wakeup=10))
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    peer = server.accept()
    small = [b"OPTIONS %d SIP/2.0\r\nl:0\r\n\r\n" % number for number in range(1000)]
    peer.sendall(b"".join(small[:400]))
    peer.sendall(b"".join(small[400:]))
    packets = await inbox.until(Packet, 1000)
    assert [packet.data for packet in packets] == small
    assert max(len(batch) for batch in inbox.batches) <= 10
    peer.sendall(MESSAGE)
    assert (await inbox.until(Packet, 1001))[-1].data == MESSAGE


async def test_what_was_read_before_the_end_of_a_stream_comes_before_it(make_network: Any, server: Server) -> None:
    network, inbox = make_network(limits=Limits(messages_per_wakeup=10))
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    peer = server.accept()
    small = [b"OPTIONS %d SIP/2.0\r\nl:0\r\n\r\n" % number for number in range(100)]
    peer.sendall(b"".join(small) + b"\rX")
    await inbox.one(FlowClosed)
    assert [packet.data for packet in inbox.of(Packet)] == small
    assert isinstance(inbox.inputs[-1], FlowClosed)
    assert max(len(batch) for batch in inbox.batches) <= 10


async def test_a_second_connect_gets_the_open_flow_another_account_its_own(make_network: Any, server: Server) -> None:
    network, inbox = make_network(*(Account(f"sip:{name}@example.com", name=name) for name in "ab"))
    network.perform(Connect(1, server.target, "a"))
    network.perform(Connect(2, server.target, "a"))  # while it is being opened
    await inbox.until(FlowOpened, 2)
    network.perform(Connect(3, server.target, "a"))  # once it is open
    network.perform(Connect(4, server.target, "b"))
    opened = {event.request: event.flow for event in await inbox.until(FlowOpened, 4)}
    assert opened[1] == opened[2] == opened[3] != opened[4]
    assert opened[1].serial != opened[4].serial


async def test_a_closed_flow_is_not_given_again(make_network: Any, server: Server) -> None:
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    first = (await inbox.one(FlowOpened)).flow
    network.perform(CloseFlow(first))
    network.perform(Connect(2, server.target, "a"))
    second = (await inbox.until(FlowOpened, 2))[1].flow
    assert await inbox.one(FlowClosed) == FlowClosed(first, "closed by us")
    assert second != first
    network.perform(Send(first, b"x"))
    assert (await inbox.one(SendFailed)).flow == first


async def test_the_peer_closes(make_network: Any, server: Server) -> None:
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    flow = (await inbox.one(FlowOpened)).flow
    server.accept().close()
    assert await inbox.one(FlowClosed) == FlowClosed(flow, "closed by the peer")


async def test_the_peer_resets(make_network: Any, server: Server) -> None:
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    peer = server.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    peer.close()
    assert (await inbox.one(FlowClosed)).reason == "connection reset by the peer"


async def test_what_was_written_arrives_before_the_end(make_network: Any, server: Server) -> None:
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    flow = (await inbox.one(FlowOpened)).flow
    peer = server.accept()
    network.perform(Send(flow, b"bye"))
    await network.close()
    assert peer.recv(100) == b"bye"
    assert peer.recv(100) == b""


async def test_refused(make_network: Any, server: Server) -> None:
    server.close()
    network, inbox = make_network()
    network.perform(Connect(1, server.target, "a"))
    network.perform(Connect(2, server.target, "a"))
    failed = await inbox.until(ConnectFailed, 2)
    assert failed == [ConnectFailed(n, "connection refused: nothing listens there") for n in (1, 2)]
    network.perform(Connect(3, server.target, "a"))  # nothing is left of the first attempt
    assert (await inbox.until(ConnectFailed, 3))[2].request == 3


async def test_silence_has_an_end(make_network: Any, server: Server) -> None:
    # A backlog that is full does not answer. How many it takes is the kernel's affair.
    server.listening.listen(0)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", server.target.port))
        network, inbox = make_network(limits=Limits(connect_timeout=0.2))
        network.perform(Connect(1, server.target, "a"))
        assert (await inbox.one(ConnectFailed)).reason == "no answer within 0.2 s"


@pytest.mark.parametrize(
    ("local", "words"),
    [
        ("127.0.0.2:0", ""),
        ("127.0.0.2:5999", ""),  # the port is for datagrams: a stream leaves from any
        ("[::1]:0", "cannot be reached from ::1"),
        ("nonsense", "is not an IP address"),
        ("203.0.113.7:0", "does not have that address"),
    ],
)
async def test_where_a_stream_leaves_from(make_network: Any, server: Server, local: str, words: str) -> None:
    network, inbox = make_network(Account("sip:a@example.com", name="a", local=local))
    network.perform(Connect(1, server.target, "a"))
    if words:
        assert words in (await inbox.one(ConnectFailed)).reason
    else:
        flow = (await inbox.one(FlowOpened)).flow
        assert flow.local_host == "127.0.0.2"
        assert flow.local_port != 5999


async def test_too_many_connections_of_ours(make_network: Any, server: Server) -> None:
    names = [f"a{number}" for number in range(4)]
    network, inbox = make_network(
        *(Account(f"sip:{name}@example.com", name=name) for name in names), limits=Limits(opened_connections=3)
    )
    for number, name in enumerate(names):
        network.perform(Connect(number, server.target, name))
    assert [event.request for event in await inbox.until(ConnectFailed)] == [3]
    await inbox.until(FlowOpened, 3)


# --- peers that connect to us ---------------------------------------------------------------------


async def test_a_peer_connects_to_us(make_network: Any, dial: Dial) -> None:
    network, inbox = make_network()
    host, port = await network.listen("tcp", "127.0.0.1", 0)
    reader, writer = await dial(host, port)
    writer.write(MESSAGE)
    packet = await inbox.one(Packet)
    assert (packet.flow.local_port, packet.flow.remote_port) == (port, writer.get_extra_info("sockname")[1])
    network.perform(Send(packet.flow, b"answer"))
    assert await reader.readexactly(6) == b"answer"
    writer.close()
    assert (await inbox.one(FlowClosed)).flow == packet.flow


async def test_broken_framing_ends_the_stream(make_network: Any, dial: Dial) -> None:
    network, inbox = make_network()
    reader, writer = await dial(*await network.listen("tcp", "127.0.0.1", 0))
    writer.write(MESSAGE.replace(b"Content-Length: 5\r\n", b"Content-Length: many\r\n"))
    assert "the peer broke the framing" in (await inbox.one(FlowClosed)).reason
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""


async def test_messages_before_the_break_count(make_network: Any, dial: Dial) -> None:
    network, inbox = make_network()
    _, writer = await dial(*await network.listen("tcp", "127.0.0.1", 0))
    writer.write(MESSAGE + MESSAGE.replace(b"Content-Length: 5\r\n", b""))
    assert "there is no Content-Length" in (await inbox.one(FlowClosed)).reason
    assert [packet.data for packet in inbox.of(Packet)] == [MESSAGE]


async def test_a_message_without_end_ends_the_stream(make_network: Any, dial: Dial) -> None:
    network, inbox = make_network()
    _, writer = await dial(*await network.listen("tcp", "127.0.0.1", 0))
    writer.write(b"x" * 200_000)
    assert "longer than 65535 bytes" in (await inbox.one(FlowClosed)).reason


async def test_a_peer_that_does_not_read_loses_the_flow(make_network: Any, server: Server) -> None:
    network, inbox = make_network(limits=Limits(write_buffer=100_000))
    network.perform(Connect(1, server.target, "a"))
    flow = (await inbox.one(FlowOpened)).flow
    server.accept()
    async with asyncio.timeout(10):
        while not inbox.of(FlowClosed):
            network.perform(Send(flow, b"x" * 50_000))
            await asyncio.sleep(0)
    assert "does not read" in inbox.of(FlowClosed)[0].reason


async def test_patience_with_slow_messages_ends(make_network: Any, eventually: Any, dial: Dial) -> None:
    network, inbox = make_network()
    address = await network.listen("tcp", "127.0.0.1", 0)
    writers = {name: (await dial(*address))[1] for name in ("silent", "slow", "idle", "late")}
    writers["slow"].write(MESSAGE + MESSAGE[:30])
    writers["idle"].write(MESSAGE)
    writers["late"].write(MESSAGE[:50])
    await inbox.until(Packet, 2)
    writers["late"].write(MESSAGE[50:])
    await inbox.until(Packet, 3)
    await eventually(lambda: len(network._streams._streams) == 4)
    now = asyncio.get_running_loop().time()
    network.sweep(now + 29)
    network.sweep(now + 29)
    assert inbox.of(FlowClosed) == []
    network.sweep(now + 31)
    closed = {event.flow.remote_port for event in await inbox.until(FlowClosed, 2)}
    assert closed == {writers[name].get_extra_info("sockname")[1] for name in ("silent", "slow")}
    assert "no complete message within 30 s" in inbox.of(FlowClosed)[0].reason


async def test_a_slow_byte_does_not_renew_patience(make_network: Any, dial: Dial) -> None:
    network, inbox = make_network()
    _, writer = await dial(*await network.listen("tcp", "127.0.0.1", 0))
    writer.write(MESSAGE)
    flow = (await inbox.one(Packet)).flow
    stream = network._streams._streams[flow]
    stream.data_received(MESSAGE[:10])
    until = stream._until
    for at in range(10, 20):
        stream.data_received(MESSAGE[at : at + 1])
    assert stream._until == until > 0


async def test_connections_of_others_are_bounded_and_ours_unharmed(
    make_network: Any, dial: Dial, server: Server
) -> None:
    network, inbox = make_network(limits=Limits(accepted_connections=5))
    address = await network.listen("tcp", "127.0.0.1", 0)
    first = [await dial(*address) for _ in range(5)]
    for _, writer in first:
        writer.write(MESSAGE)
    await inbox.until(Packet, 5)
    reader, _ = await dial(*address)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    first[0][1].close()
    await inbox.one(FlowClosed)
    _, writer = await dial(*address)  # there is room again
    writer.write(MESSAGE)
    await inbox.until(Packet, 6)


async def test_five_hundred_slow_connections_are_cheap(make_network: Any, eventually: Any) -> None:
    network, inbox = make_network()
    address = await network.listen("tcp", "127.0.0.1", 0)
    before = _resident()
    peers = []
    for _ in range(500):
        peer = socket.create_connection(address)
        peer.sendall(MESSAGE[:200] + b"X-Long: " + b"x" * 8000)
        peers.append(peer)
        await asyncio.sleep(0)
    await eventually(lambda: len(network._streams._streams) == 500)
    assert _resident() - before < 64 * 1024 * 1024
    network.sweep(asyncio.get_running_loop().time() + 31)
    await inbox.until(FlowClosed, 500)
    for peer in peers:
        peer.close()


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


async def test_the_sweep_runs_by_itself_while_there_is_something_to_sweep(
    make_network: Any, server: Server, monkeypatch: Any
) -> None:
    monkeypatch.setattr("sipclient.transport.streams._SWEEP", 0.001)
    network, inbox = make_network(limits=Limits(partial_message=0.01))
    network.perform(Connect(1, server.target, "a"))
    await inbox.one(FlowOpened)
    server.accept().sendall(MESSAGE[:10])
    assert "no complete message" in (await inbox.one(FlowClosed)).reason


async def test_a_peer_that_left_while_it_waited_is_passed_over(make_network: Any, dial: Dial) -> None:
    network, inbox = make_network()
    address = await network.listen("tcp", "127.0.0.1", 0)
    listener = network._streams._listeners[0]

    class Aborting:
        aborted = 0

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def accept(self) -> Any:
            if not self.aborted:
                self.aborted = 1
                raise ConnectionAbortedError(103, "gone")
            return self.sock.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    listener._socket = Aborting(listener._socket)
    _, writer = await dial(*address)
    writer.write(MESSAGE)
    assert (await inbox.one(Packet)).data == MESSAGE


async def test_no_descriptor_left_does_not_spin(make_network: Any, eventually: Any, dial: Dial) -> None:
    network, inbox = make_network()
    address = await network.listen("tcp", "127.0.0.1", 0)
    listener = network._streams._listeners[0]

    class Exhausted:
        calls = 0

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def accept(self) -> Any:
            type(self).calls += 1
            raise OSError(24, "too many open files")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

    real = listener._socket
    listener._socket = Exhausted(real)
    _, writer = await dial(*address)
    writer.write(MESSAGE)
    await eventually(lambda: Exhausted.calls > 0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert Exhausted.calls == 1
    listener._socket = real
    network.sweep(0.0)
    assert (await inbox.one(Packet)).data == MESSAGE
