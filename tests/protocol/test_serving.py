"""What we owe to requests of others when something goes wrong on the way back, or the user never answers."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.errors import InvalidValue
from sipclient.message import Response, parse
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AcceptSubscription,
    AddAccount,
    Answer,
    Answered,
    AnswerOffer,
    CallEnded,
    Flow,
    FlowClosed,
    IncomingCall,
    Invite,
    Notify,
    Packet,
    Registered,
    RegistrationLost,
    Reject,
    RemoveAccount,
    RequestReceived,
    Respond,
    Responded,
    Ring,
    SendFailed,
    SendRequest,
    Subscribe,
    SubscribeReceived,
    SubscriberGone,
    Watch,
)

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
SERVER = ("10.0.0.1", 5060)
TO_SERVER = Flow("udp", "10.0.0.2", 5060, *SERVER)


@pytest.fixture
def line(bench):
    bench.add(register=False, handles=frozenset({"REGISTER", "SUBSCRIBE"}))
    return bench


def send(bench, data: bytes) -> None:
    bench.wire.inject(bench.robot, data, source=SERVER)
    bench.wire.run(0.1)


def statuses(bench, method: str) -> list[int]:
    return [response.status for response in bench.pbx.responses(method)]


def receive(bench, input: object) -> list:
    effects = bench.robot.agent.receive(input, bench.wire.now)
    bench.wire.perform(bench.robot, effects)
    return effects


# --- the way back breaks ----------------------------------------------------------------------------


def test_a_refused_datagram_ends_no_call_and_its_invite_again_begins_none(line) -> None:
    """RFC 6026 §7.1: the transaction stays, so a retransmission is absorbed and is not a second call."""
    data = line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP)
    send(line, data)
    receive(line, SendFailed(TO_SERVER, "connection refused"))
    send(line, data)
    assert len(line.robot.of(IncomingCall)) == 1
    assert not line.robot.of(CallEnded)
    line.robot.do(Answer(line.robot.of(IncomingCall)[0].id, body=SDP))
    receive(line, SendFailed(TO_SERVER, "connection refused"))
    line.wire.run(1)
    assert 200 in statuses(line, "INVITE")


def test_a_refused_datagram_does_not_make_a_message_come_twice(line) -> None:
    data = line.pbx.request("REGISTER", "sip:pbx.test")
    send(line, data)
    receive(line, SendFailed(TO_SERVER, "connection refused"))
    send(line, data)
    assert len(line.robot.of(RequestReceived)) == 1


class Caller:
    """Somebody who calls over a stream."""

    def __init__(self, bench) -> None:
        self.bench = bench
        self.flow = Flow("tcp", "10.0.0.2", 5060, "10.0.0.1", 40001, 7)

    def send(self, data: bytes) -> list[bytes]:
        effects = receive(self.bench, Packet(self.flow, data.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP", 1)))
        return [effect.data for effect in effects if hasattr(effect, "data")]


def test_a_call_whose_stream_closes_while_it_rings_is_over(line) -> None:
    caller = Caller(line)
    caller.send(line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP))
    receive(line, FlowClosed(caller.flow, "closed by the peer"))
    (ended,) = line.robot.of(CallEnded)
    assert (ended.cause, ended.by, ended.reason) == ("NETWORK_OUT_OF_ORDER", "network", "closed by the peer")
    line.wire.run(40)
    assert line.robot.agent.idle


def test_a_call_that_was_answered_outlives_its_stream(line) -> None:
    caller = Caller(line)
    (_, ok) = caller.send(line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, cseq=1)), None
    id = line.robot.of(IncomingCall)[0].id
    line.robot.do(Answer(id, body=SDP))
    ok = parse(line.robot.sent[-1][1])
    assert isinstance(ok, Response)
    caller.send(line.pbx.request("ACK", "sip:robot@10.0.0.2", to=ok.headers.get("To") or "", cseq=1))
    to = ok.headers.get("To") or ""
    caller.send(line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, to=to, cseq=2, body=SDP))
    receive(line, FlowClosed(caller.flow, "closed by the peer"))
    assert line.robot.of(Answered)
    assert not line.robot.of(CallEnded)


def test_what_is_too_large_for_a_datagram_fails_alone(bench) -> None:
    """The kernel refused one datagram; the server is as near as before."""
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.pbx.node.up = True
    bench.add()
    assert bench.robot.of(Registered)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.agent._stations["pbx"].line.large_over_tcp = False
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001", body=b"x" * 70_000, content_type="text/plain"))
    bench.robot.do(SendRequest(2, "pbx", "MESSAGE", "1001", body=b"x", content_type="text/plain"))
    receive(bench, SendFailed(TO_SERVER, "message too long", too_large=True))
    (responded,) = bench.robot.of(Responded)
    assert (responded.request, responded.reason) == (1, "message too long")
    assert not bench.robot.of(RegistrationLost)


# --- the user never answers -------------------------------------------------------------------------


def test_a_request_the_application_forgets_is_answered_and_forgotten(line) -> None:
    """A 408 is not ours to send (RFC 4320 §4.2)."""
    send(line, line.pbx.request("REGISTER", "sip:pbx.test"))
    line.wire.run(31)
    assert statuses(line, "REGISTER") == [500]
    line.robot.do(Respond(line.robot.of(RequestReceived)[0].request, 200))
    line.wire.run(40)
    assert statuses(line, "REGISTER") == [500]
    assert line.robot.agent.idle


def subscribe(bench, *, to: str = "<sip:1001@pbx.test>", cseq: int = 1) -> None:
    headers = (("Event", "presence"), ("Expires", "60"), ("Contact", "<sip:watcher@10.0.0.1:5060>"))
    send(bench, bench.pbx.request("SUBSCRIBE", "sip:1001@10.0.0.2", *headers, to=to, cseq=cseq, call_id="watch"))


def accepted(bench) -> int:
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200)])
    subscribe(bench)
    id: int = bench.robot.of(SubscribeReceived)[0].id
    bench.robot.do(AcceptSubscription(id, 60))
    bench.robot.do(Notify(id))
    bench.wire.run(0.1)
    return id


def test_a_subscription_the_application_forgets_is_refused_and_forgotten(line) -> None:
    subscribe(line)
    line.wire.run(31)
    assert statuses(line, "SUBSCRIBE") == [500]
    assert line.robot.of(SubscriberGone)
    line.wire.run(40)
    assert line.robot.agent.idle


def test_a_refresh_while_one_waits_is_put_off_and_the_end_answers_what_waits(line) -> None:
    id = accepted(line)
    to = line.pbx.responses("SUBSCRIBE")[0].headers.get("To") or ""
    subscribe(line, to=to, cseq=2)
    subscribe(line, to=to, cseq=3)
    assert statuses(line, "SUBSCRIBE") == [200, 500]
    line.robot.do(Notify(id, state="terminated", reason="noresource"))
    line.wire.run(0.1)
    assert statuses(line, "SUBSCRIBE") == [200, 500, 481]
    line.wire.run(40)
    assert line.robot.agent.idle


def test_subscribers_are_told_when_the_account_leaves(line) -> None:
    accepted(line)
    data = line.pbx.request(
        "SUBSCRIBE", "sip:1002@10.0.0.2", ("Event", "presence"), CONTACT, call_id="waits", from_="<sip:w@x>;tag=w"
    )
    send(line, data)
    line.robot.do(RemoveAccount("pbx"))
    line.wire.run(0.1)
    assert line.pbx.requests("NOTIFY")[-1].subscription_state == ("terminated", {"reason": "deactivated"})
    assert statuses(line, "SUBSCRIBE")[-1] == 480
    assert len(line.robot.of(SubscriberGone)) == 2
    line.wire.run(40)
    assert line.robot.agent.idle


# --- what the user may not say ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        Invite(1, "pbx", "7001"),
        Watch(2, "pbx", "1002"),
        Subscribe(2, "pbx", "1002", "presence"),
        Subscribe(3, "pbx", "1002", "presence"),
        Watch(3, "pbx", "1002"),
        Respond(-1, 100),
        Reject(-1, 180),
        Reject(-1, 700),
        AddAccount(Account("sip:robot@pbx.test", name="pbx")),
    ],
)
def test_ids_in_use_and_statuses_that_end_nothing_are_refused(line, command) -> None:
    """A second thing under one id would leave the first without a handle: it would never end."""
    line.robot.do(Invite(1, "pbx", "7000"))
    line.robot.do(Watch(2, "pbx", "1001"))
    line.robot.do(Subscribe(3, "pbx", "1001", "presence"))
    with pytest.raises(InvalidValue):
        line.robot.do(command)


@pytest.mark.parametrize("command", [Invite(1, "pbx", "7000"), Watch(2, "pbx", "1001"), Watch(2, "who", "1001")])
def test_an_account_that_leaves_begins_nothing(line, command) -> None:
    line.robot.do(Invite(9, "pbx", "7000"))  # keeps it from leaving at once
    line.wire.run(0.1)
    line.robot.do(RemoveAccount("pbx"))
    line.robot.do(RemoveAccount("pbx"))
    with pytest.raises(InvalidValue):
        line.robot.do(command)


# --- details of what we write -----------------------------------------------------------------------


def test_a_100_brings_the_timestamp_back(line) -> None:
    """RFC 3261 §8.2.6.1."""
    send(line, line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, ("Timestamp", "54.5"), body=SDP))
    line.robot.do(Ring(line.robot.of(IncomingCall)[0].id))
    line.wire.run(0.1)
    trying, ringing = line.pbx.responses("INVITE")
    assert (trying.headers.get("Timestamp"), ringing.headers.get("Timestamp")) == ("54.5", None)


def test_a_warning_with_quotes_stays_one(line) -> None:
    line.pbx.handler = transaction_free(lambda r: [line.pbx.reply(r, 200, CONTACT)])
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(0.1)
    invite = line.pbx.requests("INVITE")[0]
    named = {
        "call_id": invite.call_id,
        "from_": "<sip:7000@pbx.test>;tag=peer",
        "to": f"<sip:robot@pbx.test>;tag={invite.from_tag}",
    }
    send(line, line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, cseq=1, **named))
    line.robot.do(AnswerOffer(1, status=488, warnings=((305, 'no\r\n"PCMU"'),)))
    line.wire.run(0.1)
    refusal = line.pbx.responses("INVITE")[-1]
    assert refusal.headers.get("Warning") == '305 pbx.test "no  \\"PCMU\\""'


def test_a_broken_copy_of_a_request_under_way_is_absorbed(line) -> None:
    data = line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP)
    send(line, data)
    send(line, data.replace(b"Max-Forwards: 70", b"Max-Forwards: many"))
    assert statuses(line, "INVITE") == [100]
    line.robot.do(Answer(line.robot.of(IncomingCall)[0].id, body=SDP))
    line.wire.run(0.1)
    assert statuses(line, "INVITE") == [100, 200]


def test_a_response_with_two_vias_is_not_for_us(line) -> None:
    """RFC 3261 §8.1.3.3."""
    line.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    line.wire.run(0.1)
    ok = line.pbx.reply(line.pbx.requests("MESSAGE")[0], 200)
    send(line, ok.replace(b"\r\nFrom:", b"\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx\r\nFrom:", 1))
    assert not line.robot.of(Responded)
    send(line, ok)
    assert line.robot.of(Responded)
