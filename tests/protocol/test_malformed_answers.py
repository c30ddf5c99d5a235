"""Answers that are malformed: what decides nothing is left out of them; a 2xx to an INVITE of which more is wrong is
acknowledged, and the call ended (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

import time

import pytest
from support.peer import transaction_free

from sipclient.message import Request, Response
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Hangup,
    Invite,
    Offer,
    OfferAnswered,
    Registered,
    Responded,
    SendRequest,
)
from sipclient.protocol.wellformed import mended

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


def answering(bench, *headers: tuple[str, str], copies: int = 1, change: tuple[bytes, bytes] = (b"", b"")):
    def handler(request: Request) -> list[bytes]:
        if request.method == "INVITE":
            return [bench.pbx.reply(request, 200, *headers, body=SDP).replace(*change)] * copies
        return [bench.pbx.reply(request, 200)] if request.method == "BYE" else []

    return transaction_free(handler)


BROKEN = ("Retry-After", "in a minute"), ("Contact", "<<<"), ("Session-Expires", "soon"), ("Content-Type", "text")


@pytest.mark.parametrize("header", [*BROKEN, ("Record-Route", "<sip:a"), ("Require", "@")])
def test_a_refusal_means_what_its_status_says(bench, header) -> None:
    """RFC 3261 §21.4.24: a robot that calls again where it was busy must know that it was."""
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 486, header)] if r.method == "INVITE" else [])
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    (ended,) = bench.robot.of(CallEnded)
    assert (ended.status, ended.cause, ended.by) == (486, "USER_BUSY", "remote")


def test_a_broken_challenge_beside_a_good_one_is_left_out(bench) -> None:
    bad, good = (("WWW-Authenticate", f'Digest realm="r"{mark} nonce="n"') for mark in ("", ","))
    bench.pbx.handler = transaction_free(
        lambda r: [bench.pbx.reply(r, 200) if r.authorizations else bench.pbx.reply(r, 401, bad, good)]
    )
    bench.add()
    assert bench.robot.of(Registered)


def test_no_more_is_looked_at_than_anyone_needs() -> None:
    """Robustness 1: 29,000 contacts that are none, in one answer."""
    lines = [("Via", "SIP/2.0/UDP h;branch=x"), ("From", "<sip:a@h>"), ("To", "<sip:b@h>"), ("Call-ID", "x")]
    hostile = Response(486, headers=[*lines, ("CSeq", "1 INVITE"), *[("m", ",<" * 120)] * 240])
    begun = time.perf_counter()
    assert mended(hostile)
    assert time.perf_counter() - begun < 0.05
    assert "Contact" not in hostile.headers


@pytest.mark.parametrize(
    "header",
    [("Authentication-Info", "nextnonce"), ("Expires", "Thu, 01 Dec 1994"), ("Retry-After", ""), ("Min-SE", "x")],
)
def test_what_only_informs_spoils_no_answer(bench, header) -> None:
    bench.pbx.handler = answering(bench, CONTACT, header)
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    assert bench.robot.of(Answered)
    assert not bench.pbx.requests("BYE")


@pytest.mark.parametrize(
    "headers",
    [
        [("Contact", "<<<")],
        [CONTACT, ("Record-Route", "<sip:a")],
        [CONTACT, ("Session-Expires", "soon")],
        [CONTACT, ("CSeq", "1 INVITE")],
        [CONTACT, ("Require", "timer,,@")],
    ],
)
def test_it_is_acknowledged_and_ended(bench, headers) -> None:
    bench.pbx.handler = answering(bench, *headers)
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    (ack,), (bye,) = bench.pbx.requests("ACK"), bench.pbx.requests("BYE")
    assert ack.to_tag == bye.to_tag == "peer"
    assert bye.uri_text == ("sip:7000@pbx.test" if headers[0][1] == "<<<" else "sip:pbx@10.0.0.1:5060")
    (ended,) = bench.robot.of(CallEnded)
    assert "malformed" in ended.reason
    assert (ended.by, ended.answered, ended.cause) == ("network", False, "NETWORK_OUT_OF_ORDER")
    assert not bench.robot.of(Answered)
    bench.wire.run(64)
    assert bench.robot.agent.idle


def test_each_copy_is_acknowledged(bench) -> None:
    bench.pbx.handler = answering(bench, CONTACT, ("Session-Expires", "soon"), copies=3)
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    assert len(bench.pbx.requests("ACK")) == 3
    assert len(bench.pbx.requests("BYE")) == 1


def test_one_whose_dialog_cannot_be_read_is_a_failure_with_words(bench) -> None:
    bench.pbx.handler = answering(bench, CONTACT, change=(b"To: <", b"To: <<"))
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    assert not bench.pbx.requests("ACK")
    assert "malformed" in bench.robot.of(CallEnded)[0].reason


def test_one_that_crossed_our_cancel_is_ended_as_the_user_said(bench) -> None:
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 180)] if r.method == "INVITE" else [])
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    bench.robot.do(Hangup(1))
    bench.pbx.handler = answering(bench)
    invite = bench.pbx.requests("INVITE")[0]
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(invite, 200, ("Contact", "<<<")))
    bench.wire.run(0.1)
    assert bench.pbx.requests("ACK")
    assert bench.pbx.requests("BYE")
    assert bench.robot.of(CallEnded)[0].by == "local"


@pytest.mark.parametrize("body", [SDP, b""])
def test_one_to_a_reinvite_ends_the_call(bench, body) -> None:
    bench.pbx.handler = answering(bench, CONTACT, ("Session-Expires", "90;refresher=uac"))
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP if body else b""))
    bench.wire.run(0.1)
    bench.pbx.handler = answering(bench, ("Contact", "<<<"), copies=2)
    if body:
        bench.robot.do(Offer(1, SDP))
    bench.wire.run(60)
    assert bench.pbx.requests("BYE")
    assert [event.status for event in bench.robot.of(OfferAnswered)] == ([502] if body else [])
    (ended,) = bench.robot.of(CallEnded)
    assert ended.by == "network"
    assert "malformed" in ended.reason
    bench.wire.run(64)
    assert bench.robot.agent.idle


def test_one_to_a_reinvite_that_crossed_our_bye_is_acknowledged(bench) -> None:
    bench.pbx.handler = answering(bench, CONTACT)
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    bench.pbx.handler = transaction_free(lambda request: [])
    bench.robot.do(Offer(1, SDP))
    bench.robot.do(Hangup(1))
    bench.wire.run(0.1)
    reinvite = bench.pbx.requests("INVITE")[-1]
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(reinvite, 200, ("Contact", "<<<")))
    bench.wire.run(0.1)
    assert bench.pbx.requests("ACK")[-1].cseq.number == reinvite.cseq.number
    bench.wire.run(64)
    assert len({bye.via.branch for bye in bench.pbx.requests("BYE")}) == 1
    assert bench.robot.of(CallEnded)[0].by == "local"


def test_one_after_a_good_one_is_nothing_new(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: [bench.pbx.reply(r, 200), bench.pbx.reply(r, 200, ("Contact", "<<<"))]
    )
    bench.add(register=False)
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    bench.wire.run(0.1)
    (responded,) = bench.robot.of(Responded)
    assert not responded.reason
