"""Our calls: answered, refused, cancelled, forked, challenged, redirected (RFC 3261 §13, §9, RFC 3262, RFC 4028)."""

from __future__ import annotations

import gc
from collections import Counter

import pytest
from support.peer import transaction_free

from sipclient.errors import InvalidValue
from sipclient.message import Request, Response
from sipclient.protocol.dialog import Dialog
from sipclient.protocol.events import (
    Answered,
    AnswerOffer,
    CallEnded,
    Calling,
    Follow,
    Hangup,
    InCallRequest,
    InCallResponded,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    Redirected,
    Ringing,
    SendInCall,
)
from sipclient.protocol.exchange import Exchange
from sipclient.protocol.outgoing import OutgoingCall
from sipclient.protocol.session import Session
from sipclient.protocol.transaction import ClientTransaction

SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


@pytest.fixture
def line(bench):
    """An account without registration."""
    bench.add(register=False)
    return bench


def answering(bench, *replies: bytes | tuple) -> None:
    """INVITE gets these (status, headers...) in turn, all at once; every other request gets 200."""

    def handler(request: Request) -> list[bytes]:
        if request.method == "ACK":
            return []
        if request.method != "INVITE":
            return [bench.pbx.reply(request, 200)]
        return [bench.pbx.reply(request, status, *headers) for status, *headers in replies]

    bench.pbx.handler = transaction_free(handler)


def call(bench, **more: object) -> None:
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP, **more))  # type: ignore[arg-type]
    bench.wire.run(0.2)


def ended(bench) -> CallEnded:
    (event,) = bench.robot.of(CallEnded)
    return event


def test_a_call_is_placed_answered_and_hung_up(line) -> None:
    answering(line, (100,), (180,), (200, CONTACT))
    call(line)
    invite = line.pbx.requests("INVITE")[0]
    assert invite.uri_text == "sip:7000@pbx.test"
    assert invite.body == SDP
    assert [type(e) for e in line.robot.events if isinstance(e, Calling | Ringing | Answered)] == [
        Calling,
        Ringing,
        Answered,
    ]
    (ack,) = line.pbx.requests("ACK")
    assert ack.cseq.number == invite.cseq.number
    assert ack.uri_text == "sip:pbx@10.0.0.1:5060"
    assert ack.via.branch != invite.via.branch
    assert ack.to_tag == "peer"
    line.robot.do(Hangup(1, 'Q.850;cause=16;text="NORMAL_CLEARING"'))
    line.wire.run(0.2)
    (bye,) = line.pbx.requests("BYE")
    assert bye.cseq.number == invite.cseq.number + 1
    assert bye.headers.get("Reason") == 'Q.850;cause=16;text="NORMAL_CLEARING"'
    assert (ended(line).cause, ended(line).by, ended(line).answered) == ("NORMAL_CLEARING", "local", True)
    line.wire.run(100)
    assert line.robot.agent.idle


def test_each_retransmitted_200_gets_the_same_ack(line) -> None:
    answering(line, (200, CONTACT))
    call(line)
    invite = line.pbx.requests("INVITE")[0]
    for _ in range(3):
        line.pbx.send(line.pbx.flows[0], line.pbx.reply(invite, 200, CONTACT))
        line.wire.run(0.1)
    acks = [raw for raw in line.pbx.raw if raw.startswith(b"ACK")]
    assert len(acks) == 4
    assert len(set(acks)) == 1


@pytest.mark.parametrize(
    ("status", "header", "cause", "q850"),
    [
        (486, None, "USER_BUSY", 17),
        (404, None, "UNALLOCATED_NUMBER", 1),
        (480, ("Reason", 'Q.850;cause=19;text="no answer"'), "NO_ANSWER", 19),
        (480, ("Reason", "Q.850;cause=0"), "NO_USER_RESPONSE", 18),
        (488, ("Reason", 'Q.850;cause="broken'), "INCOMPATIBLE_DESTINATION", 88),
        (503, None, "NORMAL_TEMPORARY_FAILURE", 41),
        (699, None, "NORMAL_UNSPECIFIED", 31),
    ],
)
def test_a_refusal_is_acked_and_told_by_cause(line, status, header, cause, q850) -> None:
    answering(line, (status, *([header] if header else [])))
    call(line)
    (ack,) = line.pbx.requests("ACK")
    invite = line.pbx.requests("INVITE")[0]
    assert ack.via.branch == invite.via.branch
    assert ack.to_tag == "peer"
    assert (ended(line).status, ended(line).cause, ended(line).q850) == (status, cause, q850)
    line.wire.run(100)
    assert line.robot.agent.idle


