"""Calls that reach us: answered, refused, redirected, given up, or taken by nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sipclient import Account, CallFailed, Client, InvalidValue, MediaError
from sipclient.message import Request, parse
from sipclient.protocol.events import (
    Answer,
    Answered,
    CallEnded,
    Hangup,
    IncomingCall,
    Redirect,
    Reject,
    Ring,
)

CANCELLED = CallEnded(-1, 487, "ORIGINATOR_CANCEL", 0, "Request Terminated", "remote", False)


def invite(number: int = 1, *, account: str = "pbx", body: bytes = b"their offer", flow: Any = None) -> IncomingCall:
    request = parse(
        b"INVITE sip:robot@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\n"
        b'From: "Ann \\"A\\" Lee" <sip:1001@pbx.example.com>;tag=f\r\nTo: <sip:robot@pbx.example.com>\r\n'
        b"Call-ID: c%d@x\r\nCSeq: 1 INVITE\r\nX-Queue: sales\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (number, len(body), body)
    )
    assert isinstance(request, Request)
    return IncomingCall(-number, account, request, flow)


@pytest.fixture(name="client")
async def client_fixture(bench: Any) -> Any:
    accounts = [Account("sip:robot@pbx.example.com", name=name, register=False) for name in ("pbx", "other")]
    async with Client(*accounts, **bench.parts()) as client:
        yield client


@pytest.fixture(name="arrive")
def arrive_fixture(bench: Any, client: Client) -> Any:
    return lambda number=1, **more: bench.say(invite(number, flow=bench.flow, **more))


async def test_a_call_nobody_asks_for_gets_480(bench: Any, arrive: Any) -> None:
    arrive()
    assert bench.engine.of(Reject) == [Reject(-1, 480)]


async def test_what_a_call_says_of_itself(client: Client, arrive: Any) -> None:
    calls = client.incoming()
    arrive()
    call = await anext(calls)
    assert (call.caller, call.caller_name, call.account) == ("1001", 'Ann "A" Lee', "pbx")
    assert call.headers.get("x-queue") == "sales"
    assert str(call.to.uri) == "sip:robot@pbx.example.com"
    assert call.call.call_id == "c1@x"
    assert client.calls == (call.call,)
    assert "1001" in repr(call)


async def test_answering_sends_our_description_and_waits_for_the_ack(
    bench: Any, client: Client, arrive: Any, settle: Any
) -> None:
    calls = client.incoming()
    arrive()
    call = await anext(calls)
    call.ring()
    answering = asyncio.create_task(call.answer((("X-Robot", "1"),)))
    await settle()
    assert bench.engine.told[-2:] == [Ring(-1), Answer(-1, (("X-Robot", "1"),), b"our answer")]
    assert not answering.done()
    bench.say(Answered(-1))
    answered = await answering
    assert answered.state == "answered"
    assert [state async for state in _until(answered, 2)] == ["calling", "answered"]
    assert bench.media.log == [("answer", b"their offer")]


async def _until(call: Any, count: int) -> Any:
    async for state in call:
        yield state
        count -= 1
        if not count:
            return


async def test_a_late_offer_is_made_by_us_and_its_answer_comes_with_the_ack(
    bench: Any, client: Client, arrive: Any, settle: Any
) -> None:
    calls = client.incoming()
    arrive(body=b"")
    call = await anext(calls)
    answering = asyncio.create_task(call.answer())
    await settle()
    assert bench.engine.told[-1] == Answer(-1, (), b"our offer")
    bench.say(Answered(-1, None, b"their answer"))
    await answering
    await settle()
    assert bench.media.log == [("offer", b""), ("apply", b"their answer")]


async def test_an_offer_that_cannot_be_answered_is_refused_with_the_reason(
    bench: Any, client: Client, arrive: Any
) -> None:
    calls = client.incoming()
    bench.media.trouble = MediaError('no codec in common:\r\n"opus" only')
    arrive()
    with pytest.raises(MediaError):
        await (await anext(calls)).answer()
    warning = r'399 sipclient "no codec in common:  \"opus\" only"'
    assert bench.engine.told[-1] == Reject(-1, 488, headers=(("Warning", warning),))


async def test_a_caller_who_gives_up_while_media_are_made_ready_is_not_answered(
    bench: Any, client: Client, arrive: Any, settle: Any
) -> None:
    calls = client.incoming()
    bench.media.gate = asyncio.Event()
    arrive()
    answering = asyncio.create_task((await anext(calls)).answer())
    await settle()
    bench.say(CANCELLED)
    bench.media.gate.set()
    with pytest.raises(CallFailed, match="ORIGINATOR_CANCEL"):
        await answering
    assert bench.engine.of(Answer) == []
    assert bench.media.closed >= 1


async def test_a_caller_whose_ack_never_comes_is_a_failed_call(
    bench: Any, client: Client, arrive: Any, settle: Any
) -> None:
    calls = client.incoming()
    arrive()
    answering = asyncio.create_task((await anext(calls)).answer())
    await settle()
    bench.say(CallEnded(-1, 408, "RECOVERY_ON_TIMER_EXPIRE", 102, "no ACK", "timeout", False))
    with pytest.raises(CallFailed, match="RECOVERY_ON_TIMER_EXPIRE"):
        await answering


async def test_cancelling_the_answer_hangs_up(bench: Any, client: Client, arrive: Any, settle: Any) -> None:
    calls = client.incoming()
    arrive()
    answering = asyncio.create_task((await anext(calls)).answer())
    await settle()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert bench.engine.told[-1] == Hangup(-1)


@pytest.mark.parametrize(
    ("why", "status"), [(486, 486), (603, 603), ("USER_BUSY", 486), ("call_rejected", 603), ("NO_ANSWER", 480)]
)
async def test_refusing(bench: Any, client: Client, arrive: Any, why: int | str, status: int) -> None:
    calls = client.incoming()
    arrive()
    (await anext(calls)).reject(why)
    refused = bench.engine.told[-1]
    assert (refused.id, refused.status) == (-1, status)
    assert bool(refused.headers) == isinstance(why, str)  # a cause is told in words too (RFC 3326 §2)


@pytest.mark.parametrize("why", [200, 302, 700, 0, "NO_SUCH_CAUSE", ""])
async def test_what_refuses_nothing_is_invalid(client: Client, arrive: Any, why: int | str) -> None:
    calls = client.incoming()
    arrive()
    with pytest.raises(InvalidValue):
        (await anext(calls)).reject(why)


async def test_redirecting(bench: Any, client: Client, arrive: Any) -> None:
    calls = client.incoming()
    arrive()
    (await anext(calls)).redirect("sip:1002@pbx.example.com", "sip:1003@pbx.example.com")
    contacts = ("sip:1002@pbx.example.com", "sip:1003@pbx.example.com")
    assert bench.engine.told[-1] == Redirect(-1, contacts)


async def test_nothing_is_said_to_a_caller_who_has_gone(bench: Any, client: Client, arrive: Any) -> None:
    calls = client.incoming()
    arrive()
    call = await anext(calls)
    bench.say(CANCELLED)
    told = len(bench.engine.told)
    call.ring()
    call.reject()
    call.redirect("sip:1002@x")
    assert [value for value in bench.engine.told[told:] if value != "packet"] == []


async def test_whoever_gave_up_unread_is_no_news(bench: Any, client: Client, arrive: Any) -> None:
    calls = client.incoming()
    arrive(1)
    arrive(2)
    bench.say(CANCELLED)
    assert (await anext(calls)).call.id == -2


async def test_each_reader_gets_its_accounts_calls(bench: Any, client: Client, arrive: Any) -> None:
    others, any_call = client.incoming("other"), client.incoming()
    arrive(1)
    arrive(2, account="other")
    assert (await anext(any_call)).call.id == -1
    assert (await anext(others)).call.id == -2


async def test_closing_a_reader_refuses_those_who_wait(bench: Any, client: Client, arrive: Any) -> None:
    async with client.incoming():
        arrive(1)
    arrive(2)
    assert bench.engine.of(Reject) == [Reject(-1, 480), Reject(-2, 480)]


async def test_a_burst_waits_for_its_reader_and_what_is_too_much_is_asked_to_come_back(
    bench: Any, client: Client, arrive: Any
) -> None:
    """RFC 3261 §21.5.4: more at once than two readings of the socket bring is overload, and no absence."""
    calls = client.incoming()
    for number in range(1, 514):
        arrive(number)
    assert bench.engine.of(Reject) == [Reject(-513, 503, headers=(("Retry-After", "4"),))]
    assert calls.dropped == 0
    bench.say(CallEnded(-7, 487, "ORIGINATOR_CANCEL", 0, "", "remote", False))  # who gave up takes no place
    arrive(514)
    assert len(bench.engine.of(Reject)) == 1
    assert [(await anext(calls)).call.id for _ in range(7)] == [-1, -2, -3, -4, -5, -6, -8]
    second = client.incoming()
    for number in range(515, 522):
        arrive(number)
    arrive(522)
    assert (await anext(second)).call.id == -522  # another reader has room
    assert len(bench.engine.of(Reject)) == 1


async def test_a_caller_of_no_user_part_is_called_by_its_uri(bench: Any, client: Client) -> None:
    calls = client.incoming()
    event = invite(flow=bench.flow)
    event.request.headers.set("From", "<sip:pbx.example.com>;tag=f")
    bench.say(event)
    assert (await anext(calls)).caller == "sip:pbx.example.com"
