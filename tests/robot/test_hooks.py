"""The user's own functions: found, run, bounded, and harmless when they fail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sipclient.config import load
from sipclient.errors import ConfigError, DialLimitReached, InvalidValue
from sipclient.protocol.events import Hangup, Invite
from sipclient.robot import hook_runs, told
from sipclient.robot.hooks import load_hooks
from sipclient.store import JobState

RULE = '[[rules]]\nname = "h"\nrun = "hooks.py:on_ready"\n'
TEXT = '[accounts.pbx]\naddress = "sip:r@pbx.example.com"\n[[watch]]\nextensions = ["1001"]\n' + RULE


async def start(stage: Any, hook: Callable[..., Any], **more: Any) -> Any:
    return await stage.start(RULE, hooks={"hooks.py:on_ready": hook}, **more)


async def test_a_hook_is_given_the_change_and_the_client(stage: Any) -> None:
    seen: list[Any] = []

    async def on_ready(change: Any, client: Any) -> None:
        seen.append((change.extension, change.before, change.after, client))

    robot = await start(stage, on_ready)
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(1)
    assert seen == [("1001", "on-the-phone", "ready", robot.client)]
    assert world.jobs["h/pbx/1001/1"].state is JobState.DONE
    assert [type(each).__name__ for each in world.told[-2:]] == ["HookStarted", "HookEnded"]


@pytest.mark.parametrize("failure", [ValueError("no such customer"), asyncio.CancelledError(), KeyError("x")])
async def test_what_a_hook_raises_is_told_and_harms_nothing(stage: Any, failure: BaseException) -> None:
    async def on_ready(change: Any, client: Any) -> None:
        if change.extension == "1001":
            raise failure

    await start(stage, on_ready)
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.go("1002", "on-the-phone", "ready")
    await world.clock.advance(1)
    ends = {each.job: each for each in world.of(told.HookEnded)}
    assert ends["h/pbx/1002/1"].error == ""
    if not isinstance(failure, asyncio.CancelledError):
        assert ends["h/pbx/1001/1"].error == f"{type(failure).__name__}: {failure}"
        assert "in on_ready" in ends["h/pbx/1001/1"].trace
        assert world.jobs["h/pbx/1001/1"].state is JobState.FAILED


class Unspeakable(Exception):
    """An exception whose own text cannot be had."""

    def __str__(self) -> str:
        raise LookupError("no translation")


async def test_an_exception_that_fails_to_say_what_it_is(stage: Any) -> None:
    async def on_ready(change: Any, client: Any) -> None:
        raise Unspeakable

    await start(stage, on_ready)
    await stage.world.go("1001", "on-the-phone", "ready")
    assert stage.world.of(told.HookEnded)[0].error == "Unspeakable: (its text cannot be had: LookupError)"


async def test_a_hook_cannot_end_the_robot(stage: Any) -> None:
    async def on_ready(change: Any, client: Any) -> None:
        sys.exit(3)

    await start(stage, on_ready)
    await stage.world.go("1001", "on-the-phone", "ready")
    assert stage.world.of(told.HookEnded)[0].error == "RuntimeError: it called sys.exit(3)"


async def test_a_hook_that_takes_too_few_arguments(stage: Any) -> None:
    async def on_ready(change: Any) -> None: ...

    await start(stage, on_ready)
    await stage.world.go("1001", "on-the-phone", "ready")
    assert "takes 1 positional argument but 2 were given" in stage.world.of(told.HookEnded)[0].words()


async def test_hooks_call_through_the_gate_and_no_further_than_dial_allows(stage: Any) -> None:
    ended: list[str] = []

    async def on_ready(change: Any, client: Any) -> None:
        async with client.call("7000", caller_id=change.extension) as call:
            await call.ended()
            ended.append(change.extension)
        await client.call("900")

    dial = '[dial]\nallow = ["7000"]\ncalls_at_once = 1\n'
    await start(stage, on_ready, dial=dial)
    world = stage.world
    for extension in ("1001", "1002"):
        await world.go(extension, "on-the-phone", "ready")
    assert [each.caller_id for each in world.invites] == ["1001"]
    world.engine.end()
    await world.clock.advance(0.3)
    assert [each.caller_id for each in world.invites] == ["1001", "1002"]
    world.engine.end()
    await world.clock.advance(0.3)
    assert ended == ["1001", "1002"]
    assert len(world.invites) == 2
    errors = [each.error for each in world.of(told.HookEnded)]
    assert errors == ['NotAllowed: [dial] allow does not name "900": nothing was sent'] * 2
    assert not any(each.trace for each in world.of(told.HookEnded))
    for kind in (told.CallPlaced, told.CallAnswered, told.CallOver):
        assert [each.job for each in world.of(kind)] == ["h/pbx/1001/1 call 1", "h/pbx/1002/1 call 2"]


async def test_a_call_placed_by_a_task_of_a_hook_says_which_hook(stage: Any) -> None:
    async def on_ready(change: Any, client: Any) -> None:
        await asyncio.create_task(call(client))

    async def call(client: Any) -> None:
        client.dial("7000").hangup()

    await start(stage, on_ready)
    await stage.world.go("1001", "on-the-phone", "ready")
    assert [each.job for each in stage.world.of(told.CallPlaced)] == ["h/pbx/1001/1 call 1"]


async def test_an_invite_of_ones_own_has_its_turn_as_every_call(stage: Any) -> None:
    robot = await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\n')
    first = Invite(robot.client.next_id(), "pbx", "7000")
    robot.client.do(first)
    with pytest.raises(DialLimitReached, match="calls_at_once is used up"):
        robot.client.do(Invite(robot.client.next_id(), "pbx", "7000"))
    robot.client.do(Hangup(first.id))
    await stage.world.clock.advance(1)
    robot.client.do(Invite(robot.client.next_id(), "pbx", "7000"))
    assert len(stage.world.invites) == 2
    assert [each.job for each in stage.world.of(told.CallOver)] == ["hook call 1"]


async def test_an_invite_the_engine_refuses_gives_its_turn_back(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\n')

    def refuse(invite: Invite) -> list[Any]:
        raise InvalidValue("no such header")

    with monkeypatch.context() as patch:
        patch.setattr(stage.world.engine, "_invite", refuse)
        for call in (robot.client.dial, lambda to: robot.client.do(Invite(robot.client.next_id(), "pbx", to))):
            with pytest.raises(InvalidValue):
                call("7000")
    robot.client.dial("7000")
    assert len(stage.world.invites) == 1


async def test_dial_at_once_is_refused_where_it_would_have_to_wait(stage: Any) -> None:
    robot = await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\n')
    call = robot.client.dial("7000")
    with pytest.raises(Exception, match="calls_at_once is used up"):
        robot.client.dial("7000")
    call.hangup()
    await stage.world.clock.advance(1)
    again = await robot.client.call("7000")
    assert again.answered_at is not None


async def test_a_hook_that_is_cancelled_while_it_waits_gives_its_turn_back(stage: Any) -> None:
    robot = await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\n')
    first = await robot.client.call("7000")

    async def call() -> None:
        await robot.client.call("7000")

    waiting = asyncio.create_task(call())
    await stage.world.clock.advance(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    first.hangup()
    await stage.world.clock.advance(1)
    assert (await robot.client.call("7000")).answered_at is not None


async def test_only_so_many_run_at_once(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_runs, "AT_ONCE", 1)
    monkeypatch.setattr(hook_runs, "WAITING", 1)
    gate = asyncio.Event()
    running: list[str] = []

    async def on_ready(change: Any, client: Any) -> None:
        running.append(change.extension)
        await gate.wait()

    await start(stage, on_ready)
    for extension in ("1001", "1002", "1003"):
        await stage.world.go(extension, "on-the-phone", "ready")
    assert running == ["1001"]
    assert stage.world.of(told.HookEnded)[0].error == "not run: 1 hooks wait already"
    gate.set()
    await stage.world.clock.advance(1)
    assert running == ["1001", "1002"]


async def test_a_hook_runs_once_an_episode_also_across_a_restart(stage: Any) -> None:
    runs: list[str] = []

    async def on_ready(change: Any, client: Any) -> None:
        runs.append(change.extension)
        await asyncio.get_running_loop().create_future()

    await start(stage, on_ready)
    await stage.world.go("1001", "on-the-phone", "ready")
    await stage.die()
    await start(stage, on_ready)
    await stage.world.clock.advance(1)
    assert runs == ["1001"]
    assert stage.world.of(told.JobAbandoned)[0].to == "hooks.py:on_ready"


async def test_a_hook_under_way_is_ended_when_the_robot_is(stage: Any) -> None:
    async def on_ready(change: Any, client: Any) -> None:
        await asyncio.get_running_loop().create_future()

    await start(stage, on_ready)
    await stage.world.go("1001", "on-the-phone", "ready")
    await asyncio.wait_for(stage.stop(), 3)


# --- finding them -----------------------------------------------------------------------------------

BROKEN = [
    ("", "on_ready is not there"),
    ("def on_ready(change, client): ...", "on_ready is no `async def`"),
    ("import nothing_of_that_name", "1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    ("\n\n1 / 0", "3: ZeroDivisionError: division by zero"),
    ("async def on_ready(:", "1: SyntaxError"),
    ("raise SystemExit(3)", "1: SystemExit: 3"),
    (
        "class E(Exception):\n    def __str__(self): raise LookupError\nraise E",
        "3: E: (its text cannot be had: LookupError)",
    ),
    (None, "cannot be read: No such file or directory"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
async def test_what_is_no_hook_is_said(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "hooks.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        await load_hooks(load(TEXT), str(tmp_path))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "hooks.py"))


async def test_hooks_are_loaded_from_the_files_folder_and_anew_each_time(tmp_path: Path) -> None:
    file = tmp_path / "hooks.py"
    for answer in ("one", "two!"):
        file.write_text(f"async def on_ready(change, client): return {answer!r}\n")
        hooks = await load_hooks(load(TEXT), str(tmp_path))
        assert await hooks["hooks.py:on_ready"](None, None) == answer  # type: ignore[arg-type]
