"""Somebody subscribes to us (RFC 6665 §4.2): accepted, refreshed, ended, refused."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request
from sipclient.protocol.events import AcceptSubscription, Notify, Reject, SubscribeReceived, SubscriberGone
from sipclient.protocol.limits import Limits

CONTACT = ("Contact", "<sip:watcher@10.0.0.1:5060>")


@pytest.fixture
def line(bench):
    bench.add(register=False, handles=frozenset({"SUBSCRIBE"}))
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200)])
    return bench


def subscribe(bench, *headers, expires: int = 60, to: str = "<sip:1001@pbx.test>", cseq: int = 1) -> None:
    data = bench.pbx.request(
        "SUBSCRIBE", "sip:1001@10.0.0.2", ("Expires", str(expires)), *headers, to=to, cseq=cseq, call_id="watch"
    )
    bench.wire.inject(bench.robot, data, source=("10.0.0.1", 5060))
    bench.wire.run(0.1)


EVENT = ("Event", "presence;id=7")


def accepted(bench) -> SubscribeReceived:
    subscribe(bench, EVENT, CONTACT)
    (received,) = bench.robot.of(SubscribeReceived)
    bench.robot.do(AcceptSubscription(received.id, received.expires))
    bench.robot.do(Notify(received.id, b"<presence/>", "application/pidf+xml"))
    bench.wire.run(0.1)
    return received


def notifies(bench) -> list[Request]:
    return bench.pbx.requests("NOTIFY")


def test_accepted_notified_and_expired(line) -> None:
    received = accepted(line)
    assert (received.package, received.expires, received.refresh) == ("presence", 60, False)
    ok = line.pbx.responses("SUBSCRIBE")[0]
    assert (ok.status, ok.expires) == (200, 60)
    (first,) = notifies(line)
    assert first.headers.get("Event") == "presence;id=7"
    assert first.subscription_state[0] == "active"
    assert first.from_tag == ok.to_tag
    assert first.body == b"<presence/>"
    line.wire.run(61)
    assert notifies(line)[-1].subscription_state == ("terminated", {"reason": "timeout"})
    assert line.robot.of(SubscriberGone)[0].reason == "timeout"
    line.wire.run(40)
    assert line.robot.agent.idle


def test_a_refresh_asks_again_and_extends(line) -> None:
    received = accepted(line)
    to = f"<sip:1001@pbx.test>;tag={line.pbx.responses('SUBSCRIBE')[0].to_tag}"
    subscribe(line, EVENT, CONTACT, to=to, cseq=2)
    refresh = line.robot.of(SubscribeReceived)[1]
    assert (refresh.id, refresh.refresh) == (received.id, True)
    line.robot.do(AcceptSubscription(received.id, 120))
    line.wire.run(100)
    assert not line.robot.of(SubscriberGone)


def test_refused(line) -> None:
    subscribe(line, EVENT, CONTACT)
    line.robot.do(Reject(line.robot.of(SubscribeReceived)[0].id, 403))
    line.wire.run(0.1)
    assert line.pbx.responses("SUBSCRIBE")[0].status == 403
    assert line.robot.of(SubscriberGone)[0].reason == "refused"
    line.wire.run(40)
    assert line.robot.agent.idle


@pytest.mark.parametrize("answer", [481, None])
def test_a_subscriber_that_is_gone_is_forgotten(line, answer) -> None:
    received = accepted(line)
    line.pbx.handler = transaction_free(lambda r: [line.pbx.reply(r, answer)] if answer else [])
    line.robot.do(Notify(received.id, b"x", "text/plain"))
    line.wire.run(33)
    assert line.robot.of(SubscriberGone)
    line.robot.do(Notify(received.id, b"x", "text/plain"))
    line.robot.do(AcceptSubscription(received.id, 60))


@pytest.mark.parametrize(("headers", "status"), [((CONTACT,), 489), ((EVENT,), 400)])
def test_what_cannot_be_subscribed_to(line, headers, status) -> None:
    subscribe(line, *headers)
    assert line.pbx.responses("SUBSCRIBE")[0].status == status
    assert not line.robot.of(SubscribeReceived)


def test_too_many_subscribers_get_503(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(subscribers=0))
    bench.add(register=False, handles=frozenset({"SUBSCRIBE"}))
    subscribe(bench, EVENT, CONTACT)
    assert bench.pbx.responses("SUBSCRIBE")[0].status == 503


def test_other_methods_in_the_dialog_are_refused(line) -> None:
    accepted(line)
    to = f"<sip:1001@pbx.test>;tag={line.pbx.responses('SUBSCRIBE')[0].to_tag}"
    data = line.pbx.request("INFO", "sip:1001@10.0.0.2", to=to, cseq=9, call_id="watch")
    line.wire.inject(line.robot, data, source=("10.0.0.1", 5060))
    line.wire.run(0.1)
    assert line.pbx.responses("INFO")[0].status == 405


def test_what_is_not_asked_is_not_accepted(line) -> None:
    received = accepted(line)
    line.robot.do(AcceptSubscription(received.id, 60))
    line.wire.run(0.1)
    assert len(line.pbx.responses("SUBSCRIBE")) == 1


def test_a_refused_refresh_ends_nothing_by_itself(line) -> None:
    received = accepted(line)
    to = f"<sip:1001@pbx.test>;tag={line.pbx.responses('SUBSCRIBE')[0].to_tag}"
    subscribe(line, EVENT, CONTACT, to=to, cseq=2)
    line.robot.do(Reject(received.id, 480))
    line.wire.run(0.1)
    assert line.pbx.responses("SUBSCRIBE")[-1].status == 480
    assert not line.robot.of(SubscriberGone)


@pytest.mark.parametrize("answer", [481, None])
def test_a_last_notify_that_fails_changes_nothing(line, answer) -> None:
    received = accepted(line)
    line.pbx.handler = transaction_free(lambda r: [line.pbx.reply(r, answer)] if answer else [])
    line.robot.do(Notify(received.id, state="terminated"))
    line.wire.run(33)
    assert [e.reason for e in line.robot.of(SubscriberGone)] == ["terminated"]
    assert notifies(line)[-1].subscription_state == ("terminated", {})
