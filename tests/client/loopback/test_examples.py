"""The examples run as they are, against a PBX on loopback."""

from __future__ import annotations

import asyncio
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
TIMEOUT = 20


def example(name: str, account: Any) -> Any:
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.pbx = account
    return module


async def until(condition: Any, pbx: Any) -> None:
    """Wait for something the PBX hears: looked at after each of its events."""
    async for _ in pbx.client.events():
        if condition():
            return


async def output(capsys: pytest.CaptureFixture[str]) -> str:
    """What an example prints next: it runs on this loop, so each turn lets it go on."""
    while not (printed := capsys.readouterr().out):  # noqa: ASYNC110 - a print sets no event
        await asyncio.sleep(0)
    return printed


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_main_job_takes_twenty_lines_and_five_of_settings() -> None:
    lines = (EXAMPLES / "ready_calls_queue.py").read_text().splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith('"""')]) <= 25


async def test_ready_calls_queue(pbx: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with asyncio.timeout(TIMEOUT):
        calls = pbx.client.incoming()
        running = asyncio.create_task(example("ready_calls_queue", pbx.account()).main())
        await until(lambda: pbx.watchers("1001") == 2, pbx)
        pbx.set_state("1001", "on-the-phone")
        pbx.set_state("1001", "ready")
        answered = await anext(calls)
        assert (answered.caller, answered.caller_name) == ("1001", "Ext 1001 is free")
        assert answered.headers.get("X-Extension") == "1001"
        async with await answered.answer():
            pass
        pbx.set_state("1001", "on-the-phone")
        pbx.set_state("1001", "ready")
        refused = await anext(calls)
        refused.reject("USER_BUSY")
        await refused.call.ended()
        printed = await output(capsys)
        await stop(running)
    assert printed == "486 USER_BUSY\n"
    assert len(pbx.unregistered) == 1


async def test_place_call(pbx: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async with asyncio.timeout(TIMEOUT):
        calls = pbx.client.incoming()
        module = example("place_call", pbx.account())
        running = asyncio.create_task(module.main("7000", talk=0))
        incoming = await anext(calls)
        incoming.ring()
        call = await incoming.answer()
        end = await call.ended()
        await running
    assert capsys.readouterr().out.split("\n") == [
        "calling", "ringing", "answered", "ended", "200 NORMAL_CLEARING by local", "",
    ]  # fmt: skip
    assert (end.cause, end.q850) == ("NORMAL_CLEARING", 16)


async def test_watch(pbx: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pbx.set_state("1001", "ringing")
    async with asyncio.timeout(TIMEOUT):
        running = asyncio.create_task(example("watch", pbx.account()).main("1001"))
        printed = await output(capsys)
        await stop(running)
    assert printed == "1001: unknown -> ringing\n"
