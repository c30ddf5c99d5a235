"""kill -9 between any two steps: nothing is called twice, and nothing is lost without a word."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from sipclient.robot import told
from sipclient.robot.recovery import FRESH
from sipclient.store import JobState

RULES = """
[[rules]]
name = "queue"
call = { to = "7000", headers = { X-Job = "{extension}/{episode}" } }
[[rules]]
name = "slow"
settle = "1s"
when = { extensions = ["1002"] }
call = { to = "7001", headers = { X-Job = "{extension}/{episode}" } }
"""
DIAL = '[dial]\nallow = ["7???"]\ncalls_at_once = 2\ncalls_per_second = 50\n'
SCRIPT = [
    ("1001", "on-the-phone"),
    ("1002", "on-the-phone"),
    ("1001", "ready"),
    ("1002", "ready"),
    ("", "2"),
    ("", "end"),
    ("1003", "on-the-phone"),
    ("1003", "on-hold"),
    ("1003", "ready"),
    ("1001", "ringing"),
    ("1001", "on-the-phone"),
    ("", "end"),
    ("1001", "ready"),
    ("", "0.5"),
    ("1002", "on-the-phone"),
    ("", "end"),
    ("1002", "ready"),
    ("", "3"),
    *[("", "end")] * 4,
]


STEPS = 70  # writes, each with a moment before and after, and INVITEs likewise


async def play(stage: Any, begin: int = 0) -> int:
    """The script from one line on; the line at which the robot died, or the number of lines."""
    world = stage.world
    for number, (who, what) in enumerate(SCRIPT[begin:], begin):
        if world.dead:
            return number
        if who:
            await world.go(who, what)
        elif what != "end":
            await world.clock.advance(float(what))
        elif world.engine.live:
            world.engine.end()
            await world.clock.advance(0.1)
    await world.clock.advance(5)
    return len(SCRIPT)


async def steps_without_a_crash(stage: Any) -> int:
    await stage.start(RULES, dial=DIAL)
    await play(stage)
    assert sorted(place for place in Counter(map(what_of, stage.world.invites)).values()) == [1] * 7
    return int(stage.world.steps)


def what_of(invite: Any) -> tuple[str, str]:
    return invite.to, dict(invite.headers)["X-Job"]


async def test_the_script_itself(stage: Any) -> None:
    """Otherwise the crashes below would prove nothing."""
    assert await steps_without_a_crash(stage) == STEPS


@pytest.mark.parametrize("again", range(3))
@pytest.mark.parametrize("first", range(1, STEPS + 1))
async def test_a_crash_at_any_step(stage: Any, first: int, again: int) -> None:
    """Also a second crash, some steps into the second run."""
    world = stage.world
    world.kill_at = first
    await stage.start(RULES, dial=DIAL)
    line = await play(stage)
    assert world.dead
    await stage.die()
    seed = random.Random(3 * first + again)
    while_down = SCRIPT[line : line + seed.randint(0, 3)]
    for who, what in while_down:  # the phones go on without us
        if who:
            world.states[who] = what
    line += len(while_down)
    world.steps, world.kill_at = 0, seed.choice((0, 1, 2, 3, 5, 8))
    await stage.start(RULES, dial=DIAL)
    line = await play(stage, line)
    if world.dead:
        await stage.die()
        await stage.start(RULES, dial=DIAL)
        await play(stage, line)
    twice = {what: count for what, count in Counter(map(what_of, world.invites)).items() if count > 1}
    assert not twice
    await world.clock.advance(FRESH + 1)
    for id, job in world.jobs.items():
        called = sum(f"{rule_of(each)}/pbx/{dict(each.headers)['X-Job']}" == id for each in world.invites)
        abandoned = any(each.job == id for each in world.of(told.JobAbandoned))
        assert called or abandoned, f"{id} ({job.state}) was lost without a word"


def rule_of(invite: Any) -> str:
    return {"7000": "queue", "7001": "slow"}[invite.to]


@pytest.mark.parametrize("at", range(1, 9))
async def test_every_edge_is_called_or_told(stage: Any, at: int) -> None:
    """One edge, a crash at each of its steps: the call, or a word about it."""
    world = stage.world
    await stage.start(RULES, dial=DIAL)
    await world.go("1001", "on-the-phone")
    await world.clock.advance(1)
    world.steps, world.kill_at = 0, at
    await world.go("1001", "ready")
    await world.clock.advance(1)
    died = world.dead
    if died:
        await stage.die()
        await stage.start(RULES, dial=DIAL)
        await world.clock.advance(FRESH + 1)
    calls = len(world.invites)
    words = len(world.of(told.JobAbandoned))
    words += sum(each.condition == "missed" for each in world.of(told.RuleSuppressed))
    assert calls <= 1
    assert calls + words >= 1
    if not died:
        assert (calls, words) == (1, 0)


async def test_an_edge_that_passed_while_down_is_told(stage: Any) -> None:
    world = stage.world
    await stage.start()
    await world.go("1001", "on-the-phone")
    await world.clock.advance(1)
    await stage.stop()
    world.states["1001"] = "ready"
    await stage.start()
    assert world.invites == []
    (missed,) = world.of(told.RuleSuppressed)
    assert (missed.condition, missed.extension, missed.episode) == ("missed", "1001", 1)
    await world.clock.advance(1)
    await stage.stop()
    world.told.clear()
    await stage.start()
    assert world.of(told.RuleSuppressed) == []  # once is enough


async def test_an_edge_that_passed_while_down_is_acted_on_where_the_watch_says_so(stage: Any) -> None:
    world = stage.world
    head = stage.HEAD + 'missed = "act"\n'
    await stage.start(head=head)
    await world.go("1001", "on-the-phone")
    await world.clock.advance(1)
    await stage.stop()
    world.states["1001"] = "ready"
    await stage.start(head=head)
    assert [what_of(each) for each in world.invites] == [("7000", "1001/1")]
    await world.clock.advance(1)
    await stage.stop()
    await stage.start(head=head)
    assert len(world.invites) == 1


async def waiting_job(stage: Any) -> None:
    """1002's call waits for its turn when the robot dies."""
    world = stage.world
    await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\n')
    await world.go("1001", "on-the-phone", "ready")
    await world.go("1002", "on-the-phone", "ready")
    await world.clock.advance(1)
    await stage.die()
    assert world.jobs["queue/pbx/1002/1"].state is JobState.PENDING