def test_an_invite_is_retransmitted_and_given_up_after_32_seconds(line) -> None:
    start = line.wire.now
    call(line)
    line.wire.run(40)
    offsets = [round(at - start - 0.01, 1) for at in line.pbx.at]
    assert offsets == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert ended(line).cause == "RECOVERY_ON_TIMER_EXPIRE"
    assert line.robot.times[-1] - start == pytest.approx(32, abs=0.1)
    assert line.robot.agent.idle


def test_hangup_before_any_answer_waits_for_a_provisional_before_it_cancels(line) -> None:
    call(line)
    line.robot.do(Hangup(1))
    line.wire.run(0.1)
    assert not line.pbx.requests("CANCEL")
    answering(line, (180,))
    line.wire.run(1)
    (cancel,) = line.pbx.requests("CANCEL")
    invite = line.pbx.requests("INVITE")[0]
    assert cancel.via.branch == invite.via.branch
    assert cancel.cseq.number == invite.cseq.number
    assert cancel.uri_text == invite.uri_text
    line.pbx.send(line.pbx.flows[0], line.pbx.reply(invite, 487))
    line.wire.run(0.2)
    assert line.pbx.requests("ACK")
    assert (ended(line).cause, ended(line).by) == ("ORIGINATOR_CANCEL", "local")


@pytest.mark.parametrize(
    ("reason", "cause", "q850"),
    [
        ('Q.850;cause=19;text="NO_ANSWER"', "NO_ANSWER", 19),
        ('SIP;cause=200;text="Call completed elsewhere"', "LOSE_RACE", 0),
        ("SIP;cause=200, Q.850;cause=17", "USER_BUSY", 17),
        ("SIP;cause=408", "ORIGINATOR_CANCEL", 0),
        ("Q.850;cause=0", "ORIGINATOR_CANCEL", 0),
    ],
)
def test_a_call_that_we_cancel_ends_with_the_cause_that_we_give(line, reason: str, cause: str, q850: int) -> None:
    """RFC 3326 §2, §3.1."""
    answering(line, (180,))
    call(line)
    line.robot.do(Hangup(1, reason))
    line.wire.run(0.1)
    (cancel,) = line.pbx.requests("CANCEL")
    assert cancel.headers.get("Reason") == reason
    line.pbx.send(line.pbx.flows[0], line.pbx.reply(line.pbx.requests("INVITE")[0], 487))
    line.wire.run(0.2)
    assert (ended(line).cause, ended(line).q850, ended(line).by) == (cause, q850, "local")


def test_cancel_that_crosses_a_200_ends_in_ack_and_bye(line) -> None:
    answering(line, (180,))
    call(line)
    line.robot.do(Hangup(1))
    line.wire.run(0.1)
    invite = line.pbx.requests("INVITE")[0]
    line.pbx.send(line.pbx.flows[0], line.pbx.reply(invite, 200, CONTACT))
    line.wire.run(0.2)
    assert len(line.pbx.requests("ACK")) == 1
    assert len(line.pbx.requests("BYE")) == 1
    assert not line.robot.of(Answered)
    assert ended(line).cause == "ORIGINATOR_CANCEL"
    line.wire.run(100)
    assert line.robot.agent.idle


def test_a_peer_that_ignores_cancel_is_given_64_t1(line) -> None:
    answering(line, (180,))
    call(line)
    line.robot.do(Hangup(1))
    line.wire.run(31)
    assert not line.robot.of(CallEnded)
    line.wire.run(2)
    assert ended(line).cause == "ORIGINATOR_CANCEL"


def test_the_timeout_cancels_with_no_answer(line) -> None:
    answering(line, (180,))
    call(line, timeout=20.0)
    line.wire.run(20)
    (cancel,) = line.pbx.requests("CANCEL")
    assert "cause=19" in (cancel.headers.get("Reason") or "")
    invite = line.pbx.requests("INVITE")[0]
    line.pbx.send(line.pbx.flows[0], line.pbx.reply(invite, 487))
    line.wire.run(0.2)
    assert (ended(line).cause, ended(line).q850, ended(line).by) == ("NO_ANSWER", 19, "timeout")
    assert "20 seconds" in ended(line).reason


