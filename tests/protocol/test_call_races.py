"""Inside and at the edges of a call: what crosses what (RFC 3261 §12-§15, RFC 3262, RFC 5407)."""

from __future__ import annotations

import pytest
from support.peer import Peer, transaction_free

from sipclient.message import Request, Response, parse
from sipclient.protocol.events import (
    Answer,
    Answered,
    AnswerOffer,
    CallEnded,
    Hangup,
    InCallResponded,
    IncomingCall,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    Packet,
    Ring,
    Ringing,
    SendInCall,
)
from sipclient.protocol.limits import Limits

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
RELIABLE = (("Require", "100rel"), CONTACT)


class Call:
    """A call of ours; the PBX says what the test tells it to."""

    def __init__(self, bench, **invite: object) -> None:
        self.bench, self.wire, self.robot, self.pbx = bench, bench.wire, bench.robot, bench.pbx
        bench.add(register=False)
        bench.robot.do(Invite(1, "pbx", "7000", **{"body": SDP, **invite}))
        bench.wire.run(0.05)
        self.cseq = 0

    @property
    def invite(self) -> Request:
        return self.pbx.requests("INVITE")[0]

    def say(
        self, status: int, *headers: tuple[str, str], to: Request | None = None, tag: str = "peer", body=b""
    ) -> None:
        self.pbx.send(self.pbx.flows[0], self.pbx.reply(to or self.invite, status, *headers, tag=tag, body=body))
        self.wire.run(0.05)

    def request(
        self, method: str, *headers: tuple[str, str], cseq: int = 0, body: bytes = b"", tag: str = "peer"
    ) -> list[Response]:
        self.cseq = cseq or self.cseq + 1
        data = self.pbx.request(
            method,
            "sip:robot@10.0.0.2",
            *headers,
            call_id=self.invite.call_id,
            from_=f"<sip:7000@pbx.test>;tag={tag}",
            to=f"<sip:robot@pbx.test>;tag={self.invite.from_tag}",
            cseq=self.cseq,
            body=body,
        )
        before = len(self.pbx.inbox)
        self.wire.inject(self.robot, data, source=("10.0.0.1", 5060))
        self.wire.run(0.05)
        return [m for m in self.pbx.inbox[before:] if isinstance(m, Response)]

    def ended(self) -> CallEnded:
        (event,) = self.robot.of(CallEnded)
        return event

    def idle(self) -> bool:
        self.wire.run(100)
        return bool(self.robot.agent.idle)


@pytest.fixture
def call(bench) -> Call:
    return Call(bench)


# --- PRACK ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [481, 408])
def test_a_prack_that_crosses_the_200_does_not_end_the_call(call, status) -> None:
    """The peer had answered already, and knows nothing of a provisional any more."""
    call.say(183, ("RSeq", "1"), *RELIABLE)
    call.say(200, CONTACT)
    call.say(status, to=call.pbx.requests("PRACK")[0])
    call.wire.run(1)
    assert call.robot.of(Answered)
    assert not call.pbx.requests("BYE")
    assert not call.robot.of(CallEnded)


def test_a_prack_that_is_refused_before_the_answer_ends_nothing_either(call) -> None:
    call.say(183, ("RSeq", "1"), *RELIABLE)
    call.say(481, to=call.pbx.requests("PRACK")[0])
    assert not call.pbx.requests("BYE")
    call.robot.do(Hangup(1))
    call.wire.run(0.1)
    assert call.pbx.requests("CANCEL")
    call.say(487)
    assert call.ended().cause == "ORIGINATOR_CANCEL"
    assert call.idle()


def test_forks_ring_with_early_media_and_each_is_pracked_in_its_own_dialog(call) -> None:
    for tag in ("one", "two"):
        call.say(183, ("RSeq", "7"), *RELIABLE, tag=tag, body=b"v=0\r\n" + tag.encode())
    assert [(p.to_tag, p.rack, p.cseq.number) for p in call.pbx.requests("PRACK")] == [
        ("one", (7, 1, "INVITE"), 2),
        ("two", (7, 1, "INVITE"), 2),
    ]
    assert [r.body[-3:] for r in call.robot.of(Ringing)] == [b"one", b"two"]
    call.say(200, CONTACT, tag="two")
    call.say(180, tag="one")  # late, of the branch that lost
    assert call.request("BYE")[-1].status == 481  # of nobody: tag `peer` never rang
    assert len(call.robot.of(Answered)) == 1


