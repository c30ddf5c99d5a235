"""Robustness 9, auth loops end.

One answered challenge for a nonce, one more if `stale=true`; then a clear error, and back-off with jitter before any
further try. However the server varies realm, header and nonce.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, pairwise

import pytest
from robustness.common import SDP, Bench
from support.peer import transaction_free

from sipclient.message import Request
from sipclient.protocol.events import (
    CallEnded,
    Hangup,
    Invite,
    Offer,
    OfferAnswered,
    RegistrationLost,
    Responded,
    SendRequest,
    Subscribe,
    SubscriptionEnded,
    Watch,
    WatchProblem,
)


def www(realm: str, nonce: str, more: str = "") -> tuple[int, str, str]:
    return (401, "WWW-Authenticate", f'Digest realm="{realm}", nonce="{nonce}", algorithm=SHA-256, qop="auth"{more}')


def proxy(realm: str, nonce: str, more: str = "") -> tuple[int, str, str]:
    return (407, "Proxy-Authenticate", www(realm, nonce, more)[2])


# What the server asks the n-th time, and how many requests may carry an answer before it ends.
LOOPS: dict[str, tuple[Callable[[int], tuple[int, str, str]], int]] = {
    "the same nonce": (lambda n: www("pbx", "same"), 1),
    "a new nonce each time": (lambda n: www("pbx", f"n{n}"), 1),
    "stale for ever": (lambda n: www("pbx", f"n{n}", ", stale=true"), 2),
    "stale with the same nonce": (lambda n: www("pbx", "same", ", stale=TRUE"), 2),
    "stale in turns": (lambda n: www("pbx", f"n{n}", ", stale=true" if n % 2 else ""), 2),
    "proxy and server in turns": (lambda n: (www if n % 2 else proxy)("pbx", f"n{n}"), 2),
    "proxy and server, stale": (lambda n: (www if n % 2 else proxy)("pbx", f"n{n}", ", stale=true"), 4),
    "a new realm each time": (lambda n: www(f"realm-{n}", f"n{n}"), 1),
    "a new realm each time, stale": (lambda n: www(f"realm-{n}", f"n{n}", ", stale=true"), 2),
    "another algorithm each time": (
        lambda n: (401, "WWW-Authenticate", f'Digest realm="pbx", nonce="{n}", algorithm={("MD5", "SHA-256")[n % 2]}'),
        1,
    ),
}


def looping(loop: Callable[[int], tuple[int, str, str]]) -> Bench:
    """A server that is never content."""
    bench, numbers = Bench(), count(1)

    def handler(request: Request) -> Iterator[bytes]:
        if request.method != "ACK":
            status, name, value = loop(next(numbers))
            yield bench.pbx.reply(request, status, (name, value))

    bench.pbx.handler = transaction_free(handler)
    return bench


def begin(bench: Bench, method: str) -> None:
    bench.add(register=method == "REGISTER")
    if method == "INVITE":
        bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    elif method == "SUBSCRIBE":
        bench.robot.do(Subscribe(1, "pbx", "1001", "presence"))
    elif method != "REGISTER":
        bench.robot.do(SendRequest(1, "pbx", method, "1001"))
    bench.wire.run(0.5)


def why(bench: Bench) -> str:
    kinds = (RegistrationLost, CallEnded, SubscriptionEnded, Responded)
    return next(event.reason for event in bench.robot.events if isinstance(event, kinds))


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE", "OPTIONS"])
@pytest.mark.parametrize("name", LOOPS)
def test_a_challenge_is_answered_once_and_once_more_if_stale(name: str, method: str) -> None:
    loop, most = LOOPS[name]
    bench = looping(loop)
    begin(bench, method)
    answers = [request for request in bench.pbx.requests(method) if request.authorizations]
    assert 1 <= len(answers) <= most
    assert "password" in why(bench) or "realm" in why(bench)
    bench.wire.run(20)
    assert [request for request in bench.pbx.requests(method) if request.authorizations] == answers


def test_a_loop_inside_a_call_ends_too_and_the_call_lives() -> None:
    bench = Bench()
    invites = count(1)

    def handler(request: Request) -> list[bytes]:
        if request.method == "ACK":
            return []
        if request.method == "INVITE" and next(invites) == 1:
            return [bench.pbx.reply(request, 200, ("Contact", "<sip:pbx@10.0.0.1:5060>"))]
        return [bench.pbx.reply(request, 401, www("pbx", str(next(invites)), ", stale=true")[1:])]

    bench.pbx.handler = transaction_free(handler)
    bench.add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    bench.robot.do(Offer(1, SDP))
    bench.wire.run(5)
    assert bench.robot.of(OfferAnswered)[0].status == 401
    assert len([each for each in bench.pbx.requests("INVITE") if each.authorizations]) == 2
    assert not bench.robot.of(CallEnded)
    bench.robot.do(Hangup(1))
    bench.wire.run(40)
    assert len([each for each in bench.pbx.requests("BYE") if each.authorizations]) <= 2
    assert bench.robot.of(CallEnded)


def test_a_wrong_password_is_tried_again_ever_later_and_with_jitter() -> None:
    """PBXs ban hosts that hammer: a minute at least between two tries, doubling; and not all robots at once."""
    first_waits = set()
    for seed in range(5):
        bench = looping(LOOPS["a new nonce each time"][0])
        bench.robot = bench.wire.node("10.0.0.2", seed=seed)
        bench.add(register=True)
        bench.wire.run(4 * 3600)
        waits = [event.retry_in for event in bench.robot.of(RegistrationLost)]
        assert 45 <= waits[0] <= 60
        assert all(later > earlier for earlier, later in pairwise(waits[:5]))
        assert max(waits) <= 1800
        assert len(bench.pbx.requests("REGISTER")) == 2 * len(waits) < 40
        first_waits.add(waits[0])
        assert 'the password for "robot" is wrong' in bench.robot.of(RegistrationLost)[0].reason
    assert len(first_waits) == 5


def test_a_watch_that_is_refused_so_is_tried_again_ever_later() -> None:
    bench = looping(LOOPS["a new nonce each time"][0])
    bench.add().robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(4 * 3600)
    waits = [event.retry_in for event in bench.robot.of(WatchProblem)]
    assert waits[0] >= 60
    assert len(bench.pbx.requests("SUBSCRIBE")) == 2 * len(waits) < 60


def test_the_right_password_later_is_not_held_up_by_old_failures() -> None:
    """A loop leaves nothing behind: once the server is content, a stale nonce is answered again."""
    bench = looping(LOOPS["a new nonce each time"][0])
    bench.add(register=True)
    numbers = count(1)

    def content(request: Request) -> list[bytes]:
        number = next(numbers)
        if number % 2:  # each first try is stale: fifty registrations in a row must each be answered
            return [bench.pbx.reply(request, 401, www("pbx", f"fresh-{number}", ", stale=true")[1:])]
        return [bench.pbx.reply(request, 200, ("Expires", "60"))]

    bench.pbx.handler = transaction_free(content)
    lost = len(bench.robot.of(RegistrationLost))
    bench.wire.run(1200)
    assert len(bench.robot.of(RegistrationLost)) == lost
    assert len(bench.pbx.requests("REGISTER")) > 40