def test_forks_one_200_is_kept_the_others_are_acked_and_byed(line) -> None:
    answering(line, (180,))
    call(line)
    invite = line.pbx.requests("INVITE")[0]
    for tag in ("one", "two", "three"):
        line.pbx.send(line.pbx.flows[0], line.pbx.reply(invite, 200, CONTACT, tag=tag))
    line.wire.run(0.2)
    assert len(line.robot.of(Answered)) == 1
    assert {ack.to_tag for ack in line.pbx.requests("ACK")} == {"one", "two", "three"}
    assert {bye.to_tag for bye in line.pbx.requests("BYE")} == {"two", "three"}
    assert not line.robot.of(CallEnded)
    line.robot.do(Hangup(1))
    line.wire.run(0.2)
    assert {bye.to_tag for bye in line.pbx.requests("BYE")} == {"one", "two", "three"}
    assert ended(line).cause == "NORMAL_CLEARING"
    line.wire.run(100)
    assert line.robot.agent.idle


def test_a_200_that_comes_again_after_the_end_gets_its_ack_again_and_a_new_forks_is_byed(line) -> None:
    answering(line, (200, CONTACT))
    call(line)
    invite = line.pbx.requests("INVITE")[0]
    line.robot.do(Hangup(1))
    line.wire.run(0.2)
    assert ended(line).cause == "NORMAL_CLEARING"
    for tag in ("peer", "late", "late"):
        line.pbx.send(line.pbx.flows[0], line.pbx.reply(invite, 200, CONTACT, tag=tag))
        line.wire.run(0.2)
    acks = [raw for raw in line.pbx.raw if raw.startswith(b"ACK")]
    assert acks[0] == acks[1] and acks[2] == acks[3]
    assert [ack.to_tag for ack in line.pbx.requests("ACK")] == ["peer", "peer", "late", "late"]
    assert [bye.to_tag for bye in line.pbx.requests("BYE")] == ["peer", "late"]
    assert ended(line).cause == "NORMAL_CLEARING"
    line.wire.run(100)
    assert line.robot.agent.idle


def test_a_call_that_ended_leaves_nothing_for_the_garbage_collector(line) -> None:
    answering(line, (180,), (200, CONTACT))

    def known() -> Counter[str]:
        wanted = (OutgoingCall, Session, Dialog, Exchange, ClientTransaction)
        return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in wanted)

    gc.collect()
    gc.disable()
    try:
        before = known()
        call(line)
        line.robot.do(Hangup(1))
        line.wire.run(0.2)
        assert ended(line).answered
        while_it_lingers = known()
        line.wire.run(100)
        after = known()
    finally:
        gc.enable()
    assert not {"Session", "Dialog"} & set(while_it_lingers - before)  # of other tests some may be left
    assert after == before


def test_a_challenge_is_answered_with_a_new_branch_and_cseq_and_the_ack_carries_credentials(line) -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="pbx", nonce="n", algorithm=SHA-256, qop="auth"')

    def handler(request: Request) -> list[bytes]:
        if request.method == "INVITE":
            if not request.authorizations:
                return [line.pbx.reply(request, 407, challenge)]
            return [line.pbx.reply(request, 200, CONTACT)]
        return []

    line.pbx.handler = transaction_free(handler)
    call(line)
    first, second = line.pbx.requests("INVITE")
    assert second.cseq.number == first.cseq.number + 1
    assert second.via.branch != first.via.branch
    assert second.from_tag == first.from_tag
    assert second.call_id == first.call_id
    assert second.authorizations[0].proxy
    acks = line.pbx.requests("ACK")
    assert [bool(ack.authorizations) for ack in acks] == [False, True]
    assert len(line.robot.of(Calling)) == 1


def test_a_bye_challenged_by_a_stranger_puts_no_response_on_the_wire(line) -> None:
    from support.peer import Peer

    stranger = Peer(line.wire, "10.0.0.66")
    stranger.handler = transaction_free(
        lambda r: (
            [] if r.method == "ACK" else [stranger.reply(r, 401, ("WWW-Authenticate", 'Digest realm="pbx", nonce="1"'))]
        )
    )
    answering(line, (200, ("Contact", "<sip:x@10.0.0.66>")))
    call(line)
    line.robot.do(Hangup(1))
    line.wire.run(1)
    assert len(stranger.requests("BYE")) == 1
    assert not any(b"response=" in data for _, data in line.robot.sent)
    assert ended(line).cause == "NORMAL_CLEARING"