def test_no_reliable_provisional_is_asked_for_without_an_offer(bench) -> None:
    """RFC 3262 §5: it could bring an offer, which the PRACK would have to answer."""
    assert "100rel" not in Call(bench, body=b"").invite.supported


class Incoming:
    """A call to us, not answered yet."""

    def __init__(self, bench, *headers: tuple[str, str], body: bytes = SDP) -> None:
        self.bench, self.wire, self.robot, self.pbx = bench, bench.wire, bench.robot, bench.pbx
        bench.add(register=False)
        data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, *headers, body=body, cseq=1)
        self.send(data)
        self.id = bench.robot.of(IncomingCall)[0].id

    def send(self, data: bytes) -> None:
        self.wire.inject(self.robot, data, source=("10.0.0.1", 5060))
        self.wire.run(0.05)

    def do(self, command: object) -> None:
        self.robot.do(command)
        self.wire.run(0.05)

    def statuses(self, method: str = "INVITE") -> list[int]:
        return [r.status for r in self.pbx.responses(method)]

    def request(self, method: str, *headers: tuple[str, str], cseq: int, **more: object) -> None:
        to = self.pbx.responses("INVITE")[-1].headers.get("To") or ""
        self.send(self.pbx.request(method, "sip:robot@10.0.0.2", *headers, to=to, cseq=cseq, **more))

    def prack(self, cseq: int) -> None:
        rseq = next(r.rseq for r in reversed(self.pbx.responses("INVITE")) if r.rseq)
        self.request("PRACK", ("RAck", f"{rseq} 1 INVITE"), cseq=cseq)


def test_a_prack_that_crosses_our_200_is_acknowledged(bench) -> None:
    """RFC 3262 §3: a 481 would tell the caller that the dialog is gone."""
    call = Incoming(bench, ("Supported", "100rel"))
    call.do(Ring(call.id, reliable=True))
    call.do(Answer(call.id, body=SDP))
    assert call.statuses() == [100, 180, 200]
    call.prack(cseq=2)
    assert call.statuses("PRACK") == [200]


def test_an_answer_waits_for_the_prack_of_early_media(bench) -> None:
    """RFC 3262 §3: no 2xx while a description in a reliable provisional is not acknowledged."""
    call = Incoming(bench, ("Supported", "100rel"))
    call.do(Ring(call.id, 183, body=SDP, reliable=True))
    call.do(Answer(call.id, body=SDP))
    call.do(Ring(call.id, 180))
    assert call.statuses() == [100, 183]
    call.prack(cseq=2)
    assert call.statuses("PRACK") == [200]
    assert call.statuses() == [100, 183, 200]
    call.request("ACK", cseq=1)
    assert call.robot.of(Answered)


def test_a_call_cancelled_while_its_answer_waits_for_the_prack_is_over(bench) -> None:
    call = Incoming(bench, ("Supported", "100rel"))
    call.do(Ring(call.id, 183, body=SDP, reliable=True))
    call.do(Answer(call.id, body=SDP))
    branch = call.pbx.responses("INVITE")[0].via.branch
    call.send(call.pbx.request("CANCEL", "sip:robot@10.0.0.2", cseq=1, branch=branch))
    assert call.statuses() == [100, 183, 487]
    call.prack(cseq=2)
    assert 200 not in call.statuses()


@pytest.mark.parametrize(("header", "status"), [("Require", 100), ("Supported", 183)])
def test_an_invite_without_an_offer_gets_no_reliable_provisional(bench, header, status) -> None:
    """RFC 3262 §5: it would have to bring our offer, and its PRACK the answer; ours comes with the 200."""
    call = Incoming(bench, (header, "100rel"), body=b"")
    call.do(Ring(call.id, 183, reliable=True))
    provisional = call.pbx.responses("INVITE")[-1]
    assert (provisional.status, provisional.require) == (status, ())
    call.do(Answer(call.id, body=SDP))
    answer = call.pbx.responses("INVITE")[-1]
    assert (answer.status, answer.body) == (200, SDP)


class Early(Incoming):
    """A call to us with early media that was sent reliably, whose PRACK brings an offer (RFC 3262 §5)."""

    def __init__(self, bench, *headers: tuple[str, str], body: bytes = SDP, content_type: str = "application/sdp"):
        super().__init__(bench, ("Supported", "100rel"))
        self.do(Ring(self.id, 183, body=body, reliable=True))
        rseq = self.pbx.responses("INVITE")[-1].rseq
        rack = ("RAck", f"{rseq} 1 INVITE")
        self.request("PRACK", rack, *headers, cseq=2, body=b"v=0\r\ns=again\r\n", content_type=content_type)


