"""The server goes away and comes back: keep-alive, streams that break, fail-over and fail-back (RFC 5626 §4.4)."""

from __future__ import annotations

import pytest
from support.minipbx import MiniPbx
from support.peer import Peer, transaction_free
from support.wire import Wire

from sipclient.message import Request
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    ExtensionChanged,
    Invite,
    Registered,
    RegistrationLost,
    RemoveAccount,
    ServerChanged,
    Target,
    Watch,
)


def register_times(peer: Peer) -> list[float]:
    return [at for at, m in zip(peer.at, peer.inbox, strict=True) if isinstance(m, Request) and m.method == "REGISTER"]


def test_options_on_udp_are_sent_at_the_interval_and_any_answer_is_life(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 404)]
    )
    bench.add(keepalive=10.0)
    bench.wire.run(100)
    assert 10 <= len(bench.pbx.requests("OPTIONS")) <= 13
    assert not bench.robot.of(RegistrationLost)


def test_silence_is_told_and_the_first_answer_registers_anew(bench) -> None:
    up = transaction_free(lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 200)])
    bench.pbx.handler = up
    bench.add(keepalive=5.0, expires=3600.0)
    bench.wire.run(20)
    bench.pbx.handler = lambda message, flow: ()
    bench.wire.run(20)
    assert "does not answer" in bench.robot.of(RegistrationLost)[0].reason
    bench.wire.run(600)
    before = bench.wire.now
    bench.pbx.handler = up
    bench.wire.run(10)
    assert bench.robot.of(Registered)[-1]
    back = bench.robot.times[bench.robot.events.index(bench.robot.of(Registered)[-1])]
    assert back - before <= 5.0 + 5.0


def test_a_proxy_whose_pbx_is_away_counts_as_silence(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 503)]
    )
    bench.add(keepalive=5.0)
    bench.wire.run(6)
    assert "503" in bench.robot.of(RegistrationLost)[0].reason


def test_without_registration_the_keepalive_alone_tells(bench) -> None:
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 200)])
    bench.add(register=False, keepalive=5.0)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(10)
    count = len(bench.pbx.requests("SUBSCRIBE"))
    bench.wire.power_off(bench.pbx.node)
    bench.wire.run(30)
    assert bench.robot.of(RegistrationLost)
    bench.pbx.node.up = True
    bench.wire.run(10)
    assert len(bench.pbx.requests("SUBSCRIBE")) > count


class OnTcp:
    """A robot on a stream to its PBX."""

    def __init__(self, *said: tuple[str, str], pong: bool, keepalive: float = 10.0) -> None:
        self.wire = Wire()
        self.robot = self.wire.node("10.0.0.2")
        self.pbx = Peer(self.wire)
        self.pong = pong
        self.silent = False
        receive = self.pbx.receive

        def with_pong(input, now):
            effects = receive(input, now)
            if self.pong and not self.silent and getattr(input, "data", b"") == b"\r\n\r\n":
                from sipclient.protocol.events import Send

                return [Send(input.flow, b"\r\n")]
            return effects

        self.pbx.receive = with_pong  # type: ignore[method-assign]
        self.pbx.handler = transaction_free(
            lambda r: [] if self.silent else [self.pbx.reply(r, 200, ("Expires", str(r.expires or 0)), *said)]
        )
        server = "tcp:10.0.0.1:5060"
        self.robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", server=server, keepalive=keepalive)))
        self.wire.run(0.5)


@pytest.mark.parametrize("pong", [True, False])
def test_pings_on_a_stream_and_options_only_where_nobody_pongs(pong: bool) -> None:
    on = OnTcp(pong=pong)
    on.wire.run(100)
    assert on.pbx.raw.count(b"\r\n\r\n") >= 10
    assert (len(on.pbx.requests("OPTIONS")) <= 1) is pong
    assert not on.robot.of(RegistrationLost)


