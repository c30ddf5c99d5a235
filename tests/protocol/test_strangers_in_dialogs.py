"""Who may speak inside a call: robustness 11, RFC 3261 §12.2.2."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.protocol.events import (
    AcceptSubscription,
    Answer,
    CallEnded,
    IncomingCall,
    Invite,
    SubscribeReceived,
    Target,
)

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
STRANGER = ("10.6.6.6", 5060)


class Answered:
    """A call of ours whose dialog points to `contact` and `routes`."""

    def __init__(self, bench, contact: str, *routes: str, **account: object) -> None:
        self.bench = bench
        headers = [("Contact", f"<{contact}>"), *(("Record-Route", route) for route in routes)]
        bench.pbx.handler = transaction_free(
            lambda r: [bench.pbx.reply(r, 200, *headers)] if r.method == "INVITE" else []
        )
        bench.add(register=False, **account)
        bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
        bench.wire.run(0.1)

    def bye(self, host: str) -> int:
        """The status of a BYE from a host."""
        invite = self.bench.pbx.requests("INVITE")[0]
        data = self.bench.pbx.request(
            "BYE",
            "sip:robot@10.0.0.2",
            call_id=invite.call_id,
            from_="<sip:7000@pbx.test>;tag=peer",
            to=f"<sip:robot@pbx.test>;tag={invite.from_tag}",
        )
        before = len(self.bench.robot.sent)
        self.bench.wire.inject(self.bench.robot, data, source=(host, 5060))
        return int(self.bench.robot.sent[before][1][8:11])


def test_a_stranger_ends_no_call_though_it_knows_the_tags(bench) -> None:
    call = Answered(bench, "sip:pbx@10.0.0.1:5060")
    assert call.bye("10.6.6.6") == 481
    assert not bench.robot.of(CallEnded)
    assert call.bye("10.0.0.1") == 200


@pytest.mark.parametrize(
    ("contact", "routes", "host"),
    [
        ("sip:b2bua@10.0.0.9:5080", (), "10.0.0.9"),
        ("sip:phone@[2001:db8:0::7]", (), "2001:db8::7"),
        ("sip:phone@192.168.1.7", ("<sip:10.0.0.8;lr>", "<sip:10.0.0.1;lr>"), "10.0.0.8"),
        ("sip:phone@phone.test;maddr=10.0.0.7", (), "10.0.0.7"),
    ],
)
def test_whom_the_dialog_names_may(bench, contact, routes, host) -> None:
    call = Answered(bench, contact, *routes)
    assert call.bye("10.6.6.6") == 481
    assert call.bye(host) == 200


def test_peers_may(bench) -> None:
    call = Answered(bench, "sip:pbx@10.0.0.1", peers=("10.7.0.0/16",))
    assert call.bye("10.6.6.6") == 481
    assert call.bye("10.7.1.1") == 200


def test_a_name_admits_the_addresses_it_was_found_at(bench) -> None:
    bench.wire.names["sip:b2bua@other.test"] = tuple(Target("udp", host, 5060) for host in ("10.0.0.4", "10.0.0.5"))
    call = Answered(bench, "sip:b2bua@other.test")
    assert call.bye("10.6.6.6") == 481
    assert call.bye("10.0.0.5") == 200


def test_a_name_that_was_not_found_admits_whoever_knows_the_tags(bench) -> None:
    call = Answered(bench, "sip:b2bua@other.test")
    assert call.bye("10.0.0.5") == 200


def test_an_ack_of_a_stranger_is_not_heard(bench) -> None:
    """The 200 goes on until the caller's own ACK comes (RFC 3261 §13.3.1.4)."""
    bench.add(register=False)
    contact = ("Contact", "<sip:1001@10.0.0.1:5060>")
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", contact, body=SDP, cseq=1)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.robot.do(Answer(bench.robot.of(IncomingCall)[0].id, body=SDP))
    bench.wire.run(0.1)
    to = bench.pbx.responses("INVITE")[-1].headers.get("To")
    ack = bench.pbx.request("ACK", "sip:robot@10.0.0.2", to=to, cseq=1)
    bench.wire.inject(bench.robot, ack, source=STRANGER)
    before = len(bench.pbx.responses("INVITE"))
    bench.wire.run(1)
    assert len(bench.pbx.responses("INVITE")) > before
    bench.wire.inject(bench.robot, ack, source=("10.0.0.1", 5060))
    before = len(bench.pbx.responses("INVITE"))
    bench.wire.run(10)
    assert len(bench.pbx.responses("INVITE")) == before


def test_a_stranger_ends_no_subscription_to_us(bench) -> None:
    bench.add(register=False, handles=frozenset({"SUBSCRIBE"}))
    headers = (("Contact", "<sip:1001@10.0.0.1>"), ("Event", "presence"))
    data = bench.pbx.request("SUBSCRIBE", "sip:robot@10.0.0.2", *headers, cseq=1)
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.robot.do(AcceptSubscription(bench.robot.of(SubscribeReceived)[0].id, 600.0))
    bench.wire.run(0.1)
    to = bench.pbx.responses("SUBSCRIBE")[-1].headers.get("To")
    end = bench.pbx.request("SUBSCRIBE", "sip:robot@10.0.0.2", *headers, ("Expires", "0"), to=to, cseq=2)
    bench.wire.inject(bench.robot, end, source=STRANGER)
    assert bench.robot.sent[-1][1].startswith(b"SIP/2.0 481")
    assert len(bench.robot.of(SubscribeReceived)) == 1
    bench.wire.inject(bench.robot, end, source=("10.0.0.1", 5060))
    assert len(bench.robot.of(SubscribeReceived)) == 2
