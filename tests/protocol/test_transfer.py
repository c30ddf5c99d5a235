"""REFER inside a call, both ways, and calls that take the place of others. RFC 3515, RFC 3891, RFC 5589."""

from __future__ import annotations

import pytest
from support.inside import CONTACT, SDP, Inside
from support.peer import transaction_free

from sipclient.errors import InvalidValue
from sipclient.message import Request, parse
from sipclient.protocol.events import (
    Answer,
    AnswerTransfer,
    CallEnded,
    Hangup,
    InCallRequest,
    InCallResponded,
    IncomingCall,
    Invite,
    RemoveAccount,
    Ring,
    TellTransfer,
    Transfer,
    TransferAsked,
    TransferProgress,
)

TRYING, OK = b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 200 OK\r\n"


@pytest.fixture
def inside(bench) -> Inside:
    account = bench.account
    bench.account = lambda **changes: account(refer="allow", **changes)
    return Inside(bench)


def sipfrags(bench) -> list[tuple[str, str]]:
    """What our NOTIFYs said: the status line, and the state of the subscription."""
    found = []
    for request in bench.pbx.requests("NOTIFY"):
        assert request.content_type == "message/sipfrag"
        found.append((request.body.decode().strip(), request.headers.get("Subscription-State") or ""))
    return found


# --- the peer asks us -------------------------------------------------------------------------------


def asked(inside: Inside, to: str = "<sip:8000@pbx.test>", *headers: tuple[str, str]) -> TransferAsked:
    """RFC 3515 §2.1."""
    inside.say("REFER", ("Refer-To", to), *headers)
    (event,) = inside.bench.robot.of(TransferAsked)
    return event


def test_a_transfer_is_asked_for_followed_and_told_of(inside) -> None:
    """RFC 3515 §2.4.4, §2.4.5, §2.4.6."""
    event = asked(inside, "<sip:8000@pbx.test>", ("Referred-By", "<sip:boss@pbx.test>"))
    assert (event.id, event.to, event.headers) == (1, "sip:8000@pbx.test", (("Referred-By", "<sip:boss@pbx.test>"),))
    bench = inside.bench
    bench.robot.do(AnswerTransfer(event.request))
    bench.wire.run(1)
    accepted = bench.pbx.responses("REFER")[-1]
    assert accepted.status == 202 and accepted.contacts
    bench.robot.do(TellTransfer(event.request, 180))
    bench.robot.do(TellTransfer(event.request, 486, "Busy Here"))
    bench.robot.do(TellTransfer(event.request, 200))  # the last word was said
    bench.wire.run(1)
    assert sipfrags(bench) == [
        ("SIP/2.0 100 Trying", "active;expires=180"),
        ("SIP/2.0 180 Ringing", "active;expires=180"),
        ("SIP/2.0 486 Busy Here", "terminated;reason=noresource"),
    ]
    assert {n.headers.get("Event") for n in bench.pbx.requests("NOTIFY")} == {f"refer;id={inside.cseq}"}
    assert not bench.robot.of(CallEnded)


def test_what_takes_the_place_of_a_call_is_handed_on(inside) -> None:
    """RFC 3891 §6.1: a Replaces in the URI belongs into the INVITE, other headers there do not."""
    event = asked(inside, "<sip:8000@pbx.test;user=phone?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=x>")
    assert event.to == "sip:8000@pbx.test;user=phone"
    assert event.headers == (("Replaces", "a@b;to-tag=1;from-tag=2"),)


def test_a_transfer_is_refused(inside) -> None:
    event = asked(inside)
    inside.bench.robot.do(AnswerTransfer(event.request, 603))
    inside.bench.robot.do(TellTransfer(event.request, 200))
    inside.bench.wire.run(1)
    assert [r.status for r in inside.bench.pbx.responses("REFER")] == [603]
    assert not inside.bench.pbx.requests("NOTIFY")


def test_a_transfer_that_nobody_answers_is_refused_in_time(inside) -> None:
    asked(inside)
    inside.bench.wire.run(26)
    assert [r.status for r in inside.bench.pbx.responses("REFER")] == [603]


def test_an_outcome_that_nobody_tells_ends_by_itself(inside) -> None:
    event = asked(inside)
    inside.bench.robot.do(AnswerTransfer(event.request))
    inside.bench.wire.run(200)
    assert sipfrags(inside.bench)[-1] == ("SIP/2.0 408 Request Timeout", "terminated;reason=noresource")


