"""The network as a whole: what cannot be listened on, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from typing import Any

import pytest

from sipclient.errors import ListenFailed
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    CloseFlow,
    Connect,
    Flow,
    FlowClosed,
    FlowOpened,
    Packet,
    Resolve,
    Resolved,
    Send,
    SendFailed,
    Target,
)
from sipclient.transport import Limits, server_context


def _sockets() -> set[str]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if link.startswith("socket:"):
            found.add(link)
    return found


class _Never:
    """A resolver whose name servers are all asleep."""

    async def resolve(self, server: str, family: Any = None) -> Any:
        await asyncio.get_running_loop().create_future()


async def test_close_leaves_no_task_and_no_socket(make_network: Any, authority: Any, san: Any) -> None:
    sockets, tasks = _sockets(), asyncio.all_tasks()
    account = Account("sip:a@example.com", name="a", tls_ca=authority.path)
    theirs, outbox = make_network()
    ours, inbox = make_network(account, resolver=_Never())
    context = server_context(authority.issue(san["dns"]("pbx.example.com")))
    udp = await theirs.listen("udp", "127.0.0.1", 0)
    tcp = await theirs.listen("tcp", "::1", 0)
    tls = await theirs.listen("tls", "127.0.0.1", 0, tls=context)
    silent = socket.create_server(("127.0.0.1", 0))
    for request, (kind, address) in enumerate([("udp", udp), ("tcp", tcp), ("tls", tls)]):
        ours.perform(Connect(request, Target(kind, *address, "pbx.example.com"), "a"))
    flows = [event.flow for event in await inbox.until(FlowOpened, 3)]
    for flow in flows:
        ours.perform(Send(flow, b"\r\n\r\n"))
    await outbox.until(Packet, 3)
    # What is under way when the end comes: a handshake that nobody answers, one that nobody starts, a name.
    ours.perform(Connect(9, Target("tls", "127.0.0.1", silent.getsockname()[1], "pbx.example.com"), "a"))
    ours.perform(Resolve(10, "pbx.example.com", "a"))
    half_open = socket.create_connection(tls)
    await asyncio.sleep(0)
    before = len(inbox.inputs)
    await ours.close()
    await theirs.close()
    silent.close()
    half_open.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    assert _sockets() - sockets == set()
    ours.perform(Connect(11, Target("tcp", *tcp), "a"))
    ours.perform(Send(flows[0], b"x"))
    await asyncio.sleep(0)
    assert len(inbox.inputs) == before
    assert asyncio.all_tasks() == tasks


async def test_close_does_not_wait_for_a_peer_that_does_not_read(make_network: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        network, inbox = make_network(limits=Limits(close_grace=0.1))
        network.perform(Connect(1, Target("tcp", *deaf.getsockname()), "a"))
        flow = (await inbox.one(FlowOpened)).flow
        peer, _ = deaf.accept()
        network.perform(Send(flow, b"x" * 900_000))
        network.perform(Send(flow, b"x" * 900_000))
        async with asyncio.timeout(5):
            await network.close()
        peer.close()


async def test_close_of_a_flow_does_not_wait_for_ever_either(make_network: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        network, inbox = make_network(limits=Limits(write_buffer=100_000_000))
        network.perform(Connect(1, Target("tcp", *deaf.getsockname()), "a"))
        flow = (await inbox.one(FlowOpened)).flow
        peer, _ = deaf.accept()
        network.perform(Send(flow, b"x" * 20_000_000))
        network.perform(CloseFlow(flow))
        network.sweep(asyncio.get_running_loop().time())
        await asyncio.sleep(0)
        assert inbox.of(FlowClosed) == []
        network.sweep(asyncio.get_running_loop().time() + 2)
        assert await inbox.one(FlowClosed) == FlowClosed(flow, "closed by us")
        peer.close()


async def test_a_stream_nobody_knows(make_network: Any) -> None:
    network, inbox = make_network()
    flow = Flow("tcp", "127.0.0.1", 1, "127.0.0.1", 2, 3)
    network.perform(CloseFlow(flow))
    network.perform(Send(flow, b"x"))
    assert await inbox.one(SendFailed) == SendFailed(flow, "the connection is closed")


@pytest.mark.parametrize(
    ("transport", "host", "words"),
    [
        ("udp", "pbx.example.com", "'pbx.example.com' is not an IP address"),
        ("tcp", "203.0.113.7", "cannot listen on tcp:203.0.113.7:0: this machine does not have that address"),
        ("sctp", "127.0.0.1", "this version speaks udp, tcp, tls, ws, wss"),
        ("tls", "127.0.0.1", "a certificate goes with tls"),
    ],
)
async def test_what_cannot_be_listened_on(make_network: Any, transport: str, host: str, words: str) -> None:
    network, _ = make_network()
    with pytest.raises(ListenFailed) as caught:
        await network.listen(transport, host, 0)
    assert words in str(caught.value)


async def test_a_certificate_without_tls(make_network: Any) -> None:
    network, _ = make_network()
    with pytest.raises(ListenFailed):
        await network.listen("udp", "127.0.0.1", 0, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_port_in_use(make_network: Any, transport: str) -> None:
    first, _ = make_network()
    second, _ = make_network()
    host, port = await first.listen(transport, "127.0.0.1", 0)
    with pytest.raises(ListenFailed, match=f"{transport}:127.0.0.1:{port}: another program uses this address"):
        await second.listen(transport, host, port)


@pytest.mark.parametrize(("host", "bound"), [("", "0.0.0.0"), ("localhost", "127.0.0.1"), ("[::1]", "::1")])
async def test_spellings_of_where_to_listen(make_network: Any, host: str, bound: str) -> None:
    network, _ = make_network()
    assert (await network.listen("tcp", host, 0))[0] == bound


async def test_both_families_may_listen_on_one_port(make_network: Any) -> None:
    network, _ = make_network()
    for transport in ("udp", "tcp"):
        _, port = await network.listen(transport, "0.0.0.0", 0)
        assert await network.listen(transport, "::", port) == ("::", port)


async def test_a_bug_in_a_resolver_is_answered_and_logged(
    make_network: Any, caplog: pytest.LogCaptureFixture, eventually: Any
) -> None:
    class Broken:
        async def resolve(self, server: str, family: Any = None) -> Any:
            raise ZeroDivisionError

    network, inbox = make_network(resolver=Broken())
    with caplog.at_level(logging.ERROR, "sipclient.transport"):
        network.perform(Resolve(1, "pbx.example.com", "a"))
        assert await inbox.one(Resolved) == Resolved(1, (), "pbx.example.com could not be looked up")
        await eventually(lambda: bool(caplog.records))
    assert "please report it" in caplog.text


@pytest.mark.parametrize(
    ("local", "family"),
    [
        ("", None),
        ("0.0.0.0:5060", None),
        ("[::]:0", None),
        ("192.0.2.1", socket.AF_INET),
        ("[::1]:5060", socket.AF_INET6),
        ("nonsense", None),
    ],
)
async def test_a_resolver_hears_which_family_is_bound(make_network: Any, local: str, family: Any) -> None:
    class Listening:
        heard: Any = "nothing"

        async def resolve(self, server: str, family: Any = None) -> Any:
            self.heard = family
            return (), "no"

    resolver = Listening()
    network, inbox = make_network(Account("sip:a@example.com", name="a", local=local), resolver=resolver)
    network.perform(Resolve(1, "pbx.example.com", "a"))
    await inbox.one(Resolved)
    assert resolver.heard == family


async def test_what_was_reported_comes_before_what_arrives_later(make_network: Any) -> None:
    network, inbox = make_network()
    with socket.create_server(("127.0.0.1", 0)) as server:
        network.perform(Connect(1, Target("tcp", *server.getsockname()), "a"))
        peer, _ = await asyncio.to_thread(server.accept)
        peer.sendall(b"\r\n\r\n")
        await inbox.one(Packet)
        peer.close()
        await inbox.one(FlowClosed)
    assert [type(item) for item in inbox.inputs] == [FlowOpened, Packet, FlowClosed]
