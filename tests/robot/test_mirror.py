"""Every SIP message as HEP3, read by our own listener; what the collector does not take is dropped and counted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from robot.conftest import DIAL, HEAD, QUEUE

from sipclient.cli.hep_listener import HepListener
from sipclient.config import HepConfig, load
from sipclient.config.addresses import Collector
from sipclient.config.model import Text
from sipclient.protocol.events import Flow, FlowClosed, Packet, Send
from sipclient.robot import told
from sipclient.robot.hooks import NO_HOOKS
from sipclient.robot.metrics import Metrics
from sipclient.robot.mirror import LARGEST, Mirror
from sipclient.trace import hep

FLOW = Flow("udp", "127.0.0.1", 5062, "127.0.0.1", 5060)
SIX = Flow("tls", "::1", 40000, "2001:db8::1", 5061)
ASKED = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nCall-ID: abc@def\r\n\r\n"
ANSWER = b"SIP/2.0 200 OK\r\ni: abc@def\r\n\r\n"
AT = datetime(2026, 3, 2, 12, 0, 0, 250_000, UTC)


@pytest.fixture
def collector() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(2)
        yield sock


def config_of(port: int, host: str = "127.0.0.1", **more: Any) -> HepConfig:
    return HepConfig(server=Collector(f"udp:{host}:{port}"), **more)


def chunk(packet: bytes, kind: int) -> bytes | None:
    place = 6
    while place < len(packet):
        found, size = int.from_bytes(packet[place + 2 : place + 4]), int.from_bytes(packet[place + 4 : place + 6])
        if found == kind:
            return packet[place + 6 : place + size]
        place += size
    return None


async def test_both_ways_reach_the_collector(collector: socket.socket) -> None:
    said: list[str] = []
    config = config_of(collector.getsockname()[1], id=77, password=Text("key"))
    async with Mirror(config, lambda: AT, said.append) as mirror:
        mirror.sent(Send(FLOW, ASKED))
        mirror.received(Packet(FLOW, ANSWER))
        mirror.received(Packet(SIX, ASKED))
        mirror.sent(Send(FLOW, b"\r\n\r\n"))  # keep-alive, and what is no message
        mirror.received(FlowClosed(FLOW, "reset"))
    out, back, six = (collector.recv(65536) for _ in range(3))
    sent, received, secure = hep.decode(out), hep.decode(back), hep.decode(six)
    assert sent is not None and received is not None and secure is not None
    assert (sent.source.port, sent.destination.port, sent.payload, sent.kind) == (5062, 5060, ASKED, hep.SIP)
    assert (received.source.port, received.destination.port, received.at) == (5060, 5062, AT.timestamp())
    assert (secure.source.host, secure.destination.host, secure.transport) == ("2001:db8::1", "::1", "TCP")
    assert (chunk(out, 12), chunk(out, 14), chunk(out, 17)) == (b"\0\0\0\x4d", b"key", b"abc@def")
    assert chunk(back, 17) == b"abc@def"
    assert (mirror.mirrored, mirror.dropped, said) == (3, 0, [])


async def test_what_is_mirrored_is_a_trace_for_our_own_listener() -> None:
    listener = HepListener("hep:127.0.0.1:0")
    async with Mirror(config_of(listener.port), lambda: AT, print) as mirror:
        mirror.sent(Send(FLOW, ASKED))
        mirror.received(Packet(FLOW, ANSWER))
    listener.stop()
    records = list(listener)
    assert [record.data for record in records] == [ASKED, ANSWER]
    assert [str(record.source) for record in records] == ["127.0.0.1:5062", "127.0.0.1:5060"]


async def test_a_collector_that_is_away_costs_nothing_but_its_copies() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said: list[str] = []
    async with Mirror(config_of(port), lambda: AT, said.append) as mirror:
        for _ in range(20):
            mirror.sent(Send(FLOW, ASKED))
        assert mirror.dropped >= 5 and mirror.dropped + mirror.mirrored == 20
        assert len(said) == 1 and "connection refused" in said[0]
    assert said[1] == f"[hep] {mirror.dropped} of 20 messages did not reach udp:127.0.0.1:{port}"


async def test_a_full_socket_and_a_giant_are_dropped(collector: socket.socket) -> None:
    said: list[str] = []
    async with Mirror(config_of(collector.getsockname()[1]), lambda: AT, said.append) as mirror:
        mirror.sent(Send(FLOW, ASKED + b"x" * LARGEST))
        assert mirror.dropped == 1 and "too large" in said[0]
        mirror._socket, real = Full(), mirror._socket  # type: ignore[assignment]
        mirror.sent(Send(FLOW, ASKED))
        assert mirror.dropped == 2
        mirror._socket = real
        mirror.sent(Send(FLOW, ASKED[: -len("\r\n\r\n")].replace(b"Call-ID", b"Other")))
    packet = collector.recv(65536)
    assert chunk(packet, 17) is None and chunk(packet, 14) is None


class Full:
    def send(self, data: bytes) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    def close(self) -> None: ...


async def test_a_name_is_looked_up_and_nothing_waits_for_it(collector: socket.socket, monkeypatch: Any) -> None:
    loop = asyncio.get_running_loop()
    asked: list[str] = []
    known = asyncio.Event()

    async def look_up(host: str, port: int, **more: Any) -> Any:
        asked.append(host)
        if len(asked) == 1:
            raise socket.gaierror(-2, "Name or service not known")
        known.set()
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    monkeypatch.setattr("sipclient.robot.mirror.AGAIN", 0.0)
    said: list[str] = []
    port = collector.getsockname()[1]
    async with Mirror(config_of(port, "homer.example.com"), lambda: AT, said.append) as mirror:
        mirror.sent(Send(FLOW, ASKED))
        assert mirror.dropped == 1
        await known.wait()
        await asyncio.sleep(0)
        mirror.sent(Send(FLOW, ASKED))
    assert (mirror.mirrored, asked) == (1, ["homer.example.com"] * 2)
    assert "name or service not known" in said[1]
    assert hep.decode(collector.recv(65536)) is not None


async def test_a_robot_mirrors_and_counts(stage: Any, collector: socket.socket) -> None:
    metrics = Metrics()
    said: list[str] = []
    async with Mirror(config_of(collector.getsockname()[1]), lambda: AT, said.append) as mirror:
        robot = await stage.start(observers=[metrics], mirror=mirror)
        on_receive, on_send = robot.client._hooks
        on_receive(Packet(FLOW, ANSWER))
        on_send(Send(FLOW, ASKED))
        assert b'sipclient_hep_messages_total{outcome="mirrored"} 2.0' in metrics.render()[1]
        assert b'sipclient_hep_messages_total{outcome="dropped"} 0.0' in metrics.render()[1]
        await stage.stop()


async def test_another_collector_needs_a_restart(stage: Any) -> None:
    robot = await stage.start()
    await robot.reload(load(HEAD + QUEUE + DIAL + '[hep]\nserver = "udp:127.0.0.1"\n'), NO_HOOKS)
    assert "[hep] has changed: that needs a restart" in [each.text for each in stage.world.of(told.Notice)]
