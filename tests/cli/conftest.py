"""`sipclient` as a process, against a PBX on loopback made of the same engine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sipclient import Account, CallFailed, Client
from sipclient.lab.server import LabServer
from sipclient.lab.values import User
from sipclient.protocol.events import (
    AcceptSubscription,
    Event,
    Notify,
    RequestReceived,
    Respond,
    SubscribeReceived,
    SubscriberGone,
)

ROOT = Path(__file__).resolve().parents[2]
PIDF = """<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{0}@127.0.0.1">
<tuple id="{0}"><status><basic>open</basic></status><note>{1}</note></tuple></presence>"""
NOTES = {"ready": "Ready", "ringing": "Ringing", "on-the-phone": "On the phone"}
TOML = """
[accounts.pbx]
address = "sip:robot@127.0.0.1"
server = "udp:127.0.0.1:{port}"
password_env = "ROBOT_PASSWORD"
media = "none"
[[watch]]
extensions = ["1001", "1002"]
events = ["presence"]
[[rules]]
name = "queue"
call = {{ to = "7000", caller_id = '"Ext {{extension}}" <{{extension}}>', headers = {{ X-Ext = "{{extension}}" }} }}
[dial]
allow = ["7???", "4??"]
"""


class Pbx:
    """Registers anyone, tells states, answers 7xxx and refuses 4NN with that status."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.registers: list[bool] = []  # True: came, False: left
        self.gone: list[str] = []
        self.calls: list[Any] = []
        self.refuse_with = 0
        self.mute = False
        self.port = 0
        self._subscribers: dict[int, str] = {}
        self.client = Client(
            Account(
                "sip:pbx@127.0.0.1",
                register=False,
                keepalive=0.0,
                media="none",
                peers=("127.0.0.0/8",),
                handles=frozenset({"REGISTER", "SUBSCRIBE"}),
            ),
            on_event=self.hear,
        )

    def hear(self, event: Event) -> None:
        if self.mute:
            return
        if isinstance(event, RequestReceived):
            request = event.message
            leaves = request.expires == 0 or "expires=0" in (request.headers.get("Contact") or "")
            if self.refuse_with:
                self.client.do(Respond(event.request, self.refuse_with))
                return
            self.registers.append(not leaves)
            self.client.do(Respond(event.request, 200, headers=(("Expires", "0" if leaves else "300"),)))
        elif isinstance(event, SubscribeReceived):
            if not event.refresh:
                self._subscribers[event.id] = getattr(event.request.uri, "user", "") or ""
            self.client.do(AcceptSubscription(event.id, event.expires))
            self._notify(event.id, "active" if event.expires else "terminated")
        elif isinstance(event, SubscriberGone):
            self.gone.append(self._subscribers.pop(event.id, ""))

    async def take_calls(self) -> None:
        async for call in self.client.incoming():
            self.calls.append(call)
            user = getattr(call.request.uri, "user", "")
            if user.startswith("4"):
                call.reject(int(user))
                continue
            call.ring()
            if user != "7999":
                with suppress(CallFailed):  # the robot was killed before its ACK
                    await call.answer()

    def set_state(self, extension: str, state: str) -> None:
        self.states[extension] = state
        for id, watched in list(self._subscribers.items()):
            if watched == extension:
                self._notify(id)

    def _notify(self, id: int, state: str = "active") -> None:
        extension = self._subscribers[id]
        text = PIDF.format(extension, NOTES[self.states.get(extension, "ready")])
        self.client.do(Notify(id, text.encode(), "application/pidf+xml", state))


class Command:
    """A running `python -m sipclient ...`; `until` reads its lines."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, text: str) -> str:
        """The first line, from here on, with this in it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(15):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip("\n"))
                if text in line:
                    return line.rstrip("\n")
        raise AssertionError(f"{text!r} never came; there was: {self.lines} and {await self.errors()}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self, seconds: float = 10.0) -> int:
        """Its exit status."""
        async with asyncio.timeout(seconds):
            assert self.process.stdout is not None
            self.lines += (await self.process.stdout.read()).decode().splitlines()
            return await self.process.wait()

    async def errors(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()


@pytest.fixture
async def pbx() -> AsyncIterator[Pbx]:
    pbx = Pbx()
    await pbx.client.__aenter__()
    _, pbx.port = await pbx.client.listen("udp", "127.0.0.1")
    calls = asyncio.create_task(pbx.take_calls())
    yield pbx
    await pbx.client.aclose()
    await calls
    assert pbx.client.failures == 0


@pytest.fixture
async def sipclient(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts the command with these arguments, in a folder of its own."""
    running: list[Process] = []

    async def start(*arguments: str, **environ: str) -> Command:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sipclient",
            *arguments,
            cwd=tmp_path,
            stdout=PIPE,
            stderr=PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT), "ROBOT_PASSWORD": "secret", "COLUMNS": "200"} | environ,
        )
        running.append(process)
        return Command(process)

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def lab() -> AsyncIterator[LabServer]:
    """The embedded PBX, which has the extension 1001 and nobody's phone."""
    async with LabServer(User(each, "secret", each) for each in ("1001", "robot")) as lab:
        yield lab


class Toml:
    """The robot.toml of a test."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.text = text
        self.write(text)

    def write(self, text: str, name: str = "robot.toml") -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def robot_toml(pbx: Pbx, tmp_path: Path) -> Toml:
    return Toml(tmp_path, TOML.format(port=pbx.port))
