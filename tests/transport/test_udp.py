"""Datagrams: whole bursts in one batch, ICMP as SendFailed, one local address for both directions."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from sipclient.protocol.account import Account
from sipclient.protocol.events import Connect, ConnectFailed, Flow, FlowOpened, Packet, Send, SendFailed, Target
from sipclient.transport import Limits
from sipclient.transport.udp import UdpSocket

LOCAL = {"127.0.0.1": "127.0.0.1:0", "::1": "[::1]:0"}


def _account(local: str = "", **options: Any) -> Account:
    return Account("sip:a@example.com", name="a", local=local, **options)


@pytest.fixture
def peer() -> Iterator[Callable[[str], socket.socket]]:
    """Blocking sockets of somebody else."""
    made = []

    def make(host: str = "127.0.0.1") -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(5)
        sock.bind((host, 0))
        made.append(sock)
        return sock

    yield make
    for sock in made:
        sock.close()


def _target(sock: socket.socket) -> Target:
    host, port = sock.getsockname()[:2]
    return Target("udp", host, port)


def _unused_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("bound", [True, False])
async def test_both_directions_share_one_flow(make_network: Any, peer: Any, host: str, bound: bool) -> None:
    network, inbox = make_network(_account(LOCAL[host] if bound else ""))
    other = peer(host)
    network.perform(Connect(1, _target(other), "a"))
    opened = await inbox.one(FlowOpened)
    assert opened.request == 1
    assert opened.flow.local_host == host
    assert (opened.flow.remote_host, opened.flow.remote_port) == other.getsockname()[:2]
    assert not opened.flow.reliable
    network.perform(Send(opened.flow, b"hello"))
    data, back = other.recvfrom(100)
    assert (data, back[:2]) == (b"hello", (host, opened.flow.local_port))
    other.sendto(b"\r\n\r\n", back)
    packet = await inbox.one(Packet)
    assert packet == Packet(opened.flow, b"\r\n\r\n")


async def test_a_stranger_gets_a_flow_with_the_address_that_answers_leave_from(make_network: Any, peer: Any) -> None:
    network, inbox = make_network()
    host, port = await network.listen("udp", "0.0.0.0", 0)
    assert host == "0.0.0.0"
    other = peer()
    other.sendto(b"x", ("127.0.0.1", port))
    packet = await inbox.one(Packet)
    assert packet.flow == Flow("udp", "127.0.0.1", port, *other.getsockname())
    network.perform(Send(packet.flow, b"answer"))
    assert other.recv(100) == b"answer"


async def test_accounts_that_bind_the_same_share_a_socket_others_do_not(make_network: Any, peer: Any) -> None:
    same = [Account(f"sip:{name}@example.com", name=name) for name in "ab"]
    network, inbox = make_network(*same, Account("sip:c@example.com", name="c", local="127.0.0.1:0"))
    target = _target(peer())
    for request, account in enumerate("abc"):
        network.perform(Connect(request, target, account))
    ports = [opened.flow.local_port for opened in await inbox.until(FlowOpened, 3)]
    assert ports[0] == ports[1] != ports[2]


async def test_an_account_uses_the_socket_that_listens_at_its_address(make_network: Any, peer: Any) -> None:
    port = _unused_port()
    network, inbox = make_network(_account(f"127.0.0.1:{port}"))
    assert await network.listen("udp", "127.0.0.1", port) == ("127.0.0.1", port)
    network.perform(Connect(1, _target(peer()), "a"))
    assert (await inbox.one(FlowOpened)).flow.local_port == port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_port_unreachable_comes_as_send_failed_again_and_again(make_network: Any, peer: Any, host: str) -> None:
    network, inbox = make_network()
    other = peer(host)
    dead = Target("udp", host, _unused_port(host))
    network.perform(Connect(1, dead, "a"))
    network.perform(Connect(2, _target(other), "a"))
    to_dead, to_other = (opened.flow for opened in await inbox.until(FlowOpened, 2))
    for count in range(1, 4):  # the socket must be watched also after an error
        network.perform(Send(to_dead, b"anyone?"))
        failed = (await inbox.until(SendFailed, count))[-1]
        assert failed.flow == to_dead
        assert "nothing listens there" in failed.reason
        assert not failed.too_large
        other.sendto(b"alive", (host, to_other.local_port))
        assert (await inbox.until(Packet, count))[-1] == Packet(to_other, b"alive")


async def test_an_error_of_one_peer_does_not_eat_the_datagram_to_another(make_network: Any, peer: Any) -> None:
    network, inbox = make_network()
    other = peer()
    network.perform(Connect(1, Target("udp", "127.0.0.1", _unused_port()), "a"))
    network.perform(Connect(2, _target(other), "a"))
    to_dead, to_other = (opened.flow for opened in await inbox.until(FlowOpened, 2))
    # On loopback the ICMP error is there when the first send returns, so the second one meets it.
    network.perform(Send(to_dead, b"anyone?"))
    network.perform(Send(to_other, b"hello"))
    assert other.recv(100) == b"hello"
    assert [failed.flow for failed in await inbox.until(SendFailed)] == [to_dead]


async def test_a_link_local_peer_is_reached_on_its_link_only(make_network: Any) -> None:
    """RFC 4007 §6: loopback is the way to no link-local address, though another interface may be."""
    network, inbox = make_network(_account("[::]:0"))
    network.perform(Connect(1, Target("udp", "::1", 5060), "a"))
    flow = (await inbox.one(FlowOpened)).flow
    network.perform(Send(msgspec.structs.replace(flow, remote_host=f"fe80::1%{socket.if_nametoindex('lo')}"), b"x"))
    assert "unreachable" in (await inbox.one(SendFailed)).reason


async def test_too_large_for_a_datagram(make_network: Any, peer: Any) -> None:
    network, inbox = make_network()
    network.perform(Connect(1, _target(peer()), "a"))
    flow = (await inbox.one(FlowOpened)).flow
    network.perform(Send(flow, b"x" * 65508))
    failed = await inbox.one(SendFailed)
    assert (failed.flow, failed.too_large) == (flow, True)


async def test_a_burst_is_one_batch_in_order(make_network: Any, peer: Any) -> None:
    network, inbox = make_network(limits=Limits(datagrams_per_wakeup=1000))
    host, port = await network.listen("udp", "127.0.0.1", 0)
    other = peer()
    for number in range(1000):
        other.sendto(str(number).encode(), (host, port))
    packets = await inbox.until(Packet, 1000)
    assert [int(packet.data) for packet in packets] == list(range(1000))
    assert len(inbox.batches) == 1


async def test_a_wake_up_is_bounded(make_network: Any, peer: Any) -> None:
    network, inbox = make_network(limits=Limits(datagrams_per_wakeup=64))
    host, port = await network.listen("udp", "127.0.0.1", 0)
    other = peer()
    for number in range(300):
        other.sendto(str(number).encode(), (host, port))
    packets = await inbox.until(Packet, 300)
    assert [int(packet.data) for packet in packets] == list(range(300))
    assert [len(batch) for batch in inbox.batches] == [64, 64, 64, 64, 44]


async def test_empty_datagrams_are_nothing(make_network: Any, peer: Any) -> None:
    network, inbox = make_network()
    address = await network.listen("udp", "127.0.0.1", 0)
    other = peer()
    for data in (b"", b"", b"x"):
        other.sendto(data, address)
    assert [packet.data for packet in await inbox.until(Packet)] == [b"x"]


async def test_memory_of_remotes_is_bounded(make_network: Any, peer: Any) -> None:
    network, inbox = make_network(limits=Limits(remotes_remembered=4))
    address = await network.listen("udp", "127.0.0.1", 0)
    others = [peer() for _ in range(20)]
    for other in others:
        other.sendto(b"x", address)
    packets = await inbox.until(Packet, 20)
    assert [packet.flow.remote_port for packet in packets] == [other.getsockname()[1] for other in others]
    (udp,) = network._datagrams._by_local.values()
    assert len(udp._flows) <= 4


@pytest.mark.parametrize(
    ("local", "target", "words"),
    [
        ("127.0.0.1:0", Target("udp", "::1", 5060), "other family"),
        ("pbx.example.com:1", Target("udp", "127.0.0.1", 5060), "is not an IP address"),
        ("203.0.113.7:0", Target("udp", "127.0.0.1", 5060), "does not have that address"),
        ("", Target("udp", "240.0.0.1.5", 5060), "is not an address and port"),
        ("", Target("udp", "pbx.example.com", 5060), "is not an address and port"),
        ("", Target("udp", "127.0.0.1", 0), "is not an address and port"),
        ("", Target("sctp", "127.0.0.1", 443), "does not speak sctp"),
    ],
)
async def test_what_cannot_be_bound_is_said_in_words(make_network: Any, local: str, target: Target, words: str) -> None:
    network, inbox = make_network(_account(local))
    network.perform(Connect(5, target, "a"))
    failed = await inbox.one(ConnectFailed)
    assert failed.request == 5
    assert words in failed.reason


async def test_a_taken_port_is_said_in_words(make_network: Any, peer: Any) -> None:
    taken = peer().getsockname()[1]
    network, inbox = make_network(_account(f"127.0.0.1:{taken}"))
    network.perform(Connect(5, Target("udp", "127.0.0.1", 5060), "a"))
    failed = await inbox.one(ConnectFailed)
    assert failed.reason == f"cannot bind udp:127.0.0.1:{taken}: another program uses this address and port"


async def test_an_account_nobody_knows(make_network: Any) -> None:
    network, inbox = make_network()
    network.perform(Connect(5, Target("udp", "127.0.0.1", 5060), "nobody"))
    assert "there is no account nobody" in (await inbox.one(ConnectFailed)).reason


async def test_a_flow_of_no_socket(make_network: Any) -> None:
    network, inbox = make_network()
    flow = Flow("udp", "127.0.0.1", 9, "127.0.0.1", 9)
    network.perform(Send(flow, b"x"))
    failed = await inbox.one(SendFailed)
    assert failed == SendFailed(flow, "no UDP socket is bound to 127.0.0.1:9")


async def test_routing_that_changes_changes_the_flow(make_network: Any, peer: Any, monkeypatch: Any) -> None:
    network, inbox = make_network()
    other = peer()
    network.perform(Connect(1, _target(other), "a"))
    before = (await inbox.one(FlowOpened)).flow
    monkeypatch.setattr("sipclient.transport.udp.source_address", lambda remote: "127.0.0.5")
    other.sendto(b"x", ("127.0.0.1", before.local_port))
    assert (await inbox.one(Packet)).flow == before  # nobody looks at each packet
    network.perform(Connect(2, _target(other), "a"))
    after = (await inbox.until(FlowOpened, 2))[1].flow
    assert (before.local_host, after.local_host) == ("127.0.0.1", "127.0.0.5")
    other.sendto(b"x", ("127.0.0.1", before.local_port))
    assert (await inbox.until(Packet, 2))[1].flow == after
    network.perform(Send(after, b"answer"))
    assert other.recv(100) == b"answer"


async def test_no_route(make_network: Any, peer: Any, monkeypatch: Any) -> None:
    network, inbox = make_network()
    _, port = await network.listen("udp", "0.0.0.0", 0)

    def none(remote: object) -> str:
        raise OSError(errno.ENETUNREACH, "x")

    monkeypatch.setattr("sipclient.transport.udp.source_address", none)
    network.perform(Connect(1, _target(peer()), "a"))
    assert (await inbox.one(ConnectFailed)).reason == "the network is unreachable"
    peer().sendto(b"x", ("127.0.0.1", port))  # whoever reaches us without a way back is heard all the same
    assert (await inbox.one(Packet)).flow.local_host == "0.0.0.0"


async def test_what_is_not_delivered_from_within_perform(make_network: Any) -> None:
    network, inbox = make_network()
    network.perform(Connect(5, Target("sctp", "127.0.0.1", 443), "a"))
    assert inbox.inputs == []
    await inbox.one(ConnectFailed)


class _Busy(socket.socket):
    """A socket whose kernel buffer is full for a while."""

    refusals: list[int]

    def sendto(self, data: Any, address: Any) -> int:  # type: ignore[override]
        if self.refusals:
            number = self.refusals.pop(0)
            if number == errno.EAGAIN:
                raise BlockingIOError(number, "busy")
            raise OSError(number, "no")
        return super().sendto(data, address)


def _busy(refusals: list[int], waiting: int = 256) -> tuple[UdpSocket, list[Any]]:
    sock = _Busy(socket.AF_INET, socket.SOCK_DGRAM)
    sock.refusals = list(refusals)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    reports: list[Any] = []
    return UdpSocket(sock, reports.extend, reports.append, Limits(datagrams_waiting=waiting)), reports


async def test_a_busy_kernel_gets_the_datagrams_later_in_order(peer: Any) -> None:
    other = peer()
    udp, reports = _busy([errno.EAGAIN, errno.EAGAIN])
    flow = udp.flow_to(*other.getsockname())
    for number in range(5):
        udp.send(str(number).encode(), flow)
    other.setblocking(False)
    async with asyncio.timeout(5):
        data = [await asyncio.get_running_loop().sock_recv(other, 10) for _ in range(5)]
    udp.close()
    assert data == [b"0", b"1", b"2", b"3", b"4"]
    assert (reports, udp.lost) == ([], 0)


async def test_the_queue_of_a_busy_kernel_is_bounded(peer: Any) -> None:
    udp, reports = _busy([errno.EAGAIN] * 100, waiting=3)
    flow = udp.flow_to(*peer().getsockname())
    for _ in range(10):
        udp.send(b"x", flow)
    udp.close()
    assert (reports, udp.lost) == ([], 7)


@pytest.mark.parametrize(
    ("refusals", "reported"),
    [
        ([errno.EPERM] * 3, ["does not permit"]),
        ([errno.ENETUNREACH] * 3, ["the network is unreachable"]),
        ([errno.ECONNREFUSED], []),  # another peer's: the next try succeeds
        ([errno.ENOBUFS], []),  # lost like a packet on the wire
    ],
)
async def test_errors_of_the_kernel(peer: Any, refusals: list[int], reported: list[str]) -> None:
    udp, reports = _busy(refusals)
    other = peer()
    flow = udp.flow_to(*other.getsockname())
    udp.send(b"x", flow)
    udp.close()
    assert len(reports) == len(reported)
    for report, words in zip(reports, reported, strict=True):
        assert report.flow == flow
        assert words in report.reason