def test_reliable_provisionals_are_pracked_once_and_in_order(line) -> None:
    reliable = [("Require", "100rel"), CONTACT]
    answering(line, (183, ("RSeq", "7"), *reliable), (183, ("RSeq", "7"), *reliable), (180, ("RSeq", "8"), *reliable))
    call(line)
    assert [prack.rack for prack in line.pbx.requests("PRACK")] == [(7, 1, "INVITE"), (8, 1, "INVITE")]
    assert [prack.cseq.number for prack in line.pbx.requests("PRACK")] == [2, 3]


def test_a_3xx_is_told_and_followed_only_when_told_to(line) -> None:
    answering(line, (302, ("Contact", "<sip:8000@10.0.0.1>")))
    call(line)
    (redirected,) = line.robot.of(Redirected)
    assert redirected.contacts == ("sip:8000@10.0.0.1",)
    assert len(line.pbx.requests("INVITE")) == 1
    answering(line, (200, CONTACT))
    line.robot.do(Follow(1, "sip:8000@10.0.0.1"))
    line.wire.run(0.2)
    assert line.pbx.requests("INVITE")[-1].uri_text == "sip:8000@10.0.0.1"
    assert line.robot.of(Answered)


def test_a_redirect_may_be_declined(line) -> None:
    answering(line, (302, ("Contact", "<sip:8000@10.0.0.1>")))
    call(line)
    line.robot.do(Hangup(1))
    line.wire.run(0.1)
    assert ended(line)
    line.wire.run(100)
    assert line.robot.agent.idle


def test_422_raises_the_session_timer(line) -> None:
    def handler(request: Request) -> list[bytes]:
        if request.method != "INVITE":
            return []
        if request.session_expires[0] < 3600:
            return [line.pbx.reply(request, 422, ("Min-SE", "3600"))]
        return [line.pbx.reply(request, 200, CONTACT)]

    line.pbx.handler = transaction_free(handler)
    call(line)
    second = line.pbx.requests("INVITE")[1]
    assert second.session_expires[0] == 3600
    assert second.min_se == 3600
    assert line.robot.of(Answered)


def test_a_session_we_refresh_is_refreshed_at_half_by_update(line) -> None:
    answering(
        line,
        (200, CONTACT, ("Session-Expires", "100;refresher=uac"), ("Allow", "INVITE, UPDATE"), ("Require", "timer")),
    )
    call(line)
    line.wire.run(51)
    (update,) = line.pbx.requests("UPDATE")
    assert update.session_expires == (100, "uac")
    assert not update.body


def test_a_session_the_peer_does_not_refresh_ends(line) -> None:
    answering(line, (200, CONTACT, ("Session-Expires", "100;refresher=uas")))
    call(line)
    line.wire.run(69)
    assert line.pbx.requests("BYE")
    assert ended(line).by == "network"


def test_a_refresh_answered_481_ends_the_call(line) -> None:
    def handler(request: Request) -> list[bytes]:
        if request.method == "INVITE":
            return [
                line.pbx.reply(request, 200, CONTACT, ("Session-Expires", "100;refresher=uac"), ("Allow", "UPDATE"))
            ]
        return [] if request.method == "ACK" else [line.pbx.reply(request, 481)]

    line.pbx.handler = transaction_free(handler)
    call(line)
    line.wire.run(60)
    assert ended(line).answered
    line.wire.run(100)
    assert line.robot.agent.idle


def test_an_empty_invite_takes_the_offer_of_the_200_and_answers_in_the_ack(line) -> None:
    def handler(request: Request) -> list[bytes]:
        return [line.pbx.reply(request, 200, CONTACT, body=SDP)] if request.method == "INVITE" else []

    line.pbx.handler = transaction_free(handler)
    line.robot.do(Invite(1, "pbx", "7000"))
    line.wire.run(0.1)
    (answered,) = line.robot.of(Answered)
    assert answered.offer
    assert not line.pbx.requests("ACK")
    line.robot.do(AnswerOffer(1, SDP))
    line.wire.run(0.1)
    assert line.pbx.requests("ACK")[0].body == SDP