def test_a_peer_that_does_not_care_is_not_told(inside) -> None:
    """RFC 4488 §4."""
    event = asked(inside, "<sip:8000@pbx.test>", ("Refer-Sub", "false"))
    inside.bench.robot.do(AnswerTransfer(event.request))
    inside.bench.robot.do(TellTransfer(event.request, 200))
    inside.bench.wire.run(1)
    assert inside.bench.pbx.responses("REFER")[-1].headers.get("Refer-Sub") == "false"
    assert not inside.bench.pbx.requests("NOTIFY")


def test_who_asked_and_hung_up_is_told_all_the_same(inside) -> None:
    bench = inside.bench
    event = asked(inside)
    bench.robot.do(AnswerTransfer(event.request))
    inside.say("BYE")
    bench.robot.do(TellTransfer(event.request, 200))
    bench.wire.run(1)
    assert sipfrags(bench)[-1] == ("SIP/2.0 200 OK", "terminated;reason=noresource")
    bench.wire.run(100)
    assert bench.robot.agent.idle


@pytest.mark.parametrize("accepted", [False, True])
def test_an_account_that_leaves_tells_nothing_more(inside, accepted: bool) -> None:
    bench = inside.bench
    event = asked(inside)
    if accepted:
        bench.robot.do(AnswerTransfer(event.request))
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(5)
    bench.robot.do(TellTransfer(event.request, 200))
    bench.wire.run(64)
    assert len(bench.pbx.requests("NOTIFY")) == accepted
    assert bench.robot.agent.idle


def test_one_transfer_at_a_time(inside) -> None:
    asked(inside)
    assert [r.status for r in inside.say("REFER", ("Refer-To", "<sip:8001@pbx.test>"))] == [491]
    assert len(inside.bench.robot.of(TransferAsked)) == 1


def test_a_refer_to_nowhere(inside) -> None:
    assert [r.status for r in inside.say("REFER")] == [400]
    assert [r.status for r in inside.say("REFER", ("Refer-To", "<>"))] == [400]
    assert not inside.bench.robot.of(TransferAsked)


def test_what_is_said_out_of_turn_is_passed_over(inside) -> None:
    event, bench = asked(inside), inside.bench
    bench.robot.do(TellTransfer(event.request, 180))
    bench.wire.run(1)
    assert not bench.pbx.requests("NOTIFY")
    bench.robot.do(AnswerTransfer(event.request))
    bench.robot.do(AnswerTransfer(event.request, 603))
    bench.wire.run(1)
    assert [r.status for r in bench.pbx.responses("REFER")] == [202]


def test_transfers_to_numbers_by_tel(inside) -> None:
    assert asked(inside, "<tel:+14155550123>").to == "tel:+14155550123"


def test_by_default_a_transfer_is_declined(bench) -> None:
    inside = Inside(bench)
    assert [r.status for r in inside.say("REFER", ("Refer-To", "<sip:900@x.test>"))] == [603]
    assert [event.method for event in bench.robot.of(InCallRequest)] == ["REFER"]
    assert not bench.robot.of(TransferAsked)


# --- we ask the peer --------------------------------------------------------------------------------


def accepting(bench, status: int = 202):
    return transaction_free(lambda r: [bench.pbx.reply(r, status if r.method == "REFER" else 200, CONTACT)])


def notify(inside: Inside, body: bytes, state: str = "active", event: str = "refer") -> list[int]:
    headers = (("Event", event), ("Subscription-State", state))
    return [r.status for r in inside.say("NOTIFY", *headers, body=body, content_type="message/sipfrag;version=2.0")]


def test_we_transfer_a_call(inside) -> None:
    """RFC 5589 §6.1."""
    bench = inside.bench
    bench.pbx.handler = accepting(bench)
    bench.robot.do(Transfer(1, 5, "8000"))
    bench.wire.run(0.5)
    (refer,) = bench.pbx.requests("REFER")
    assert refer.headers.get("Refer-To") == "<sip:8000@pbx.test>"
    assert refer.headers.get("Referred-By") == "<sip:robot@pbx.test>"
    assert refer.contacts
    assert notify(inside, TRYING) == [200]
    assert notify(inside, b"SIP/2.0 486 Busy\xff\r\n", "terminated;reason=noresource") == [200]
    assert notify(inside, OK) == [481]
    assert bench.robot.of(InCallResponded) == [InCallResponded(1, 5, 202, "Accepted")]
    assert bench.robot.of(TransferProgress) == [
        TransferProgress(1, 5, 100, "Trying", False),
        TransferProgress(1, 5, 486, "Busy\ufffd", True),
    ]


