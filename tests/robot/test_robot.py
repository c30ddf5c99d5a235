"""From a change of state to a call, in virtual time, by the whole robot."""

from __future__ import annotations

from typing import Any

import pytest

from sipclient.dialling import Leg
from sipclient.errors import NotAllowed
from sipclient.presence import MessageWaiting
from sipclient.protocol.events import (
    Follow,
    Hangup,
    MessagesWaiting,
    Redirected,
    RegistrationLost,
    RemoveAccount,
    Ringing,
    Watch,
    WatchProblem,
)
from sipclient.robot import told
from sipclient.store import JobState


async def test_busy_to_ready_is_one_call(stage: Any) -> None:
    await stage.start()
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    (invite,) = world.invites
    assert (invite.to, invite.caller_id, invite.account) == ("7000", '"Ext 1001" <1001>', "pbx")
    assert invite.headers == (("X-Job", "1001/1"),)
    (placed,) = world.of(told.CallPlaced)
    assert placed.words() == 'call to 7000 as "Ext 1001" <1001> (queue/pbx/1001/1)'
    await world.go("1001", "ringing", "ready", "offline", "ready")
    assert len(world.invites) == 1
    await world.go("1001", "on-the-phone", "offline")
    assert len(world.invites) == 1
    await world.go("1001", "on-the-phone", "on-hold", "ready")
    assert [dict(each.headers)["X-Job"] for each in world.invites] == ["1001/1", "1001/3"]


async def test_the_job_is_on_the_disk_before_its_invite_leaves(stage: Any) -> None:
    await stage.start()
    world = stage.world
    seen = []
    whole = world.engine._invite

    def look(invite: Any) -> Any:
        seen.append((world.jobs["queue/pbx/1001/1"].state, world.extensions["pbx", "1001"].open))
        return whole(invite)

    world.engine._invite = look
    await world.go("1001", "on-the-phone", "ready")
    assert seen == [(JobState.CALLING, False)]


async def test_what_becomes_of_a_call_is_written_and_told(stage: Any) -> None:
    await stage.start()
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(1)
    assert world.jobs["queue/pbx/1001/1"].state is JobState.ANSWERED
    world.engine.end()
    await world.clock.advance(1)
    job = world.jobs["queue/pbx/1001/1"]
    assert (job.state, job.cause, job.status) == (JobState.DONE, "NORMAL_CLEARING", 200)
    (over,) = world.of(told.CallOver)
    assert over.words() == "call ended: 200 NORMAL_CLEARING by remote (queue/pbx/1001/1)"
    assert not stage.robot.jobs and len(stage.robot.jobs) == 0


async def test_retries_as_the_rule_says(stage: Any) -> None:
    rules = """
[[rules]]
name = "queue"
call = { to = "7000", retry = { on = ["USER_BUSY"], times = 2, wait = "10s" } }
"""
    await stage.start(rules)
    world = stage.world
    world.engine.outcomes = [486, 486, 486, 486]
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(9.9)
    assert (len(world.invites), world.jobs["queue/pbx/1001/1"].state) == (1, JobState.PENDING)
    await world.clock.advance(0.2)
    assert len(world.invites) == 2
    await world.clock.advance(60)
    assert len(world.invites) == 3
    job = world.jobs["queue/pbx/1001/1"]
    assert (job.state, job.cause, job.status, job.attempt) == (JobState.FAILED, "USER_BUSY", 486, 3)
    assert [each.attempt for each in world.of(told.CallPlaced)] == [1, 2, 3]
    assert world.of(told.RuleSuppressed)[-1].condition == "retry"


async def test_a_retry_is_given_up_when_the_extension_is_busy_again(stage: Any) -> None:
    rules = '[[rules]]\nname = "q"\ncall = { to = "7000", retry = { on = ["USER_BUSY"], wait = "10s" } }\n'
    await stage.start(rules)
    world = stage.world
    world.engine.outcomes = [486]
    await world.go("1001", "on-the-phone", "ready", "on-the-phone")
    await world.clock.advance(11)
    assert len(world.invites) == 1
    assert world.jobs["q/pbx/1001/1"].state is JobState.FAILED
    assert len(stage.robot.jobs) == 0


async def test_calls_at_once_and_per_second(stage: Any) -> None:
    await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\ncalls_per_second = 5\n')
    world = stage.world
    for extension in ("1001", "1002", "1003"):
        await world.go(extension, "on-the-phone", "ready")
    assert len(world.invites) == 1
    assert [job.state for job in world.jobs.values()] == [JobState.CALLING, JobState.PENDING, JobState.PENDING]
    for number in (2, 3):
        world.engine.end()
        await world.clock.advance(0.3)
        assert len(world.invites) == number
    assert [dict(each.headers)["X-Job"] for each in world.invites] == ["1001/1", "1002/1", "1003/1"]


async def test_a_burst_is_spread_by_calls_per_second(stage: Any) -> None:
    await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_per_second = 1\n')
    world = stage.world
    for extension in ("1001", "1002", "1003"):
        await world.go(extension, "on-the-phone", "ready")
    counts = []
    for _ in range(4):
        counts.append(len(world.invites))
        await world.clock.advance(1.0)
    assert counts == [1, 2, 3, 3]


