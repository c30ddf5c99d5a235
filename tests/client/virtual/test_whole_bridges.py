"""Whole bridges in virtual time: every race of two calls, every time limit, and every moment to leave."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.memory_network import LATENCY

from sipclient import CallFailed
from sipclient.protocol.causes import cause_of
from tests.client.virtual.conftest import Ear

CANCELLED = ["> INVITE", "< 180 INVITE", "> CANCEL", "< 200 CANCEL", "< 487 INVITE", "> ACK"]


async def test_the_usual_case(scene: Any) -> None:
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    b = await scene.next()
    b.ring()
    await asyncio.sleep(5)
    far_b = await b.answer()
    await asyncio.sleep(10)
    far_b.hangup()
    await bridging
    assert (await far_a.ended()).by == "remote"
    assert scene.ladder("a1") == ["> INVITE", "< 200 INVITE", "> ACK", "> BYE", "< 200 BYE"]
    assert scene.ladder("b1") == ["> INVITE", "< 180 INVITE", "< 200 INVITE", "> ACK", "< BYE", "> 200 BYE"]
    assert scene.states("") == ["bridged", "ended"]
    assert scene.last("").cause == "NORMAL_CLEARING"


async def test_a_leaves_while_b_rings(scene: Any) -> None:
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    b = await scene.next()
    b.ring()
    await asyncio.sleep(5)
    far_a.hangup()
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("a", "ORIGINATOR_CANCEL")
    assert (await b.call.ended()).cause == "ORIGINATOR_CANCEL"
    assert scene.ladder("b1") == CANCELLED


async def test_a_leaves_while_the_answer_of_b_is_on_its_way(scene: Any) -> None:
    """RFC 3261 §9.1, §13.2.2.4: the 200 crosses the CANCEL, is acknowledged, and ended by BYE."""
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    b = await scene.next()
    b.ring()
    await asyncio.sleep(5)
    far_a.hangup()  # which the robot hears when b has answered, and b's answer is heard after that
    await asyncio.sleep(LATENCY / 2)
    with pytest.raises(CallFailed):  # nobody ever talked to it
        far_b = await b.answer()
        await far_b.ended()
        raise CallFailed(0, "", "")
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("a", "ORIGINATOR_CANCEL")
    assert [line for line in scene.ladder("b1") if not line.endswith("CANCEL")] == [
        "> INVITE", "< 180 INVITE", "< 200 INVITE", "> ACK", "> BYE", "< 200 BYE",
    ]  # fmt: skip
    assert "> CANCEL" in scene.ladder("b1")


async def test_a_leaves_before_b_is_heard_of(scene: Any) -> None:
    """RFC 3261 §9.1: the CANCEL waits for the first provisional response."""
    slow = 0.6
    scene.network.latency = lambda seen: slow if seen.message.call_id.startswith("x-b1") else LATENCY
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    await asyncio.sleep(1)
    far_a.hangup()
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("a", "ORIGINATOR_CANCEL")
    await asyncio.sleep(4 * slow)
    assert scene.ladder("b1") == ["> INVITE", "> CANCEL", "< 200 CANCEL", "< 487 INVITE", "> ACK"]


async def test_a_leaves_between_its_answer_and_the_call_to_b(scene: Any) -> None:
    """A hung up before its answer was acknowledged: its BYE comes with the 200."""
    bridging = scene.bridge()
    incoming = await scene.next()
    answering = asyncio.create_task(incoming.answer())
    await asyncio.sleep(LATENCY * 1.5)  # the ACK is on its way, and the INVITE to b with it or after it
    incoming.call.hangup()
    await asyncio.wait([answering])
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("a", "ORIGINATOR_CANCEL")
    assert "< BYE" in scene.ladder("a1")
    assert "< 200 INVITE" not in scene.ladder("b1")


async def test_both_hang_up_at_once(scene: Any) -> None:
    """Two BYEs cross ours on the way: each is answered, and one end is told."""
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    far_b = await (await scene.next()).answer()
    await asyncio.sleep(5)
    far_a.hangup()
    far_b.hangup()
    await bridging
    await asyncio.gather(far_a.ended(), far_b.ended())
    for call in ("a1", "b1"):
        assert scene.ladder(call) == ["> INVITE", "< 200 INVITE", "> ACK", "< BYE", "> 200 BYE"]
    assert scene.states("a") == ["calling", "answered", "ended"] == scene.states("b")
    assert scene.states("") == ["bridged", "ended"]
    assert {scene.last(leg).cause for leg in ("a", "b", "")} == {"NORMAL_CLEARING"}


async def test_the_hang_up_of_one_crosses_that_of_the_other(scene: Any) -> None:
    """Our BYE to b, since a hung up, crosses b's own."""
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    far_b = await (await scene.next()).answer()
    await asyncio.sleep(5)
    far_a.hangup()
    await asyncio.sleep(LATENCY * 1.5)  # our BYE to b left half a latency ago
    far_b.hangup()
    await bridging
    await asyncio.gather(far_a.ended(), far_b.ended())
    assert sorted(scene.ladder("b1")[3:]) == ["< 200 BYE", "< BYE", "> 200 BYE", "> BYE"]
    assert scene.states("b") == ["calling", "answered", "ended"]
    assert scene.states("") == ["bridged", "ended"]