async def test_a_call_whose_turn_had_not_come_is_placed_after_a_restart(stage: Any) -> None:
    world = stage.world
    await waiting_job(stage)
    await stage.start()
    await world.clock.advance(1)
    assert [what_of(each)[1] for each in world.invites] == ["1001/1", "1002/1"]
    (abandoned,) = world.of(told.JobAbandoned)
    assert (abandoned.job, abandoned.to) == ("queue/pbx/1001/1", "7000")
    assert world.jobs["queue/pbx/1001/1"].state is JobState.ABANDONED
    world.engine.end()
    await world.clock.advance(FRESH)
    assert world.jobs["queue/pbx/1002/1"].state is JobState.DONE
    assert len(world.of(told.JobAbandoned)) == 1


@pytest.mark.parametrize("state", ["on-the-phone", "ringing", "offline"])
async def test_but_not_when_it_would_say_what_is_not_true(stage: Any, state: str) -> None:
    world = stage.world
    await waiting_job(stage)
    world.states["1002"] = state
    await stage.start()
    await world.clock.advance(1)
    assert len(world.invites) == 1
    assert {each.job for each in world.of(told.JobAbandoned)} == {"queue/pbx/1001/1", "queue/pbx/1002/1"}
    assert world.jobs["queue/pbx/1002/1"].state is JobState.ABANDONED


async def test_nor_when_it_is_old(stage: Any) -> None:
    world = stage.world
    await waiting_job(stage)
    world.clock.now += FRESH + 1
    await stage.start()
    await world.clock.advance(1)
    assert len(world.invites) == 1
    assert "too long ago" in world.of(told.JobAbandoned)[-1].words()


async def test_nor_when_its_extension_is_not_heard_of(stage: Any) -> None:
    world = stage.world
    await waiting_job(stage)
    world.states["1002"] = "unknown"
    await stage.start()
    await world.clock.advance(FRESH - 1)
    assert len(world.of(told.JobAbandoned)) == 1
    await world.clock.advance(2)
    assert world.of(told.JobAbandoned)[-1].reason == "1002 was not heard of for 120 s"
    await world.go("1002", "ready")
    assert len(world.invites) == 1
