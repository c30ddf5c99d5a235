"""The way to the server changes: streams break, servers fail over and back, NATs show another address, we leave."""

from __future__ import annotations

import pytest
from support.peer import Peer, transaction_free
from support.wire import Node, Wire

from sipclient.message import Request
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AccountRemoved,
    AddAccount,
    Flow,
    FlowClosed,
    Hangup,
    Invite,
    Registered,
    RegistrationLost,
    RemoveAccount,
    Responded,
    SendFailed,
    SendRequest,
    ServerChanged,
    Target,
    Unwatch,
    Watch,
)

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"


def granting(peer: Peer, silent: tuple[str, ...] = ()):
    """Everything gets 200, and what it asked for; these methods get nothing."""
    return transaction_free(
        lambda r: (
            []
            if r.method in (*silent, "ACK")
            else [
                peer.reply(
                    r, 200, ("Contact", r.headers.get("Contact") or "<sip:x@y>"), ("Expires", str(r.expires or 0))
                )
            ]
        )
    )


class Pair:
    """A robot and two servers of its domain."""

    def __init__(self, transport: str = "tcp", **account: object) -> None:
        self.wire = Wire()
        self.robot: Node = self.wire.node("10.0.0.2")
        self.one, self.two = Peer(self.wire, "10.0.0.1"), Peer(self.wire, "10.0.0.3")
        for peer in (self.one, self.two):
            peer.handler = granting(peer)
        self.wire.names["sip:robot@pbx.test"] = (
            Target(transport, "10.0.0.1", 5060),
            Target(transport, "10.0.0.3", 5060),
        )
        values = {"name": "pbx", "keepalive": 0.0, "password": "secret", **account}
        self.robot.do(AddAccount(Account("sip:robot@pbx.test", **values)))
        self.wire.run(0.5)


class Single:
    """A robot and one server."""

    def __init__(self, transport: str = "tcp", **account: object) -> None:
        self.wire = Wire()
        self.robot: Node = self.wire.node("10.0.0.2")
        self.pbx = Peer(self.wire)
        self.pbx.handler = granting(self.pbx)
        values = {"name": "pbx", "keepalive": 0.0, "server": f"{transport}:10.0.0.1:5060", **account}
        self.robot.do(AddAccount(Account("sip:robot@pbx.test", **values)))
        self.wire.run(0.5)

    def close_stream(self) -> None:
        flow = self.robot.agent._stations["pbx"].line.flow
        self.wire.close(flow, "reset")
        self.wire.run(0.0)


def until_refreshing(wire: Wire, peer: Peer) -> None:
    """Until a refresh of the registration is under way."""
    count = len(peer.requests("REGISTER"))
    while len(peer.requests("REGISTER")) == count:
        wire.run(1)


# --- streams that break -----------------------------------------------------------------------------


def test_a_stream_that_breaks_under_a_request_takes_the_registration_with_it() -> None:
    on = Single()
    on.pbx.handler = granting(on.pbx, silent=("MESSAGE",))
    on.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    on.wire.run(0.1)
    on.close_stream()
    assert on.robot.of(Responded)
    assert on.robot.of(RegistrationLost)[0].reason == "reset"
    on.wire.run(2)
    assert len(on.pbx.requests("REGISTER")) == 2
    assert len(on.robot.of(Registered)) == 2


def test_a_stream_that_breaks_under_a_request_moves_request_and_registration_to_the_next_server() -> None:
    on = Pair()
    on.one.handler = granting(on.one, silent=("MESSAGE",))
    on.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    on.wire.run(0.1)
    on.wire.power_off(on.one.node)
    on.wire.run(2)
    assert on.two.requests("MESSAGE")
    assert on.two.requests("REGISTER")
    assert len(on.robot.of(Registered)) == 2