async def test_settling(stage: Any) -> None:
    await stage.start('[[rules]]\nname = "q"\nsettle = "2s"\ncall = { to = "7000" }\n')
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(1.9)
    assert not world.invites
    assert world.extensions["pbx", "1001"].open  # the store learns of the end when it has settled
    await world.clock.advance(0.2)
    assert len(world.invites) == 1
    assert not world.extensions["pbx", "1001"].open
    await world.go("1002", "on-the-phone", "ready", "ringing")
    await world.clock.advance(5)
    assert len(world.invites) == 1
    assert world.extensions["pbx", "1002"].state == "ringing"
    assert [each.condition for each in world.of(told.RuleWaits)] == ["settle", "settle"]


async def test_nothing_is_called_that_dial_does_not_name(stage: Any) -> None:
    rule = '[[rules]]\nname = "q"\ncall = { to = "{extension}" }\n'
    robot = await stage.start(rule, dial='[dial]\nallow = ["7001"]\n')
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    assert (world.invites, world.jobs) == ([], {})
    assert world.of(told.RuleSuppressed)[-1].condition == "allow"
    with pytest.raises(NotAllowed):
        robot.client.dial("00900123456")
    with pytest.raises(NotAllowed):
        await robot.client.place(Leg("00900123456"), call_id="x")
    with pytest.raises(NotAllowed):
        await robot.client.call("sip:7001@elsewhere.example.com")
    assert world.invites == []


@pytest.mark.parametrize(
    ("contact", "followed"),
    [("sip:7002@pbx.example.com", True), ("sip:900123@pbx.example.com", False), ("sip:7002@evil.example", False)],
)
async def test_a_redirected_call_goes_nowhere_that_dial_does_not_name(stage: Any, contact: str, followed: bool) -> None:
    await stage.start()
    world = stage.world
    world.engine.outcomes = [200]
    await world.go("1001", "on-the-phone", "ready")
    id = world.invites[0].id
    world.engine.emit(Redirected(id, 302, ("sip:nobody@elsewhere.example", contact)))
    await world.clock.advance(0)
    assert bool(world.commanded(Follow)) is followed
    assert bool(world.commanded(Hangup)) is not followed
    (news,) = world.of(told.CallRedirected)
    assert news.followed == (contact if followed else "")


async def test_what_the_store_has_had_is_not_called(stage: Any) -> None:
    await stage.start()
    world = stage.world
    await world.go("1001", "on-the-phone")
    await stage.store.add_job(_job(world, "queue/pbx/1001/1"))
    await world.go("1001", "ready")
    assert world.invites == []
    assert "called before" in world.of(told.CallNotPlaced)[0].reason


async def test_a_store_that_fails_costs_the_call_and_says_so(stage: Any) -> None:
    await stage.start()
    world = stage.world
    await world.go("1001", "on-the-phone")
    await world.clock.advance(1)
    stage.store.trouble = "sqlite:robot.db cannot be written: the disk is full"
    await world.go("1001", "ready", "ringing")
    await world.clock.advance(6)
    assert world.invites == []
    assert "the disk is full" in world.of(told.CallNotPlaced)[0].reason
    assert "the disk is full" in world.of(told.Notice)[-1].text
    stage.store.trouble = ""
    await world.go("1002", "on-the-phone", "ready")
    await world.clock.advance(6)
    assert len(world.invites) == 1
    assert world.extensions["pbx", "1001"].state == "ringing"


async def test_news_of_accounts_and_watches(stage: Any) -> None:
    await stage.start()
    world = stage.world
    world.engine.emit(RegistrationLost("pbx", 401, "wrong password", 30.0))
    world.engine.emit(WatchProblem(1, "pbx", "1009", "presence", 404, "Not Found", -1.0))
    world.engine.emit(MessagesWaiting("pbx", MessageWaiting("sip:robot@pbx", True, 3, 1)))
    lost, refused, mail = world.told[-3:]
    assert lost.words().startswith("pbx: not registered: 401 wrong password; next try in 30 s, at ")
    assert refused.words() == "1009: no presence subscription: 404 Not Found; not tried again"
    assert mail.words() == "pbx: voice messages: 3 new, 1 old"


async def test_provisional_answers_are_told(stage: Any) -> None:
    await stage.start()
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    world.engine.emit(Ringing(world.invites[0].id, 182, "Queued"))
    world.engine.emit(Ringing(99999, 180, "Ringing"))
    assert [each.words() for each in world.of(told.CallRinging)] == ["182 Queued (queue/pbx/1001/1)"]


async def test_stopping_hangs_up_and_says_what_became_of_the_calls(stage: Any) -> None:
    await stage.start(dial='[dial]\nallow = ["7000"]\ncalls_at_once = 1\n')
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.go("1002", "on-the-phone", "ready")
    await stage.stop()
    assert world.commanded(RemoveAccount)
    assert world.jobs["queue/pbx/1001/1"].state is JobState.DONE
    assert world.jobs["queue/pbx/1002/1"].state is JobState.PENDING  # it never left: the next run may
    assert len(world.invites) == 1


async def test_an_extension_that_is_no_address_is_told_and_the_others_are_watched(stage: Any) -> None:
    """The engine refuses what would not make a URI."""
    await stage.start()
    assert len(stage.world.commanded(Watch)) == 3
    assert stage.world.of(told.Started)[0].words() == "started: 1 account, 3 watched extensions, 1 rule"


def _job(world: Any, id: str) -> Any:
    from sipclient.store import JobRecord

    at = world.clock.wall()
    return JobRecord(id=id, rule="queue", account="pbx", extension="1001", created=at, updated=at, episode=1)
