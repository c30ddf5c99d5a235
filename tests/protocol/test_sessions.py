"""Inside a call, both sides: session timers (RFC 4028), re-offers (RFC 3261 §14), PRACK, what crosses what."""

from __future__ import annotations

import pytest
from support.inside import CONTACT, SDP, Inside
from support.peer import transaction_free

from sipclient.errors import InvalidValue
from sipclient.message import Request
from sipclient.protocol.events import (
    Answer,
    Answered,
    AnswerOffer,
    CallEnded,
    Hangup,
    InCallRequest,
    InCallResponded,
    IncomingCall,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    OfferWithdrawn,
    Reject,
    Ring,
    SendInCall,
)


def test_the_caller_refreshes_where_it_can_and_the_session_ends_where_it_does_not(bench) -> None:
    inside = Inside(bench, ("Session-Expires", "100"), ("Supported", "timer"), ours=False)
    assert inside.ok.session_expires == (100, "uac")
    assert "timer" in inside.ok.require
    bench.wire.run(50)
    assert inside.say("UPDATE", ("Session-Expires", "100;refresher=uac"), ("Supported", "timer"))[-1].status == 200
    bench.wire.run(50)
    assert not bench.robot.of(CallEnded)
    bench.wire.run(20)
    assert bench.pbx.requests("BYE")
    bench.wire.run(32)
    assert inside.ended().by == "network"


def test_we_refresh_by_reinvite_where_the_caller_knows_no_timer_and_no_update(bench) -> None:
    inside = Inside(bench, ("Session-Expires", "100"), ("Allow", "INVITE, ACK, BYE"), ours=False)
    assert inside.ok.session_expires == (100, "uas")
    assert not inside.ok.require
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200, CONTACT, ("Session-Expires", "100"))])
    bench.wire.run(51)
    (reinvite,) = bench.pbx.requests("INVITE")
    assert reinvite.body == SDP
    assert bench.pbx.requests("ACK")
    assert not bench.robot.of(OfferAnswered) or bench.robot.of(OfferAnswered)[0].status == 200


def test_a_refresh_of_ours_that_fails_ends_the_session_in_time(bench) -> None:
    inside = Inside(bench, answer=(("Session-Expires", "100;refresher=uac"), ("Allow", "UPDATE")))
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 500)])
    bench.wire.run(70)
    assert bench.pbx.requests("UPDATE")
    assert inside.ended()


def test_an_update_that_turns_the_timer_off_turns_it_off(bench) -> None:
    Inside(bench, answer=(("Session-Expires", "100;refresher=uas"), ("Require", "timer"))).say("UPDATE")
    bench.wire.run(300)
    assert not bench.robot.of(CallEnded)


def test_422_inside_a_call_raises_the_interval(bench) -> None:
    inside = Inside(bench, answer=(("Session-Expires", "100;refresher=uac"), ("Allow", "UPDATE")))

    def handle(request: Request) -> list[bytes]:
        if request.session_expires[0] < 200:
            return [bench.pbx.reply(request, 422, ("Min-SE", "200"))]
        return [bench.pbx.reply(request, 200, ("Session-Expires", "200;refresher=uac"))]

    bench.pbx.handler = transaction_free(handle)
    bench.wire.run(51)
    assert [r.session_expires[0] for r in bench.pbx.requests("UPDATE")] == [100, 200]
    assert bench.pbx.requests("UPDATE")[-1].min_se == 200
    assert inside


def test_a_too_small_interval_inside_a_call_is_422(bench) -> None:
    inside = Inside(bench)
    answer = inside.say("UPDATE", ("Session-Expires", "30"), ("Supported", "timer"))[-1]
    assert (answer.status, answer.min_se) == (422, 90)


def test_an_interval_that_is_too_small_and_cannot_be_refused_is_no_session_timer(bench) -> None:
    """RFC 4028 §9: a caller that knows no timer cannot be told 422, and no interval is below 90 seconds."""
    inside = Inside(bench, ("Session-Expires", "2"), ours=False)
    assert inside.ok.session_expires == (0, "")
    assert inside.say("UPDATE", ("Session-Expires", "89"))[-1].session_expires == (0, "")
    bench.wire.run(60)
    assert not bench.pbx.requests("INVITE")
    assert not bench.robot.of(CallEnded)


def test_a_session_without_a_timer(bench) -> None:
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP, session_expires=0.0))
    bench.wire.run(0.1)
    assert bench.pbx.requests("INVITE")[0].headers.get("Session-Expires") is None