def test_a_refused_datagram_to_somebody_else_loses_nothing() -> None:
    on = Single("udp")
    flow = Flow("udp", "10.0.0.2", 5060, "10.0.0.77", 5060)
    on.wire.perform(on.robot, on.robot.agent.receive(SendFailed(flow, "refused"), on.wire.now))
    on.wire.perform(on.robot, on.robot.agent.receive(FlowClosed(flow, "refused"), on.wire.now))
    assert not on.robot.of(RegistrationLost)


@pytest.mark.parametrize("keepalive", [0.0, 5.0])
def test_without_registration_a_stream_that_comes_back_refreshes_what_was_watched(keepalive: float) -> None:
    """The server restarted: what it forgot it says with 481, but only if it is asked."""
    on = Single(register=False, keepalive=keepalive)
    on.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    on.wire.run(1)
    asked = len(on.pbx.requests("SUBSCRIBE"))
    on.close_stream()
    on.wire.run(6)
    assert len(on.robot.of(RegistrationLost)) == 1
    assert len(on.pbx.requests("SUBSCRIBE")) == asked + (keepalive > 0)


def test_a_server_that_comes_back_is_asked_for_each_watch_once() -> None:
    on = Single(keepalive=5.0)
    on.robot.do(Watch(1, "pbx", "1001", ("presence",)))
    on.wire.run(0.1)
    on.robot.do(Unwatch(1))
    on.robot.do(Watch(2, "pbx", "1002", ("presence",)))
    on.wire.run(0.1)
    on.close_stream()
    on.wire.run(0.5)
    asked = len(on.pbx.requests("SUBSCRIBE"))
    on.wire.run(20)
    assert len(on.robot.of(Registered)) == 2
    assert len(on.pbx.requests("SUBSCRIBE")) == asked + 1


def test_a_request_nobody_answers_does_not_stop_the_keepalive() -> None:
    on = Single("udp", keepalive=10.0)
    on.pbx.handler = granting(on.pbx, silent=("MESSAGE",))
    on.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    on.wire.run(33)
    assert on.robot.of(Responded)[0].response is None
    count = len(on.pbx.requests("OPTIONS"))
    on.wire.run(30)
    assert len(on.pbx.requests("OPTIONS")) >= count + 2
    assert not on.robot.of(RegistrationLost)


def test_keepalives_end_when_the_account_leaves_and_break_nothing_then() -> None:
    on = Single(keepalive=10.0)
    on.pbx.handler = transaction_free(lambda r: [])
    on.wire.run(10)
    (options,) = on.pbx.requests("OPTIONS")
    flow = on.pbx.flows[-1]
    on.robot.do(RemoveAccount("pbx"))
    on.wire.run(0.1)
    on.pbx.send(flow, on.pbx.reply(options, 503))
    on.wire.run(0.1)
    on.pbx.send(flow, on.pbx.reply(on.pbx.requests("REGISTER")[-1], 200))
    on.wire.run(0.1)
    assert on.robot.of(AccountRemoved)
    assert on.pbx.requests("REGISTER")[-1].expires == 0


# --- servers that fail over and back ----------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_registration_follows_when_another_request_fails_over(transport: str) -> None:
    on = Pair(transport)
    on.one.handler = transaction_free(lambda r: [on.one.reply(r, 503)])
    on.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    on.wire.run(1)
    assert on.robot.of(Responded)[0].response.status == 200
    (register,) = on.two.requests("REGISTER")
    assert len(register.headers.all("Contact")) == (1 if transport == "udp" else 2)


def test_a_registration_under_way_while_another_request_fails_over_is_made_again_there() -> None:
    on = Pair()
    on.one.handler = transaction_free(lambda r: [])
    until_refreshing(on.wire, on.one)
    on.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    on.wire.run(0.1)
    message, register = on.one.requests("MESSAGE")[0], on.one.requests("REGISTER")[-1]
    flow = on.one.flows[-1]
    on.one.send(flow, on.one.reply(message, 503))
    on.wire.run(0.1)
    on.one.send(flow, on.one.reply(register, 200, ("Expires", "300")))
    on.wire.run(0.1)
    assert on.two.requests("REGISTER")


