"""Robustness 10, responses.

They count only when top Via branch and CSeq method match a live client transaction and they come from where the
request went. A forged 200: no ACK, no event.
"""

from __future__ import annotations

import random

import pytest
from robustness.common import CONTACT, SDP, SERVER, STRANGER, Bench, share
from support.peer import Peer

from sipclient.message import Request
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Invite,
    Registered,
    RegistrationLost,
    Responded,
    Ringing,
    SendRequest,
    Subscribe,
    SubscriptionEnded,
)

WHERE = {
    "another host": (STRANGER, 5060),
    "another port of the server": (SERVER, 5061),
    "the privileged one": (SERVER, 1),
}


def asking(method: str) -> tuple[Bench, Request]:
    """A robot with one request under way, and a server that says nothing."""
    bench = Bench()
    Peer(bench.wire, STRANGER)
    bench.add(register=method == "REGISTER")
    if method == "INVITE":
        bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    elif method == "SUBSCRIBE":
        bench.robot.do(Subscribe(1, "pbx", "1001", "presence"))
    elif method != "REGISTER":
        bench.robot.do(SendRequest(1, "pbx", method, "1001"))
    bench.wire.run(0.1)
    return bench, bench.pbx.requests(method)[0]


def untouched(bench: Bench, method: str) -> bool:
    """Whether the robot neither told nor sent anything but retransmissions of its request."""
    news = (Answered, Ringing, CallEnded, Registered, RegistrationLost, Responded, SubscriptionEnded)
    if any(isinstance(event, news) for event in bench.robot.events):
        return False
    return all(data in bench.robot.requests(method) for _, data in bench.robot.sent)


METHODS = ["INVITE", "REGISTER", "SUBSCRIBE", "OPTIONS", "MESSAGE"]
STATUSES = [180, 200, 302, 401, 486, 503]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", WHERE)
def test_a_response_from_elsewhere_is_nobodys(method: str, where: str) -> None:
    bench, request = asking(method)
    challenge = ("WWW-Authenticate", 'Digest realm="pbx", nonce="evil"')
    for status in STATUSES:
        data = bench.pbx.reply(request, status, CONTACT, challenge, ("Expires", "300"), body=SDP)
        bench.wire.inject(bench.robot, data, source=WHERE[where])
        bench.wire.inject(bench.robot, data, source=WHERE[where], transport="tcp")
        bench.wire.run(0.05)
    assert untouched(bench, method)


@pytest.mark.parametrize("method", METHODS)
def test_a_response_of_another_transaction_is_nobodys(method: str) -> None:
    bench, request = asking(method)
    branch = request.via.branch.encode()
    for status in STATUSES:
        good = bench.pbx.reply(request, status, CONTACT, ("Expires", "300"), body=SDP)
        line = f"CSeq: {request.cseq.number} {method}".encode()
        other = b"CANCEL" if method == "INVITE" else b"INVITE"
        for wrong in (
            good.replace(branch, b"z9hG4bKguessed"),
            good.replace(branch, branch[:-1]),
            good.replace(branch, branch + b"0"),
            good.replace(branch, branch.upper()),
            good.replace(branch, b""),
            good.replace(line, f"CSeq: {request.cseq.number} ".encode() + other),
            good.replace(b"Via: ", b"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKtop\r\nVia: ", 1),
        ):
            assert wrong != good
            bench.wire.inject(bench.robot, wrong, source=(SERVER, 5060))
    bench.wire.run(0.1)
    assert untouched(bench, method)


@pytest.mark.parametrize("method", METHODS)
def test_the_servers_own_response_still_counts_after_all_that(method: str) -> None:
    bench, request = asking(method)
    good = bench.pbx.reply(request, 200, CONTACT, ("Expires", "300"))
    bench.wire.inject(bench.robot, good, source=(STRANGER, 5060))
    assert untouched(bench, method)
    bench.wire.inject(bench.robot, good, source=(SERVER, 5060))
    bench.wire.run(0.1)
    if method == "INVITE":
        assert len(bench.robot.of(Answered)) == 1
        assert bench.pbx.requests("ACK")
    elif method == "REGISTER":
        assert bench.robot.of(Registered)
    elif method != "SUBSCRIBE":
        assert bench.robot.of(Responded)[0].response is not None


def test_a_forged_200_makes_no_ack_whatever_it_looks_like() -> None:
    rng = random.Random(10)
    bench, request = asking("INVITE")
    for number in range(share(300, 20_000)):
        data = bench.pbx.reply(request, rng.choice((180, 183, 200, 202)), CONTACT, tag=f"evil{number}", body=SDP)
        source = (f"10.{rng.randrange(256)}.{rng.randrange(256)}.9", rng.randrange(1, 65536))
        bench.wire.inject(bench.robot, data, source=source)
    bench.wire.run(33)
    assert {data.split()[0] for _, data in bench.robot.sent} == {b"INVITE"}
    assert not bench.robot.of(Answered)
    assert not bench.robot.of(Ringing)
    assert bench.robot.of(CallEnded)[0].cause == "RECOVERY_ON_TIMER_EXPIRE"


def test_a_response_after_the_transaction_is_nobodys() -> None:
    bench, request = asking("MESSAGE")
    good = bench.pbx.reply(request, 200)
    bench.wire.inject(bench.robot, good, source=(SERVER, 5060))
    bench.wire.run(40)
    sent = len(bench.robot.sent)
    bench.wire.inject(bench.robot, good, source=(SERVER, 5060))
    bench.wire.inject(bench.robot, bench.pbx.reply(request, 503), source=(SERVER, 5060))
    assert len(bench.robot.of(Responded)) == 1
    assert len(bench.robot.sent) == sent
