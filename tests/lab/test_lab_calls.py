"""The embedded PBX between engines on a simulated wire: calls, refusals, races, what is passed on."""

from __future__ import annotations

import pytest
from lab.bench import HOST, SDP, Bench

from sipclient.errors import InvalidValue
from sipclient.lab.values import Settings
from sipclient.protocol.events import (
    Answer,
    Answered,
    AnswerOffer,
    CallEnded,
    Hangup,
    InCallRequest,
    IncomingCall,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    Redirect,
    Redirected,
    Registered,
    Reject,
    Ring,
    Ringing,
    SendInCall,
)

HOLD = SDP + b"a=sendonly\r\n"
OTHER = SDP.replace(b"4000", b"5000")


def test_a_call_is_joined_and_ends_on_both_sides() -> None:
    bench = Bench("1001", "1002")
    assert bench["1001"].of(Registered)
    bench["1002"].sdp = OTHER
    bench["1001"].call("1002")
    bench.run(2)
    assert bench["1002"].last(IncomingCall).request.body == SDP
    assert [each.status for each in bench["1001"].of(Ringing)] == [180]
    assert bench["1001"].last(Answered).body == OTHER
    bench["1001"].node.do(Hangup(1))
    bench.run(2)
    assert bench["1002"].last(CallEnded).by == "remote"
    assert bench["1001"].last(CallEnded).cause == "NORMAL_CLEARING"
    bench.quiet()


def test_what_is_told_of_calls_has_each_cause_before_its_effect() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002")
    bench.run(2)
    del bench.node.log[:]
    bench["1001"].node.do(Hangup(1))
    bench.run(2)
    bench["1001"].call("5555", 2)
    bench["1002"].answers = False
    bench["1001"].call("1002", 3)
    bench.run(1)
    bench["1002"].node.do(Reject(bench["1002"].last(IncomingCall).id, 486))
    bench.run(2)
    told = [line for line in bench.node.log if "1002 is" not in line]
    assert told == [
        "1001 hangs up",
        "1001 is ready",
        "1001 calls 5555",
        "1001 is refused: 404",
        "1001 calls 1002",
        "1001 is on-the-phone",
        "1001 is refused: 486",
        "1001 is ready",
    ]


def test_the_called_side_hangs_up_with_its_cause() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002")
    bench.run(2)
    called = bench["1002"].last(IncomingCall).id
    bench["1002"].node.do(Hangup(called, 'Q.850;cause=27;text="DESTINATION_OUT_OF_ORDER"'))
    bench.run(2)
    end = bench["1001"].last(CallEnded)
    assert (end.by, end.cause, end.answered) == ("remote", "DESTINATION_OUT_OF_ORDER", True)
    bench.quiet()


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("404", 404),
        ("486", 486),
        ("603", 603),
        ("488", 488),
        ("503", 503),
        ("699", 699),
        ("401", 404),
        ("407", 404),
        ("422", 404),
        ("5555", 404),
        ("399", 404),
        ("700", 404),
        ("1002", 480),
    ],
)
def test_refusing_unknown_and_absent_numbers(number: str, status: int) -> None:
    bench = Bench("1001")
    bench["1001"].call(number)
    bench.run(2)
    assert bench["1001"].last(CallEnded).status == status
    bench.quiet()


@pytest.mark.parametrize("status", [486, 600, 404, 603])
def test_the_phone_refuses(status: int) -> None:
    bench = Bench("1001", "1002")
    bench["1002"].answers = bench["1002"].rings = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1002"].node.do(Reject(bench["1002"].last(IncomingCall).id, status))
    bench.run(1)
    assert bench["1001"].last(CallEnded).status == status
    bench.quiet()


def test_the_phone_redirects() -> None:
    bench = Bench("1001", "1002")
    bench["1002"].answers = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1002"].node.do(Redirect(bench["1002"].last(IncomingCall).id, (f"sip:2001@{HOST}",)))
    bench.run(1)
    assert bench["1001"].last(Redirected).contacts == (f"sip:2001@{HOST}",)
    assert bench["1001"].states("1001") == []
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    bench.quiet()


def test_nobody_answers() -> None:
    bench = Bench("1001", "1002", settings=Settings(domain=HOST, ring_for=20))
    bench["1002"].answers = False
    bench["1001"].call("1002")
    bench.run(19)
    assert not bench["1001"].of(CallEnded)
    bench.run(3)
    end = bench["1001"].last(CallEnded)
    assert (end.status, end.cause) == (480, "NO_ANSWER")
    assert bench["1002"].last(CallEnded).status == 487
    bench.quiet()


def test_a_phone_that_is_gone() -> None:
    bench = Bench("1001", "1002")
    bench.wire.power_off(bench["1002"].node)
    bench["1001"].call("1002")
    bench.run(40)
    assert bench["1001"].last(CallEnded).status == 480
    assert bench.pbx.calls == 0


