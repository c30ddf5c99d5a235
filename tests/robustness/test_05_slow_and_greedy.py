"""Robustness 5, slow and greedy peers.

500 connections at one byte a second for a minute: limits hold, under +64 MiB, the registration unharmed. Per message
64 KiB by default, header count bounded, tables of transactions, dialogs, subscriptions bounded (503 or drop).
"""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from robustness.common import CONTACT, ROBOT, SDP, SERVER, STRANGER, Bench, resident, share
from robustness.live import StreamPeer, agent, options

from sipclient import Account, Client
from sipclient.message import Response
from sipclient.protocol.events import (
    AcceptSubscription,
    IncomingCall,
    Invite,
    RegistrationLost,
    RequestReceived,
    Respond,
    Ringing,
    SubscribeReceived,
)
from sipclient.protocol.limits import Limits

CONNECTIONS = 500
MEMORY = 64 * 2**20


async def test_five_hundred_connections_at_a_byte_a_second_harm_nobody() -> None:
    """Bounded: two seconds at ten bytes a second; the whole minute when soaking."""
    rounds, pause = share(20, 60), share(1, 10) / 10
    lost: list[RegistrationLost] = []

    def registrar_hears(event: Any) -> None:
        if isinstance(event, RequestReceived):
            registrar.do(Respond(event.request, 200, headers=(("Expires", "60"),)))

    def robot_hears(event: Any) -> None:
        if isinstance(event, RegistrationLost):
            lost.append(event)

    handles = frozenset({"REGISTER"})
    pbx = Account("sip:pbx@127.0.0.1", register=False, keepalive=0.0, peers=("127.0.0.0/8",), handles=handles)
    async with Client(pbx, on_event=registrar_hears) as registrar:
        _, port = await registrar.listen("udp", "127.0.0.1")
        account = Account("sip:robot@127.0.0.1", server=f"udp:127.0.0.1:{port}", keepalive=1.0)
        async with Client(account, on_event=robot_hears) as robot:
            address = await robot.listen("tcp", "127.0.0.1")
            before = resident()
            slow = [socket.create_connection(address) for _ in range(CONNECTIONS)]
            for each in slow:
                each.setblocking(False)
            honest = await StreamPeer.connect(address)
            data = options("slow", b"x" * 60_000)
            for number in range(rounds):
                for each in slow:
                    with suppress(OSError):
                        each.send(data[number : number + 1])
                begun = asyncio.get_running_loop().time()
                await honest.write(options(number))
                await honest.until(number + 1)
                assert asyncio.get_running_loop().time() - begun < 1.0
                await asyncio.sleep(pause)
            assert resident() - before < MEMORY
            assert robot.is_registered()
            assert not lost
            for each in slow:
                each.close()
            await honest.close()
        assert robot.failures == 0


async def test_a_greedy_peer_that_never_ends_its_headers_is_cut_off_at_64_kib() -> None:
    async with agent() as client:
        address = await client.listen("tcp", "127.0.0.1")
        before = resident()
        for _ in range(20):
            peer = await StreamPeer.connect(address)
            with suppress(ConnectionError):
                for _ in range(200):
                    await peer.write(b"X-Greedy: " + b"x" * 10_000 + b"\r\n")
            await peer.until_closed()
            await peer.close()
        assert resident() - before < MEMORY
        honest = await StreamPeer.connect(address)
        await honest.write(options("honest"))
        await honest.until(1)
        await honest.close()


async def test_a_peer_that_never_reads_is_cut_off() -> None:
    """Ten thousand OPTIONS whose answers nobody takes: what waits for it is bounded."""
    async with agent() as client:
        address = await client.listen("tcp", "127.0.0.1")
        before = resident()
        with socket.create_connection(address) as greedy:
            # With less, small answers fill it and its own side stands still before ours has anything to hold.
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            greedy.setblocking(False)
            data = b"".join(options(number) for number in range(500))
            cut = False
            for _ in range(share(400, 4_000)):
                try:
                    greedy.send(data)
                except BlockingIOError:
                    pass
                except OSError:
                    cut = True
                    break
                await asyncio.sleep(0.001)
            assert cut, "the agent went on holding answers for a peer that does not read"
        assert resident() - before < MEMORY
        honest = await StreamPeer.connect(address)
        await honest.write(options("honest"))
        await honest.until(1)
        await honest.close()


# --- tables, in virtual time --------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (65_535, 413), (70_000, 413)])
def test_a_message_has_64_kib(size: int, status: int) -> None:
    bench = Bench().add()
    data = bench.pbx.request("OPTIONS", f"sip:robot@{ROBOT}", body=b"x" * size)
    assert [each.status for each in bench.send(data)] == [status]