def test_over_udp_the_first_server_is_used_again_only_once_it_answers() -> None:
    """A datagram "connection" proves nothing: with the first server still dead, each call would wait 32 s."""
    on = Pair("udp", expires=3600.0)
    on.one.handler = transaction_free(lambda r: [on.one.reply(r, 503)])
    on.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    on.wire.run(1)
    on.one.handler = lambda message, flow: ()
    on.wire.run(130)
    assert on.one.requests("OPTIONS")
    assert on.robot.of(ServerChanged)[-1].target.host == "10.0.0.3"
    on.robot.do(Invite(1, "pbx", "7000", body=SDP))
    on.wire.run(0.1)
    assert on.two.requests("INVITE")
    on.one.handler = transaction_free(lambda r: [on.one.reply(r, 100), on.one.reply(r, 503)])
    on.wire.run(70)
    assert on.robot.of(ServerChanged)[-1].target.host == "10.0.0.3"
    on.one.handler = granting(on.one)
    on.wire.run(70)
    assert on.robot.of(ServerChanged)[-1].target.host == "10.0.0.1"
    assert on.one.requests("REGISTER")[-1].expires == 3600
    count = len(on.one.requests("OPTIONS"))
    on.wire.run(200)
    assert len(on.one.requests("OPTIONS")) == count


def test_a_first_server_that_refuses_streams_is_left_alone() -> None:
    on = Pair()
    on.wire.power_off(on.one.node)
    on.wire.run(200)
    assert on.robot.of(ServerChanged)[-1].target.host == "10.0.0.3"
    assert on.robot.of(Registered)


# --- addresses --------------------------------------------------------------------------------------


def stamped(bench, seen) -> None:
    """A server that writes these `received` parameters, one after another."""
    values = iter(seen)

    def handler(request: Request) -> list[bytes]:
        answers = bench.answer_register(request) if request.method == "REGISTER" else [bench.pbx.reply(request, 200)]
        return [data.replace(b";branch", f";{next(values)};branch".encode(), 1) for data in answers]

    bench.pbx.handler = transaction_free(handler)


def test_a_nat_that_changes_with_each_packet_makes_no_storm(bench) -> None:
    stamped(bench, (f"received=198.51.100.7;rport={port}" for port in range(7000, 9000)))
    bench.add(expires=300.0)
    bench.wire.run(50)
    assert len(bench.pbx.requests("REGISTER")) == 3


@pytest.mark.parametrize("received", ['"x>;evil=1"', "pbx.test", '"1.2.3.4>"'])
def test_a_received_that_is_no_address_is_not_believed(bench, received) -> None:
    """It would become part of our Contact."""
    stamped(bench, (f"received={received};rport=7777" for _ in range(9)))
    bench.add()
    assert {r.contacts[0].uri.host for r in bench.pbx.requests("REGISTER")} == {"10.0.0.2"}
    assert len(bench.pbx.requests("REGISTER")) == 2


def test_what_the_nat_made_of_one_socket_is_not_the_contact_of_another(bench) -> None:
    stamped(bench, ("received=198.51.100.7;rport=7777" for _ in range(99)))
    bench.add()
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    bench.robot.do(SendRequest(2, "pbx", "MESSAGE", "1001", headers=(("X-Big", "x" * 1400),)))
    bench.wire.run(1)
    small, large = (str(r.contacts[0].uri) for r in bench.pbx.requests("MESSAGE"))
    assert small == "sip:robot@198.51.100.7:7777"
    assert large.startswith("sip:robot@10.0.0.2:400")
    assert large.endswith(";transport=tcp")


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_the_contact_says_ws_whether_it_is_secure_or_not(bench, transport: str) -> None:
    """RFC 7118 §5.2 (the transport of a URI), §5.1 (the transport of a Via)."""
    bench.wire.names[f"{transport}://pbx.test/ws"] = (Target(transport, "10.0.0.1", 5060, "pbx.test", "/ws"),)
    bench.pbx.handler = granting(bench.pbx)
    bench.add(server=f"{transport}://pbx.test/ws")
    bench.wire.run(1)
    register = bench.pbx.requests("REGISTER")[0]
    assert str(register.contacts[0].uri).endswith(";transport=ws")
    assert register.via.transport == transport.upper()