def test_news_that_cannot_be_read_are_news_all_the_same(inside) -> None:
    bench = inside.bench
    bench.pbx.handler = accepting(bench)
    bench.robot.do(Transfer(1, 5, "8000"))
    bench.wire.run(0.5)
    assert notify(inside, b"hello", event="refer;id=99") == [200]
    assert notify(inside, b"", "terminated") == [200]
    assert [(e.status, e.over) for e in bench.robot.of(TransferProgress)] == [(0, False), (0, True)]


def test_a_transfer_that_is_refused_leaves_room_for_another(inside) -> None:
    bench = inside.bench
    bench.pbx.handler = accepting(bench, 403)
    bench.robot.do(Transfer(1, 5, "8000"))
    bench.robot.do(Transfer(1, 6, "8001"))  # while the first is under way
    bench.wire.run(0.5)
    bench.robot.do(Transfer(1, 7, "8001"))
    bench.wire.run(0.5)
    outcomes = [(each.request, each.status) for each in bench.robot.of(InCallResponded)]
    assert outcomes == [(6, 491), (5, 403), (7, 403)]
    assert notify(inside, OK) == [481]


def test_a_call_that_ends_before_the_outcome_is_told(inside) -> None:
    bench = inside.bench
    bench.pbx.handler = accepting(bench)
    bench.robot.do(Transfer(1, 5, "8000"))
    bench.wire.run(0.5)
    inside.say("BYE")
    (event,) = bench.robot.of(TransferProgress)
    assert (event.status, event.over) == (0, True)


def test_an_attended_transfer_names_the_other_call(inside) -> None:
    """RFC 5589 §7.3, RFC 3891 §6.1: the tags as the target of the transfer knows them."""
    bench = inside.bench
    bench.robot.do(Invite(2, "pbx", "8000", body=SDP))
    bench.wire.run(0.5)
    second = bench.pbx.requests("INVITE")[-1]
    bench.pbx.handler = accepting(bench)
    bench.robot.do(Transfer(1, 5, replaces=2))
    bench.wire.run(0.5)
    (refer,) = bench.pbx.requests("REFER")
    assert refer.call_id != second.call_id and refer.refer_to is not None
    uri = refer.refer_to.uri
    assert str(uri).startswith("sip:pbx@10.0.0.1:5060?Replaces=")
    assert uri.headers == (("Replaces", f"{second.call_id};to-tag=peer;from-tag={second.from_tag}"),)
    bench.robot.do(Transfer(1, 6, "8000", replaces=2))
    bench.wire.run(0.5)
    assert bench.robot.of(InCallResponded)[-1].status == 491


@pytest.mark.parametrize(
    "command", [Transfer(9, 5, "8000"), Transfer(1, 5, "8000", replaces=9), Transfer(1, 5, "8000", replaces=3)]
)
def test_there_is_no_such_call(inside, command: Transfer) -> None:
    inside.bench.pbx.handler = lambda message, flow: ()
    inside.bench.robot.do(Invite(3, "pbx", "8000", body=SDP))
    inside.bench.robot.do(command)
    assert [(e.request, e.status) for e in inside.bench.robot.of(InCallResponded)] == [(5, 481)]


def test_an_incoming_call_is_transferred(bench) -> None:
    inside = Inside(bench, ours=False)
    bench.pbx.handler = accepting(bench)
    bench.robot.do(Transfer(inside.id, 5, "sip:8000@other.test"))
    bench.wire.run(0.5)
    assert bench.pbx.requests("REFER")[0].headers.get("Refer-To") == "<sip:8000@other.test>"


@pytest.mark.parametrize(
    "command",
    [
        Transfer(1, 5, "80\r\n00"),
        Transfer(1, 5, "8000", headers=(("X", "a\nb"),)),
        Transfer(1, 5, "8000", headers=(("Via", "x"),)),
        AnswerTransfer(-9, 100),
        AnswerTransfer(-9, 603, "a\r\nb"),
        TellTransfer(-9, 99),
        TellTransfer(-9, 200, "a\0"),
    ],
)
def test_what_must_not_reach_the_wire(inside, command) -> None:
    with pytest.raises(InvalidValue):
        inside.bench.robot.do(command)


