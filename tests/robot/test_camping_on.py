"""The first asker's story, and what else is done with calls that reach us, on real sockets with sound.

The PBX is the lab's, which forwards calls to a busy extension to the robot; callers and agents are phones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sipclient.config import load
from sipclient.errors import CallFailed
from sipclient.lab.phone import Phone
from sipclient.lab.server import LabServer
from sipclient.lab.values import Queue, Settings, User
from sipclient.presence import State
from sipclient.robot import Robot, told
from sipclient.store import CallbackState, open_store

USERS = {each: User(each, "secret", name) for each, name in
         {"1001": "Alice", "1002": "Bob", "1003": "Carol", "2001": "Agent", "robot": "Robot"}.items()}  # fmt: skip
ROBOT = """
[accounts.pbx]
address = "sip:robot@127.0.0.1"
password = "secret"
server = "{server}"
[[watch]]
extensions = ["1001", "1002"]
[[rules]]
name = "camped"
armed = "on-request"
[rules.call]
to = "7000"
caller_id = '"Ext {{extension}} is free" <{{extension}}>'
headers = {{ X-Caller = "{{caller}}", X-Caller-Name = "{{caller_name}}" }}
timeout = "5s"
[dial]
allow = ["7000", "1003", "486"]
calls_per_second = 50
"""
CAMP_ON = '[[incoming]]\nmatch = { to = "1*" }\naction = { camp_on = "{to}", play = "%(300,0,440)" }\n'


class World:
    """The lab, its agent, callers, the robot, and what the robot told."""

    def __init__(self, lab: LabServer, stack: AsyncExitStack, folder: Path) -> None:
        self.lab = lab
        self.stack = stack
        self.folder = folder
        self.told: list[told.Told] = []
        self._news = asyncio.Event()

    async def phone(self, extension: str, **more: float) -> Phone:
        phone = Phone(USERS[extension], self.lab.server("udp"), answer_after=0.05, **more)
        return await self.stack.enter_async_context(phone)

    async def robot(self, incoming: str) -> Robot:
        store = await self.stack.enter_async_context(open_store(f"sqlite:{self.folder}/robot.db"))
        config = load(f'recordings = "{self.folder}"\n' + ROBOT.format(server=self.lab.server("udp")) + incoming)
        robot = Robot(config, store=store, tell=self.tell, folder=str(self.folder))
        await self.stack.enter_async_context(robot)
        await self.until(lambda: len([each for each in self.told if isinstance(each, told.StateChanged)]) >= 2)
        return robot

    def tell(self, event: told.Told) -> None:
        self.told.append(event)
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def until_told(self, kind: type[told.Told], count: int = 1) -> None:
        await self.until(lambda: len([each for each in self.told if isinstance(each, kind)]) >= count)

    async def become(self, extension: str, state: State) -> None:
        def count() -> int:
            return len([e for e in self.told if isinstance(e, told.StateChanged) and e.extension == extension])

        before = count()
        self.lab.set_state(extension, state)
        await self.until(lambda: count() > before)

    def steps(self) -> list[str]:
        return [each.step for each in self.told if isinstance(each, told.IncomingStep)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        lab = LabServer(USERS.values(), (Queue("7000", ("2001",)),), Settings(busy_to="robot"))
        await stack.enter_async_context(lab)
        yield World(lab, stack, tmp_path)


async def test_the_first_askers_story(world: World) -> None:
    agent, caller = await world.phone("2001", talk_for=0.1), await world.phone("1002")
    robot = await world.robot(CAMP_ON)
    await world.become("1001", State.ON_THE_PHONE)
    call = await caller.dial("1001").answered()  # the extension is busy: the robot answers in its place
    heard = call.record(world.folder / "heard.wav", stereo=True)
    await call.ended()  # after the announcement the robot hangs up
    assert (await heard).seconds > 0.2
    assert world.steps() == ["camps-on", "answered", "playing"]
    (request,) = robot.callbacks.waiting
    assert (request.extension, request.caller, request.caller_name) == ("1001", "1002", "Bob")
    assert agent.seen == []
    await world.become("1001", State.READY)
    await world.until_told(told.CallOver, 2)
    (seen,) = agent.seen
    assert (seen.number, seen.name) == ("1001", "Ext 1001 is free")
    assert (seen.header("X-Caller"), seen.header("X-Caller-Name")) == ("1002", "Bob")
    served = await robot.callbacks.get(request.id)
    assert served is not None and served.state is CallbackState.SERVED
    await world.become("1001", State.ON_THE_PHONE)
    await world.become("1001", State.READY)
    assert len(agent.seen) == 1
    assert robot.client.failures == 0


async def test_keys_lead_on_to_whom_they_name(world: World) -> None:
    caller, carol = await world.phone("1002"), await world.phone("1003")
    action = 'play = "%(100,0,440)", record = "asked.wav", digits = { most = 4, timeout = "2s" }, bridge = "{digits}"'
    robot = await world.robot(f"[[incoming]]\naction = {{ {action} }}\n")
    call = await caller.dial("robot").answered()
    await call.dtmf("1003")
    await world.until(lambda: "bridged" in world.steps())
    (seen,) = carol.seen
    assert (seen.number, seen.name) == ("1002", "Bob")
    carol.hangup()
    await call.ended()
    await world.until_told(told.CallOver, 2)
    assert world.steps() == ["answered", "recording", "playing", "digits", "bridging", "bridged"]
    await robot.aclose()  # the file is whole then
    assert (world.folder / "asked.wav").stat().st_size > 1000


async def test_a_bridge_answers_only_when_the_other_side_does(world: World) -> None:
    caller, carol = await world.phone("1002"), await world.phone("1003")
    await world.robot('[[incoming]]\naction = { bridge = "1003" }\n')
    call = caller.dial("robot")
    states = [str(state) async for state in _until_answered(call)]
    assert states[-2:] == ["ringing", "answered"]
    call.hangup()
    await world.until(lambda: not carol.client.calls)
    await world.until_told(told.CallOver, 2)


async def _until_answered(call: object) -> AsyncIterator[object]:
    async for state in call:  # type: ignore[attr-defined]
        yield state
        if state == "answered":
            return


async def test_a_bridge_by_dial_string(world: World) -> None:
    """In turn, tried again, with headers of its own; who calls cannot add to it."""
    caller, carol = await world.phone("1002"), await world.phone("1003")
    string = "{originate_retries=2,originate_retry_sleep_ms=10,sip_h_X-Who={caller_name}}[leg_timeout=3]486|486,{to}"
    robot = await world.robot(f'[[incoming]]\nmatch = {{ to = "1003" }}\naction = {{ bridge = "{string}" }}\n')
    for to, states in (("1003", ["bridging", "bridged"]), ("robot", [])):
        call = caller.dial("robot", headers={"Diversion": f"<sip:{to}@127.0.0.1>"})
        if states:
            await call.answered()
        call.hangup()
        await call.ended()
    await world.until(lambda: not robot.client.calls)
    (seen,) = carol.seen
    assert (seen.number, seen.name, seen.header("X-Who")) == ("1002", "Bob", "Bob")


async def test_no_target_of_a_dial_string_is_called_where_one_may_not_be(world: World) -> None:
    caller, carol = await world.phone("1002"), await world.phone("1003")
    await world.robot('[[incoming]]\naction = { bridge = "1003,8000" }\n')
    with pytest.raises(CallFailed) as raised:
        await caller.dial("robot").answered()
    assert raised.value.status == 403 and carol.seen == []


async def test_a_bridge_that_comes_to_nothing_is_refused_as_the_other_side_refuses(world: World) -> None:
    caller = await world.phone("1002")
    await world.robot('[[incoming]]\naction = { bridge = "486" }\n')
    with pytest.raises(CallFailed) as raised:
        await caller.dial("robot").answered()
    assert raised.value.status == 486
    assert world.steps() == ["bridging", "failed"]


async def test_whoever_keys_in_what_may_not_be_called_hears_so_and_is_hung_up(world: World) -> None:
    caller = await world.phone("1002")
    await world.robot('[[incoming]]\naction = { digits = { most = 4, timeout = "2s" }, bridge = "{digits}" }\n')
    call = await caller.dial("robot").answered()
    await call.dtmf("8000", seconds=0.05, gap=0.05)
    assert (await call.ended()).cause == "CALL_REJECTED"
    assert world.steps() == ["answered", "digits", "bridging", "failed"]


async def test_a_caller_who_leaves_ends_what_rings_for_him(world: World) -> None:
    caller = await world.phone("1002")
    carol = Phone(USERS["1003"], world.lab.server("udp"), answer_after=None)
    await world.stack.enter_async_context(carol)
    await world.robot('[[incoming]]\naction = { bridge = "1003" }\n')
    call = caller.dial("robot")
    async for state in call:
        if state == "ringing":
            break
    await world.until_told(told.CallRinging)
    call.hangup()
    await world.until_told(told.CallOver, 2)
    assert not carol.client.calls