@pytest.mark.parametrize("late", [-2 * LATENCY, -LATENCY, -LATENCY / 2, 0.0, LATENCY / 2, LATENCY, 2 * LATENCY])
@pytest.mark.parametrize("limit", ["leg", "whole"])
async def test_b_answers_at_the_deadline(scene: Any, limit: str, late: float) -> None:
    """Either they talk, or b is not reached: never both, and nothing is left over."""
    how = {"leg_timeout": 20.0} if limit == "leg" else {"timeout": 25.0, "leg_timeout": 0.0}
    began = scene.now
    bridging = scene.bridge(announcement="silence_stream://100", **how)
    a = await scene.next()
    await asyncio.sleep(began + 5 - scene.now)
    far_a = await a.answer()
    b = await scene.next()
    b.ring()
    placed = next(at for at, each in scene.told if (each.leg, each.state) == ("b", "calling"))
    deadline = placed + 20 if limit == "leg" else began + 25
    await asyncio.sleep(deadline + late - scene.now)
    answering = asyncio.create_task(b.answer())
    await asyncio.wait([asyncio.create_task(asyncio.sleep(1))])
    if "bridged" in scene.states(""):
        far_a.hangup()
        await bridging
        assert late < 0 and scene.states("") == ["bridged", "ended"]
        assert scene.states("b") == ["calling", "ringing", "answered", "ended"]
    else:
        failure = await scene.fails(bridging)
        assert late >= -LATENCY and (failure.leg, failure.cause) == ("b", "NO_ANSWER")
        assert scene.states("")[-1] == "failed" and scene.states("b")[-1] == "ended"
        assert scene.ladder("b1")[-1] in ("> ACK", "< 200 BYE")
    await asyncio.wait([answering])
    answering.exception()


@pytest.mark.parametrize("late", [-2 * LATENCY, -LATENCY, -LATENCY / 2, 0.0, LATENCY / 2, 2 * LATENCY])
async def test_a_answers_at_its_deadline(scene: Any, late: float) -> None:
    """Either b is called, or a is not reached and b never hears of it."""
    bridging = scene.bridge(leg_timeout=20.0)
    a = await scene.next()
    a.ring()
    deadline = scene.told[0][0] + 20
    await asyncio.sleep(deadline + late - scene.now)
    answering = asyncio.create_task(a.answer())
    await asyncio.sleep(1)
    if scene.states("b"):
        (await scene.next()).reject(486)
        failure = await scene.fails(bridging)
        assert late < 0 and (failure.leg, failure.cause) == ("b", "USER_BUSY")
    else:
        failure = await scene.fails(bridging)
        assert late >= -LATENCY and (failure.leg, failure.cause) == ("a", "NO_ANSWER")
        assert scene.ladder("b1") == []
    await asyncio.wait([answering])
    answering.exception()


async def test_b_is_busy_and_a_hears_so(scene: Any) -> None:
    """Half a second on and off, for four seconds; then a is hung up, and its BYE says why (RFC 3326)."""
    bridging = scene.bridge(ringback="%(1000,0,1000)")
    far_a = await (await scene.next()).answer()
    ear = Ear(far_a, 1000.0, 620.0)
    b = await scene.next()
    b.ring()
    await asyncio.sleep(3)
    b.reject(486)
    refused = scene.now
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.status, failure.cause) == ("b", 486, "USER_BUSY")
    assert refused - 0.1 < max(ear.heard_at[1000.0]) < refused + 0.2
    tone = ear.heard_at[620.0]
    assert 1.5 < len(tone) * 0.02 < 2.5 and tone[-1] - tone[0] > 3
    assert scene.now - refused == pytest.approx(4, abs=0.2)
    bye = next(seen.message for seen in scene.network.of("x-a1-") if getattr(seen.message, "method", "") == "BYE")
    assert bye.headers.get("Reason") == 'Q.850;cause=17;text="USER_BUSY"'
    assert scene.ladder("b1") == ["> INVITE", "< 180 INVITE", "< 486 INVITE", "> ACK"]


