"""A PBX that is never content: what it asks for is followed once or twice, and never in a storm of requests."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request
from sipclient.protocol.events import (
    CallEnded,
    Invite,
    Offer,
    OfferAnswered,
    Registered,
    RegistrationLost,
    Subscribe,
    SubscriptionEnded,
)

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")


def raises_by_one(bench, status: int, header: str):
    """Refuses each time with one second more than it was asked for."""
    asked = iter(range(3_601, 100_000))
    return lambda request: [bench.pbx.reply(request, status, (header, str(next(asked))))]


def test_a_registrar_that_raises_each_time_is_followed_twice_and_then_left_for_a_while(bench) -> None:
    bench.pbx.handler = transaction_free(raises_by_one(bench, 423, "Min-Expires"))
    bench.add(keepalive=4.0)
    bench.wire.run(20)
    assert len(bench.pbx.requests("REGISTER")) == 3
    (lost,) = bench.robot.of(RegistrationLost)
    assert lost.status == 423
    assert "longer registration each time" in lost.reason
    assert lost.retry_in >= 45
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.wire.run(60)
    assert bench.robot.of(Registered)


def test_a_notifier_that_raises_each_time_is_followed_twice_and_then_left_for_a_while(bench) -> None:
    bench.pbx.handler = transaction_free(raises_by_one(bench, 423, "Min-Expires"))
    bench.add(register=False)
    bench.robot.do(Subscribe(1, "pbx", "1001", "presence"))
    bench.wire.run(60)
    assert len(bench.pbx.requests("SUBSCRIBE")) == 3
    (ended,) = bench.robot.of(SubscriptionEnded)
    assert ended.status == 423
    assert "longer subscription each time" in ended.reason
    assert ended.retry_in >= 60


def test_a_callee_that_raises_each_time_is_followed_twice(bench) -> None:
    """RFC 4028 §7.3."""
    bench.pbx.handler = transaction_free(raises_by_one(bench, 422, "Min-SE"))
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(10)
    assert len(bench.pbx.requests("INVITE")) == 3
    (ended,) = bench.robot.of(CallEnded)
    assert ended.status == 422
    assert "longer session interval each time" in ended.reason


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_in_a_call_too(bench, method: str) -> None:
    raising = raises_by_one(bench, 422, "Min-SE")
    answers = 0

    def handler(request: Request) -> list[bytes]:
        nonlocal answers
        answers += 1
        return raising(request) if answers > 2 else [bench.pbx.reply(request, 200, CONTACT)]

    bench.pbx.handler = transaction_free(handler)
    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(1)
    before = len(bench.pbx.requests(method))
    bench.robot.do(Offer(1, SDP, method=method))
    bench.wire.run(10)
    assert len(bench.pbx.requests(method)) - before == 3
    assert bench.robot.of(OfferAnswered)[0].status == 422
    assert not bench.robot.of(CallEnded)


def test_a_registrar_that_grants_one_second_gets_one_register_a_second(bench) -> None:
    """Robustness 22: no storm, at most one REGISTER a second and account."""

    def grants(request: Request) -> list[bytes]:
        contact = request.headers.get("Contact") or ""
        return [bench.pbx.reply(request, 200, ("Contact", contact.replace("expires=300", "expires=1")))]

    bench.pbx.handler = transaction_free(grants)
    bench.add()
    bench.wire.run(30)
    assert 20 <= len(bench.pbx.requests("REGISTER")) <= 32
