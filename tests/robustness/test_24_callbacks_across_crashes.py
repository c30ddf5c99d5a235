"""24: kill -9 at any point: every call has one end for whoever is told, ids that stay, and an order that is kept.

The robot is a process of its own, so is its death. `make soak` kills it 200 times.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cli.conftest import Command, pbx, robot_toml, sipclient  # noqa: F401 - the process and its PBX

from tests.robustness.common import share

KILLS = share(4, 200)
ENDS = ("call-over", "call-not-placed", "job-abandoned")


class Receiver:
    """Somebody else's server; every now and then it takes nothing, or breaks off after it has taken an event."""

    def __init__(self, draw: random.Random) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._draw = draw
        self._more = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._more.clear()
                await self._more.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
                body = await reader.readexactly(length)
                fate = self._draw.random()
                if fate < 0.03:
                    writer.write(b"HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.bodies.append(json.loads(body))
                self._more.set()
                if fate < 0.06:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, int]]:
    receiver = Receiver(random.Random(24))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        yield receiver, server.sockets[0].getsockname()[1]


async def test_one_end_a_call_stable_ids_and_order(
    pbx: Any,  # noqa: F811
    sipclient: Any,  # noqa: F811
    robot_toml: Any,  # noqa: F811
    receiver: tuple[Receiver, int],
) -> None:
    heard, port = receiver
    robot_toml.write(
        f'{robot_toml.text}\ncalls_per_second = 50\n[[webhooks]]\nurl = "http://127.0.0.1:{port}/"\nsecret = "s"\n'
    )
    draw = random.Random(9)
    for _ in range(KILLS):
        run = await sipclient("run")
        await run.until("1002: unknown -> ready")
        for extension in ("1001", "1002"):
            pbx.set_state(extension, "on-the-phone")
        await run.until("ready -> on-the-phone")
        for extension in ("1001", "1002"):
            pbx.set_state(extension, "ready")
        await asyncio.sleep(draw.choice((0.0, 0.005, 0.02, 0.05, 0.1, 0.3)) * draw.random())
        run.signal(signal.SIGKILL)
        await run.end()
    last: Command = await sipclient("run")
    await last.until("1002: unknown -> ready")

    def ended() -> Counter[str]:
        return Counter(
            {(each["job"], each["id"]): each["job"] for each in heard.bodies if each["event"] in ENDS}.values()
        )

    await heard.until(lambda: len(ended()) >= len(pbx.calls))
    last.signal(signal.SIGTERM)
    assert await last.end(10) == 0
    assert "Traceback" not in await last.errors()

    by_seq: dict[int, dict[str, Any]] = {}
    for body in heard.bodies:
        before = by_seq.setdefault(body["seq"], body)
        assert before == body, "a second delivery said something else"
    assert list(by_seq) == list(range(1, len(by_seq) + 1)), "an event was left out, or overtook another"
    assert len({body["id"] for body in by_seq.values()}) == len(by_seq), "two events have one id"
    ends = ended()
    begun = {body["job"] for body in by_seq.values() if body["event"] == "call-placed"}
    reached = {f"queue/pbx/{call.request.headers.get('X-Ext')}" for call in pbx.calls}
    assert max(ends.values()) == 1 and begun <= ends.keys()
    assert {job.rpartition("/")[0] for job in ends} >= reached
