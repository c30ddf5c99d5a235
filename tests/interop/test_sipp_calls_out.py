"""Our INVITE against SIPp: every way it can be answered, refused, raced and lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from interop.sipp_line import account, asked_all, calling
from interop.sipp_peer import Run, Sipp
from interop.waiting import until

from sipclient import Call, CallEnded, CallFailed, Client
from sipclient.face.shell import Deliver, Wires
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    Answered,
    AnswerOffer,
    Event,
    Hangup,
    InCallRequest,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    Target,
)
from sipclient.transport import Network

LIMIT = 20  # seconds for one call
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


async def finish(run: Run, call: Call) -> CallEnded:
    """The end of the call here and of the scenario there."""
    end = await call.ended()
    await run.finish()
    return end


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("media", ["none", "rtp"])
async def test_answered(sipp: Sipp, transport: str, media: str) -> None:
    run = sipp.start("answer", transport=transport)
    async with asyncio.timeout(LIMIT), calling(run.port, transport=transport, media=media) as client:
        async with client.call("7000") as call:
            assert call.state == "answered"
        end = await finish(run, call)
        assert (end.status, end.cause, end.by, end.answered) == (200, "NORMAL_CLEARING", "local", True)
        assert [state async for state in call] == ["calling", "ringing", "answered", "ended"]


@pytest.mark.parametrize(
    ("status", "phrase", "header", "cause"),
    [
        (486, "Busy Here", "X-Why: not", "USER_BUSY"),
        (404, "Not Found", "X-Why: not", "UNALLOCATED_NUMBER"),
        (480, "Temporarily Unavailable", "Reason: Q.850;cause=20", "SUBSCRIBER_ABSENT"),
        (480, "Temporarily Unavailable", "Reason: Q.850;cause=0", "NO_USER_RESPONSE"),
        (488, "Not Acceptable Here", 'Warning: 399 pbx "no codec"', "INCOMPATIBLE_DESTINATION"),
        (603, "Decline", "X-Why: not", "CALL_REJECTED"),
        (302, "Moved Temporarily", "Contact: <sip:7001@127.0.0.1>", "NORMAL_UNSPECIFIED"),
        (422, "Session Interval Too Small", "X-Why: not", "NORMAL_UNSPECIFIED"),
        (401, "Unauthorized", 'WWW-Authenticate: Basic realm="pbx"', "CALL_REJECTED"),
        (491, "Request Pending", "X-Why: not", None),
    ],
)
async def test_refused(sipp: Sipp, status: int, phrase: str, header: str, cause: str | None) -> None:
    run = sipp.start("refuse", words={"STATUS": f"{status} {phrase}", "HEADER": header})
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        with pytest.raises(CallFailed) as failed:
            await client.call("7000")
        assert failed.value.status == status
        assert cause is None or failed.value.cause == cause
        await run.finish()
    assert len(run.received(b"INVITE")) == 1


@pytest.mark.parametrize("more", ["", ', algorithm=MD5, qop="auth"', ', qop="auth,auth-int", opaque="o"'])
async def test_challenged(sipp: Sipp, more: str) -> None:
    """RFC 7616 §3.4: SIPp works the digest out for itself. (It does so for 401 only; Kamailio asks with 407.)"""
    run = sipp.start("challenge", words={"HEADER": f'WWW-Authenticate: Digest realm="pbx", nonce="n1"{more}'})
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        async with client.call("7000") as call:
            pass
        await finish(run, call)


async def test_redirected_where_the_user_lets_it(sipp: Sipp) -> None:
    """RFC 3261 §8.1.3.4."""
    run = sipp.start("redirect")
    client = Client(account(run.port), follow=lambda uri: uri.startswith("sip:7001@"))
    async with asyncio.timeout(LIMIT), client:
        async with client.call("7000") as call:
            pass
        await finish(run, call)
    assert client.failures == 0


@pytest.mark.parametrize(
    "scenario",
    [
        "interval_too_small",
        "reliable",
        "update",
        "ack_lost",
        "bye_unknown",
        "forked",
        "sends_back",
        "asks_inside",
        "refreshed_by_them",
        "offer_again",
        "update_with_offer",
    ],
)
async def test_answered_through_trouble(sipp: Sipp, scenario: str) -> None:
    """The scenario says what the trouble is; we hang up when the other side has had its say.

    422 (RFC 4028 §7.3), PRACK (RFC 3262 §4), UPDATE (RFC 3311 §5.2), 2xx again and forked 2xx (RFC 3261 §13.2.2.4),
    BYE that is not known (§15.1.1), our own INVITE sent back (RFC 3261 §16.3), requests in the dialog
    (RFC 3261 §12.2.2), session refreshes (RFC 4028 §9), offers in the call (RFC 3261 §14.2).
    """
    run = sipp.start(scenario)
    async with asyncio.timeout(LIMIT), calling(run.port, media="rtp") as client:
        async with client.call("7000") as call:
            await until(lambda: asked_all(run, scenario), f"{scenario}: SIPp has asked all it wants")
        end = await finish(run, call)
        assert (end.answered, end.by) == (True, "local")


async def test_requests_inside_the_call_are_told(sipp: Sipp) -> None:
    run = sipp.start("asks_inside")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        told: list[str] = []
        news = client.events()
        async with client.call("7000"):
            async for event in news:
                if isinstance(event, InCallRequest):
                    told.append(event.method)
                    if event.method == "REFER":
                        break
            await until(lambda: len(run.received(b"SIP/2.0 405")) == 1, "405")
        await run.finish()
        assert told == ["INFO", "MESSAGE", "REFER"]


async def test_both_offer_at_once(sipp: Sipp) -> None:
    """491 both ways, and ours comes again after two to four seconds, for we made the Call-ID (RFC 3261 §14.1)."""
    run = sipp.start("glare")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        news = client.events()
        async with client.call("7000") as call:
            client.do(Offer(call.id, SDP))
            answer = await first(news, lambda event: isinstance(event, OfferAnswered))
            assert (answer.status, b"m=audio" in answer.body) == (200, True)
        await finish(run, call)
    assert len(run.received(b"SIP/2.0 491")) == 1


async def first(news: Any, wanted: Callable[[Event], bool]) -> Any:
    """The first event that is wanted."""
    async for event in news:
        if wanted(event):
            return event
    pytest.fail("the events ended")


async def test_cancelled_while_it_rings(sipp: Sipp) -> None:
    """RFC 3261 §9.1."""
    run = sipp.start("cancel")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        call = client.dial("7000")
        async for state in call:
            if state == "ringing":
                call.hangup()
        end = await finish(run, call)
        assert (end.cause, end.by, end.answered) == ("ORIGINATOR_CANCEL", "local", False)


async def test_not_answered_in_time_is_cancelled(sipp: Sipp) -> None:
    run = sipp.start("cancel")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        with pytest.raises(CallFailed) as failed:
            await client.call("7000", timeout=0.5)
        assert failed.value.cause == "NO_ANSWER"
        await run.finish()
    (cancel,) = run.received(b"CANCEL")
    assert b"Reason: Q.850;cause=19" in cancel


async def test_the_answer_crosses_our_cancel(sipp: Sipp) -> None:
    """The 200 stands, so it is acknowledged, and the call is ended by BYE (RFC 3261 §15)."""
    run = sipp.start("cancel_late")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        call = client.dial("7000")
        async for state in call:
            if state == "ringing":
                call.hangup()
        end = await finish(run, call)
        assert end.by == "local"
    assert (len(run.received(b"ACK")), len(run.received(b"BYE"))) == (1, 1)


async def test_the_other_side_hangs_up(sipp: Sipp) -> None:
    run = sipp.start("hangs_up")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        async with client.call("7000") as call:
            end = await finish(run, call)
        assert (end.by, end.cause, end.q850, end.answered) == ("remote", "NORMAL_UNSPECIFIED", 31, True)


async def test_the_offer_comes_with_the_answer(sipp: Sipp) -> None:
    """RFC 3261 §13.2.1: the answer to it goes with the ACK."""
    run = sipp.start("late_offer")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        news = client.events()
        id = client.next_id()
        client.do(Invite(id, client.accounts[0].key, "7000"))
        answered: Answered = await first(news, lambda event: isinstance(event, Answered))
        assert answered.offer
        assert b"m=audio" in answered.body
        client.do(AnswerOffer(id, SDP))
        client.do(Hangup(id))
        end = await first(news, lambda event: isinstance(event, CallEnded))
        assert end.answered
        await run.finish()


async def test_a_new_offer_reaches_the_user(sipp: Sipp) -> None:
    run = sipp.start("offer_again")
    async with asyncio.timeout(LIMIT), calling(run.port) as client:
        news = client.events()
        id = client.next_id()
        client.do(Invite(id, client.accounts[0].key, "7000", body=SDP))
        offer: OfferReceived = await first(news, lambda event: isinstance(event, OfferReceived))
        assert b"m=audio" in offer.body
        client.do(AnswerOffer(id, SDP))
        await until(lambda: len(run.received(b"SIP/2.0 200")) == 1, "the answer to the re-INVITE arrives")
        client.do(Hangup(id))
        await first(news, lambda event: isinstance(event, CallEnded))
        await run.finish()


class TwoServers:
    """A name whose first server is one SIPp and whose second is another."""

    def __init__(self, *ports: int) -> None:
        self._ports = ports

    async def resolve(self, server: str, family: socket.AddressFamily | None = None) -> tuple[tuple[Target, ...], str]:
        return tuple(Target("udp", "127.0.0.1", port, "pbx.test") for port in self._ports), ""


async def test_503_and_then_the_second_server(sipp: Sipp) -> None:
    """RFC 3263 §4.3."""
    busy, good = sipp.start("busy_server"), sipp.start("answer")

    def network(deliver: Deliver, accounts: Callable[[str], Account], tell: Callable[[Event], None]) -> Wires:
        return Network(deliver, accounts, resolver=TwoServers(busy.port, good.port), trace=tell)

    async with asyncio.timeout(LIMIT), Client(account(busy.port), network=network) as client:
        async with client.call("7000") as call:
            pass
        await busy.finish()
        await finish(good, call)
        assert client.failures == 0
    assert len(busy.received(b"INVITE")) == 1
    branches = {data.split(b"branch=")[1][:40] for run in (busy, good) for data in run.received(b"INVITE")}
    assert len(branches) == 2, "each target gets a branch of its own"