def test_the_caller_gives_up_and_the_phone_stops_ringing() -> None:
    bench = Bench("1001", "1002")
    bench["1002"].answers = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1001"].node.do(Hangup(1))
    bench.run(2)
    assert bench["1002"].last(CallEnded).status == 487
    bench.quiet()


@pytest.mark.parametrize("head_start", [0.0, 0.005, 0.01, 0.015, 0.02, 0.03])
def test_cancel_crosses_the_answer(head_start: float) -> None:
    bench = Bench("1001", "1002")
    bench["1002"].answers = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1002"].node.do(Answer(bench["1002"].last(IncomingCall).id, body=SDP))
    bench.run(head_start)
    bench["1001"].node.do(Hangup(1))
    bench.run(40)
    assert len(bench["1001"].of(CallEnded)) == len(bench["1002"].of(CallEnded)) == 1
    bench.quiet()


def test_both_sides_hang_up_at_once() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002")
    bench.run(1)
    bench["1001"].node.do(Hangup(1))
    bench["1002"].node.do(Hangup(bench["1002"].last(IncomingCall).id))
    bench.run(40)
    bench.quiet()


def test_an_offer_that_comes_with_the_answer() -> None:
    bench = Bench("1001", "1002")
    bench["1002"].sdp = OTHER
    bench["1001"].call("1002", body=b"")
    bench.run(1)
    answered = bench["1001"].last(Answered)
    assert answered.offer and answered.body == OTHER
    bench["1001"].node.do(AnswerOffer(1, SDP))
    bench.run(1)
    assert bench["1002"].last(Answered).body == SDP
    bench["1001"].node.do(Hangup(1))
    bench.run(2)
    bench.quiet()


def test_early_media_reaches_the_caller() -> None:
    bench = Bench("1001", "1002")
    bench["1002"].answers = bench["1002"].rings = False
    bench["1001"].call("1002")
    bench.run(1)
    bench["1002"].node.do(Ring(bench["1002"].last(IncomingCall).id, 183, body=OTHER))
    bench.run(1)
    assert (bench["1001"].last(Ringing).status, bench["1001"].last(Ringing).body) == (183, OTHER)


def test_hold_and_resume_reach_the_other_side_and_the_watchers() -> None:
    bench = Bench("1001", "1002", "robot")
    bench["robot"].watch("1001", "1002")
    bench["1001"].call("1002")
    bench.run(2)
    for offer, answer, state in ((HOLD, b"a=recvonly", "on-hold"), (SDP, b"", "on-the-phone")):
        bench["1001"].node.do(Offer(1, offer))
        bench.run(1)
        received = bench["1002"].last(OfferReceived)
        assert received.body == offer
        bench["1002"].node.do(AnswerOffer(received.id, OTHER + answer))
        bench.run(1)
        assert bench["1001"].last(OfferAnswered).body == OTHER + answer
        assert bench["robot"].states("1001")[-1] == state
        assert bench["robot"].states("1002")[-1] == "on-the-phone"


def test_a_refused_offer_changes_nothing() -> None:
    bench = Bench("1001", "1002", "robot")
    bench["robot"].watch("1001")
    bench["1001"].call("1002")
    bench.run(2)
    bench["1001"].node.do(Offer(1, HOLD))
    bench.run(1)
    bench["1002"].node.do(AnswerOffer(bench["1002"].last(OfferReceived).id, status=488))
    bench.run(1)
    assert bench["1001"].last(OfferAnswered).status == 488
    assert bench["robot"].states("1001")[-1] == "on-the-phone"


@pytest.mark.parametrize(("number", "description"), [("1002", OTHER), ("9196", SDP)])
def test_an_offer_is_asked_for_in_the_call(number: str, description: bytes) -> None:
    bench = Bench("1001", "1002")
    bench["1002"].sdp = OTHER
    bench["1001"].call(number)
    bench.run(1)
    before = len(bench.node.node.sent)
    bench["1001"].node.do(Offer(1, b""))
    bench.run(1)
    assert not bench["1002"].of(OfferReceived)
    sent = [data for _, data in bench.node.node.sent[before:]]
    answers = [data for data in sent if data.startswith(b"SIP/2.0 200") and b" INVITE\r\n" in data]
    assert answers and all(data.endswith(description) for data in answers)


def test_a_late_offer_without_its_answer_ends_the_call() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002", body=b"")
    bench.run(1)
    bench["1001"].node.do(AnswerOffer(1, b""))
    bench.run(5)
    assert bench["1002"].of(CallEnded)
    bench.quiet()