def test_a_late_offer_that_cannot_be_answered_is_acked_and_ended(line) -> None:
    def handler(request: Request) -> list[bytes]:
        if request.method == "INVITE":
            return [line.pbx.reply(request, 200, CONTACT, body=SDP)]
        return [] if request.method == "ACK" else [line.pbx.reply(request, 200)]

    line.pbx.handler = transaction_free(handler)
    line.robot.do(Invite(1, "pbx", "7000"))
    line.wire.run(0.1)
    line.robot.do(AnswerOffer(1, status=488, warnings=((305, "no common codec"),)))
    line.wire.run(0.1)
    assert line.pbx.requests("ACK")
    assert "no common codec" in (line.pbx.requests("BYE")[0].headers.get("Reason") or "")
    assert ended(line)


def in_call(bench) -> Request:
    answering(bench, (200, CONTACT))
    call(bench)
    return bench.pbx.requests("INVITE")[0]


def peer_request(bench, invite: Request, method: str, *headers, cseq: int, **more) -> Response | None:
    before = len(bench.pbx.inbox)
    data = bench.pbx.request(
        method,
        "sip:robot@10.0.0.2",
        *headers,
        call_id=invite.call_id,
        from_="<sip:7000@pbx.test>;tag=peer",
        to=f"<sip:robot@pbx.test>;tag={invite.from_tag}",
        cseq=cseq,
        **more,
    )
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    answers = [each for each in bench.pbx.inbox[before:] if isinstance(each, Response)]
    return answers[-1] if answers else None


def test_the_peer_hangs_up(line) -> None:
    invite = in_call(line)
    reason = ("Reason", 'Q.850;cause=17;text="busy"')
    assert peer_request(line, invite, "BYE", reason, cseq=1).status == 200
    assert (ended(line).cause, ended(line).by) == ("USER_BUSY", "remote")
    assert peer_request(line, invite, "BYE", cseq=2).status == 481  # a late one
    line.wire.run(100)
    assert line.robot.agent.idle


def test_an_update_without_a_description_is_answered_and_told(line) -> None:
    invite = in_call(line)
    assert peer_request(line, invite, "UPDATE", ("Contact", "<sip:moved@10.0.0.1>"), cseq=1).status == 200
    assert line.robot.of(InCallRequest)[0].method == "UPDATE"
    line.robot.do(Hangup(1))
    line.wire.run(0.1)
    assert line.pbx.requests("BYE")[0].uri_text == "sip:moved@10.0.0.1"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_reoffer_is_handed_to_the_user_and_answered(line, method) -> None:
    invite = in_call(line)
    peer_request(line, invite, method, CONTACT, cseq=1, body=SDP)
    (offer,) = line.robot.of(OfferReceived)
    assert offer.body == SDP
    line.robot.do(AnswerOffer(1, b"v=0\r\n"))
    line.wire.run(0.1)
    answer = line.pbx.responses(method)[-1]
    assert (answer.status, answer.body) == (200, b"v=0\r\n")
    if method == "INVITE":
        line.wire.run(0.6)
        assert len([r for r in line.pbx.responses("INVITE") if r.status == 200]) >= 2  # until its ACK
        ack = line.pbx.request(
            "ACK",
            "sip:robot@10.0.0.2",
            call_id=invite.call_id,
            from_="<sip:7000@pbx.test>;tag=peer",
            to=f"<sip:robot@pbx.test>;tag={invite.from_tag}",
            cseq=1,
        )
        line.wire.inject(line.robot, ack, source=("10.0.0.1", 5060))
        count = len(line.pbx.inbox)
        line.wire.run(10)
        assert len(line.pbx.inbox) == count


def test_a_reoffer_that_is_refused_gets_488_with_a_warning(line) -> None:
    invite = in_call(line)
    peer_request(line, invite, "INVITE", CONTACT, cseq=1, body=SDP)
    line.robot.do(AnswerOffer(1, status=488, warnings=((305, "no codec of ours"), (306, "no key"))))
    line.wire.run(0.1)
    answer = line.pbx.responses("INVITE")[-1]
    assert answer.status == 488
    assert [*answer.headers.all("Warning")] == ['305 pbx.test "no codec of ours"', '306 pbx.test "no key"']