def test_an_endless_422_ends(bench) -> None:
    bench.add(register=False)
    bench.pbx.handler = transaction_free(
        lambda r: [bench.pbx.reply(r, 422, ("Min-SE", "90"))] if r.method == "INVITE" else []
    )
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(1)
    assert len(bench.pbx.requests("INVITE")) == 2
    assert bench.robot.of(CallEnded)[0].status == 422


@pytest.mark.parametrize("ours", [True, False])
def test_an_offer_of_ours_is_answered(bench, ours) -> None:
    inside = Inside(bench, ours=ours)
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200, CONTACT, body=b"v=1\r\n")])
    bench.robot.do(Offer(inside.id, b"v=0\r\nhold", method="UPDATE"))
    bench.wire.run(0.1)
    assert bench.pbx.requests("UPDATE")[0].body == b"v=0\r\nhold"
    bench.robot.do(Offer(inside.id, b"v=0\r\nhold"))
    bench.wire.run(0.1)
    answers = bench.robot.of(OfferAnswered)
    assert [(a.status, a.body) for a in answers] == [(200, b"v=1\r\n")] * 2
    reinvite = bench.pbx.requests("INVITE")[-1]
    bench.pbx.send(bench.pbx.flows[-1], bench.pbx.reply(reinvite, 200, CONTACT))  # its 200 again
    bench.wire.run(0.1)
    acks = [ack for ack in bench.pbx.requests("ACK") if ack.cseq.number == reinvite.cseq.number]
    assert len(acks) == 2


def test_an_offer_that_is_refused_is_told_and_the_call_goes_on(bench) -> None:
    inside = Inside(bench)
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 488)] if r.method != "ACK" else [])
    bench.robot.do(Offer(inside.id, SDP))
    bench.wire.run(0.1)
    assert bench.robot.of(OfferAnswered)[0].status == 488
    assert not bench.robot.of(CallEnded)


def test_one_offer_at_a_time(bench) -> None:
    inside = Inside(bench)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Offer(inside.id, SDP))
    bench.robot.do(Offer(inside.id, SDP))
    assert bench.robot.of(OfferAnswered)[0].status == 491
    assert inside.say("UPDATE", CONTACT, body=SDP)[-1].status == 491
    assert inside.say("UPDATE", CONTACT)[-1].status == 200  # without a description there is no glare


def test_offers_before_there_is_a_call_are_refused(bench) -> None:
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.robot.do(Offer(1, SDP))
    assert bench.robot.of(OfferAnswered)[0].status == 481
    bench.robot.do(SendInCall(1, 5, "INFO"))
    assert bench.robot.of(InCallResponded)[0].status == 481
    bench.robot.do(AnswerOffer(1, SDP))
    bench.robot.do(Offer(99, SDP))
    with pytest.raises(InvalidValue):
        bench.robot.do(Offer(1, SDP, method="BYE"))


def test_a_reoffer_to_a_call_we_answered(bench) -> None:
    inside = Inside(bench, ours=False)
    inside.say("INVITE", CONTACT, body=SDP)
    bench.robot.do(AnswerOffer(inside.id, SDP))
    bench.wire.run(0.1)
    assert bench.pbx.responses("INVITE")[-1].body == SDP
    inside.ack(inside.cseq)
    bench.robot.do(AnswerOffer(inside.id, SDP))  # nobody asked
    bench.wire.run(40)
    assert not bench.robot.of(CallEnded)


def test_a_body_that_is_no_description_is_415(bench) -> None:
    answer = Inside(bench).say("INVITE", CONTACT, body=b"x", content_type="text/plain")[-1]
    assert (answer.status, answer.headers.get("Accept")) == (415, "application/sdp")


def cancel(inside: Inside) -> None:
    branch = inside.bench.pbx.responses("INVITE")[-1].via.branch
    named = {"cseq": inside.cseq, "branch": branch, "call_id": inside.call_id}
    inside.inject(inside.bench.pbx.request("CANCEL", "sip:robot@10.0.0.2", **named))


