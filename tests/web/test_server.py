"""The server itself, over real sockets on loopback: inside the robot's loop, bounded, and gone when the robot is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from sipclient.cli.run import open_front
from sipclient.config import HostPort, WebConfig, load
from sipclient.errors import ListenFailed
from sipclient.robot import Robot
from sipclient.robot.told import Notice, VoiceMail
from sipclient.store import open_store
from sipclient.web import server
from sipclient.web.front import Front

ROBOT = """
[accounts.pbx]
address = "sip:robot@127.0.0.1:1"
media = "none"
register = false
keepalive = "0s"
[web]
listen = "127.0.0.1:0"
"""


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Robot, int]]:
    config = load(ROBOT)
    assert config.web is not None
    front = Front(config.web, "")
    async with open_store("sqlite::memory:") as store:
        try:
            async with Robot(config, store=store, tell=lambda news: None) as robot:
                with front.serving(robot):
                    yield robot, front._server.address[1]
        finally:
            await front.closed()


async def ask(port: int, text: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


def request(path: str, more: str = "Connection: close\r\n") -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n"


async def test_it_serves_while_the_robot_runs_and_no_longer() -> None:
    async with served() as (_, port):
        answer = await ask(port, request("/v1/status"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and json.loads(body)["accounts"]["total"] == 1
        assert b"server:" not in head.lower()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_stream_of_events_over_a_socket_ends_with_the_robot() -> None:
    async with served() as (robot, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/v1/events?after=0").encode())
        async with asyncio.timeout(5):
            text = await reader.readuntil(b"event: started\n")
            assert b"text/event-stream" in text
        robot.tell(VoiceMail("pbx", True, 3, 1))
        async with asyncio.timeout(5):
            await reader.readuntil(b"event: voice-mail\n")
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = load(ROBOT.replace("127.0.0.1:0", f"127.0.0.1:{port}")).web
        assert config is not None
        with pytest.raises(ListenFailed, match=rf"^\[web\] 127.0.0.1:{port} cannot be used: Address already in use$"):
            Front(config, "")


@pytest.mark.parametrize("text", ["", "GET / HT", request("/v1/status", "X-Slow: 1")[:-2]])
async def test_a_head_must_come_in_time(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(server, "HEAD", 0.05)
    async with served() as (_, port):
        with suppress(ConnectionResetError):
            assert await ask(port, text) == b""


async def test_a_body_must_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY", 0.05)
    async with served() as (_, port):
        text = "POST /v1/calls HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        text += "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(text.encode())
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                while await reader.read(100):
                    pass
        writer.close()


async def test_a_second_request_on_the_same_connection_has_its_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(request("/healthz", "").encode())
            async with asyncio.timeout(5):
                await reader.readuntil(b'{"status":"ok"}')
        writer.close()


async def test_answers_are_not_held_back_for_what_may_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's algorithm and delayed acknowledgements made each answer on a connection that was kept wait 40 ms."""
    delayed: list[bool] = []
    made = server.Bounded.connection_made

    def watched(self: server.Bounded, transport: asyncio.Transport) -> None:
        made(self, transport)
        sock = transport.get_extra_info("socket")
        delayed.append(not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(server.Bounded, "connection_made", watched)
    async with served() as (_, port):
        await ask(port, request("/healthz"))
    assert delayed == [False]


async def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 3)
    async with served() as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
        for _, other in held:
            other.close()


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ", 0.1)
    async with served() as (robot, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request("/v1/events").encode())
        async with asyncio.timeout(5):
            await reader.readuntil(b"retry")
        writer.transport.pause_reading()
        async with asyncio.timeout(10):
            while robot.views is not None and robot.views.events.readers:
                for _ in range(50):
                    robot.tell(Notice("info", "x" * 20_000))
                await asyncio.sleep(0.02)
        writer.close()


def test_no_other_address_without_tokens() -> None:
    with pytest.raises(ListenFailed, match="needs tokens"):
        Front(WebConfig(listen=HostPort("0.0.0.0:0")), "")


def test_what_serves_is_brought_along_by_the_command() -> None:
    config = load(ROBOT).web
    assert config is not None
    front = open_front(config, "")
    assert isinstance(front, Front)
    asyncio.run(front.closed())


@pytest.mark.parametrize("path", ["/v1/status", "/v1/events?after=0", "/", "/healthz"])
async def test_head_is_answered_as_get_is_without_its_body(path: str) -> None:
    """RFC 9110 §9.3.2, of a stream without an end too."""
    async with served() as (_, port):
        answer = await ask(port, request(path).replace("GET", "HEAD", 1))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and body == b""
        refused = await ask(port, request("/v1/rules/x/simulate").replace("GET", "HEAD", 1))
        assert refused.startswith(b"HTTP/1.1 405") and b"allow: OPTIONS, POST" in refused