def test_glare_is_491_and_ours_is_tried_again(line) -> None:
    invite = in_call(line)
    line.pbx.handler = lambda message, flow: ()
    line.robot.do(Offer(1, SDP))
    line.wire.run(0.1)
    assert peer_request(line, invite, "INVITE", CONTACT, cseq=1, body=SDP).status == 491
    ours = line.pbx.requests("INVITE")[-1]
    line.pbx.send(line.pbx.flows[0], line.pbx.reply(ours, 491))
    answering(line, (200, CONTACT))
    line.wire.run(2.0)
    assert line.pbx.requests("INVITE")[-1].cseq.number == ours.cseq.number
    line.wire.run(2.2)
    assert line.pbx.requests("INVITE")[-1].cseq.number > ours.cseq.number
    assert line.robot.of(OfferAnswered)[-1].status == 200


def test_a_second_reoffer_while_one_waits_is_500_with_retry_after(line) -> None:
    invite = in_call(line)
    peer_request(line, invite, "INVITE", CONTACT, cseq=1, body=SDP)
    answer = peer_request(line, invite, "INVITE", CONTACT, cseq=2, body=SDP)
    assert answer.status == 500
    assert 0 <= (answer.retry_after or -1) <= 10


def test_requests_out_of_order_get_500(line) -> None:
    invite = in_call(line)
    assert peer_request(line, invite, "INFO", cseq=5).status == 200
    assert peer_request(line, invite, "INFO", cseq=4).status == 500


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("INFO", (), 200),
        ("MESSAGE", (), 200),
        ("OPTIONS", (), 200),
        ("REFER", (("Refer-To", "<sip:9000@pbx.test>"),), 603),
        ("PUBLISH", (), 405),
        ("PRACK", (("RAck", "1 1 INVITE"),), 481),
        ("INFO", (("Require", "teleport"),), 420),
        ("INFO", (("Content-Encoding", "gzip"),), 415),
    ],
)
def test_requests_in_the_call(line, method, headers, status) -> None:
    invite = in_call(line)
    assert peer_request(line, invite, method, *headers, cseq=1).status == status


def test_requests_of_ours_in_the_call(line) -> None:
    in_call(line)
    line.robot.do(SendInCall(1, 9, "INFO", (("X-A", "b"),), b"Signal=1", "application/dtmf-relay"))
    line.wire.run(0.1)
    (info,) = line.pbx.requests("INFO")
    assert (info.headers.get("X-A"), info.content_type, info.body) == ("b", "application/dtmf-relay", b"Signal=1")
    assert line.robot.of(InCallResponded)[0].status == 200
    line.robot.do(SendInCall(77, 10, "INFO"))
    assert line.robot.of(InCallResponded)[1].status == 481


def test_both_hang_up_at_once(line) -> None:
    invite = in_call(line)
    line.pbx.handler = lambda message, flow: ()
    line.robot.do(Hangup(1))
    assert peer_request(line, invite, "BYE", cseq=1).status == 200
    assert ended(line).by == "local"
    line.wire.run(100)
    assert line.robot.agent.idle


@pytest.mark.parametrize(
    "values",
    [
        {"to": "7000\r\nX-Evil: 1"},
        {"to": "<sip:7000@x>"},
        {"to": ""},
        {"to": "sip:"},
        {"caller_id": '"a\r\nb" <1>'},
        {"caller_id": '"a" <1> <2>'},
        {"caller_id": "x" * 10_000},
        {"headers": (("X-A", "b\r\nX-C: d"),)},
        {"headers": (("X A", "b"),)},
        {"headers": (("X-A", "b\0"),)},
        {"headers": (("Via", "SIP/2.0/UDP x"),)},
        {"headers": (("v", "SIP/2.0/UDP x"),)},
        {"content_type": "a/b\r\nX: y"},
    ],
)
def test_values_that_would_make_other_headers_are_refused_and_nothing_is_sent(line, values) -> None:
    count = len(line.robot.sent)
    with pytest.raises(InvalidValue):
        line.robot.do(Invite(1, **{"account": "pbx", "to": "7000", **values}))
    line.wire.run(1)
    assert len(line.robot.sent) == count
    assert not line.robot.agent._stations["pbx"].calls