def test_an_offer_in_a_prack_is_answered_in_its_200(bench) -> None:
    call = Early(bench)
    (offer,) = call.robot.of(OfferReceived)
    assert offer.body == b"v=0\r\ns=again\r\n"
    assert not call.statuses("PRACK")
    call.wire.run(5)
    assert call.statuses()[-1] == 183
    assert call.statuses().count(183) == 1  # the PRACK came, whatever it brings
    call.do(AnswerOffer(call.id, SDP))
    (answer,) = call.pbx.responses("PRACK")
    assert (answer.status, answer.body, answer.contact_uri) == (200, SDP, "")
    call.do(Answer(call.id, body=SDP))
    assert call.statuses()[-1] == 200


def test_an_answer_waits_for_the_answer_to_an_offer_in_a_prack(bench) -> None:
    call = Early(bench)
    call.do(Answer(call.id, body=SDP))
    assert call.statuses()[-1] == 183
    call.do(AnswerOffer(call.id, status=488))
    assert call.statuses("PRACK") == [488]
    assert call.statuses()[-1] == 200


def test_an_offer_in_a_prack_that_is_no_description_is_refused(bench) -> None:
    call = Early(bench, content_type="text/plain")
    assert call.statuses("PRACK") == [415]
    assert not call.robot.of(OfferReceived)


def test_a_description_in_the_prack_of_a_provisional_without_one_is_no_offer(bench) -> None:
    """RFC 3262 §5: our answer is still due."""
    call = Early(bench, body=b"")
    assert call.statuses("PRACK") == [200]
    assert not call.robot.of(OfferReceived)


def test_a_call_that_ends_refuses_the_offer_in_a_prack(bench) -> None:
    call = Early(bench)
    call.do(Hangup(call.id))
    assert call.statuses("PRACK") == [487]
    call.wire.run(100)
    assert call.robot.agent.idle


def test_a_reliable_provisional_that_was_refused_meanwhile_gives_up_quietly(bench) -> None:
    call = Incoming(bench, ("Require", "100rel"))
    call.do(Ring(call.id))
    call.do(Hangup(call.id))
    call.wire.run(70)
    assert list(dict.fromkeys(call.statuses())) == [100, 180, 603]
    assert call.robot.agent.idle


# --- ACK and re-INVITE ------------------------------------------------------------------------------


def answered(bench, **invite: object) -> Call:
    call = Call(bench, **invite)
    call.say(200, CONTACT)
    return call


def test_a_late_ack_of_the_first_invite_does_not_acknowledge_the_second(bench) -> None:
    call = Incoming(bench)
    call.do(Answer(call.id, body=SDP))
    call.request("ACK", cseq=1)
    call.request("INVITE", CONTACT, cseq=2, body=SDP)
    call.do(AnswerOffer(call.id, SDP))
    call.request("ACK", cseq=1)  # again
    call.wire.run(0.6)
    count = call.statuses().count(200)
    assert count == 3
    call.request("ACK", cseq=2)
    call.wire.run(5)
    assert call.statuses().count(200) == count


def test_an_ack_that_comes_after_we_gave_up_changes_nothing(bench) -> None:
    call = Incoming(bench)
    call.do(Answer(call.id, body=SDP))
    call.wire.run(33)
    assert call.pbx.requests("BYE")
    call.request("ACK", cseq=1)
    assert not call.robot.of(Answered)
    call.wire.run(70)
    assert len(call.robot.of(CallEnded)) == 1
    assert call.robot.agent.idle


def test_the_ack_of_a_reinvite_without_a_description_brings_the_answer(bench) -> None:
    call = answered(bench)
    call.request("INVITE", CONTACT)
    assert call.robot.of(OfferReceived)[0].body == b""
    call.robot.do(AnswerOffer(1, SDP))
    call.wire.run(0.05)
    call.request("ACK", cseq=1, body=b"v=1\r\n")
    (told,) = call.robot.of(OfferAnswered)
    assert (told.status, told.body) == (200, b"v=1\r\n")


@pytest.mark.parametrize(("ours", "status"), [(True, 491), (False, 500)])
def test_an_invite_before_the_first_one_is_answered(bench, ours, status) -> None:
    """RFC 3261 §14.2: 491 where ours is under way, 500 where theirs is."""
    if ours:
        call = Call(bench)
        call.say(180, CONTACT)
        answers = call.request("INVITE", CONTACT, body=SDP)
        assert answers[-1].status == status
    else:
        ringing = Incoming(bench)
        ringing.do(Ring(ringing.id))
        ringing.request("INVITE", CONTACT, cseq=2, body=SDP)
        assert ringing.statuses()[-1] == status
        assert ringing.pbx.responses("INVITE")[-1].retry_after is not None


