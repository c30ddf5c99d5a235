"""What changes nothing of a session is told by UPDATE, or a re-INVITE: RFC 3311 §5.1, RFC 3261 §14.1, RFC 4916 §4.4."""

from __future__ import annotations

import pytest
from protocol.test_call_races import CONTACT, SDP, Call

from sipclient.errors import InvalidValue
from sipclient.protocol.events import AnswerOffer, Invite, Offer, OfferAnswered, Refresh

UPDATES = ("Allow", "INVITE, UPDATE")
ANN = (("P-Asserted-Identity", "<sip:1001@pbx.test>"),)
BOB = (("P-Asserted-Identity", "<sip:1002@pbx.test>"),)


def told(call, method: str) -> list[str]:
    each = {message.cseq.number: message for message in call.pbx.requests(method)}.values()
    return [message.headers.get("P-Asserted-Identity") for message in each if message.to_tag]


def test_by_update_where_the_peer_takes_it(bench) -> None:
    call = Call(bench, body=SDP)
    call.say(200, CONTACT, UPDATES)
    call.robot.do(Refresh(1, ANN))
    call.wire.run(0.05)
    (update,) = call.pbx.requests("UPDATE")
    assert told(call, "UPDATE") == ["<sip:1001@pbx.test>"] and not update.body
    assert told(call, "INVITE") == []


def test_by_reinvite_with_the_description_that_holds(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, ("Allow", "INVITE, ACK, BYE"), body=SDP)
    call.robot.do(Refresh(1, ANN))
    call.wire.run(0.05)
    first, *_, again = call.pbx.requests("INVITE")
    assert told(call, "INVITE") == ["<sip:1001@pbx.test>"] and again.body == first.body
    call.say(200, CONTACT, to=again, body=SDP)
    assert call.pbx.requests("ACK")[-1].cseq.number == again.cseq.number


@pytest.mark.parametrize("allow", [UPDATES, ("Allow", "INVITE")])
def test_after_a_glare_it_is_told_again(bench, allow) -> None:
    call = Call(bench)
    call.say(200, CONTACT, allow, body=SDP)
    method = "UPDATE" if allow is UPDATES else "INVITE"
    call.robot.do(Refresh(1, ANN))
    call.wire.run(0.05)
    call.say(491, to=call.pbx.requests(method)[-1])
    assert len(told(call, method)) == 1
    call.wire.run(4.1)
    assert told(call, method) == ["<sip:1001@pbx.test>"] * 2


def test_it_waits_for_the_offer_under_way_and_the_latest_is_told(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, UPDATES, body=SDP)
    call.robot.do(Offer(1, SDP))
    call.robot.do(Refresh(1, ANN))
    call.robot.do(Refresh(1, BOB))
    call.wire.run(0.05)
    assert told(call, "UPDATE") == []
    call.say(200, CONTACT, UPDATES, to=call.pbx.requests("INVITE")[-1], body=SDP)
    call.wire.run(0.05)
    assert told(call, "UPDATE") == ["<sip:1002@pbx.test>"]
    assert [each.status for each in call.robot.of(OfferAnswered)] == [200]


@pytest.mark.parametrize("status", [200, 488])
def test_it_waits_for_our_answer_to_the_peers_offer(bench, status) -> None:
    call = Call(bench)
    call.say(200, CONTACT, UPDATES, body=SDP)
    call.request("INVITE", CONTACT, body=SDP)
    call.robot.do(Refresh(1, ANN))
    call.wire.run(0.05)
    assert told(call, "UPDATE") == []
    call.robot.do(AnswerOffer(1, SDP if status == 200 else b"", status=status))
    call.wire.run(0.05)
    assert told(call, "UPDATE") == ["<sip:1001@pbx.test>"]


def test_a_glare_lost_to_the_peers_offer_is_told_after_that(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, UPDATES, body=SDP)
    call.robot.do(Refresh(1, ANN))
    call.wire.run(0.05)
    call.say(491, to=call.pbx.requests("UPDATE")[-1])
    call.request("INVITE", CONTACT, body=SDP)
    call.wire.run(4.1)
    assert len(told(call, "UPDATE")) == 1
    call.robot.do(AnswerOffer(1, SDP))
    call.wire.run(0.05)
    assert told(call, "UPDATE") == ["<sip:1001@pbx.test>"] * 2


def test_who_refuses_it_is_not_asked_again_and_the_call_goes_on(bench) -> None:
    call = Call(bench)
    call.say(200, CONTACT, UPDATES, body=SDP)
    call.robot.do(Refresh(1, ANN))
    call.wire.run(0.05)
    call.say(405, to=call.pbx.requests("UPDATE")[-1])
    call.wire.run(10)
    assert len(told(call, "UPDATE")) == 1
    assert call.request("INFO")[-1].status == 200


def test_nothing_is_told_where_there_is_nobody_or_no_way(bench) -> None:
    bench.robot.do(Refresh(99, ANN))
    call = Call(bench)
    call.robot.do(Refresh(1, ANN))  # not answered yet
    call.say(200, CONTACT, UPDATES)
    call.request("BYE")
    call.robot.do(Refresh(1, ANN))
    call.wire.run(1)
    assert told(call, "UPDATE") == []
    call.robot.do(Invite(2, "pbx", "7000"))
    call.wire.run(0.05)
    call.pbx.send(call.pbx.flows[0], call.pbx.reply(call.pbx.requests("INVITE")[-1], 200, CONTACT))
    call.wire.run(0.05)
    call.robot.do(Refresh(2, ANN))  # a re-INVITE without a description would ask for one
    call.wire.run(1)
    assert told(call, "INVITE") == []
    with pytest.raises(InvalidValue):
        call.robot.do(Refresh(1, (("X-A", "b\r\nX-Evil: 1"),)))
