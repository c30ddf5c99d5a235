"""[[incoming]] at work, in virtual time and without sound."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sipclient.config import load
from sipclient.message import Request, parse
from sipclient.protocol.events import Answer, CallEnded, Hangup, IncomingCall, Redirect, Reject, Ring
from sipclient.robot import callback_request, told
from sipclient.robot.hooks import NO_HOOKS
from tests.robot.conftest import DIAL, HEAD, settle

ASKED = """
[[rules]]
name = "asked"
armed = "on-request"
call = { to = "7000", caller_id = '"{caller_name}" <{extension}>', headers = { X-Caller = "{caller}" } }
"""


def incoming(action: str, match: str = "") -> str:
    return f"[[incoming]]\nmatch = {{ {match} }}\naction = {{ {action} }}\n"


def arrive(world: Any, number: int = 1, to: str = "1001", caller: str = '"Ann" <sip:555@pbx.example.com>') -> None:
    request = parse(
        f"INVITE sip:robot@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx{number}\r\n"
        f"From: {caller};tag=f\r\nTo: <sip:{to}@pbx.example.com>\r\nCall-ID: c{number}@x\r\n"
        f"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert isinstance(request, Request)
    world.engine.emit(IncomingCall(-number, "pbx", request, SimpleNamespace(local_host="127.0.0.1")))  # type: ignore[arg-type]


def steps(world: Any) -> list[tuple[str, str]]:
    return [(each.step, each.what) for each in world.of(told.IncomingStep)]


async def test_the_first_match_wins_and_none_is_480(stage: Any) -> None:
    await stage.start(incoming('reject = "USER_BUSY"', 'to = "2*"') + incoming("reject = 404", 'from = "555"'))
    world = stage.world
    arrive(world)
    await settle()
    arrive(world, 2, caller="<sip:666@pbx.example.com>")
    await settle()
    arrive(world, 3, to="2001")
    await settle()
    assert [each.status for each in world.commanded(Reject)] == [404, 480, 486]
    assert world.commanded(Reject)[2].headers == (("Reason", 'Q.850;cause=17;text="USER_BUSY"'),)
    assert [each.entry for each in world.of(told.CallReceived)] == [2, 0, 1]
    assert [each.words() for each in world.of(told.CallReceived)][:2] == [
        'call from "Ann" 555 for 1001: entry 2 (incoming/1)',
        "call from 666 for 1001: no entry takes it: entry 1: to 1001 is not 2*; entry 2: from 666 is not 555"
        " (incoming/2)",
    ]
    assert [each.job for each in world.of(told.CallOver)] == ["incoming/1", "incoming/2", "incoming/3"]


async def test_without_an_entry_calls_are_for_whoever_asks_for_them(stage: Any) -> None:
    robot = await stage.start()
    calls = robot.client.incoming()
    arrive(stage.world)
    assert (await anext(calls)).caller == "555"
    await calls.aclose()


@pytest.mark.parametrize(
    ("redirect", "where"),
    [("7{to}", "sip:71001@pbx.example.com"), ("sip:7{to}@pbx.example.com", "sip:71001@pbx.example.com"),
     ("7000@pbx.example.com", "sip:7000@pbx.example.com")],
)  # fmt: skip
async def test_redirected(stage: Any, redirect: str, where: str) -> None:
    await stage.start(incoming(f'redirect = "{redirect}"'), dial='[dial]\nallow = ["7*"]\n')
    arrive(stage.world)
    await settle()
    assert [each.contacts for each in stage.world.commanded(Redirect)] == [(where,)]
    assert steps(stage.world) == [("redirected", where)]


@pytest.mark.parametrize("to", ["8000", "7000%40evil.example.com", "7000;x", "7000%0d%0aX-Evil:1"])
async def test_nobody_is_redirected_past_the_allow_list(stage: Any, to: str) -> None:
    await stage.start(incoming('redirect = "sip:{to}@pbx.example.com"'))
    arrive(stage.world, to=to)
    await settle()
    assert stage.world.commanded(Redirect) == []
    assert [each.status for each in stage.world.commanded(Reject)] == [403]


async def test_camped_on_and_refused_as_busy_where_nothing_is_to_be_said(stage: Any) -> None:
    robot = await stage.start(ASKED + incoming('camp_on = "{to}"'))
    world = stage.world
    await world.go("1001", "on-the-phone")
    arrive(world)
    await settle()
    arrive(world, 2)  # he tries again
    await settle()
    assert [each.status for each in world.commanded(Reject)] == [486, 486]
    (request,) = robot.callbacks.waiting
    assert (request.caller, request.caller_name, request.variables) == ("555", "Ann", {"called": "1001"})
    await world.go("1001", "ready")
    (invite,) = world.invites
    assert (invite.caller_id, invite.headers) == ('"Ann" <1001>', (("X-Caller", "555"),))


async def test_nobody_is_promised_what_no_rule_keeps(stage: Any) -> None:
    await stage.start(ASKED + incoming('camp_on = "{to}", answer = true'))
    arrive(stage.world, to="9999")
    await settle()
    assert stage.world.commanded(Answer) == []
    assert [each.status for each in stage.world.commanded(Reject)] == [480]
    assert steps(stage.world)[0][1].startswith("9999 cannot be camped on")


async def test_a_hostile_name_adds_no_header(stage: Any) -> None:
    await stage.start(ASKED + incoming('camp_on = "{to}"'))
    world = stage.world
    await world.go("1001", "on-the-phone")
    arrive(world, caller='"Eve\\" <sip:evil@x>" <sip:555%0d%0aX-Evil%3a1@pbx.example.com>')
    await settle()
    await world.go("1001", "ready")
    for invite in world.invites:
        assert invite.caller_id == '"Eve\\" <sip:evil@x>" <1001>'
        assert not any("\r" in value or "\n" in value for _, value in invite.headers)


async def test_answered_until_the_caller_hangs_up(stage: Any) -> None:
    await stage.start(incoming("answer = true"))
    world = stage.world
    arrive(world)
    await settle()
    assert steps(world) == [("answered", "")]
    assert world.commanded(Hangup) == []
    world.engine.end(-1)
    await settle()
    (over,) = world.of(told.CallOver)
    assert (over.job, over.answered, over.by) == ("incoming/1", True, "remote")


def shows(identity: str) -> str:
    """An account of that identity, and one with sound, without which nothing is bridged."""
    head = HEAD.replace('media = "none"', f'media = "none"\nidentity = {identity}').replace(
        "[[watch]]", '[[watch]]\naccount = "pbx"'
    )
    return head + '[accounts.other]\naddress = "sip:other@pbx.example.com"\nregister = false\n'


BOB = '"Bob" <sip:7000@pbx.example.com>'


@pytest.mark.parametrize(
    ("identity", "privacy", "told"),
    [
        ('["from", "pai"]', "", (("P-Asserted-Identity", BOB),)),
        ('["from", "pai"]', "id", (("P-Asserted-Identity", BOB), ("Privacy", "id"))),
        ('["rpid"]', "", (("Remote-Party-ID", f"{BOB};party=called;privacy=off;screen=no"),)),
        ('["from"]', "id", ()),
    ],
)
async def test_a_caller_is_told_who_rings_and_who_answered(stage: Any, identity: str, privacy: str, told: Any) -> None:
    """RFC 3325 §9.1: in the 180 and the 200, as `identity` of the account has it."""
    await stage.start(incoming('bridge = "7000"'), head=shows(identity))
    asked = f"Privacy: {privacy}\r\n" if privacy else ""
    stage.world.engine.says = parse(
        b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\n"
        + f"P-Asserted-Identity: {BOB}\r\n{asked}Content-Length: 0\r\n\r\n".encode()
    )
    arrive(stage.world)
    await settle()
    rings = [each.headers for each in stage.world.commanded(Ring)]
    assert rings == ([(), told] if told else [()])
    (answer,) = stage.world.commanded(Answer)
    assert answer.headers == told


@pytest.mark.parametrize(("identity", "shown"), [('["from", "pai"]', '"Ann" <555>'), ('["from"]', "")])
async def test_who_asked_not_to_be_shown_is_not(stage: Any, identity: str, shown: str) -> None:
    """RFC 3323 §4.2: `Privacy: id` of who calls us holds for the call it leads to."""
    await stage.start(incoming('bridge = "7000"'), head=shows(identity))
    arrive(stage.world, caller='"Ann" <sip:555@pbx.example.com>;tag=f\r\nPrivacy: id\r\nX-Rest: x')
    await settle()
    (invite,) = stage.world.invites
    assert (invite.caller_id, invite.private) == (shown, True)


async def test_a_hook_answers_and_is_hung_up_after(stage: Any) -> None:
    seen: list[Any] = []

    async def on_call(call: Any, client: Any) -> None:
        seen.append((call.caller, callback_request()))
        await call.answer()

    async def wrong(call: Any, client: Any) -> None:
        raise ValueError("no")

    text = incoming('run = "hooks.py:on_call"', 'to = "1*"') + incoming('run = "hooks.py:wrong"')
    await stage.start(text, hooks={"hooks.py:on_call": on_call, "hooks.py:wrong": wrong})
    world = stage.world
    arrive(world)
    await settle()
    arrive(world, 2, to="2001")
    await settle()
    assert seen == [("555", None)]
    assert [each.id for each in world.commanded(Hangup)] == [-1]
    assert [(each.id, each.status) for each in world.commanded(Reject)] == [(-2, 480)]
    assert [each.error for each in world.of(told.HookEnded)] == ["", "ValueError: no"]
    assert [each.job for each in world.of(told.HookStarted)] == ["incoming/1", "incoming/2"]


async def test_a_hook_of_a_rule_knows_who_camps(stage: Any) -> None:
    seen: list[Any] = []

    async def on_ready(change: Any, client: Any) -> None:
        request = callback_request()
        seen.append((change.extension, request.caller if request else "", dict(request.variables) if request else {}))

    rules = '[[rules]]\nname = "asked"\narmed = "on-request"\nrun = "hooks.py:on_ready"\n'
    robot = await stage.start(rules, hooks={"hooks.py:on_ready": on_ready})
    await robot.callbacks.ask("1001", {"ticket": "17"}, caller="555")
    await settle()
    assert seen == [("1001", "555", {"ticket": "17"})]


async def test_a_reload_opens_and_closes(stage: Any) -> None:
    robot = await stage.start()
    world = stage.world
    arrive(world)
    await robot.reload(load(HEAD + incoming("reject = 404") + DIAL), NO_HOOKS)
    arrive(world, 2)
    await settle()
    await robot.reload(load(HEAD + DIAL), NO_HOOKS)
    await settle()
    arrive(world, 3)
    assert [each.status for each in world.commanded(Reject)] == [480, 404, 480]


async def test_no_more_than_can_be_attended_to(stage: Any) -> None:
    await stage.start(incoming("answer = true"))
    world = stage.world
    for number in range(1, 211):
        arrive(world, number)
        await settle()
    assert len(world.commanded(Answer)) == 200
    assert {each.status for each in world.commanded(Reject)} == {503}


async def test_whoever_gives_up_is_no_failure(stage: Any, tmp_path: Path) -> None:
    await stage.start(incoming("answer = true"))
    world = stage.world
    world.engine.do = _no_answer(world.engine.do)
    arrive(world)
    await settle()
    world.engine.emit(CallEnded(-1, 487, "ORIGINATOR_CANCEL", 0, "Request Terminated", "remote", False))
    await settle()
    assert [each.cause for each in world.of(told.CallOver)] == ["ORIGINATOR_CANCEL"]
    assert [each for each in steps(world) if each[0] == "failed"] == []


def _no_answer(do: Any) -> Any:
    return lambda command, now, /: [] if isinstance(command, Answer) else do(command, now)