@pytest.mark.parametrize(
    ("keepalive", "said", "least", "most"),
    [(100, "20", 50, 63), (10, "500", 100, 126), (100, "1", 200, 251), (100, "soon", 10, 13), (0, "20", 0, 0)],
)
def test_the_server_says_how_often_a_stream_must_speak(keepalive: float, said: str, least: int, most: int) -> None:
    """RFC 5626 §4.4.1: at 80 to 100 % of Flow-Timer, or it gives the stream up; but no flood, and `0` is the user's."""
    on = OnTcp(("Flow-Timer", said), pong=True, keepalive=keepalive)
    on.wire.run(1000)
    assert least <= on.pbx.raw.count(b"\r\n\r\n") <= most


@pytest.mark.parametrize("pong", [True, False])
def test_a_dead_stream_is_closed_and_opened_anew(pong: bool) -> None:
    on = OnTcp(pong=pong)
    on.wire.run(30)
    on.silent = True
    on.wire.run(25)
    assert on.robot.of(RegistrationLost)
    on.silent = False
    on.wire.run(40)
    assert len(on.robot.of(ServerChanged)) >= 2
    assert on.robot.of(Registered)[-1].again is False


def test_a_stream_that_breaks_is_opened_again_with_backoff_and_no_storm() -> None:
    on = OnTcp(pong=True)
    on.wire.power_off(on.pbx.node)
    on.wire.run(60)
    assert on.robot.of(RegistrationLost)[0].retry_in <= 1.0
    on.pbx.node.up = True
    start = on.wire.now
    on.wire.run(15)
    assert len(on.robot.of(Registered)) == 2
    times = [at for at in register_times(on.pbx) if at > start]
    assert len(times) == 1


def test_a_call_over_tcp_goes_on_its_stream_whatever_the_contact_says() -> None:
    on = OnTcp(pong=True)
    contact = ("Contact", "<sip:asterisk@unreachable.invalid:5060>")
    on.pbx.handler = transaction_free(lambda r: [] if r.method == "ACK" else [on.pbx.reply(r, 200, contact)])
    on.robot.do(Invite(1, "pbx", "7000", body=b"v=0\r\n"))
    on.wire.run(0.5)
    (ack,) = on.pbx.requests("ACK")
    assert ack.uri_text == "sip:asterisk@unreachable.invalid:5060"
    assert ack.via.transport == "TCP"


def test_fail_over_on_refusal_and_back_when_the_first_returns() -> None:
    wire = Wire()
    robot = wire.node("10.0.0.2")
    one, two = Peer(wire, "10.0.0.1"), Peer(wire, "10.0.0.3")
    wire.names["sip:robot@pbx.test"] = (Target("tcp", "10.0.0.1", 5060), Target("tcp", "10.0.0.3", 5060))
    for peer in (one, two):
        peer.handler = transaction_free(lambda r, p=peer: [p.reply(r, 200, ("Expires", "60"))])
    one.node.up = False
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", keepalive=0.0)))
    wire.run(5)
    assert two.requests("REGISTER")
    assert robot.of(Registered)
    one.node.up = True
    wire.run(130)
    assert robot.of(ServerChanged)[-1].target.host == "10.0.0.1"
    assert one.requests("REGISTER")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_engines_register_watch_and_lose_nothing_over_a_restart(transport: str) -> None:
    wire = Wire()
    pbx = MiniPbx(wire)
    robot = wire.node("10.0.0.2")
    server = f"{transport}:10.0.0.1:5060"
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", server=server, keepalive=5.0)))
    robot.do(Watch(1, "pbx", "1001", ("presence",)))
    wire.run(1)
    pbx.state("1001", State.ON_THE_PHONE)
    wire.run(1)
    wire.power_off(pbx.node)
    wire.run(60)
    again = MiniPbx(wire)  # a new process at the same address: it remembers nothing
    again.states["1001"] = State.READY
    wire.run(10)
    assert robot.of(Registered)[-1].again is False
    last = robot.of(ExtensionChanged)[-1]
    assert (last.after, last.closed, last.gap) == (State.READY, True, True)


def test_a_provisional_to_a_keepalive_is_life(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 100)]
    )
    bench.add(keepalive=10.0)
    bench.wire.run(50)
    assert not bench.robot.of(RegistrationLost)


