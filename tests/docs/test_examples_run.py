"""The examples of README.md and docs/library.md run as they stand, against the embedded PBX."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docs.pages import ROOT, Block, blocks

from sipclient import Account, CallEnded, CallFailed, Client, State
from sipclient.cli.lab import EXAMPLE as LINE_OF_A_SCRIPT
from sipclient.cli.lab import PASSWORD as LAB_PASSWORD
from sipclient.lab.phone import Phone
from sipclient.lab.script import parse_script
from sipclient.lab.server import LabServer
from sipclient.lab.values import Queue, User

TIMEOUT = 20  # seconds after which an example that hangs has failed
LIBRARY = [block for block in blocks("python") if block.page in ("docs/library.md", "docs/sdp.md")]


def run(block: Block) -> dict[str, Any]:
    """The names a block defines. Its own `asyncio.run` is left out: the test has a loop already."""
    source = "\n" * (block.line - 1) + re.sub(r"^asyncio.run\(main\(\)\)$", "", block.text, flags=re.M)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, block.page, "exec"), names)  # noqa: S102 - the documentation is ours
    return names


def taking_a_client(names: dict[str, Any]) -> list[Callable[[Client], Awaitable[None]]]:
    return [
        each
        for each in names.values()
        if inspect.iscoroutinefunction(each) and list(inspect.signature(each).parameters) == ["client"]
    ]


USERS = {each: User(each, "secret", f"Phone {each}") for each in ("1001", "1002", "1003", "2001", "robot")}


@pytest.fixture
async def lab() -> AsyncIterator[LabServer]:
    """The embedded PBX, an agent who answers and hangs up soon, and 1003, who answers and stays.

    Not sooner than a busy machine has joined the agent to somebody.
    """
    async with LabServer(USERS.values(), [Queue("7000", ("2001",))]) as lab:
        async with (
            Phone(USERS["2001"], lab.server(), answer_after=0.02, talk_for=0.4),
            Phone(USERS["1003"], lab.server(), answer_after=0.02, talk_for=TIMEOUT),
        ):
            yield lab
        assert lab.failures == 0


def robot(lab: LabServer) -> Account:
    return Account("sip:robot@127.0.0.1", password="secret", server=lab.server(), peers=("127.0.0.0/8",))


async def live(lab: LabServer) -> None:
    """1001 talks and hangs up again and again, and the robot is called until it answers."""
    async with Phone(USERS["1002"], lab.server()) as phone:
        while True:
            for state in (State.ON_THE_PHONE, State.READY):
                lab.set_state("1001", state)
                await asyncio.sleep(0.05)
            with suppress(CallFailed):  # nobody listens yet
                async with phone.client.call("robot", timeout=5):
                    pass


@pytest.mark.parametrize(
    "block", [block for block in LIBRARY if "(client: Client)" in block.text], ids=lambda block: block.place
)
async def test_library_example(block: Block, lab: LabServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where an example records
    functions = taking_a_client(run(block))
    assert functions
    async with asyncio.timeout(TIMEOUT), Client(robot(lab)) as client:
        living = asyncio.create_task(live(lab))
        for function in functions:
            await function(client)
        await stop(living)
        assert client.failures == 0


@pytest.mark.parametrize(
    "block", [block for block in LIBRARY if "(client: Client)" not in block.text], ids=lambda block: block.place
)
def test_example_without_a_client(block: Block) -> None:
    assert len(run(block)) > 2


async def test_the_first_example_of_the_library(lab: LabServer, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(LIBRARY[0])
    names["pbx"] = robot(lab)
    async with asyncio.timeout(TIMEOUT):
        await names["main"]()
    assert capsys.readouterr().out.startswith("True <Client running")
    assert not lab.pbx.registered("robot")


async def test_the_tests_among_the_examples() -> None:
    tests = [each for block in LIBRARY if "async def test_" in block.text for name, each in run(block).items()
             if name.startswith("test_")]  # fmt: skip
    assert tests
    async with asyncio.timeout(TIMEOUT):
        for test in tests:
            await test()


def test_every_public_method_of_a_client_is_told_of() -> None:
    text = (ROOT / "docs/library.md").read_text()
    public = [name for name in vars(Client) if not name.startswith("_") and name != "aclose"]
    assert [name for name in public if f"client.{name}" not in text and f"`{name}" not in text] == []


async def test_the_example_of_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [block for block in blocks("python") if block.page == "docs/sound.md"]
    await run(block)["main"](tmp_path)
    printed = capsys.readouterr().out.strip()
    assert f"prints `{printed}`" in (ROOT / block.page).read_text()


async def test_the_main_job_of_the_readme() -> None:
    (block,) = [block for block in blocks("python") if block.page == "README.md"]
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 16
    names = run(block)
    async with asyncio.timeout(TIMEOUT), LabServer(USERS.values(), [Queue("7000", ("2001",))]) as lab:
        names["pbx"] = robot(lab)
        async with Phone(USERS["2001"], lab.server(), answer_after=0.02, talk_for=0.4) as agent:
            running = asyncio.create_task(names["main"]())
            living = asyncio.create_task(live(lab))
            async for event in agent.client.events():
                if isinstance(event, CallEnded):
                    break
            await stop(running)
            await stop(living)
        assert (agent.seen[0].number, agent.seen[0].name) == ("1001", "Ext 1001 is free")


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- examples/ as a user starts them ----------------------------------------------------------------


async def start(lab: LabServer, name: str, *arguments: str) -> Process:
    environ = {"SIPCLIENT_ADDRESS": "sip:robot@127.0.0.1", "SIPCLIENT_SERVER": lab.server()}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "examples" / f"{name}.py"),
        *arguments,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SIPCLIENT_PASSWORD": "secret"} | environ,
    )


@pytest.mark.parametrize("name", ["watch", "ready_calls_queue"])
async def test_an_example_ends_cleanly_on_an_interrupt(name: str, lab: LabServer) -> None:
    async with asyncio.timeout(TIMEOUT):
        process = await start(lab, name)
        while lab.pbx.watchers("1001") < 2:  # noqa: ASYNC110 - the lab sets no event
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert not lab.pbx.registered("robot")


async def test_the_example_of_a_call(lab: LabServer) -> None:
    async with asyncio.timeout(TIMEOUT):
        process = await start(lab, "place_call", "7000")
        printed, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert printed.decode().splitlines() == ["calling", "ringing", "answered", "ended", "200 NORMAL_CLEARING by remote"]


async def test_the_example_of_a_bridge(lab: LabServer, tmp_path: Path) -> None:
    async with asyncio.timeout(TIMEOUT):
        process = await start(lab, "bridge", "1003", "user/7000", str(tmp_path / "both.wav"))
        printed, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    words = printed.decode().splitlines()
    assert words[0] == "a calling" and "both bridged" in words and words[-1] == "both ended"
    assert (tmp_path / "both.wav").stat().st_size > 44


def test_the_lab_is_where_examples_look_for_a_pbx() -> None:
    for name in ("watch", "place_call", "bridge", "ready_calls_queue"):
        assert f'"{LAB_PASSWORD}"' in (ROOT / "examples" / f"{name}.py").read_text()


def test_the_line_of_a_script_in_the_help_of_the_lab_can_be_played() -> None:
    assert len(parse_script(LINE_OF_A_SCRIPT)) == 2
