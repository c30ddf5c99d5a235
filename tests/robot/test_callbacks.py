"""Camping on an extension without a call: `robot.callbacks`, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from sipclient.config import load
from sipclient.errors import CallbackRefused, InvalidValue, StoreError
from sipclient.robot import told
from sipclient.robot.hooks import NO_HOOKS
from sipclient.store import CallbackState, JobState

ASKED = """
[[rules]]
name = "asked"
armed = "on-request"
[rules.call]
to = "7000"
caller_id = '"{caller_name} wants {extension}" <{extension}>'
headers = { X-Caller = "{caller}", X-Ticket = "{variables.ticket}" }
"""


async def test_first_come_first_served(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    ann = await robot.callbacks.ask("1001", {"ticket": "17"}, caller="555", caller_name="Ann")
    bob = await robot.callbacks.ask("1001", caller="556")
    assert (ann.state, ann.account, ann.id in world.callbacks) == (CallbackState.WAITING, "pbx", True)
    assert [each.id for each in robot.callbacks.waiting] == [ann.id, bob.id]
    await world.go("1001", "ready")
    (invite,) = world.invites
    assert (invite.caller_id, dict(invite.headers)) == (
        '"Ann wants 1001" <1001>',
        {"X-Caller": "555", "X-Ticket": "17"},
    )
    served = await robot.callbacks.get(ann.id)
    assert (served.state, served.job) == (CallbackState.SERVED, f"asked/pbx/1001/{ann.id}")
    assert world.jobs[served.job].state is JobState.CALLING or world.jobs[served.job].state is JobState.ANSWERED
    await world.go("1001", "ringing", "ready")
    assert len(world.invites) == 1
    await world.go("1001", "on-the-phone", "ready")
    assert dict(world.invites[1].headers)["X-Caller"] == "556"
    assert robot.callbacks.waiting == []
    assert [each.callback for each in world.of(told.CallbackServed)] == [ann.id, bob.id]
    assert {each.id for each in await robot.callbacks.list()} == {ann.id, bob.id}


async def test_who_asks_while_it_is_ready_is_served_at_once(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    record = await robot.callbacks.ask("1002", caller="555")
    await world.clock.advance(0.1)
    assert len(world.invites) == 1
    assert world.callbacks[record.id].state is CallbackState.SERVED


async def test_the_same_caller_renews(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    first = await robot.callbacks.ask("1001", expires=10, caller="555")
    await world.clock.advance(9)
    again = await robot.callbacks.ask("1001", expires=10, caller="555")
    assert (again.id, again.created, len(world.callbacks)) == (first.id, first.created, 1)
    await world.clock.advance(9)
    assert len(robot.callbacks.waiting) == 1
    await world.clock.advance(2)
    assert world.callbacks[first.id].state is CallbackState.EXPIRED
    assert [each.renewed for each in world.of(told.CallbackWaits)] == [False, True]
    assert [each.reason for each in world.of(told.CallbackOver)] == ["expired"]


async def test_cancelled(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    record = await robot.callbacks.ask("1001", caller="555")
    ended = await robot.callbacks.cancel(record.id)
    assert ended is not None and ended.state is CallbackState.CANCELLED
    assert await robot.callbacks.cancel(record.id) is None
    await world.go("1001", "ready")
    assert world.invites == []
    assert (await robot.callbacks.get(record.id)).state is CallbackState.CANCELLED


async def test_requests_survive_kill_9_and_are_served_once(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    for caller in ("555", "556", "557"):
        await robot.callbacks.ask("1001", expires=600 if caller != "557" else 5, caller=caller)
    await world.go("1001", "ready")
    assert len(world.invites) == 1
    await stage.die()
    world.states["1001"] = "on-the-phone"
    await world.clock.advance(10)
    robot = await stage.start(ASKED)
    assert [each.caller for each in robot.callbacks.waiting] == ["556"]
    assert [each.caller for each in world.of(told.CallbackOver)] == ["557"]
    await world.go("1001", "ready")
    assert [dict(each.headers)["X-Caller"] for each in world.invites] == ["555", "556"]


async def test_it_became_ready_while_we_were_down(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    await robot.callbacks.ask("1001", caller="555")
    await stage.die()
    world.states["1001"] = "ready"
    await stage.start(ASKED)
    assert len(world.invites) == 1


@pytest.mark.parametrize("steps", range(1, 12))
async def test_killed_at_any_step_it_is_served_at_most_once_and_lost_never(stage: Any, steps: int) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    await robot.callbacks.ask("1001", caller="555")
    world.kill_at = world.steps + steps
    await world.go("1001", "ready")
    await stage.die()
    await stage.start(ASKED)
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(1)
    assert len(world.invites) <= 1
    (record,) = world.callbacks.values()
    assert record.state is CallbackState.SERVED
    assert len(world.invites) == 1 or world.of(told.JobAbandoned) or world.of(told.CallNotPlaced)


async def test_what_cannot_be_camped_on(stage: Any) -> None:
    robot = await stage.start(ASKED)
    with pytest.raises(CallbackRefused, match="9999 cannot be camped on: no rule that is armed on request covers it"):
        await robot.callbacks.ask("9999")
    assert [each.extension for each in stage.world.of(told.CallbackRefused)] == ["9999"]
    for number in range(100):
        await stage.world.go("1001", "on-the-phone")
        await robot.callbacks.ask("1001", caller=str(number))
    with pytest.raises(CallbackRefused, match="too many requests wait already"):
        await robot.callbacks.ask("1001", caller="one more")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"expires": 0}, "expires after 1 s"),
        ({"expires": float("nan")}, "expires after 1 s"),
        ({"expires": True}, "expires after 1 s"),
        ({"expires": 1e9}, "expires after 1 s"),
        ({"extension": ""}, "name the extension"),
        ({"extension": 5}, "extension is a text"),
        ({"caller": "555\r\nX-Evil: 1"}, "caller"),
        ({"caller_name": "x" * 2000}, "caller_name has 2000 characters"),
        ({"variables": {"a b": "1"}}, "is no name of a variable"),
        ({"variables": {5: "1"}}, "is no name of a variable"),
        ({"variables": {"a": 1}}, "variable a is a text"),
        ({"variables": {"a": "1\n2"}}, "variable a"),
        ({"variables": {f"v{number}": "" for number in range(51)}}, "51 variables are too many"),
    ],
)
async def test_what_no_template_may_be_given(stage: Any, wrong: dict[str, Any], words: str) -> None:
    robot = await stage.start(ASKED)
    with pytest.raises(InvalidValue, match=words):
        await robot.callbacks.ask(**{"extension": "1001", **wrong})
    assert robot.callbacks.waiting == [] and stage.world.callbacks == {}


async def test_a_store_that_fails_keeps_nobody_waiting(stage: Any) -> None:
    robot = await stage.start(ASKED)
    await stage.world.go("1001", "on-the-phone")
    stage.store.trouble = "the disk is full"
    with pytest.raises(StoreError):
        await robot.callbacks.ask("1001", caller="555")
    assert robot.callbacks.waiting == []
    stage.store.trouble = ""
    await stage.world.go("1001", "ready")
    assert stage.world.invites == []


async def test_a_reload_drops_those_of_what_is_not_watched_any_more(stage: Any) -> None:
    robot = await stage.start(ASKED)
    world = stage.world
    await world.go("1001", "on-the-phone")
    await world.go("1002", "on-the-phone")
    kept = await robot.callbacks.ask("1002", caller="555")
    gone = await robot.callbacks.ask("1001", caller="555")
    await robot.reload(load(stage.HEAD.replace('"1001", ', "") + ASKED + '[dial]\nallow = ["7???"]\n'), NO_HOOKS)
    await world.clock.advance(1)
    assert [each.id for each in robot.callbacks.waiting] == [kept.id]
    assert world.callbacks[gone.id].state is CallbackState.CANCELLED
    await stage.die()
    robot = await stage.start(ASKED, head=stage.HEAD.replace('"1002", ', ""))
    assert robot.callbacks.waiting == []
