"""Robustness 21, DNS fail-over.

First target silent, refusing, or 503: the second within 33 s (UDP: Timer B, or sooner) or 5 s (refused); fail-back;
refresh before the granted expiry under clock jumps.
"""

from __future__ import annotations

import itertools

import pytest
from robustness.common import CONTACT, ROBOT, SDP, Bench
from support.peer import Peer, transaction_free
from support.wire import Node, Wire

from sipclient.message import Request, Response
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    Answered,
    CallEnded,
    Invite,
    Notified,
    Registered,
    RegistrationLost,
    Responded,
    SendRequest,
    ServerChanged,
    Subscribe,
    Target,
)

FIRST, SECOND, THIRD = "10.0.0.1", "10.0.0.3", "10.0.0.4"
SILENT, REFUSED = 33.0, 5.0  # seconds until the second target has it


class Servers:
    """A robot whose PBX is a domain with several targets, each of which says what the test tells it to."""

    def __init__(self, transport: str, *hosts: str) -> None:
        self.wire = Wire()
        self.robot: Node = self.wire.node(ROBOT)
        self.peers = {host: Peer(self.wire, host) for host in hosts}
        self.transport = transport
        self.wire.names["sip:robot@pbx.test"] = tuple(Target(transport, host, 5060) for host in hosts)
        for host in hosts:
            self.takes(host)

    def takes(self, host: str) -> None:
        peer = self.peers[host]

        def oblige(request: Request) -> list[bytes]:
            contact = ("Contact", f"<sip:pbx@{host}>")
            return [] if request.method == "ACK" else [peer.reply(request, 200, contact, ("Expires", "60"))]

        peer.node.up = True
        peer.handler = transaction_free(oblige)

    def fails(self, host: str, how: str) -> None:
        """`silent`: up, but dumb. `refused`: nobody there. A number: that is its answer to all."""
        peer = self.peers[host]
        peer.node.up = how != "refused"
        if how == "refused":
            self.wire.power_off(peer.node)
        peer.handler = transaction_free(
            lambda r: [peer.reply(r, int(how))] if how.isdigit() and r.method != "ACK" else []
        )

    def add(self, **more: object) -> Servers:
        values: dict[str, object] = {"name": "pbx", "keepalive": 0.0, "expires": 60.0, **more}
        self.robot.do(AddAccount(Account("sip:robot@pbx.test", **values)))  # type: ignore[arg-type]
        return self


def ask(servers: Servers, method: str) -> None:
    servers.add(register=method == "REGISTER")
    robot = servers.robot
    if method == "INVITE":
        robot.do(Invite(1, "pbx", "7000", body=SDP))
    elif method == "SUBSCRIBE":
        robot.do(Subscribe(1, "pbx", "1001", "presence"))
    elif method == "MESSAGE":
        robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("how", "within"), [("silent", SILENT), ("refused", REFUSED), ("503", REFUSED)])
def test_the_second_target_has_it_in_time(method: str, transport: str, how: str, within: float) -> None:
    servers = Servers(transport, FIRST, SECOND)
    servers.fails(FIRST, how)
    begun = servers.wire.now
    ask(servers, method)
    servers.wire.run(40)
    second = servers.peers[SECOND]
    (asked, *_) = second.requests(method)
    assert second.at[second.inbox.index(asked)] - begun < within
    if how != "refused":
        (tried, *_) = servers.peers[FIRST].requests(method)
        assert tried.via.branch != asked.via.branch  # RFC 3263 §4.3
        assert (tried.call_id, tried.from_tag) == (asked.call_id, asked.from_tag)
    if method == "REGISTER":
        assert servers.robot.of(Registered)
    elif method == "INVITE":
        assert servers.robot.of(Answered)
        assert second.requests("ACK")
    elif method == "MESSAGE":
        assert servers.robot.of(Responded)[0].response is not None