def test_an_answer_after_the_account_left_brings_nothing_back(bench) -> None:
    bench.add(register=False, keepalive=5.0)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(20)
    assert bench.robot.of(RegistrationLost)
    options = bench.pbx.requests("OPTIONS")[-1]
    bench.robot.do(RemoveAccount("pbx"))
    count = len(bench.pbx.requests("SUBSCRIBE"))
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(options, 200))
    bench.wire.run(1)
    assert len({r.call_id for r in bench.pbx.requests("SUBSCRIBE")[count:]}) <= 1
    assert bench.robot.agent.deadline is not None


def test_other_blank_bytes_on_a_stream_are_nothing(bench) -> None:
    from sipclient.protocol.events import Flow, Packet

    bench.add(register=False)
    flow = Flow("tcp", "10.0.0.2", 5060, "10.0.0.1", 40000, 1)
    assert bench.robot.agent.receive(Packet(flow, b"\r\n\r\n\r\n"), bench.wire.now) == []


def test_a_broken_answer_to_a_keepalive_is_an_answer_and_no_reason_to_look_for_another_server(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        if request.method == "REGISTER":
            return bench.answer_register(request)
        return [bench.pbx.reply(request, 200, ("Contact", "<<<"))]

    bench.pbx.handler = transaction_free(handler)
    bench.add(keepalive=5.0)
    bench.wire.run(30)
    assert not bench.robot.of(RegistrationLost)
    assert len(bench.robot.of(ServerChanged)) == 1


def test_a_broken_answer_is_not_asked_for_again_elsewhere() -> None:
    from sipclient.protocol.events import Responded, SendRequest

    wire = Wire()
    robot, one, two = wire.node("10.0.0.2"), Peer(wire, "10.0.0.1"), Peer(wire, "10.0.0.3")
    wire.names["sip:robot@pbx.test"] = (Target("udp", "10.0.0.1", 5060), Target("udp", "10.0.0.3", 5060))
    one.handler = transaction_free(lambda r: [one.reply(r, 200, ("Contact", "<<<"))] * 2)
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", register=False, keepalive=0.0)))
    robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    wire.run(1)
    (responded,) = robot.of(Responded)
    assert "malformed" in responded.reason
    assert not two.inbox


def test_a_server_that_comes_back_while_a_refresh_is_under_way_is_not_asked_twice(bench) -> None:
    contact = ("Contact", "<sip:pbx@10.0.0.1:5060>")

    def up(request: Request) -> list[bytes]:
        if request.method == "REGISTER":
            return bench.answer_register(request)
        return [bench.pbx.reply(request, 200, contact, ("Expires", str(request.expires or 0)))]

    bench.pbx.handler = transaction_free(up)
    bench.add(keepalive=5.0, expires=300.0)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    bench.wire.run(0.1)
    (subscribe,) = bench.pbx.requests("SUBSCRIBE")
    notify = bench.pbx.request(
        "NOTIFY",
        "sip:robot@10.0.0.2",
        contact,
        ("Event", "presence"),
        ("Subscription-State", "active;expires=300"),
        call_id=subscribe.call_id,
        from_="<sip:1001@pbx.test>;tag=peer",
        to=subscribe.headers.get("From") or "",
    )
    bench.wire.inject(bench.robot, notify, source=("10.0.0.1", 5060))
    bench.pbx.handler = lambda message, flow: ()
    while len(bench.pbx.requests("SUBSCRIBE")) == 1:
        bench.wire.run(0.5)
    bench.pbx.handler = transaction_free(lambda r: up(r) if r.method != "SUBSCRIBE" else [])
    bench.wire.run(7)
    assert len(bench.robot.of(Registered)) > 1
    assert len({r.via.branch for r in bench.pbx.requests("SUBSCRIBE")}) == 2


def test_provisionals_without_a_tag_make_no_dialog(bench) -> None:
    from sipclient.protocol.events import Ringing

    bench.add(register=False)
    bench.robot.do(Invite(1, "pbx", "7000", body=b"v=0\r\n"))
    bench.wire.run(0.1)
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(bench.pbx.requests("INVITE")[0], 180, tag=""))
    bench.wire.run(0.1)
    assert bench.robot.of(Ringing)
    assert len(bench.robot.agent._dialogs) == 0
