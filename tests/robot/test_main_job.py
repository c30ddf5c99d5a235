"""The main job on real sockets: a robot.toml, an Asterisk-like PBX that asks for MD5 digest, one call for each edge.

The robot is the real one, with SQLite; the PBX is the lab's; the agent is a registered phone.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from support.certificates import certificate

from sipclient.config import load
from sipclient.lab.phone import Phone
from sipclient.lab.server import LabServer
from sipclient.lab.values import Queue, User
from sipclient.presence import State
from sipclient.robot import Robot, told
from sipclient.store import open_store
from sipclient.transport import server_context

USERS = tuple(User(each, "secret", each) for each in ("1001", "1002", "2001", "robot"))
ROBOT = """
[accounts.pbx]
address = "sip:robot@127.0.0.1"
password = "secret"
server = "{server}"
tls_ca = "{ca}"
identity = ["from", "pai"]
[[watch]]
extensions = ["1001", "1002"]
[[rules]]
name = "ready-calls-queue"
when = {{ extensions = ["1001", "1002"], from = "on-the-phone", to = "ready" }}
[rules.call]
to = "7000"
caller_id = '"Ext {{extension}} is free" <{{extension}}>'
headers = {{ X-Extension = "{{extension}}" }}
timeout = "5s"
[dial]
allow = ["7000"]
calls_per_second = 50
"""


class World:
    """The lab, its agent, the robot, and what the robot told."""

    def __init__(self, lab: LabServer, agent: Phone) -> None:
        self.lab = lab
        self.agent = agent
        self.told: list[told.Told] = []
        self._news = asyncio.Event()

    def tell(self, event: told.Told) -> None:
        self.told.append(event)
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self._news.clear()
                await self._news.wait()

    def states(self, extension: str) -> list[str]:
        return [each.after for each in self.told if isinstance(each, told.StateChanged) and each.extension == extension]

    async def become(self, extension: str, state: State) -> None:
        """Set a state, and wait until the robot has heard of it."""
        count = len(self.states(extension))
        self.lab.set_state(extension, state)
        await self.until(lambda: len(self.states(extension)) > count)
        assert self.states(extension)[-1] == state

    def calls_over(self) -> int:
        return sum(isinstance(each, told.CallOver) for each in self.told)


@asynccontextmanager
async def world(transport: str, folder: Path) -> AsyncIterator[World]:
    context: ssl.SSLContext | None = None
    ca = ""
    if transport == "tls":
        ca = str(certificate(folder))
        context = server_context(ca)
    ports = {"udp": 0, transport: 0}
    lab = LabServer(USERS, (Queue("7000", ("2001",)),), ports=ports, tls=context)
    async with lab, AsyncExitStack() as stack:
        agent = Phone(USERS[2], lab.server("udp"), answer_after=0.01, talk_for=0.01)
        await stack.enter_async_context(agent)
        here = World(lab, agent)
        config = load(ROBOT.format(server=lab.server(transport), ca=ca))
        for extension in ("1001", "1002"):
            lab.set_state(extension, State.READY)
        store = await stack.enter_async_context(open_store(f"sqlite:{folder / 'robot.db'}"))
        await stack.enter_async_context(Robot(config, store=store, tell=here.tell, folder=str(folder)))
        await here.until(lambda: all(here.states(each) for each in ("1001", "1002")))
        yield here
        assert lab.failures == 0


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_exactly_one_call_for_each_busy_to_ready(transport: str, tmp_path: Path) -> None:
    async with world(transport, tmp_path) as here:
        for count, extension in enumerate(("1001", "1002", "1001"), 1):
            await here.become(extension, State.ON_THE_PHONE)
            await here.become(extension, State.RINGING)
            await here.become(extension, State.ON_THE_PHONE)
            await here.become(extension, State.READY)
            here.lab.set_state(extension, State.READY)  # and once more
            await here.until(lambda count=count: here.calls_over() == count)
            seen = here.agent.seen[-1]
            assert (seen.name, seen.number) == (f"Ext {extension} is free", extension)
            assert seen.header("X-Extension") == extension
            assert seen.asserted.startswith(f'"Ext {extension} is free" <sip:{extension}@')
        assert len(here.agent.seen) == 3


async def test_no_call_where_the_truth_is_offline_or_only_ringing(tmp_path: Path) -> None:
    async with world("udp", tmp_path) as here:
        await here.become("1001", State.ON_THE_PHONE)
        await here.become("1001", State.OFFLINE)
        await here.become("1001", State.READY)
        await here.become("1002", State.RINGING)
        await here.become("1002", State.READY)
        await here.become("1001", State.ON_THE_PHONE)
        await here.become("1001", State.READY)  # the one that calls, so that those before had their time
        await here.until(lambda: here.calls_over() == 1)
        assert [seen.number for seen in here.agent.seen] == ["1001"]