def test_a_cancelled_reinvite_is_answered_487_and_its_offer_is_withdrawn(bench) -> None:
    """RFC 3261 §9.2, §14.2."""
    inside = Inside(bench)
    inside.say("INVITE", CONTACT, body=SDP)
    cancel(inside)
    assert bench.pbx.responses("CANCEL")[-1].status == 200
    assert bench.pbx.responses("INVITE")[-1].status == 487
    assert bench.robot.of(OfferWithdrawn) == [OfferWithdrawn(1)]
    bench.robot.do(AnswerOffer(1, SDP))
    bench.wire.run(0.1)
    assert bench.pbx.responses("INVITE")[-1].status == 487
    assert not bench.robot.of(CallEnded)
    inside.say("INVITE", CONTACT, body=SDP)
    bench.robot.do(AnswerOffer(1, SDP))
    bench.wire.run(0.1)
    assert bench.pbx.responses("INVITE")[-1].status == 200


def test_a_cancel_that_crosses_the_answer_to_a_reinvite_changes_nothing(bench) -> None:
    inside = Inside(bench)
    inside.say("INVITE", CONTACT, body=SDP)
    bench.robot.do(AnswerOffer(1, SDP))
    bench.wire.run(0.1)
    cancel(inside)
    assert bench.pbx.responses("CANCEL")[-1].status == 200
    invite = bench.pbx.responses("INVITE")[-1]
    assert invite.status == 200
    assert not bench.robot.of(OfferWithdrawn)
    uri, named = "sip:robot@10.0.0.2", {"call_id": inside.call_id, "from_": inside.remote, "to": inside.local}
    inside.inject(bench.pbx.request("ACK", uri, cseq=inside.cseq, branch=invite.via.branch, **named))
    count = len(bench.pbx.inbox)
    bench.wire.run(5)
    assert len(bench.pbx.inbox) == count


def test_a_bye_while_a_reoffer_waits_ends_both(bench) -> None:
    inside = Inside(bench)
    inside.say("INVITE", CONTACT, body=SDP)
    inside.say("BYE")
    assert {(r.cseq.method, r.status) for r in bench.pbx.responses()} >= {("BYE", 200), ("INVITE", 487)}
    assert inside.ended().by == "remote"


def test_requests_after_our_bye_get_481(bench) -> None:
    inside = Inside(bench)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Hangup(1))
    assert inside.say("INFO")[-1].status == 481
    bench.robot.do(Hangup(1))
    assert len(bench.pbx.requests("BYE")) == 1


def test_a_bye_nobody_answers_ends_the_call_all_the_same(bench) -> None:
    inside = Inside(bench)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Hangup(1))
    bench.wire.run(33)
    assert inside.ended().cause == "NORMAL_CLEARING"
    bench.wire.run(10)
    assert bench.robot.agent.idle


def test_silence_to_a_request_in_the_call_ends_it(bench) -> None:
    """RFC 3261 §12.2.1.2: 408 ends the dialog."""
    inside = Inside(bench, ours=False)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(SendInCall(inside.id, 3, "INFO"))
    bench.wire.run(33)
    assert bench.robot.of(InCallResponded)[0].status == 408
    bench.wire.run(33)
    assert (inside.ended().cause, inside.ended().by) == ("RECOVERY_ON_TIMER_EXPIRE", "network")
    assert bench.robot.agent.idle


def test_requests_of_ours_in_a_call_we_answered(bench) -> None:
    inside = Inside(bench, ours=False)
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200)])
    bench.robot.do(SendInCall(inside.id, 3, "INFO"))
    bench.wire.run(0.1)
    assert bench.robot.of(InCallResponded)[0].status == 200


def test_commands_that_come_too_late_or_twice_change_nothing(bench) -> None:
    inside = Inside(bench, ours=False)
    count = len(bench.robot.sent)
    for command in (Ring(inside.id), Answer(inside.id), Reject(inside.id, 486), Ring(-99), Answer(-99), Hangup(-99)):
        bench.robot.do(command)
    bench.robot.do(Offer(-99, SDP))
    assert len(bench.robot.sent) == count
    inside.say("BYE")
    bench.robot.do(Hangup(inside.id))


def test_hanging_up_what_rings_refuses_it(bench) -> None:
    bench.add(register=False)
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    id = bench.robot.of(IncomingCall)[0].id
    bench.robot.do(Offer(id, SDP))
    assert bench.robot.of(OfferAnswered)[0].status == 481
    bench.robot.do(SendInCall(id, 1, "INFO"))
    bench.robot.do(Hangup(id, "SIP;cause=600"))
    bench.wire.run(0.1)
    final = bench.pbx.responses("INVITE")[-1]
    assert (final.status, final.headers.get("Reason")) == (603, "SIP;cause=600")


