"""The examples of README.md and docs/library.md run as they stand, against a PBX on loopback."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
from docs.pages import ROOT, Block, blocks

from sipclient import Account, CallFailed, Client

TIMEOUT = 20  # seconds after which an example that hangs has failed
LIBRARY = [block for block in blocks("python") if block.page == "docs/library.md"]


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


@pytest.fixture
async def pbx() -> AsyncIterator[Any]:
    """The PBX of the client's own tests."""
    spec = spec_from_file_location("loopback_pbx", ROOT / "tests/client/loopback/conftest.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    pbx = module.Pbx()
    await pbx.start()
    yield pbx
    await pbx.client.aclose()


async def take_calls(pbx: Any) -> None:
    """Whoever is called answers, and hangs up soon."""
    async with pbx.client.incoming() as calls:
        async for incoming in calls:
            incoming.ring()
            with suppress(CallFailed):  # an example that hangs up first
                async with await incoming.answer():
                    pass


async def live(pbx: Any) -> None:
    """1001 talks and hangs up again and again."""
    while True:
        for state in ("on-the-phone", "ready"):
            pbx.set_state("1001", state)
            await asyncio.sleep(0.02)


async def place_a_call(pbx: Any, client: Client) -> None:
    """Somebody calls the robot, until it is taken."""
    _, port = await client.listen("udp", "127.0.0.1")
    caller = Account("sip:1002@127.0.0.1", server=f"udp:127.0.0.1:{port}", register=False, keepalive=0.0)
    async with Client(caller) as other:
        while True:
            try:
                async with other.call("robot"):
                    return
            except CallFailed:  # nobody listens yet
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "block", [block for block in LIBRARY if "(client: Client)" in block.text], ids=lambda block: block.place
)
async def test_library_example(block: Block, pbx: Any) -> None:
    functions = taking_a_client(run(block))
    assert functions
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(peers=("127.0.0.0/8",))) as client:
        tasks = [asyncio.create_task(take_calls(pbx)), asyncio.create_task(live(pbx))]
        if "client.incoming()" in block.text:
            tasks.append(asyncio.create_task(place_a_call(pbx, client)))
        for function in functions:
            await function(client)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert client.failures == 0


@pytest.mark.parametrize(
    "block", [block for block in LIBRARY if "(client: Client)" not in block.text], ids=lambda block: block.place
)
def test_example_without_a_client(block: Block) -> None:
    assert len(run(block)) > 2


async def test_the_first_example_of_the_library(pbx: Any) -> None:
    names = run(LIBRARY[0])
    names["pbx"] = pbx.account()
    async with asyncio.timeout(TIMEOUT):
        await names["main"]()
    assert len(pbx.registered) == len(pbx.unregistered) == 1


def test_every_public_method_of_a_client_is_told_of() -> None:
    text = (ROOT / "docs/library.md").read_text()
    public = [name for name in vars(Client) if not name.startswith("_") and name != "aclose"]
    assert [name for name in public if f"client.{name}" not in text and f"`{name}" not in text] == []


async def test_the_main_job_of_the_readme(pbx: Any) -> None:
    (block,) = [block for block in blocks("python") if block.page == "README.md"]
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 16
    names = run(block)
    names["pbx"] = pbx.account()
    async with asyncio.timeout(TIMEOUT):
        living = asyncio.create_task(live(pbx))
        calls = pbx.client.incoming()
        main = asyncio.create_task(names["main"]())
        incoming = await anext(calls)
        assert (incoming.caller, incoming.caller_name) == ("1001", "Ext 1001 is free")
        async with await incoming.answer():
            pass
        for task in (main, living):
            task.cancel()
        await asyncio.gather(main, living, return_exceptions=True)