async def test_a_leaves_during_the_busy_tone(scene: Any) -> None:
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    (await scene.next()).reject(486)
    await asyncio.sleep(1)
    far_a.hangup()
    left = scene.now
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("b", "USER_BUSY")  # that is why, whoever hung up then
    assert scene.now - left < 0.1
    assert scene.ladder("a1")[-2:] == ["< BYE", "> 200 BYE"]


async def test_the_network_of_b_speaks_before_the_answer(scene: Any) -> None:
    """Sound of the other side takes the place of ringback, until b answers; then they talk."""
    bridging = scene.bridge(ringback="%(1000,0,440)")
    far_a = await (await scene.next()).answer()
    ear = Ear(far_a, 440.0, 1000.0)
    b = await scene.next()
    await asyncio.sleep(2)
    early = await scene.early(b)
    early.play("%(60000,0,1000)")
    await asyncio.sleep(2)
    spoke = scene.now
    assert max(ear.heard_at[440.0]) < spoke - 1.5 < max(ear.heard_at[1000.0])
    far_b = await b.answer()
    far_b.play("%(60000,0,1000)")
    await asyncio.sleep(2)
    assert max(ear.heard_at[1000.0]) > scene.now - 0.1
    far_a.hangup()
    await bridging
    assert scene.states("b") == ["calling", "early", "answered", "ended"]


# --- both at once -----------------------------------------------------------------------------------


async def two(scene: Any) -> dict[str, Any]:
    """The calls of both sides, by number, in whatever order they came."""
    calls = [await scene.next(), await scene.next()]
    return {call.to.uri.user: call for call in calls}


async def test_b_answers_before_a(scene: Any) -> None:
    """Who answers first hears ringback, until both are there."""
    bridging = scene.bridge(at_once=True, ringback="%(1000,0,440)")
    calls = await two(scene)
    calls["1001"].ring()
    far_b = await calls["1002"].answer()
    ear = Ear(far_b, 440.0)
    await asyncio.sleep(3)
    assert ear.heard_at[440.0][-1] > scene.now - 0.1
    far_a = await calls["1001"].answer()
    joined = scene.now
    await asyncio.sleep(3)
    assert ear.heard_at[440.0][-1] < joined + 0.2
    far_a.hangup()
    await bridging
    assert (await far_b.ended()).by == "remote"
    assert scene.states("") == ["bridged", "ended"]


@pytest.mark.parametrize(("first", "second"), [("1001", "1002"), ("1002", "1001")])
async def test_who_answered_first_leaves_while_the_other_rings(scene: Any, first: str, second: str) -> None:
    """Nobody is rung for somebody who has gone."""
    bridging = scene.bridge(at_once=True)
    calls = await two(scene)
    calls[second].ring()
    far = await calls[first].answer()
    await asyncio.sleep(5)
    far.hangup()
    failure = await scene.fails(bridging)
    leg = "a" if first == "1001" else "b"
    assert (failure.leg, failure.cause) == (leg, "ORIGINATOR_CANCEL")
    assert scene.ladder({"a": "b1", "b": "a1"}[leg]) == CANCELLED


async def test_one_of_both_is_busy_while_the_other_rings(scene: Any) -> None:
    bridging = scene.bridge(at_once=True)
    calls = await two(scene)
    calls["1001"].ring()
    calls["1002"].reject(486)
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("b", "USER_BUSY")
    assert scene.ladder("a1") == CANCELLED


async def test_both_answer_in_the_same_moment(scene: Any) -> None:
    bridging = scene.bridge(at_once=True)
    calls = await two(scene)
    far_a, far_b = await asyncio.gather(calls["1001"].answer(), calls["1002"].answer())
    await asyncio.sleep(1)
    far_a.hangup()
    far_b.hangup()
    await bridging
    assert scene.states("") == ["bridged", "ended"]


