"""A new robot.toml while running: what is the same is not touched."""

from __future__ import annotations

import asyncio
from typing import Any

from sipclient.config import load
from sipclient.errors import InvalidValue
from sipclient.protocol.events import AccountRemoved, AddAccount, Invite, RemoveAccount, Unwatch, Watch
from sipclient.robot import told
from sipclient.robot.hooks import NO_HOOKS
from sipclient.store import JobState

OTHER = '[accounts.other]\naddress = "sip:robot@other.example.com"\nmedia = "none"\n'
DIAL = '[dial]\nallow = ["7???"]\n'
RULE = '[[rules]]\nname = "{0}"\ncall = {{ to = "{1}" }}\n'


def config(stage: Any, text: str) -> Any:
    return load(stage.HEAD + text + DIAL)


async def test_nothing_changes_where_nothing_has_changed(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    before = len(stage.world.commands)
    await robot.reload(config(stage, RULE.format("q", "7000")), NO_HOOKS)
    assert len(stage.world.commands) == before
    (news,) = stage.world.of(told.Reloaded)
    assert news.words() == "reloaded: accounts unchanged, +0 -0 watched extensions, 1 rule"


async def test_rules_change_and_episodes_go_on(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    await world.go("1001", "on-the-phone")
    await robot.reload(config(stage, RULE.format("q", "7009")), NO_HOOKS)
    await world.go("1001", "ready")
    assert [(each.to, each.id) for each in world.invites] == [("7009", world.invites[0].id)]
    assert "q/pbx/1001/1" in world.jobs


async def test_watches_come_and_go(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    text = RULE.format("q", "7000") + DIAL
    await robot.reload(load(stage.HEAD.replace('"1003"', '"1004", "1005"') + text), NO_HOOKS)
    assert [each.extension for each in world.commanded(Watch)[3:]] == ["1004", "1005"]
    assert [each.id for each in world.commanded(Unwatch)] == [world.commanded(Watch)[2].id]
    assert (world.of(told.Reloaded)[0].watches_added, world.of(told.Reloaded)[0].watches_removed) == (2, 1)
    await world.go("1003", "on-the-phone", "ready")
    await world.go("1004", "on-the-phone", "ready")
    assert list(world.jobs) == ["q/pbx/1004/1"]


async def test_an_account_is_added_and_the_others_keep_their_registration(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    watch = '[[watch]]\naccount = "other"\nextensions = ["2001"]\n'
    head = stage.HEAD.replace("[[watch]]\n", '[[watch]]\naccount = "pbx"\n')
    await robot.reload(load(head + OTHER + watch + RULE.format("q", "7000") + DIAL), NO_HOOKS)
    world = stage.world
    assert [each.account.key for each in world.commanded(AddAccount)] == ["pbx", "other"]
    assert world.commanded(RemoveAccount) == [] and len(world.commanded(Watch)) == 4
    await world.go("2001", "on-the-phone", "ready")
    assert world.invites[0].account == "other"


async def test_a_changed_account_is_taken_out_and_in_and_its_extensions_are_watched_again(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    await world.go("1001", "on-the-phone")
    text = RULE.format("q", "7000") + DIAL
    await robot.reload(load(stage.HEAD.replace('"none"', '"none"\nexpires = "10m"') + text), NO_HOOKS)
    assert [each.account for each in world.commanded(RemoveAccount)] == ["pbx"]
    assert [each.account.expires for each in world.commanded(AddAccount)] == [300.0, 600.0]
    again = world.commanded(Watch)[3:]
    assert (again[0].extension, again[0].episode, again[0].open) == ("1001", 1, True)
    await world.clock.advance(0)
    await world.go("1001", "ready")
    assert list(world.jobs) == ["q/pbx/1001/1"]
    assert world.of(told.Reloaded)[0].accounts_added == ("pbx",)


CHANGED = ('"none"', '"none"\nexpires = "10m"')


async def test_a_changed_account_finishes_its_calls_first(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    text = RULE.format("q", "7009") + DIAL
    await robot.reload(load(stage.HEAD.replace(*CHANGED) + text), NO_HOOKS)
    assert world.commanded(RemoveAccount) == []
    assert world.of(told.Notice)[-1].text == "account pbx stays as it was until its calls have ended (1)"
    await world.go("1002", "on-the-phone", "ready")  # the new rules hold already
    assert [each.to for each in world.invites] == ["7000", "7009"]
    world.engine.end()
    await world.clock.advance(1)
    assert world.commanded(RemoveAccount) == []
    world.engine.end()
    await world.clock.advance(1)
    assert [each.account.expires for each in world.commanded(AddAccount)] == [300.0, 600.0]
    assert [each.by for each in world.of(told.CallOver)] == ["remote", "remote"]
    assert [each.accounts_added for each in world.of(told.Reloaded)] == [(), ("pbx",)]
    await world.go("1003", "on-the-phone", "ready")
    assert len(world.invites) == 3


async def test_the_first_account_stays_the_first(stage: Any) -> None:
    """It is the one that hooks call through where they name none."""
    head = stage.HEAD.replace("[[watch]]\n", '[[watch]]\naccount = "pbx"\n') + OTHER
    robot = await stage.start("", head=head)
    await robot.reload(load(head.replace(*CHANGED, 1) + DIAL), NO_HOOKS)
    assert [each.key for each in robot.client.accounts] == ["pbx", "other"]


async def test_calls_that_do_not_end_keep_a_changed_account_for_so_long_only(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await robot.reload(load(stage.HEAD.replace(*CHANGED) + RULE.format("q", "7000") + DIAL), NO_HOOKS)
    await world.clock.advance(599)
    assert world.commanded(RemoveAccount) == []
    await world.clock.advance(2)
    assert [each.by for each in world.of(told.CallOver)] == ["local"]
    assert len(world.commanded(AddAccount)) == 2


async def test_a_change_that_is_taken_back_before_the_calls_ended_is_none(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    for head in (stage.HEAD.replace(*CHANGED), stage.HEAD):
        await robot.reload(load(head + RULE.format("q", "7000") + DIAL), NO_HOOKS)
    world.engine.end()
    await world.clock.advance(1000)
    assert world.commanded(RemoveAccount) == []


async def test_an_account_that_is_gone_finishes_a_hooks_call_too(stage: Any) -> None:
    head = stage.HEAD.replace("[[watch]]\n", '[[watch]]\naccount = "pbx"\n') + OTHER
    rule = RULE.format("q", "7000").replace("to =", 'account = "pbx", to =')
    robot = await stage.start(rule, head=head)
    world = stage.world
    robot.client.do(Invite(robot.client.next_id(), "other", "7000"))
    await robot.reload(config(stage, RULE.format("q", "7000")), NO_HOOKS)
    assert world.commanded(RemoveAccount) == []
    world.engine.end()
    await world.clock.advance(1)
    assert [each.account for each in world.commanded(RemoveAccount)] == ["other"]


async def test_what_is_decided_while_an_account_is_replaced_is_called_after(stage: Any) -> None:
    head = stage.HEAD.replace("[[watch]]\n", '[[watch]]\naccount = "other"\n') + OTHER
    rule = RULE.format("q", "7000").replace("to =", 'account = "pbx", to =')
    robot = await stage.start(rule, head=head)
    world = stage.world
    do, removing = world.engine.do, asyncio.Event()

    def slow(command: Any, now: float) -> Any:
        if isinstance(command, RemoveAccount):
            removing.set()
            return []
        return do(command, now)

    world.engine.do = slow
    reload = asyncio.create_task(robot.reload(load(head.replace(*CHANGED, 1) + rule + DIAL), NO_HOOKS))
    await removing.wait()
    await world.go("1001", "on-the-phone", "ready")
    assert world.invites == []
    world.engine.emit(AccountRemoved("pbx"))
    await reload
    await world.clock.advance(1)
    assert [each.account for each in world.invites] == ["pbx"]


async def test_an_account_that_cannot_be_added_is_told_and_tried_again(stage: Any) -> None:
    robot = await stage.start(RULE.format("q", "7000"))
    world = stage.world
    add = world.engine.do

    def refuse(command: Any, now: float) -> Any:
        if isinstance(command, AddAccount):
            raise InvalidValue("no such transport")
        return add(command, now)

    world.engine.do = refuse
    new = load(
        stage.HEAD.replace("[[watch]]\n", '[[watch]]\naccount = "pbx"\n') + OTHER + RULE.format("q", "7000") + DIAL
    )
    await robot.reload(new, NO_HOOKS)
    assert world.of(told.Notice)[-1].text == "account other cannot be used: no such transport"
    world.engine.do = add
    await robot.reload(new, NO_HOOKS)
    assert [each.account.key for each in world.commanded(AddAccount)] == ["pbx", "other"]


async def test_the_limits_of_dial_change(stage: Any) -> None:
    one = '[dial]\nallow = ["7???"]\ncalls_at_once = 1\n'
    robot = await stage.start(RULE.format("q", "7000"), dial=one)
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.go("1002", "on-the-phone", "ready")
    assert len(world.invites) == 1
    await robot.reload(config(stage, RULE.format("q", "7000")), NO_HOOKS)
    await world.clock.advance(0.3)
    assert len(world.invites) == 2


async def test_a_retry_of_a_rule_that_is_gone_is_given_up(stage: Any) -> None:
    retry = '[[rules]]\nname = "q"\ncall = { to = "7000", retry = { on = ["USER_BUSY"], wait = "10s" } }\n'
    robot = await stage.start(retry)
    world = stage.world
    world.engine.outcomes = [486]
    await world.go("1001", "on-the-phone", "ready")
    await robot.reload(config(stage, RULE.format("other", "7000")), NO_HOOKS)
    await world.clock.advance(20)
    assert len(world.invites) == 1
    assert world.jobs["q/pbx/1001/1"].state is JobState.FAILED
