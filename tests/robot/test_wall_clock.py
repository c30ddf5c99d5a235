"""Somebody sets the clock, or NTP finds it a year off: nothing is called twice, and nothing is lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sipclient.robot import told
from sipclient.store import JobState

RULE = """
[[rules]]
name = "q"
limit = "100 per minute"
call = { to = "7000", retry = { on = ["USER_BUSY"], times = 2, wait = "10s" } }
"""


@pytest.mark.parametrize("jump", [timedelta(days=3650), timedelta(days=-3650), timedelta(hours=-1)])
async def test_a_clock_that_is_set_costs_no_call_and_makes_none(stage: Any, jump: timedelta) -> None:
    world = stage.world
    real, offset = world.clock.wall, timedelta(0)

    def wall() -> datetime:
        return real() + offset

    world.clock.wall = wall
    await stage.start(RULE)
    world.engine.outcomes = [200, 486, 200]
    await world.go("1001", "on-the-phone", "ready")
    await world.go("1002", "on-the-phone", "ready")  # busy: tried again in 10 s, whatever the clock says
    offset = jump
    await world.go("1003", "on-the-phone", "ready")
    await world.clock.advance(11)
    await world.go("1001", "on-the-phone", "ready", "ready")
    await world.clock.advance(1)
    placed = [each.job for each in world.of(told.CallPlaced)]
    assert placed == ["q/pbx/1001/1", "q/pbx/1002/1", "q/pbx/1003/1", "q/pbx/1002/1", "q/pbx/1001/2"]
    await stage.die()

    await stage.start(RULE)
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(1)
    assert [each.job for each in world.of(told.CallPlaced)][5:] == ["q/pbx/1001/3"]
    assert not [job for job in world.jobs.values() if job.state is JobState.PENDING]