@pytest.mark.parametrize("how", list(itertools.product(["silent", "refused", "503"], repeat=2)), ids="-".join)
def test_all_targets_are_tried_in_their_order(how: tuple[str, str]) -> None:
    servers = Servers("udp", FIRST, SECOND, THIRD)
    for host, failure in zip((FIRST, SECOND), how, strict=True):
        servers.fails(host, failure)
    servers.add()
    servers.wire.run(2 * SILENT + 2)
    assert servers.robot.of(Registered)
    assert servers.peers[THIRD].requests("REGISTER")
    assert [changed.target.host for changed in servers.robot.of(ServerChanged)] == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("how", ["silent", "refused", "503"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_when_none_is_left_it_is_said_and_tried_again_from_the_first(transport: str, how: str) -> None:
    servers = Servers(transport, FIRST, SECOND)
    servers.fails(FIRST, how)
    servers.fails(SECOND, how)
    servers.add()
    servers.wire.run(3 * SILENT)
    assert servers.robot.of(RegistrationLost)[0].retry_in > 0
    assert not servers.robot.of(Registered)
    servers.takes(FIRST)
    servers.wire.run(3 * SILENT)
    assert servers.robot.of(Registered)
    assert servers.peers[FIRST].requests("REGISTER")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_fail_back_when_the_first_is_there_again(transport: str) -> None:
    servers = Servers(transport, FIRST, SECOND)
    servers.fails(FIRST, "refused")
    servers.add()
    servers.wire.run(10)
    assert servers.robot.of(ServerChanged)[-1].target.host == SECOND
    servers.takes(FIRST)
    servers.wire.run(180)
    assert servers.robot.of(ServerChanged)[-1].target.host == FIRST
    assert servers.peers[FIRST].requests("REGISTER")
    asked = len(servers.peers[SECOND].requests("REGISTER"))
    servers.wire.run(120)
    assert len(servers.peers[SECOND].requests("REGISTER")) == asked


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_first_target_that_stays_away_does_not_cost_the_registration(transport: str) -> None:
    servers = Servers(transport, FIRST, SECOND)
    servers.fails(FIRST, "refused")
    servers.add()
    servers.wire.run(600)
    assert not servers.robot.of(RegistrationLost)
    assert _gaps(servers.peers[SECOND])[-1] < 60


def test_a_call_that_rings_is_not_moved() -> None:
    """RFC 3263 §4.3 is for what got no answer: after a provisional, another INVITE would ring a second phone."""
    servers = Servers("udp", FIRST, SECOND).add(register=False)
    first = servers.peers[FIRST]
    first.handler = transaction_free(lambda r: [first.reply(r, 180)] if r.method == "INVITE" else [])
    servers.robot.do(Invite(1, "pbx", "7000", body=SDP))
    servers.wire.run(1)
    bench_invite = first.requests("INVITE")[0]
    servers.wire.inject(servers.robot, first.reply(bench_invite, 503), source=(FIRST, 5060))
    servers.wire.run(40)
    assert not servers.peers[SECOND].requests("INVITE")
    assert servers.robot.of(CallEnded)[0].status == 503


def test_a_refusal_is_no_reason_to_ask_elsewhere() -> None:
    for status in (400, 403, 404, 480, 486, 500, 600, 603):
        servers = Servers("udp", FIRST, SECOND).add(register=False)
        servers.fails(FIRST, str(status))
        servers.robot.do(Invite(1, "pbx", "7000", body=SDP))
        servers.wire.run(40)
        assert not servers.peers[SECOND].inbox
        assert servers.robot.of(CallEnded)[0].status == status


# --- refreshes ----------------------------------------------------------------------------------------------


def _gaps(peer: Peer) -> list[float]:
    times = [at for at, m in zip(peer.at, peer.inbox, strict=True) if isinstance(m, Request) and m.method == "REGISTER"]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def granting(seconds: int, method: str) -> Bench:
    """A PBX that grants so many seconds, whatever is asked for."""
    bench = Bench()

    def handler(request: Request) -> list[bytes]:
        return [bench.pbx.reply(request, 200, CONTACT, ("Expires", str(seconds)))] if request.method != "ACK" else []

    bench.pbx.handler = transaction_free(handler)
    bench.add(register=method == "REGISTER", expires=7200.0)
    if method == "SUBSCRIBE":
        bench.robot.do(Subscribe(1, "pbx", "1001", "presence"))
        bench.wire.run(0.1)
        _first_notify(bench, seconds)
    return bench


def _first_notify(bench: Bench, seconds: int) -> None:
    subscribe = bench.pbx.requests("SUBSCRIBE")[-1]
    data = bench.pbx.request(
        "NOTIFY",
        f"sip:robot@{ROBOT}",
        CONTACT,
        ("Event", "presence"),
        ("Subscription-State", f"active;expires={seconds}"),
        call_id=subscribe.call_id,
        from_="<sip:1001@pbx.test>;tag=peer",
        to=f"<sip:robot@pbx.test>;tag={subscribe.from_tag}",
    )
    assert bench.send(data)[-1].status == 200


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE"])
@pytest.mark.parametrize("granted", [5, 30, 59, 60, 90, 300, 3600])
def test_what_was_granted_is_refreshed_before_it_ends(method: str, granted: int) -> None:
    bench = granting(granted, method)
    for _ in range(10):
        bench.wire.run(granted)
    times = [
        at for at, m in zip(bench.pbx.at, bench.pbx.inbox, strict=True) if isinstance(m, Request) and m.method == method
    ]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(gaps) >= 10
    assert max(gaps) < granted
    assert min(gaps) > granted / 4
    assert not bench.robot.of(RegistrationLost)
    if method == "SUBSCRIBE":
        assert len({request.call_id for request in bench.pbx.requests("SUBSCRIBE")}) == 1
        assert len(bench.robot.of(Notified)) == 1


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE"])
@pytest.mark.parametrize("jump", [10.0, 200.0, 3600.0, 86_400.0])
def test_a_clock_that_jumps_is_met_by_a_refresh_at_once(method: str, jump: float) -> None:
    """A machine that slept: its monotonic clock stands somewhere else, and no timer ran meanwhile."""
    bench = granting(300, method)
    bench.wire.run(100)
    bench.robot.up = False
    bench.wire.run(jump)
    bench.robot.up = True
    asked, slept_until = len(bench.pbx.requests(method)), bench.wire.now
    bench.wire.run(3)
    requests = bench.pbx.requests(method)
    if jump + 100 >= 300:
        assert len(requests) > asked
        assert bench.pbx.at[bench.pbx.inbox.index(requests[asked])] - slept_until < 3
    bench.wire.run(300)
    if method == "SUBSCRIBE" and jump + 100 >= 300:
        _first_notify(bench, 300)
    gaps = _gaps(bench.pbx)[-1:] if method == "REGISTER" else []
    assert all(gap < 300 for gap in gaps)
    assert bench.options() == 200


def test_a_refresh_that_is_not_answered_leaves_time_for_another() -> None:
    """32 s of silence (Timer F) and a retry fit into what was granted."""
    bench = granting(300, "REGISTER")
    oblige = bench.pbx.handler
    lost: list[float] = []

    def forgetful(message: Request | Response, flow: object) -> list[bytes]:
        if (
            isinstance(message, Request)
            and message.method == "REGISTER"
            and (not lost or bench.wire.now - lost[0] < 31)
        ):
            lost.append(bench.wire.now)
            return []
        return list(oblige(message, flow))  # type: ignore[arg-type]

    bench.pbx.handler = forgetful
    bench.wire.run(300)
    assert lost
    answered = [
        at for at, event in zip(bench.robot.times, bench.robot.events, strict=True) if isinstance(event, Registered)
    ]
    assert len(answered) >= 2
    assert answered[1] - answered[0] < 300