def test_transfers_nobody_asked_for(inside) -> None:
    inside.bench.robot.do(AnswerTransfer(-99))
    inside.bench.robot.do(TellTransfer(-99, 200))
    assert notify(inside, OK) == [481]
    assert notify(inside, OK, event="presence") == [481]


# --- a call takes the place of another --------------------------------------------------------------


def replacing(inside: Inside, to_tag: str, from_tag: str = "peer", more: str = "") -> list[int]:
    bench = inside.bench
    value = f"{inside.call_id};to-tag={to_tag};from-tag={from_tag}{more}"
    headers = (CONTACT, ("Replaces", value), ("Require", "replaces"))
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", *headers, call_id=f"new-{len(bench.pbx.inbox)}", body=SDP)
    before = len(bench.pbx.inbox)
    inside.inject(data)
    return [m.status for m in bench.pbx.inbox[before:] if not isinstance(m, Request) and m.cseq.method == "INVITE"]


def test_a_call_takes_the_place_of_another(inside) -> None:
    """RFC 3891 §3: the old one ends once the new one is answered, and not before."""
    bench = inside.bench
    ours = bench.pbx.requests("INVITE")[0].from_tag
    assert replacing(inside, ours) == [100]
    event = bench.robot.of(IncomingCall)[-1]
    assert event.replaces == 1
    assert not bench.pbx.requests("BYE")
    bench.robot.do(Answer(event.id, body=SDP))
    bench.wire.run(0.5)
    (bye,) = bench.pbx.requests("BYE")
    assert bye.call_id == inside.call_id
    assert [each.id for each in bench.robot.of(CallEnded)] == [1]


def test_calls_that_cannot_be_replaced(inside) -> None:
    """RFC 3891 §3: which status says why."""
    bench = inside.bench
    ours = bench.pbx.requests("INVITE")[0].from_tag
    assert replacing(inside, "nobody") == [481]
    assert replacing(inside, ours, "nobody") == [481]
    assert replacing(inside, ours, more=";early-only") == [486]
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Hangup(1))
    assert replacing(inside, ours) == [603]
    assert not bench.robot.of(IncomingCall)


def test_a_call_that_rings_is_replaced_if_it_is_ours(bench) -> None:
    bench.add(register=False)
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 180, CONTACT)])
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.5)
    invite = bench.pbx.requests("INVITE")[0]
    value = f"{invite.call_id};to-tag={invite.from_tag};from-tag=peer;early-only"
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, ("Replaces", value), call_id="new", body=SDP)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    event = bench.robot.of(IncomingCall)[-1]
    assert event.replaces == 1
    bench.robot.do(Answer(event.id, body=SDP))
    bench.wire.run(0.5)
    assert [request.method for request in bench.pbx.requests("CANCEL")] == ["CANCEL"]


def test_a_call_that_rings_here_is_not_replaced(bench) -> None:
    bench.add(register=False)
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, call_id="first", body=SDP)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    bench.robot.do(Ring(bench.robot.of(IncomingCall)[-1].id))
    bench.wire.run(0.1)
    ours = bench.pbx.responses("INVITE")[-1].to_tag
    value = f"first;to-tag={ours};from-tag=peer"
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, ("Replaces", value), call_id="new", body=SDP)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)
    assert [r.status for r in bench.pbx.responses("INVITE") if r.call_id == "new"] == [481]


def test_a_replaced_call_that_has_ended_meanwhile(inside) -> None:
    bench = inside.bench
    ours = bench.pbx.requests("INVITE")[0].from_tag
    replacing(inside, ours)
    inside.say("BYE")
    bench.robot.do(Answer(bench.robot.of(IncomingCall)[-1].id, body=SDP))
    bench.wire.run(0.5)
    assert not bench.pbx.requests("BYE")


def test_a_replaces_that_is_broken(inside) -> None:
    bench = inside.bench
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, ("Replaces", "x;to-tag=1"), call_id="n", body=SDP)
    inside.inject(data)
    assert [r.status for r in bench.pbx.responses("INVITE")] == [400]
    assert isinstance(parse(data), Request)
