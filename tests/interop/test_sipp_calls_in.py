"""SIPp calls us: answered, refused, given up, and what must not become a call."""

from __future__ import annotations

import asyncio

import pytest
from interop.sipp_line import called
from interop.sipp_peer import Sipp
from interop.waiting import until

from sipclient import CallFailed
from sipclient.protocol.events import Answer as AnswerCommand
from sipclient.protocol.events import Answered, MessageReceived, Ring

LIMIT = 20  # seconds for one call
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


@pytest.mark.parametrize("scenario", ["call_answered", "call_without_offer", "call_with_prack", "call_offers_again"])
async def test_answered_and_the_caller_hangs_up(sipp: Sipp, scenario: str) -> None:
    async with asyncio.timeout(LIMIT), called(media="rtp") as (client, port):
        calls = client.incoming()
        run = sipp.start(scenario, to=port)
        incoming = await anext(calls)
        assert (incoming.caller, incoming.caller_name) == ("caller", "Caller")
        incoming.ring()
        if scenario == "call_with_prack":
            await until(lambda: run.received(b"SIP/2.0 200 "), "the answer to the PRACK")
        call = await incoming.answer()
        end = await call.ended()
        assert (end.by, end.cause, end.answered) == ("remote", "NORMAL_CLEARING", True)
        await run.finish()


async def test_answered_and_we_hang_up(sipp: Sipp) -> None:
    async with asyncio.timeout(LIMIT), called(media="rtp") as (client, port):
        calls = client.incoming()
        run = sipp.start("call_hung_up", to=port)
        async with await (await anext(calls)).answer() as call:
            pass
        assert (await call.ended()).by == "local"
        await run.finish()


@pytest.mark.parametrize(
    ("why", "start"), [("USER_BUSY", b"SIP/2.0 486 "), (488, b"SIP/2.0 488 "), ("", b"SIP/2.0 480 ")]
)
async def test_refused(sipp: Sipp, why: int | str, start: bytes) -> None:
    """Nobody at home (no reason at all) is 480."""
    async with asyncio.timeout(LIMIT), called() as (client, port):
        calls = client.incoming() if why else None
        run = sipp.start("call_refused", to=port)
        if calls is not None:
            (await anext(calls)).reject(why)
        await run.finish()
        assert run.received(start)


async def test_sent_elsewhere(sipp: Sipp) -> None:
    async with asyncio.timeout(LIMIT), called() as (client, port):
        calls = client.incoming()
        run = sipp.start("call_refused", to=port)
        (await anext(calls)).redirect("sip:7001@pbx.test")
        await run.finish()
        assert b"Contact: <sip:7001@pbx.test>" in run.received(b"SIP/2.0 302 ")[0]


async def test_given_up_while_it_rings(sipp: Sipp) -> None:
    """RFC 3261 §9.2."""
    async with asyncio.timeout(LIMIT), called() as (client, port):
        calls = client.incoming()
        run = sipp.start("call_cancelled", to=port)
        incoming = await anext(calls)
        incoming.ring()
        end = await incoming.call.ended()
        assert (end.cause, end.by, end.answered) == ("ORIGINATOR_CANCEL", "remote", False)
        with pytest.raises(CallFailed):
            await incoming.answer()
        await run.finish()


@pytest.mark.parametrize("scenario", ["call_with_unknown_extension", "call_with_short_timer"])
async def test_what_is_refused_before_it_rings(sipp: Sipp, scenario: str) -> None:
    """420 (RFC 3261 §8.2.2.3) and 422 (RFC 4028 §9)."""
    async with asyncio.timeout(LIMIT), called() as (client, port):
        client.incoming()
        await sipp.start(scenario, to=port).finish()
        assert not client.calls


async def test_one_call_by_two_ways_is_one_call(sipp: Sipp) -> None:
    """RFC 3261 §8.2.2.2."""
    async with asyncio.timeout(LIMIT), called() as (client, port):
        calls = client.incoming()
        run = sipp.start("call_twice", to=port)
        incoming = await anext(calls)
        incoming.ring()
        await until(lambda: run.received(b"SIP/2.0 482 "), "482")
        assert len(client.calls) == 1
        incoming.reject()
        await run.finish()


async def test_reliable_ringing_and_an_answer_by_hand(sipp: Sipp) -> None:
    """The same below the Call: commands in, events out (RFC 3262 §3)."""
    async with asyncio.timeout(LIMIT), called() as (client, port):
        calls, news = client.incoming(), client.events()
        run = sipp.start("call_with_prack", to=port)
        id = (await anext(calls)).call.id
        client.do(Ring(id, reliable=True))
        await until(lambda: len(run.received(b"SIP/2.0 200")) == 1, "the answer to the PRACK")
        client.do(AnswerCommand(id, body=SDP))
        async for event in news:
            if isinstance(event, Answered):
                break
        await run.finish()


@pytest.mark.parametrize(
    ("method", "header", "start", "named"),
    [
        ("OPTIONS", "Accept: application/sdp", b"SIP/2.0 200 ", b"Allow: INVITE"),
        ("MESSAGE", "X-Why: not", b"SIP/2.0 200 ", b""),
        ("INFO", "X-Why: not", b"SIP/2.0 481 ", b""),
        ("UPDATE", "X-Why: not", b"SIP/2.0 481 ", b""),
        ("NOTIFY", "Event: presence", b"SIP/2.0 481 ", b""),
        ("REFER", "Refer-To: <sip:9999@127.0.0.1>", b"SIP/2.0 405 ", b"Allow: "),
        ("SUBSCRIBE", "Event: presence", b"SIP/2.0 405 ", b"Allow: "),
        ("REGISTER", "Expires: 60", b"SIP/2.0 405 ", b"Allow: "),
        ("FLY", "X-Why: not", b"SIP/2.0 405 ", b"Allow: "),
    ],
)
async def test_a_request_outside_any_dialog(sipp: Sipp, method: str, header: str, start: bytes, named: bytes) -> None:
    async with asyncio.timeout(LIMIT), called() as (client, port):
        news = client.events()
        run = sipp.start("ask", to=port, words={"METHOD": method, "HEADER": header})
        await run.finish()
        (answer,) = run.received(start)
        assert named in answer
        if method == "MESSAGE":
            event = await anext(news)
            while not isinstance(event, MessageReceived):
                event = await anext(news)
            assert event.message.from_.display_name == "Caller"


@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE", "UPDATE", "PRACK", "CANCEL"])
async def test_a_request_of_a_dialog_that_does_not_exist(sipp: Sipp, method: str) -> None:
    """RFC 3261 §12.2.2."""
    async with asyncio.timeout(LIMIT), called() as (_, port):
        await sipp.start("ask_inside_nothing", to=port, words={"METHOD": method, "HEADER": "X-Why: not"}).finish()


async def test_a_caller_who_is_no_peer_of_ours_is_refused(sipp: Sipp) -> None:
    """The account's server is elsewhere, and `peers` names nobody: 403, and no call."""
    async with asyncio.timeout(LIMIT), called("127.0.0.2") as (client, port):
        client.incoming()
        run = sipp.start("ask", to=port, words={"METHOD": "OPTIONS", "HEADER": "X-Why: not"})
        await run.finish()
        assert run.received(b"SIP/2.0 403 ")