def test_a_reinvite_is_challenged_and_answered_within_the_dialog(bench) -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n"')
    call = answered(bench)
    call.robot.do(Offer(1, b"v=0\r\nhold"))
    call.wire.run(0.05)
    first = call.pbx.requests("INVITE")[-1]
    call.say(401, challenge, to=first)
    second = call.pbx.requests("INVITE")[-1]
    assert second.cseq.number == first.cseq.number + 1
    assert second.to_tag == "peer"
    assert "qop" not in second.authorizations[0].params
    assert "cnonce" not in second.authorizations[0].params
    call.say(200, CONTACT, to=second)
    assert call.robot.of(OfferAnswered)[0].status == 200
    ack = call.pbx.requests("ACK")[-1]
    assert ack.cseq.number == second.cseq.number
    assert ack.headers.get("Authorization") == second.headers.get("Authorization")


def test_a_reinvite_that_is_challenged_after_our_bye_is_not_sent_again(bench) -> None:
    call = answered(bench)
    call.robot.do(Offer(1, SDP))
    call.robot.do(SendInCall(1, 5, "INFO"))
    call.robot.do(Hangup(1))
    call.wire.run(0.05)
    reinvite, info = call.pbx.requests("INVITE")[-1], call.pbx.requests("INFO")[-1]
    for request in (reinvite, info):
        call.say(401, ("WWW-Authenticate", 'Digest realm="pbx", nonce="n"'), to=request)
    call.say(200, to=call.pbx.requests("BYE")[0])
    assert len(call.pbx.requests("INVITE")) == 2
    assert len(call.pbx.requests("INFO")) == 1
    assert call.ended()
    assert call.idle()


def test_what_is_not_answered_when_the_call_ends_is_told_before_its_end_and_leaves_nothing(bench) -> None:
    """A peer that says Trying to a re-INVITE and then BYE, and nothing else for ever."""
    call = answered(bench)
    call.robot.do(Offer(1, SDP))
    call.robot.do(SendInCall(1, 5, "INFO"))
    call.wire.run(0.05)
    reinvite, info = call.pbx.requests("INVITE")[-1], call.pbx.requests("INFO")[-1]
    call.say(100, to=reinvite)
    call.request("BYE")
    call.say(200, to=info)
    told = [e for e in call.robot.events if isinstance(e, InCallResponded | OfferAnswered | CallEnded)]
    assert [type(e).__name__ for e in told] == ["InCallResponded", "OfferAnswered", "CallEnded"]
    assert {told[0].status, told[1].status} == {481}
    call.say(200, CONTACT, to=reinvite)  # it crossed the BYE: it is acknowledged all the same
    call.say(200, CONTACT, to=reinvite)
    acks = [a for a in call.pbx.requests("ACK") if a.cseq.number == reinvite.cseq.number]
    assert len(acks) == 2
    assert len({a.via.branch for a in acks}) == 1
    assert call.idle()


def test_a_reinvite_that_hangs_does_not_outlive_its_call(bench) -> None:
    call = answered(bench)
    call.robot.do(Offer(1, SDP))
    call.wire.run(0.05)
    call.say(100, to=call.pbx.requests("INVITE")[-1])
    call.request("BYE")
    assert call.idle()


# --- forks and the end ------------------------------------------------------------------------------


def test_a_200_is_acknowledged_however_many_branches_rang(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(early_dialogs=2))
    call = Call(bench)
    for tag in ("a", "b", "c"):
        call.say(180, tag=tag)
    assert len(call.robot.agent._dialogs) == 2
    call.say(200, CONTACT, tag="d")
    assert call.robot.of(Answered)
    call.say(200, CONTACT, tag="e")
    call.say(200, CONTACT, tag="f")  # no more of these are followed than branches
    assert [a.to_tag for a in call.pbx.requests("ACK")] == ["d", "e"]


@pytest.mark.parametrize("tag", ["late", "early"])
def test_a_200_after_the_end_is_acknowledged_and_hung_up(bench, tag) -> None:
    """It was on its way while the CANCEL's 64·T1 ran out, or another branch's refusal ended the call."""
    call = Call(bench)
    call.say(180, tag="early")
    call.say(486, tag="busy")
    assert call.ended().cause == "USER_BUSY"
    call.say(200, CONTACT, tag=tag)
    assert not call.robot.of(Answered)
    assert call.idle()