@pytest.mark.parametrize("scheme", ["sip", "sips"])
def test_ipv6_addresses_stand_in_brackets_where_they_must(scheme: str) -> None:
    wire = Wire()
    robot, pbx = wire.node("2001:db8::2"), Peer(wire, "2001:db8::1")
    pbx.handler = granting(pbx)
    wire.names[f"{scheme}:robot@[2001:db8::1]"] = (Target("tls", "2001:db8::1", 5060),)
    robot.do(AddAccount(Account(f"{scheme}:robot@[2001:db8::1]", name="pbx", keepalive=5.0)))
    robot.do(Watch(1, "pbx", "1001", ("presence",)))
    robot.do(Invite(1, "pbx", "7000", body=SDP))
    wire.run(10)
    register, subscribe, invite = (pbx.requests(method)[0] for method in ("REGISTER", "SUBSCRIBE", "INVITE"))
    assert register.uri_text == f"{scheme}:[2001:db8::1]"
    assert (register.headers.get("From") or "").startswith(f"<{scheme}:robot@[2001:db8::1]>")
    transport = "tls" if scheme == "sip" else "tcp"
    assert str(register.contacts[0].uri) == f"{scheme}:robot@[2001:db8::2]:{register.via.port};transport={transport}"
    assert (register.headers.get("Via") or "").startswith("SIP/2.0/TLS [2001:db8::2]:")
    assert subscribe.uri_text == f"{scheme}:1001@[2001:db8::1]"
    assert invite.uri_text == f"{scheme}:7000@[2001:db8::1]"
    assert pbx.requests("OPTIONS")[0].uri_text == f"{scheme}:[2001:db8::1]"
    assert len(robot.of(Registered)) == 1


def test_the_zone_of_a_link_local_address_leaves_in_no_message() -> None:
    """RFC 4007 §11.2: it means something on this machine only, and neither URIs nor Via have a place for it."""
    wire = Wire()
    robot, pbx = wire.node("fe80::2%3"), Peer(wire, "fe80::1%3")
    server, contact = "udp:[fe80::1%3]:5060", ("Contact", "<sip:pbx@[fe80::1]:5060>")
    grant = granting(pbx)
    pbx.handler = lambda message, flow: (
        [pbx.reply(message, 200, contact)]
        if isinstance(message, Request) and message.method in ("INVITE", "BYE")
        else grant(message, flow)
    )
    wire.names[server] = (Target("udp", "fe80::1%3", 5060),)
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", server=server, keepalive=0.0, user_agent="us")))
    robot.do(Invite(1, "pbx", "7000", body=SDP))
    wire.run(1)
    robot.do(Hangup(1))
    wire.run(1)
    options = pbx.request("OPTIONS", "sip:robot@[fe80::2]:5060")
    pbx.send(pbx.flows[0], options.replace(b"UDP fe80::1%3:", b"UDP [fe80::1]:"))
    wire.run(1)
    assert [each.method for each in pbx.inbox if isinstance(each, Request)] == ["REGISTER", "INVITE", "ACK", "BYE"]
    assert "received=fe80::1;" in (pbx.responses("OPTIONS")[0].headers.get("Via") or "")
    assert [data for _, data in robot.sent if b"%" in data] == []


def test_a_service_route_with_name_and_parameters_becomes_a_plain_route(bench) -> None:
    def handler(request: Request) -> list[bytes]:
        route = ("Service-Route", '"Edge, one" <sip:10.0.0.1;lr>;x=y, <sip:10.0.0.8;lr>')
        return [bench.pbx.reply(request, 200, ("Expires", "60"), route)]

    bench.pbx.handler = transaction_free(handler)
    bench.add(server="udp:10.0.0.1:5060")
    for command in (Invite(1, "pbx", "7000"), Watch(1, "pbx", "1", ("dialog",)), SendRequest(1, "pbx", "INFO", "1")):
        bench.robot.do(command)
    bench.wire.run(0.1)
    for method in ("INVITE", "SUBSCRIBE", "INFO"):
        assert bench.pbx.requests(method)[0].headers.all("Route") == ["<sip:10.0.0.1;lr>", "<sip:10.0.0.8;lr>"]