@pytest.mark.parametrize("late", [-LATENCY, 0.0, LATENCY])
async def test_one_answers_when_the_other_leaves(scene: Any, late: float) -> None:
    bridging = scene.bridge(at_once=True)
    calls = await two(scene)
    far_a = await calls["1001"].answer()
    await asyncio.sleep(5)
    answering = asyncio.create_task(calls["1002"].answer())
    await asyncio.sleep(LATENCY + late)
    far_a.hangup()
    await asyncio.wait([bridging, answering])
    answering.exception()
    if bridging.exception() is None:
        assert scene.states("") == ["bridged", "ended"]
    else:
        assert (await scene.fails(bridging)).cause == "ORIGINATOR_CANCEL"


# --- leaving ----------------------------------------------------------------------------------------


async def leave(scene: Any, bridging: asyncio.Task[Any]) -> None:
    bridging.cancel()
    await asyncio.wait([bridging])
    assert bridging.cancelled()


async def test_the_user_leaves_in_each_phase(scene: Any) -> None:
    """Whatever was begun is cancelled, or hung up, and told as failed, or ended."""
    for phase in range(7):
        bridging = scene.bridge(ringback="us-ring")
        await asyncio.sleep(0)
        if phase >= 1:
            a = await scene.next()
        if phase >= 2:
            a.ring()
            await asyncio.sleep(1)
        if phase >= 3:
            await a.answer()
            b = await scene.next()
        if phase >= 4:
            b.ring()
            await asyncio.sleep(1)
        if phase == 5:
            b.reject(486)
            await asyncio.sleep(1)
        if phase == 6:
            await b.answer()
            await asyncio.sleep(1)
        before = len(scene.told)
        await leave(scene, bridging)
        last = scene.told[-1][1]
        assert (last.leg, last.state) == ("", "ended" if phase == 6 else "failed"), phase
        assert last.cause == ("NORMAL_CLEARING" if phase == 6 else "ORIGINATOR_CANCEL")
        assert [each.state for _, each in scene.told[before:] if not each.leg] == [last.state]
        for call in scene.phones.calls:
            await call.ended()


async def test_the_user_leaves_at_any_step_of_the_loop(scene: Any) -> None:
    """From the moment b answers, cancelled one step of the loop later each time: nobody is left on a line."""
    bridged = 0
    for steps in range(40):
        bridging = scene.bridge(ringback="")
        await (await scene.next()).answer()
        b = await scene.next()
        answering = asyncio.create_task(b.answer())
        await asyncio.sleep(LATENCY)
        for _ in range(steps):
            await asyncio.sleep(0)
        bridging.cancel()
        await asyncio.wait([bridging])
        bridged += scene.states("").count("bridged") > bridged
        await asyncio.wait([answering])
        answering.exception()
        assert scene.client.calls == ()
        await asyncio.sleep(1)
    assert 0 < bridged < 40


async def test_a_client_that_is_closed_ends_its_bridges(scene: Any) -> None:
    bridging = scene.bridge()
    await (await scene.next()).answer()
    b = await scene.next()
    b.ring()
    await asyncio.sleep(1)
    await scene.client.aclose()
    failure = await scene.fails(bridging)
    assert failure.cause in ("ORIGINATOR_CANCEL", "NORMAL_CLEARING")


# --- why, and what comes of it ----------------------------------------------------------------------


def cancelled_because(scene: Any, call: str) -> str:
    """What the CANCEL of a call says."""
    messages = [seen.message for seen in scene.network.of(f"x-{call}-")]
    cancel = next(each for each in messages if getattr(each, "method", "") == "CANCEL")
    return cancel.headers.get("Reason") or ""


async def test_each_leg_ends_with_the_cause_that_ended_it(scene: Any) -> None:
    """As FreeSWITCH has it: ORIGINATOR_CANCEL is for callers who left, and no time limit and no lost race."""
    limits = "[leg_timeout=5]1002|[progress_timeout=2]1003|1004,1005"
    bridging = scene.bridge(b=limits, ringback="")
    await (await scene.next()).answer()
    (await scene.next()).ring()
    await scene.next()  # which never rings
    first, second = await scene.next(), await scene.next()
    first.ring()
    far_b = await second.answer()
    await asyncio.sleep(1)
    far_b.hangup()
    await bridging
    causes = {each.call_id[:4]: each.cause for _, each in scene.told if (each.leg, each.state) == ("b", "ended")}
    assert causes == {
        "x-b1": "NO_ANSWER", "x-b2": "NO_USER_RESPONSE", "x-b3": "LOSE_RACE", "x-b4": "NORMAL_CLEARING",
    }  # fmt: skip
    assert cancelled_because(scene, "b1") == 'Q.850;cause=19;text="NO_ANSWER"'
    assert cancelled_because(scene, "b2") == 'Q.850;cause=18;text="NO_USER_RESPONSE"'
    assert cancelled_because(scene, "b3") == 'SIP;cause=200;text="Call completed elsewhere"'


