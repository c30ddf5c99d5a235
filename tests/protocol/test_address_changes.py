"""Our own address changes: registered, subscribed and talking from the new one within 5 seconds (robustness 22)."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request, parse
from sipclient.protocol.events import (
    AcceptSubscription,
    AddressChanged,
    Answer,
    AnswerOffer,
    CallEnded,
    FlowClosed,
    Hangup,
    IncomingCall,
    Invite,
    Notify,
    Offer,
    OfferAnswered,
    OfferWanted,
    RegistrationLost,
    RemoveAccount,
    Subscribe,
    SubscribeReceived,
    SubscriptionEnded,
)

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
NEW = "10.0.0.22"


class Moving:
    """A robot whose PBX takes everything, until its address changes."""

    def __init__(self, bench, **account: object) -> None:
        self.bench, self.wire, self.robot, self.pbx = bench, bench.wire, bench.robot, bench.pbx
        self.silent: set[str] = set()
        bench.pbx.handler = transaction_free(self.answer)
        bench.add(**account)

    def answer(self, request: Request) -> list[bytes]:
        if request.method == "REGISTER" and request.method not in self.silent:
            return self.bench.answer_register(request)
        if request.method in self.silent | {"ACK"}:
            return []
        body = SDP if request.method == "INVITE" and request.body else b""
        expires = ("Expires", str(request.expires or 0))
        return [self.pbx.reply(request, 200, CONTACT, expires, body=body)]

    def move(self, before: str = "10.0.0.2", seconds: float = 5.0) -> list[Request]:
        """What the PBX hears within 5 seconds of the change."""
        del self.wire.nodes[self.robot.host, 5060]
        self.robot.host = NEW
        self.wire.nodes[NEW, 5060] = self.robot
        heard = len(self.pbx.inbox)
        self.change(before)
        self.wire.run(seconds)
        return [message for message in self.pbx.inbox[heard:] if isinstance(message, Request)]

    def change(self, before: str, remote: str = "10.0.0.1") -> None:
        change = AddressChanged(remote, before, NEW)
        self.wire.perform(self.robot, self.robot.agent.receive(change, self.wire.now))

    def call(self, **invite: object) -> None:
        self.robot.do(Invite(1, "pbx", "7000", **{"body": SDP, **invite}))
        self.wire.run(0.1)


def contacts(requests: list[Request], method: str) -> list[str]:
    return [uri for each in requests if each.method == method and (uri := each.contact_uri)]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_it_registers_from_there_and_takes_the_old_binding_back(bench, transport) -> None:
    moving = Moving(bench, server=f"{transport}:10.0.0.1:5060")
    heard = moving.move(bench.wire.nodes["10.0.0.2", 5060].host)
    (register,) = [each for each in heard if each.method == "REGISTER"]
    new, old = register.contacts
    assert new.uri.host == NEW
    assert old.uri.host == "10.0.0.2"
    assert (new.expires, old.expires) == (300, 0)
    assert register.via.host == NEW
    assert not bench.robot.of(RegistrationLost)


def test_its_subscriptions_are_refreshed_from_there(bench) -> None:
    moving = Moving(bench)
    for number in range(3):
        bench.robot.do(Subscribe(number, "pbx", f"100{number}", "presence"))
    bench.wire.run(0.1)
    heard = moving.move()
    assert len(contacts(heard, "SUBSCRIBE")) == 3
    assert all(NEW in uri for uri in contacts(heard, "SUBSCRIBE"))
    assert all(each.to_tag for each in heard if each.method == "SUBSCRIBE")
    assert not bench.robot.of(SubscriptionEnded)


def test_one_being_asked_for_is_asked_for_again(bench) -> None:
    moving = Moving(bench)
    moving.silent = {"SUBSCRIBE"}
    bench.robot.do(Subscribe(1, "pbx", "1001", "presence"))
    bench.wire.run(0.1)
    moving.silent = set()
    heard = moving.move()
    assert [NEW in uri for uri in contacts(heard, "SUBSCRIBE")] == [False, True]


def test_a_call_is_asked_for_a_description_and_offers_it_from_there(bench) -> None:
    moving = Moving(bench)
    moving.call()
    heard = moving.move()
    assert bench.robot.of(OfferWanted) == [OfferWanted(1, NEW)]
    assert not contacts(heard, "INVITE")
    bench.robot.do(Offer(1, SDP.replace(b"4000", b"4002")))
    bench.wire.run(0.1)
    reinvite = bench.pbx.requests("INVITE")[-1]
    assert NEW in reinvite.contact_uri
    assert reinvite.via.host == NEW
    assert b"4002" in reinvite.body
    assert bench.robot.of(OfferAnswered)[0].status == 200
    bench.robot.do(Hangup(1))
    bench.wire.run(0.1)
    assert bench.pbx.requests("BYE")[0].via.host == NEW


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_whose_invite_was_too_large_for_a_datagram_moves_too(bench, transport) -> None:
    """Its dialog has a stream of its own, opened by us from the address that is gone."""
    moving = Moving(bench)
    contact = ("Contact", f"<sip:pbx@10.0.0.1:5060;transport={transport}>")
    bench.pbx.handler = transaction_free(
        lambda each: [] if each.method == "ACK" else [moving.pbx.reply(each, 200, contact, body=SDP)]
    )
    moving.call(body=SDP + b"a=ptime:20\r\n" * 100)
    assert bench.pbx.requests("INVITE")[-1].via.transport == "TCP"
    moving.move()
    assert bench.robot.of(OfferWanted) == [OfferWanted(1, NEW)]
    bench.robot.do(Offer(1, SDP))
    bench.wire.run(0.1)
    reinvite = bench.pbx.requests("INVITE")[-1]
    assert NEW in reinvite.contact_uri
    assert (reinvite.via.transport, reinvite.via.host) == (transport.upper(), NEW)
    bench.robot.do(Hangup(1))
    bench.wire.run(0.1)
    assert bench.pbx.requests("BYE")[0].via.host == NEW


def test_a_call_without_a_description_is_reinvited_at_once(bench) -> None:
    moving = Moving(bench)
    moving.call(body=b"")
    heard = moving.move()
    assert [NEW in uri for uri in contacts(heard, "INVITE")] == [True]
    assert not bench.robot.of(OfferWanted)


def test_a_call_whose_dialog_leads_elsewhere_leaves_its_new_address_too(bench) -> None:
    moving = Moving(bench)
    phone = ("Contact", "<sip:phone@10.0.0.7>")
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", phone, body=SDP, cseq=1)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.robot.do(Answer(bench.robot.of(IncomingCall)[0].id, body=SDP))
    bench.wire.run(0.1)
    to = bench.pbx.responses("INVITE")[-1].headers.get("To")
    moving.move()
    assert not bench.robot.of(OfferWanted)  # it is not acknowledged yet
    bench.wire.inject(
        bench.robot, bench.pbx.request("ACK", "sip:robot@10.0.0.2", to=to, cseq=1), source=("10.0.0.1", 5060)
    )
    assert len(bench.robot.of(OfferWanted)) == 1


def test_a_call_that_rings_tells_when_it_is_answered(bench) -> None:
    moving = Moving(bench)
    moving.silent = {"INVITE"}
    moving.call()
    invite = bench.pbx.requests("INVITE")[0]
    bench.pbx.send(bench.pbx.flows[-1], bench.pbx.reply(invite, 180, CONTACT))
    bench.wire.run(0.1)
    moving.move()
    assert not bench.robot.of(OfferWanted)
    answer = bench.pbx.reply(invite, 200, CONTACT, body=SDP)
    bench.wire.inject(bench.robot, answer, source=("10.0.0.1", 5060))
    assert bench.robot.of(OfferWanted) == [OfferWanted(1, NEW)]


@pytest.mark.parametrize(("status", "wanted"), [(200, 1), (488, 0)])
def test_a_late_offer_that_waits_is_answered_first(bench, status, wanted) -> None:
    moving = Moving(bench)
    moving.silent = {"INVITE"}
    moving.call(body=b"")
    invite = bench.pbx.requests("INVITE")[0]
    bench.wire.inject(bench.robot, bench.pbx.reply(invite, 200, CONTACT, body=SDP), source=("10.0.0.1", 5060))
    moving.move()
    assert not bench.robot.of(OfferWanted)
    bench.robot.do(AnswerOffer(1, SDP, status=status))
    assert len(bench.robot.of(OfferWanted)) == wanted


@pytest.mark.parametrize(("transport", "wanted"), [("udp", 1), ("tcp", 0)])
def test_a_call_with_a_peer_moves_too_but_a_stream_stands_by_itself(bench, transport, wanted) -> None:
    moving = Moving(bench, peers=("10.0.0.0/8",), register=False)
    source = ("10.0.0.7", 5060)
    contact = ("Contact", "<sip:phone@10.0.0.7>")
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", contact, body=SDP, cseq=1)
    bench.wire.inject(bench.robot, data, source=source, transport=transport)
    id = bench.robot.of(IncomingCall)[0].id
    bench.robot.do(Answer(id, body=SDP))
    to = parse(bench.robot.sent[-1][1]).headers.get("To")
    ack = bench.pbx.request("ACK", "sip:robot@10.0.0.2", to=to, cseq=1)
    bench.wire.inject(bench.robot, ack, source=source, transport=transport)
    moving.move()
    assert len(bench.robot.of(OfferWanted)) == wanted
    if wanted:
        bench.robot.do(Offer(id, SDP))
        reinvite = parse(bench.robot.sent[-1][1])
        assert NEW in reinvite.contact_uri
        assert reinvite.via.host == NEW


def test_a_call_that_is_over_asks_for_nothing(bench) -> None:
    moving = Moving(bench)
    moving.call()
    bench.robot.do(Hangup(1))
    moving.move()
    assert not bench.robot.of(OfferWanted)
    assert len(bench.robot.of(CallEnded)) == 1


def test_another_address_or_another_server_is_no_change(bench) -> None:
    moving = Moving(bench)
    heard = len(bench.pbx.inbox)
    moving.change("10.0.0.9")
    moving.change("10.0.0.2", remote="10.0.0.8")
    bench.wire.run(5)
    assert len(bench.pbx.inbox) == heard


def test_an_account_bound_to_the_old_address_stays_there(bench) -> None:
    """The shell opens the same flow again: `local` says so."""
    moving = Moving(bench)
    heard = len(bench.pbx.inbox)
    moving.change("10.0.0.2")
    bench.wire.run(5)
    assert len(bench.pbx.inbox) == heard


def test_an_account_that_leaves_goes_on_leaving(bench) -> None:
    moving = Moving(bench)
    moving.silent = {"REGISTER"}
    bench.robot.do(RemoveAccount("pbx"))
    moving.move()
    assert not bench.robot.of(RegistrationLost)


def test_where_no_way_is_left_that_is_told(bench) -> None:
    moving = Moving(bench, server="tcp:10.0.0.1:5060", keepalive=30.0)
    bench.wire.nodes["10.0.0.1", 5060].up = False
    moving.move()
    assert "refused" in bench.robot.of(RegistrationLost)[0].reason


def test_a_keepalive_under_way_does_not_drop_the_new_way(bench) -> None:
    moving = Moving(bench, keepalive=10.0)
    moving.silent = {"OPTIONS"}
    while not bench.pbx.requests("OPTIONS"):
        bench.wire.run(0.5)
    moving.silent = set()
    moving.move()
    bench.wire.run(9)
    assert not bench.robot.of(RegistrationLost)


def test_the_old_stream_may_close_when_it_likes(bench) -> None:
    moving = Moving(bench, server="tcp:10.0.0.1:5060")
    old = next(iter(bench.wire._connections))
    moving.move()
    registers = len(bench.pbx.requests("REGISTER"))
    bench.robot.agent.receive(FlowClosed(old, "timed out"), bench.wire.now)
    bench.wire.run(5)
    assert len(bench.pbx.requests("REGISTER")) == registers
    assert not bench.robot.of(RegistrationLost)


def test_where_we_are_the_notifier_the_next_notify_comes_from_there(bench) -> None:
    moving = Moving(bench, handles=frozenset({"SUBSCRIBE"}))
    headers = (("Contact", "<sip:1001@10.0.0.1>"), ("Event", "presence"))
    data = bench.pbx.request("SUBSCRIBE", "sip:robot@10.0.0.2", *headers, cseq=1)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    id = bench.robot.of(SubscribeReceived)[0].id
    bench.robot.do(AcceptSubscription(id, 600.0))
    moving.move()
    bench.robot.do(Notify(id))
    bench.wire.run(0.1)
    assert NEW in bench.pbx.requests("NOTIFY")[-1].contact_uri
    assert parse(bench.robot.sent[-1][1]).via.host == NEW