def test_a_strict_service_route_is_in_the_request_uri(bench) -> None:
    """RFC 3608 §6.1, RFC 3261 §12.2.1.1: what begins takes the way that what is in a dialog takes."""

    def handler(request: Request) -> list[bytes]:
        if request.method != "REGISTER":
            return [bench.pbx.reply(request, 180)]
        route = ("Service-Route", "<sip:strict.test;x=y>, <sip:10.0.0.8;lr>")
        return [bench.pbx.reply(request, 200, ("Expires", "60"), route)]

    bench.pbx.handler = transaction_free(handler)
    bench.add(server="udp:10.0.0.1:5060")
    for command in (Invite(1, "pbx", "7"), Watch(1, "pbx", "7", ("dialog",)), SendRequest(1, "pbx", "INFO", "7")):
        bench.robot.do(command)
    bench.wire.run(0.1)
    bench.robot.do(Hangup(1))
    bench.wire.run(0.1)
    for method in ("INVITE", "SUBSCRIBE", "INFO", "CANCEL"):
        request = bench.pbx.requests(method)[0]
        assert (request.uri_text, str(request.to.uri)) == ("sip:strict.test;x=y", "sip:7@pbx.test")
        assert request.headers.all("Route") == ["<sip:10.0.0.8;lr>", "<sip:7@pbx.test>"]


# --- leaving ----------------------------------------------------------------------------------------


def left(bench) -> list[int]:
    """The expiries of the REGISTERs, once the account is gone."""
    bench.wire.run(1)
    assert bench.robot.of(AccountRemoved)
    bench.wire.run(40)
    assert bench.robot.agent.idle
    return [r.expires or 0 for r in bench.pbx.requests("REGISTER")]


def test_leaving_while_the_first_register_is_under_way_ends_what_it_makes(bench) -> None:
    bench.robot.do(AddAccount(bench.account()))
    bench.wire.run(0.1)
    (register,) = bench.pbx.requests("REGISTER")
    bench.robot.do(RemoveAccount("pbx"))
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(register, 200, ("Expires", "300")))
    assert left(bench) == [300, 0, 0]


def test_leaving_while_the_first_register_is_challenged_does_not_register(bench) -> None:
    bench.robot.do(AddAccount(bench.account()))
    bench.wire.run(0.1)
    (register,) = bench.pbx.requests("REGISTER")
    bench.robot.do(RemoveAccount("pbx"))
    bench.pbx.send(bench.pbx.flows[0], bench.answer_register(register)[0])
    assert left(bench) == [300]


@pytest.mark.parametrize("answer", [200, 503])
def test_leaving_while_a_refresh_is_under_way_unregisters_all_the_same(bench, answer) -> None:
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add()
    bench.pbx.handler = lambda message, flow: ()
    until_refreshing(bench.wire, bench.pbx)
    refresh = bench.pbx.requests("REGISTER")[-1]
    bench.robot.do(RemoveAccount("pbx"))
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.pbx.send(bench.pbx.flows[-1], bench.pbx.reply(refresh, answer, ("Expires", "300")))
    assert left(bench)[-2:] == [300, 0]


def test_leaving_before_there_is_a_way_to_the_server_sends_nothing(bench) -> None:
    bench.robot.do(AddAccount(bench.account()))
    bench.robot.do(RemoveAccount("pbx"))
    assert left(bench) == []


def test_a_register_refused_by_name_everywhere_is_not_hammered(bench) -> None:
    """A 6xx is final (RFC 3261 §21.6)."""
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 603)])
    bench.add()
    bench.wire.run(40)
    assert len(bench.pbx.requests("REGISTER")) == 1