@pytest.mark.parametrize(("count", "status"), [(200, 200), (300, 400), (5_000, 400)])
def test_the_header_lines_are_counted(count: int, status: int) -> None:
    bench = Bench().add()
    headers = [("X-Y", "z")] * count
    data = bench.pbx.request("OPTIONS", f"sip:robot@{ROBOT}", *headers)
    assert [each.status for each in bench.send(data)] == [status]


def flood(bench: Bench, method: str, count: int, *headers: tuple[str, str]) -> list[int]:
    """The final statuses of so many requests, each its own."""
    begun = len(bench.pbx.inbox)
    for number in range(count):
        data = bench.pbx.request(method, f"sip:robot@{ROBOT}", CONTACT, *headers, call_id=f"{method}{number}", body=SDP)
        bench.wire.inject(bench.robot, data, source=(SERVER, 5060))
    bench.wire.run(0.1)
    answers = bench.pbx.inbox[begun:]
    return [each.status for each in answers if isinstance(each, Response) and each.status > 100]


def test_the_table_of_transactions_is_bounded_and_empties() -> None:
    bench = Bench(limits=Limits(server_transactions=50)).add()
    statuses = flood(bench, "MESSAGE", 200)
    assert (statuses.count(200), statuses.count(503)) == (50, 150)
    assert len(bench.robot.agent._stack.transactions) == 50
    assert bench.options() == 200  # which needs no transaction
    bench.wire.run(33)
    assert bench.robot.agent.idle
    assert flood(bench, "MESSAGE", 10) == [200] * 10


def test_the_calls_that_reach_us_are_bounded_and_ours_are_not_harmed() -> None:
    bench = Bench(limits=Limits(calls=20)).add()
    statuses = flood(bench, "INVITE", 100)
    assert statuses == [503] * 80
    assert len(bench.robot.of(IncomingCall)) == 20
    refused = [each for each in bench.pbx.responses("INVITE") if each.status == 503]
    assert all(each.retry_after for each in refused)
    assert len(bench.robot.agent._dialogs) == 20


def test_the_subscriptions_to_us_are_bounded() -> None:
    bench = Bench(limits=Limits(subscribers=20)).add(handles=frozenset({"SUBSCRIBE"}))
    for number in range(100):
        data = bench.pbx.request(
            "SUBSCRIBE", f"sip:robot@{ROBOT}", CONTACT, ("Event", "presence"), ("Expires", "60"), call_id=f"s{number}"
        )
        bench.wire.inject(bench.robot, data, source=(SERVER, 5060))
        for event in bench.robot.of(SubscribeReceived)[-1:]:
            bench.robot.do(AcceptSubscription(event.id, event.expires))
    bench.wire.run(0.1)
    statuses = [each.status for each in bench.pbx.responses("SUBSCRIBE")]
    assert (statuses.count(200), statuses.count(503)) == (20, 80)
    bench.wire.run(200)
    assert bench.robot.agent.idle


def test_subscribers_that_the_application_forgets_to_answer_are_bounded_too() -> None:
    bench = Bench(limits=Limits(subscribers=20)).add(handles=frozenset({"SUBSCRIBE"}))
    flood(bench, "SUBSCRIBE", 100, ("Event", "presence"))
    assert len(bench.robot.agent._dialogs) <= 20


@pytest.mark.parametrize("forks", [20, 200])
def test_the_forks_of_one_call_are_bounded(forks: int) -> None:
    bench = Bench().add()
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    invite = bench.pbx.requests("INVITE")[0]
    for fork in range(forks):
        data = bench.pbx.reply(invite, 180, CONTACT, tag=f"fork{fork}")
        bench.wire.inject(bench.robot, data, source=(SERVER, 5060))
    assert len(bench.robot.agent._dialogs) <= Limits().early_dialogs
    assert len(bench.robot.of(Ringing)) <= forks


def test_strangers_cost_no_memory_at_all() -> None:
    bench = Bench().add()
    data = [bench.pbx.request("INVITE", f"sip:robot@{ROBOT}", CONTACT, call_id=f"s{n}", body=SDP) for n in range(500)]
    agent, source = bench.robot, (STRANGER, 5060)
    for each in data:
        bench.wire.inject(agent, each, source=source)
    agent.sent.clear()
    agent.events.clear()
    agent.times.clear()
    tracemalloc.start()
    try:
        for _ in range(share(4, 400)):
            for each in data:
                bench.wire.inject(agent, each, source=source)
            agent.sent.clear()
            agent.events.clear()
            agent.times.clear()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
    assert agent.agent.idle