def test_caller_id_in_every_header_the_account_says(bench) -> None:
    bench.add(register=False, identity=("from", "pai", "rpid", "ppi"))
    bench.robot.do(Invite(1, "pbx", "7000", caller_id='"Ext \\"1001\\" is free" <1001>'))
    bench.wire.run(0.1)
    (invite,) = bench.pbx.requests("INVITE")
    for name in ("From", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"):
        assert (invite.headers.get(name) or "").startswith('"Ext \\"1001\\" is free" <sip:1001@pbx.test>'), name
    assert invite.from_.display_name == 'Ext "1001" is free'


def test_a_private_call_names_nobody_in_from(bench) -> None:
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", caller_id='"Me" <1001>', private=True))
    bench.wire.run(0.1)
    (invite,) = bench.pbx.requests("INVITE")
    assert invite.headers.get("Privacy") == "id"
    assert "anonymous.invalid" in (invite.headers.get("From") or "")
    assert "1001" in (invite.headers.get("P-Asserted-Identity") or "")


@pytest.mark.parametrize(("kinds", "asserted"), [(("pai",), "<sip:robot@pbx.test>"), (("from",), None)])
def test_a_private_call_without_a_caller_id_asserts_the_account(bench, kinds, asserted) -> None:
    bench.add(register=False, identity=kinds)
    bench.robot.do(Invite(1, "pbx", "7000", private=True))
    bench.wire.run(0.1)
    (invite,) = bench.pbx.requests("INVITE")
    assert invite.headers.get("P-Asserted-Identity") == asserted
    assert invite.headers.get("Privacy") == "id"
    assert "anonymous.invalid" in (invite.headers.get("From") or "")


def test_an_unreachable_server_ends_the_call_with_words(bench) -> None:
    bench.add(register=False, server="tcp:10.0.0.99:5060")
    bench.robot.do(Invite(1, "pbx", "7000"))
    bench.wire.run(1)
    assert "refused" in ended(bench).reason
    assert ended(bench).cause == "NETWORK_OUT_OF_ORDER"


def test_a_large_invite_moves_to_tcp_and_back_where_tcp_is_refused(line) -> None:
    big = (("X-Big", "x" * 1400),)
    line.robot.do(Invite(1, "pbx", "7000", headers=big))
    line.wire.run(0.2)
    (invite,) = line.pbx.requests("INVITE")
    assert invite.via.transport == "TCP"
    line.pbx.node.up = False
    line.robot.do(Invite(2, "pbx", "7000", headers=big))
    line.wire.run(0.2)
    line.pbx.node.up = True
    line.wire.run(0.6)
    assert line.pbx.requests("INVITE")[-1].via.transport in ("UDP", "TCP")


@pytest.mark.parametrize("status", [100, 180])
def test_a_call_without_a_limit_ends_three_minutes_after_the_last_news(bench, status) -> None:
    """RFC 3261 §13.3.1.1: who still rings says so every minute; §16.6: as long as Timer C."""
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, status)] if r.method == "INVITE" else [])
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000"))
    bench.wire.run(170)
    invite = bench.pbx.requests("INVITE")[0]
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(invite, 180))
    bench.wire.run(170)
    assert not bench.pbx.requests("CANCEL")
    bench.wire.run(11)
    assert bench.pbx.requests("CANCEL")
    bench.wire.run(33)
    (ended,) = bench.robot.of(CallEnded)
    assert (ended.by, ended.cause) == ("timeout", "RECOVERY_ON_TIMER_EXPIRE")
    assert "180 seconds" in ended.reason
    bench.wire.run(64)
    assert bench.robot.agent.idle


def test_a_limit_of_the_users_holds_instead(bench) -> None:
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 180)] if r.method == "INVITE" else [])
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", timeout=600.0))
    bench.wire.run(599)
    assert not bench.pbx.requests("CANCEL")


def test_a_call_id_that_begins_as_the_user_says(line) -> None:
    """RFC 3261 §8.1.1.4: what follows keeps it our own."""
    answering(line, (100,), (200, CONTACT))
    call(line, call_id="order-17")
    sent = line.pbx.requests("INVITE")[0].call_id
    assert sent.startswith("order-17-") and sent != "order-17-"
    with pytest.raises(InvalidValue, match="is no id"):
        line.robot.do(Invite(2, "pbx", "7000", body=SDP, call_id="a\r\nX: y"))