async def test_a_caller_who_left_is_the_cause_of_the_other_leg(scene: Any) -> None:
    bridging = scene.bridge()
    far_a = await (await scene.next()).answer()
    (await scene.next()).ring()
    await asyncio.sleep(1)
    far_a.hangup()
    await scene.fails(bridging)
    assert scene.last("b").cause == "ORIGINATOR_CANCEL" and cancelled_because(scene, "b1") == ""


async def test_the_time_limit_of_the_whole_is_no_answer_of_b(scene: Any) -> None:
    """Counted from the beginning, the waits between attempts included: 1 + 60 + 30 seconds."""
    began = scene.now
    retry = {"on": ["USER_BUSY"], "times": 9, "wait": "60s"}
    bridging = scene.bridge(timeout=91.0, leg_timeout=0.0, retry=retry, announcement="silence_stream://20")
    await (await scene.next()).answer()
    b = await scene.next()
    await asyncio.sleep(began + 1 - scene.now)
    b.reject(486)
    again = await scene.next()
    again.ring()
    assert scene.now - began == pytest.approx(61, abs=0.1)
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.cause) == ("b", "NO_ANSWER")
    assert scene.now - began == pytest.approx(91, abs=0.2)
    assert scene.states("b") == ["calling", "ended", "waiting", "calling", "ringing", "ended"]


REFUSALS = (400, 403, 404, 408, 410, 480, 484, 486, 488, 500, 502, 503, 600, 603, 604)


@pytest.mark.parametrize("side", ["a", "b"])
@pytest.mark.parametrize("status", REFUSALS)
async def test_each_cause_is_one_to_call_again(scene: Any, status: int, side: str) -> None:
    """By the cause's name, as late as it says; a cause that is not named is the end of it."""
    cause, wait = cause_of(status)[0], 3600 if side == "a" else 15
    retry = {"on": [cause], "times": 2, "wait": wait}
    bridging = scene.bridge(retry=retry, ringback="", announcement="silence_stream://20")
    if side == "b":
        await (await scene.next()).answer()
    (await scene.next()).reject(status)
    refused = scene.now
    again = await scene.next()
    assert scene.now - refused == pytest.approx(wait, abs=0.1)
    other = 486 if cause != "USER_BUSY" else 404
    again.reject(other)
    failure = await scene.fails(bridging)
    assert (failure.leg, failure.status) == (side, other)
    waiting = [each for _, each in scene.told if each.state == "waiting"]
    assert [(each.leg, each.status, each.cause, round(each.seconds)) for each in waiting] == [
        (side, status, cause, wait)
    ]


@pytest.mark.parametrize(("limit", "cause"), [("leg_timeout", "NO_ANSWER"), ("progress_timeout", "NO_USER_RESPONSE")])
async def test_a_time_limit_is_one_to_call_again(scene: Any, limit: str, cause: str) -> None:
    how: dict[str, Any] = {limit: 7.0}
    bridging = scene.bridge(retry={"on": [cause], "times": 1, "wait": "10s"}, ringback="", **how)
    await (await scene.next()).answer()
    await scene.next()
    placed = scene.now
    again = await scene.next()
    assert scene.now - placed == pytest.approx(17, abs=0.2)
    far_b = await again.answer()
    await asyncio.sleep(1)
    far_b.hangup()
    await bridging
    assert scene.states("")[-1] == "ended"


async def test_what_a_hears_in_the_place_of_b_is_a_state_of_the_bridge(scene: Any) -> None:
    bridging = scene.bridge()
    await (await scene.next()).answer()
    (await scene.next()).reject(486)
    await asyncio.sleep(1)
    told = scene.last("")
    assert (told.state, told.status, told.cause) == ("announcing", 486, "USER_BUSY")
    await scene.fails(bridging)
    assert scene.states("") == ["announcing", "failed"]
    assert (scene.last("a").state, scene.last("a").cause) == ("ended", "USER_BUSY")