def test_a_200_again_that_crosses_the_bye_of_its_branch_gets_its_ack_again(call) -> None:
    call.say(180)
    call.robot.do(Hangup(1))
    call.wire.run(0.05)
    call.say(200, CONTACT)
    call.say(200, CONTACT)
    assert len(call.pbx.requests("ACK")) == 2
    assert len(call.pbx.requests("BYE")) == 1


def test_an_expired_invitation_is_refused(bench) -> None:
    """RFC 3261 §13.3.1."""
    call = Incoming(bench, ("Expires", "20"))
    call.wire.run(19)
    assert call.statuses() == [100]
    call.wire.run(1.1)
    assert 487 in call.statuses()
    assert call.robot.of(CallEnded)[0].status == 487


# --- routes -----------------------------------------------------------------------------------------


def test_a_strict_router_is_where_the_request_goes(bench) -> None:
    """RFC 3261 §12.2.1.1, §8.1.2: the first route is the Request-URI, and so the next hop; not the one after it."""
    router, phone = Peer(bench.wire, "10.0.0.8"), Peer(bench.wire, "10.0.0.9")
    call = Call(bench)
    call.say(200, ("Contact", "<sip:phone@10.0.0.9>"), ("Record-Route", '"Edge; lr" <sip:10.0.0.8;x=lr>;y=1'))
    (ack,) = router.requests("ACK")
    assert ack.uri_text == "sip:10.0.0.8;x=lr"
    assert ack.headers.all("Route") == ["<sip:phone@10.0.0.9>"]
    assert not phone.inbox


def test_loose_routers_are_passed_in_order(bench) -> None:
    router = Peer(bench.wire, "10.0.0.8")
    call = Call(bench)
    routes = "<sip:10.0.0.7;lr=on>, Edge <sip:10.0.0.8;x=y;LR>"
    call.say(200, ("Contact", "<sip:phone@10.0.0.9>"), ("Record-Route", routes))
    (ack,) = router.requests("ACK")
    assert ack.uri_text == "sip:phone@10.0.0.9"
    assert [str(route.uri) for route in ack.routes] == ["sip:10.0.0.8;x=y;LR", "sip:10.0.0.7;lr=on"]


def test_a_route_without_brackets_is_a_uri_with_its_parameters(bench) -> None:
    """RFC 3261 §20.30 wants brackets; taken for the header's own, the parameters would leave a strict router."""
    router = Peer(bench.wire, "10.0.0.8")
    call = Call(bench)
    call.say(200, ("Contact", "<sip:phone@10.0.0.9>"), ("Record-Route", "<sip:10.0.0.7;lr>, sip:10.0.0.8;lr"))
    (ack,) = router.requests("ACK")
    assert ack.uri_text == "sip:phone@10.0.0.9"
    assert ack.headers.all("Route") == ["<sip:10.0.0.8;lr>", "<sip:10.0.0.7;lr>"]