def test_a_second_reliable_provisional_waits_for_the_first_prack(bench) -> None:
    bench.add(register=False)
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, ("Require", "100rel"), body=SDP)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    id = bench.robot.of(IncomingCall)[0].id
    bench.robot.do(Ring(id))
    bench.robot.do(Ring(id, 183))
    bench.robot.do(Ring(id, 200))  # not provisional at all
    bench.wire.run(0.1)
    assert [r.status for r in bench.pbx.responses("INVITE")] == [100, 180]
    bench.robot.do(Answer(id, body=SDP))
    bench.wire.run(0.1)
    assert bench.pbx.responses("INVITE")[-1].status == 200


def test_an_invite_without_a_description_gets_our_offer_and_the_answer_comes_with_the_ack(bench) -> None:
    bench.add(register=False)
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, cseq=5)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    id = bench.robot.of(IncomingCall)[0].id
    bench.robot.do(Answer(id, body=SDP))
    bench.wire.run(0.1)
    ok = bench.pbx.responses("INVITE")[-1]
    ack = bench.pbx.request("ACK", "sip:robot@10.0.0.2", to=ok.headers.get("To"), cseq=5, body=b"v=0\r\n")
    bench.wire.inject(bench.robot, ack, source=("10.0.0.1", 5060))
    assert bench.robot.of(Answered)[0].body == b"v=0\r\n"


def test_a_late_offer_hung_up_before_it_is_answered_is_acked_first(bench) -> None:
    bench.add(register=False)
    bench.pbx.handler = transaction_free(
        lambda r: [] if r.method == "ACK" else [bench.pbx.reply(r, 200, CONTACT, body=SDP)]
    )
    bench.robot.do(Invite(1, "pbx", "7000"))
    bench.wire.run(0.1)
    invite = bench.pbx.requests("INVITE")[0]
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(invite, 200, CONTACT, body=SDP))  # again, before our ACK
    bench.wire.run(0.1)
    assert not bench.pbx.requests("ACK")
    bench.robot.do(Hangup(1))
    bench.wire.run(0.1)
    assert len(bench.pbx.requests("ACK")) == 1
    assert bench.pbx.requests("BYE")
    assert len(bench.robot.of(OfferReceived)) == 0


def test_strict_routers_get_the_request_uri_they_expect(bench) -> None:
    """RFC 3261 §12.2.1.1: a first route without `lr` becomes the Request-URI."""
    inside = Inside(bench, answer=(("Record-Route", "<sip:10.0.0.1;x=y>"),))
    bench.robot.do(Hangup(1))
    bench.wire.run(0.1)
    (bye,) = bench.pbx.requests("BYE")
    assert bye.uri_text == "sip:10.0.0.1;x=y"
    assert bye.headers.all("Route") == ["<sip:pbx@10.0.0.1:5060>"]
    assert inside.ended()


@pytest.mark.parametrize("contact", ["<sip:x@nowhere.invalid>", "<tel:+14155550123>", "<sip:x@10.0.0.1;transport=tcp>"])
def test_contacts_nobody_can_resolve_fall_back_to_where_the_call_came_from(bench, contact) -> None:
    bench.add(register=False)
    bench.pbx.handler = transaction_free(
        lambda r: [] if r.method == "ACK" else [bench.pbx.reply(r, 200, ("Contact", contact))]
    )
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    assert bench.pbx.requests("ACK")
    bench.robot.do(Hangup(1))
    bench.wire.run(0.2)
    assert bench.pbx.requests("BYE")


def test_a_contact_by_name_is_resolved(bench) -> None:
    from sipclient.protocol.events import Target

    bench.wire.names["sip:x@pbx.test"] = (Target("udp", "10.0.0.1", 5060),)
    test_contacts_nobody_can_resolve_fall_back_to_where_the_call_came_from(bench, "<sip:x@pbx.test>")


@pytest.mark.parametrize("targets", [(), ("<sip:a@pbx.test>", "<sip:b@pbx.test>")])
def test_a_refer_names_exactly_one_target(bench, targets) -> None:
    """RFC 3515 §2.4.2."""
    inside = Inside(bench)
    assert inside.say("REFER", CONTACT, *(("Refer-To", target) for target in targets))[-1].status == 400
    assert not bench.robot.of(InCallRequest)
    assert inside.say("REFER", CONTACT, ("Refer-To", "<sip:a@pbx.test>"))[-1].status == 603