def test_the_echo_refuses_a_second_offer_it_cannot_reflect() -> None:
    bench = Bench("1001")
    bench["1001"].call("9196")
    bench.run(1)
    bench["1001"].node.do(Offer(1, SDP.replace(b"RTP/AVP", b"RTP/SAVP")))
    bench.run(1)
    assert bench["1001"].last(OfferAnswered).status == 488
    assert bench.pbx.calls == 1


def test_offers_that_cross_end_in_one_each() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002")
    bench.run(1)
    called = bench["1002"].last(IncomingCall).id
    bench["1001"].node.do(Offer(1, HOLD))
    bench["1002"].node.do(Offer(called, OTHER))
    for _ in range(40):
        bench.run(0.5)
        for phone in ("1001", "1002"):
            for offered in bench[phone].of(OfferReceived):
                bench[phone].node.do(AnswerOffer(offered.id, SDP))
    assert bench["1001"].of(OfferAnswered) and bench["1002"].of(OfferAnswered)
    bench["1001"].node.do(Hangup(1))
    bench.run(40)
    bench.quiet()


def test_info_reaches_the_other_side() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002")
    bench.run(1)
    bench["1001"].node.do(SendInCall(1, 7, "INFO", (), b"Signal=5\r\n", "application/dtmf-relay"))
    bench.run(1)
    message = bench["1002"].last(InCallRequest).message
    assert (message.body, message.content_type) == (b"Signal=5\r\n", "application/dtmf-relay")


def test_caller_id_and_headers_are_passed_on() -> None:
    bench = Bench("1002")
    robot = bench.phone("robot", identity=("from", "pai", "rpid"))
    bench.run(1)
    robot.call("1002", caller_id='"Ext \\"1001\\" is free" <1001>', headers=(("X-Extension", "1001"), ("Other", "no")))
    bench.run(1)
    request = bench["1002"].last(IncomingCall).request
    assert (request.from_.display_name, request.from_.uri.user) == ('Ext "1001" is free', "1001")
    assert request.asserted_identities[0].uri.user == "1001"
    assert "1001" in request.headers.get("Remote-Party-ID")
    assert request.headers.get("X-Extension") == "1001"
    assert request.headers.get("Other") is None


def test_a_private_call_keeps_its_privacy() -> None:
    bench = Bench("1001", "1002")
    bench["1001"].call("1002", private=True)
    bench.run(1)
    request = bench["1002"].last(IncomingCall).request
    assert request.headers.get("Privacy") == "id"
    assert request.from_.uri.user == "anonymous"


def test_the_echo_answers_with_the_callers_own_description() -> None:
    bench = Bench("1001")
    bench["1001"].call("9196", body=HOLD)
    bench.run(1)
    assert bench["1001"].last(Answered).body == HOLD.replace(b"sendonly", b"recvonly")
    bench["1001"].node.do(Offer(1, SDP))
    bench.run(1)
    assert bench["1001"].last(OfferAnswered).body == SDP
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    bench.quiet()


@pytest.mark.parametrize("body", [SDP.replace(b"RTP/AVP", b"RTP/SAVPF"), b"v=0\r\nnonsense\r\n"])
def test_the_echo_refuses_what_it_cannot_reflect(body: bytes) -> None:
    bench = Bench("1001")
    bench["1001"].call("9196", body=body)
    bench.run(1)
    assert bench["1001"].last(CallEnded).status in (400, 488)


def test_a_number_that_never_answers() -> None:
    bench = Bench("1001")
    bench["1001"].call("9198", timeout=30)
    bench.run(29)
    assert bench["1001"].of(Ringing) and not bench["1001"].of(CallEnded)
    bench.run(3)
    assert bench["1001"].last(CallEnded).cause == "NO_ANSWER"
    bench.quiet()


def test_a_contact_that_is_no_address_is_like_a_phone_that_is_gone() -> None:
    bench = Bench("1001", "1002")
    node = bench.node.node
    do = node.do

    def refuse_invites(command: object) -> None:
        if isinstance(command, Invite):
            raise InvalidValue("no")
        do(command)  # type: ignore[arg-type]

    node.do = refuse_invites  # type: ignore[method-assign,assignment]
    bench["1001"].call("1002")
    bench.run(1)
    assert bench["1001"].last(CallEnded).status == 480
    bench.quiet()


@pytest.mark.parametrize("seed", range(6))
def test_calls_under_loss_leave_nothing_behind(seed: int) -> None:
    bench = Bench("1001", "1002", seed=seed, loss=0.2, duplicate=0.1, latency=(0.01, 0.2))
    bench.run(40)
    for id in range(1, 6):
        bench["1001"].call("1002", id)
        bench.run(5)
        bench["1001"].node.do(Hangup(id))
        bench.run(1)
    bench.run(120)
    assert len(bench["1001"].of(CallEnded)) == 5
    bench.quiet()