def test_over_a_stream_the_routes_change_nothing_of_the_way(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2")
    bench.account_server = None
    bench.add(register=False, server="tcp:10.0.0.1:5060")
    bench.pbx.handler = transaction_free(
        lambda r: (
            []
            if r.method == "ACK"
            else [bench.pbx.reply(r, 200, ("Contact", "<sip:x@10.0.0.9>"), ("Record-Route", "<sip:10.0.0.8;lr>"))]
        )
    )
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    (ack,) = bench.pbx.requests("ACK")
    assert ack.via.transport == "TCP"
    assert ack.headers.all("Route") == ["<sip:10.0.0.8;lr>"]
    assert isinstance(parse(bench.pbx.raw[-1]), Request)


# --- what is left -----------------------------------------------------------------------------------


def test_hanging_up_twice_before_the_ack_says_bye_once(bench) -> None:
    call = Incoming(bench)
    call.do(Answer(call.id, body=SDP))
    call.do(Hangup(call.id, "SIP;cause=200"))
    call.do(Hangup(call.id, "SIP;cause=486"))
    call.request("ACK", cseq=1)
    (bye,) = call.pbx.requests("BYE")
    assert bye.headers.get("Reason") == "SIP;cause=200"


def test_a_call_that_does_not_ring_has_nothing_to_repeat_each_minute(bench) -> None:
    call = Incoming(bench)
    call.wire.run(61)
    assert call.statuses() == [100]


def test_a_bye_that_comes_instead_of_the_ack_ends_the_answer(bench) -> None:
    call = Incoming(bench)
    call.do(Answer(call.id, body=SDP))
    call.request("BYE", cseq=2)
    count = call.statuses().count(200)
    call.wire.run(40)
    assert call.statuses().count(200) == count
    assert call.robot.of(CallEnded)[0].by == "remote"
    assert call.robot.agent.idle


def test_a_hangup_while_the_200_of_a_reinvite_waits_for_its_ack_ends_both(bench) -> None:
    call = answered(bench)
    call.request("INVITE", CONTACT, body=SDP)
    call.robot.do(AnswerOffer(1, SDP))
    call.robot.do(Hangup(1))
    call.wire.run(0.1)
    call.say(200, to=call.pbx.requests("BYE")[0])
    count = len(call.pbx.responses("INVITE"))
    assert call.idle()
    assert len(call.pbx.responses("INVITE")) == count


def test_more_branches_than_are_followed_ring_all_the_same(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(early_dialogs=1))
    call = Call(bench)
    for tag in ("a", "b"):
        call.say(183, ("RSeq", "1"), *RELIABLE, tag=tag)
    assert len(call.robot.of(Ringing)) == 2
    assert [p.to_tag for p in call.pbx.requests("PRACK")] == ["a"]


def test_the_200_of_a_lost_branch_again_gets_its_ack_again(call) -> None:
    for tag in ("one", "two", "two"):
        call.say(200, CONTACT, tag=tag)
    assert [a.to_tag for a in call.pbx.requests("ACK")] == ["one", "two", "two"]
    assert len({b.via.branch for b in call.pbx.requests("BYE")}) == 1


def test_the_bye_of_a_lost_branch_that_is_answered_last_ends_nothing_twice(call) -> None:
    for tag in ("one", "two"):
        call.say(200, CONTACT, tag=tag)
    call.robot.do(Hangup(1))
    call.wire.run(0.05)
    byes = {b.to_tag: b for b in call.pbx.requests("BYE")}
    call.say(200, to=byes["one"])
    assert call.ended()
    call.say(200, to=byes["two"])
    assert call.ended()
    assert call.idle()


@pytest.mark.parametrize("peer_offers", [True, False])
def test_an_offer_that_lost_a_glare_is_tried_again_or_told(bench, peer_offers) -> None:
    """The peer's offer may be waiting for our user when our turn comes."""
    call = answered(bench)
    call.robot.do(Offer(1, b"v=0\r\nours"))
    call.wire.run(0.05)
    call.say(491, to=call.pbx.requests("INVITE")[-1])
    count = len(call.pbx.requests("INVITE"))
    if peer_offers:
        call.request("INVITE", CONTACT, body=SDP)
    call.wire.run(4.1)
    assert (len(call.pbx.requests("INVITE")) > count) is not peer_offers
    assert [e.status for e in call.robot.of(OfferAnswered)] == ([491] if peer_offers else [])


def test_a_refresh_that_lost_a_glare_to_an_offer_is_made_by_that(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, ("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE"))
    call.wire.run(45)
    call.say(491, to=call.pbx.requests("UPDATE")[0])
    call.request("UPDATE", CONTACT, ("Session-Expires", "90;refresher=uas"), body=SDP)
    call.wire.run(4.1)
    assert not call.robot.of(OfferAnswered)
    call.robot.do(AnswerOffer(1, SDP))
    call.wire.run(14)
    assert not call.robot.of(CallEnded)


def test_an_offer_that_waits_its_turn_when_the_call_ends_is_told(bench) -> None:
    call = answered(bench)
    call.robot.do(Offer(1, SDP))
    call.wire.run(0.05)
    call.say(491, to=call.pbx.requests("INVITE")[-1])
    call.request("BYE")
    assert [type(e).__name__ for e in call.robot.events[-2:]] == ["OfferAnswered", "CallEnded"]
    assert call.idle()


def test_a_session_is_not_refreshed_while_an_offer_is_under_way(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, ("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE"))
    call.wire.run(44)
    call.robot.do(Offer(1, SDP, method="UPDATE"))
    call.wire.run(2)
    (update,) = {u.via.branch: u for u in call.pbx.requests("UPDATE")}.values()
    assert update.body == SDP
    call.request("BYE")
    assert call.robot.of(OfferAnswered)[0].status == 481


def test_a_refresh_that_is_under_way_when_the_call_ends_is_nothing_to_tell(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, ("Session-Expires", "90;refresher=uac"), ("Allow", "UPDATE"))
    call.wire.run(45.1)
    assert call.pbx.requests("UPDATE")
    call.request("BYE")
    assert not call.robot.of(OfferAnswered)
    assert call.idle()


def test_a_timer_the_peer_asks_for_is_kept_though_we_asked_for_none(bench) -> None:
    """RFC 4028 §7.2: a proxy may have asked; a refresh without it would turn the timer off."""
    call = Call(bench, session_expires=0.0)
    call.say(200, CONTACT, ("Session-Expires", "100;refresher=uac"), ("Allow", "UPDATE"))
    call.wire.run(50.1)
    assert call.pbx.requests("UPDATE")[0].session_expires == (100, "uac")


def test_a_422_that_asks_for_nothing_new_ends_the_refreshing(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, ("Session-Expires", "100;refresher=uac"), ("Allow", "UPDATE"))
    call.wire.run(50.1)
    call.say(422, ("Min-SE", "90"), to=call.pbx.requests("UPDATE")[0])
    call.wire.run(5)
    assert len({u.via.branch for u in call.pbx.requests("UPDATE")}) == 1


def test_a_call_without_a_description_is_refreshed_without_one(bench) -> None:
    """Signalling only: there is nothing to describe."""
    call = Call(bench, body=b"")
    call.say(200, CONTACT, ("Session-Expires", "90;refresher=uac"))
    call.wire.run(45.1)
    reinvite = call.pbx.requests("INVITE")[-1]
    assert reinvite.to_tag == "peer"
    assert not reinvite.body
    call.say(200, CONTACT, ("Session-Expires", "90;refresher=uac"), to=reinvite)
    assert call.pbx.requests("ACK")[-1].cseq.number == reinvite.cseq.number


def test_a_bye_of_a_branch_that_rings_ends_that_branch(call) -> None:
    """RFC 3261 §15 forbids it to whoever is called; the others ring on, and one of them may answer."""
    call.say(180, CONTACT)
    call.say(180, CONTACT, tag="other")
    assert call.request("BYE")[0].status == 200
    assert not call.robot.of(CallEnded)
    call.say(200, CONTACT, tag="other")
    assert call.robot.of(Answered)


@pytest.mark.parametrize("final", [True, False])
def test_a_bye_of_all_that_ring_ends_the_call_and_leaves_nothing(call, final) -> None:
    """The INVITE wants its final answer all the same (RFC 3261 §15.1.2); who never sends it is not waited for."""
    call.say(180, CONTACT)
    call.request("BYE", ("Reason", "Q.850;cause=17"))
    if final:
        call.say(487)
    assert call.idle()
    ended = call.ended()
    assert (ended.status, ended.cause, ended.by, ended.answered) == (0, "USER_BUSY", "remote", False)
    assert len(call.robot.requests("CANCEL")) == 1


@pytest.mark.parametrize(
    ("contact", "followable"),
    [
        ("<sip:8000@pbx.test?Subject=x>", ("sip:8000@pbx.test",)),
        ("<tel:+14155550100>", ("tel:+14155550100",)),
        ("<mailto:a@b>, <sip:1@b>", ("sip:1@b",)),
        ("<sip:1@b>;q=0.5, <sip:2@b>;q=0.9, <sip:3@b>, <sip:4@b>;q=0.9", ("sip:3@b", "sip:2@b", "sip:4@b", "sip:1@b")),
        ("<sip:1@b>;q=high, <sip:2@b>;q=0.0", ("sip:1@b", "sip:2@b")),
    ],
)
def test_where_a_redirection_can_lead(call, contact, followable) -> None:
    """RFC 3261 §8.1.3.4: in decreasing order of q; who says nothing (§20.10), or nothing readable, means the most."""
    from sipclient.protocol.events import Redirected

    call.say(302, ("Contact", contact))
    assert call.robot.of(Redirected)[0].contacts == followable


class Vanishing(Call):
    """A call over a stream that closes, to a Contact that has to be looked up."""

    def __init__(self, bench, contact: str) -> None:
        bench.add(register=False, server="tcp:10.0.0.1:5060")
        bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
        self.bench, self.wire, self.robot, self.pbx = bench, bench.wire, bench.robot, bench.pbx
        bench.wire.run(0.1)
        self.cseq = 0
        self.say(200, ("Contact", contact))

    def vanish(self) -> None:
        self.wire.close(self.robot.agent._stations["pbx"].line.flow, "reset")
        self.wire.run(0.0)


def test_an_offer_that_did_not_find_its_way_in_time_is_told_when_the_call_ends_and_never_sent(bench) -> None:
    call = Vanishing(bench, "<sip:pbx@10.0.0.1;transport=tcp>")
    call.vanish()
    call.robot.do(Offer(1, SDP))  # a stream is being opened
    call.request("BYE")
    assert call.robot.of(OfferAnswered)[0].status == 481
    assert call.ended()
    call.wire.run(1)
    assert len(call.pbx.requests("INVITE")) == 1
    call.wire.run(40)
    assert call.robot.agent.idle


@pytest.mark.parametrize("contact", ["<sip:pbx@nowhere.test;transport=tcp>", "<tel:+14155550100>"])
def test_an_ack_without_any_way_left_is_not_sent(bench, contact) -> None:
    """The answer to a late offer comes when the stream is gone, and so is the server."""
    bench.add(register=False, server="tcp:10.0.0.1:5060")
    bench.robot.do(Invite(1, "pbx", "7000"))
    bench.wire.run(0.1)
    invite = bench.pbx.requests("INVITE")[0]
    ok = bench.pbx.reply(invite, 200, ("Contact", contact), body=SDP)
    bench.pbx.send(bench.pbx.flows[0], ok)
    bench.wire.run(0.1)
    flow = bench.robot.agent._stations["pbx"].line.flow
    bench.wire.close(flow, "reset")
    bench.wire.run(0.0)
    bench.robot.do(AnswerOffer(1, SDP))
    bench.wire.run(1)
    effects = bench.robot.agent.receive(Packet(flow, ok), bench.wire.now)
    assert not any(b"ACK" in getattr(effect, "data", b"") for effect in effects)
    assert not bench.pbx.requests("ACK")


def test_a_contact_by_name_that_moved_to_a_stream_takes_the_dialog_along(bench) -> None:
    from sipclient.protocol.events import Target

    phone = Peer(bench.wire, "10.0.0.9")
    bench.wire.names["sip:x@phone.test"] = (Target("tcp", "10.0.0.9", 5060),)
    call = Call(bench)
    call.say(200, ("Contact", "<sip:x@phone.test>"))
    call.wire.run(0.1)
    for number in (5, 6):
        call.robot.do(SendInCall(1, number, "INFO"))
        call.wire.run(0.1)
    assert [r.via.transport for r in phone.inbox] == ["TCP"] * 3
    assert len({flow.remote_port for flow in phone.flows}) == 1


def test_a_broken_200_after_a_good_one_is_acknowledged_and_changes_nothing(call) -> None:
    call.say(200, CONTACT)
    call.say(200, ("Contact", "<<<"))
    assert len(call.pbx.requests("ACK")) == 2
    assert not call.robot.of(CallEnded)


def test_an_offer_in_a_call_without_a_session_timer_asks_for_none(bench) -> None:
    call = answered(bench, session_expires=0.0)
    call.robot.do(Offer(1, SDP))
    call.wire.run(0.05)
    assert call.pbx.requests("INVITE")[-1].headers.get("Session-Expires") is None


def test_an_update_with_an_offer_before_our_first_answer_waits(bench) -> None:
    """RFC 3311 §5.2: 500 and Retry-After while we owe an answer; taken once a reliable 183 brought it."""
    call = Incoming(bench, ("Supported", "100rel"))
    call.do(Ring(call.id))
    call.request("UPDATE", CONTACT, cseq=2, body=SDP)
    (refused,) = call.pbx.responses("UPDATE")
    assert (refused.status, refused.retry_after in range(1, 11)) == (500, True)
    assert not call.robot.of(OfferReceived)
    call.do(Ring(call.id, 183, body=SDP, reliable=True))
    call.prack(cseq=3)
    call.request("UPDATE", CONTACT, cseq=4, body=SDP)
    assert len(call.robot.of(OfferReceived)) == 1


def test_an_update_with_an_offer_while_our_own_is_not_answered_is_glare(call) -> None:
    """RFC 3311 §5.2."""
    call.say(180, CONTACT)
    assert call.request("UPDATE", CONTACT, body=SDP)[-1].status == 491
    assert call.request("UPDATE", CONTACT)[-1].status == 200
    call.say(183, ("RSeq", "1"), *RELIABLE, body=SDP)
    call.request("UPDATE", CONTACT, body=SDP)
    assert len(call.robot.of(OfferReceived)) == 1
