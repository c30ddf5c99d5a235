"""Peers that cannot be reached: what was to be sent to them is let go, at once and at little cost."""

from __future__ import annotations

import pytest
from support.peer import transaction_free

from sipclient.message import Request, parse
from sipclient.protocol.events import Flow, IncomingCall, Reject, SendFailed, SendRequest
from sipclient.protocol.transaction import ServerTransaction

CONTACT = ("Contact", "<sip:1001@10.0.0.1:5060>")
PBX = ("10.0.0.1", 5060)
TO_PBX = Flow("udp", "10.0.0.2", 5060, *PBX)
FAILED = SendFailed(TO_PBX, "connection refused")


def invite(bench, number: int) -> bytes:
    named = {"call_id": f"call-{number}", "branch": f"z9hG4bK{number}", "cseq": 1}
    return bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, **named)


def refuse_calls(bench) -> None:
    def hears(event: object) -> None:
        if isinstance(event, IncomingCall):
            bench.robot.do(Reject(event.id, 486))

    bench.robot.on_event = hears


def refusals(bench) -> int:
    return sum(data.startswith(b"SIP/2.0 486") for _, data in bench.robot.sent)


def test_a_refusal_that_cannot_be_delivered_is_not_repeated_by_itself(bench) -> None:
    """RFC 6026 §7.1: the transaction stays, and answers the INVITE when that comes again."""
    bench.add(register=False)
    refuse_calls(bench)
    bench.wire.inject(bench.robot, invite(bench, 1), source=PBX)
    bench.wire.run(0.6)
    assert refusals(bench) == 2
    bench.robot.agent.receive(FAILED, bench.wire.now)
    bench.wire.run(10)
    assert refusals(bench) == 2
    bench.wire.inject(bench.robot, invite(bench, 1), source=PBX)
    assert refusals(bench) == 3
    assert len(bench.robot.of(IncomingCall)) == 1
    bench.wire.run(40)
    assert bench.robot.agent.idle


@pytest.mark.interpreted
def test_eight_thousand_refusals_to_a_dead_address_are_told_once_each(bench, monkeypatch) -> None:
    """A dead peer gives one error for each datagram: that each of them went to every transaction took 37 seconds."""
    steps = 0
    step = ServerTransaction.step

    def counted(self: ServerTransaction, *event: object) -> None:
        nonlocal steps
        steps += 1
        step(self, *event)  # type: ignore[arg-type]

    bench.add(register=False)
    refuse_calls(bench)
    for number in range(8_000):
        bench.wire.inject(bench.robot, invite(bench, number), source=PBX)
    monkeypatch.setattr(ServerTransaction, "step", counted)
    for _ in range(8_000):
        bench.robot.agent.receive(FAILED, bench.wire.now)
    assert steps == 8_000
    before = len(bench.robot.sent)
    bench.wire.run(40)
    assert len(bench.robot.sent) == before
    assert bench.robot.agent.idle


def test_what_goes_elsewhere_goes_on(bench) -> None:
    bench.add(register=False, peers=("10.0.0.0/8",))
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "7000"))
    bench.wire.run(0.1)
    elsewhere = SendFailed(Flow("udp", "10.0.0.2", 5060, "10.0.0.7", 5060), "connection refused")
    assert not bench.robot.agent.receive(elsewhere, bench.wire.now)
    bench.pbx.handler = transaction_free(lambda request: [bench.pbx.reply(request, 200)])
    bench.wire.run(2)
    assert isinstance(bench.pbx.inbox[-1], Request)
    assert parse(bench.robot.sent[-1][1]).cseq.method == "MESSAGE"
