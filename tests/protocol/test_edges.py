"""Who a request is for, what is no request for anybody, and commands that crossed the end of what they mean."""

from __future__ import annotations

import pytest
from support.minipbx import MiniPbx
from support.peer import Peer, transaction_free
from support.wire import SeededIdentifiers, Wire

from sipclient.errors import InvalidValue
from sipclient.message import Request, parse
from sipclient.presence import State
from sipclient.protocol import UserAgent
from sipclient.protocol.account import Account
from sipclient.protocol.core import Core
from sipclient.protocol.events import (
    AcceptSubscription,
    AccountRemoved,
    AddAccount,
    Answer,
    AnswerOffer,
    CallEnded,
    Flow,
    FlowOpened,
    Follow,
    Hangup,
    IncomingCall,
    Invite,
    MessagesWaiting,
    Notify,
    Offer,
    Packet,
    Redirect,
    Registered,
    RegistrationLost,
    Reject,
    RemoveAccount,
    Resolved,
    Respond,
    Responded,
    Ring,
    SendRequest,
    SubscribeReceived,
    Target,
    Traced,
    Unwatch,
    Watch,
)
from sipclient.protocol.identity import parse_caller_id
from sipclient.protocol.limits import Limits
from sipclient.protocol.transaction import Transactions

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
SERVER = ("10.0.0.1", 5060)


@pytest.fixture
def line(bench):
    bench.add(register=False)
    return bench


def send(bench, data: bytes, source: tuple[str, int] = SERVER) -> None:
    bench.wire.inject(bench.robot, data, source=source)
    bench.wire.run(0.1)


def statuses(peer: Peer, method: str) -> list[int]:
    return [response.status for response in peer.responses(method)]


def receive(bench, input: object) -> list:
    effects: list = bench.robot.agent.receive(input, bench.wire.now)
    bench.wire.perform(bench.robot, effects)
    return effects


# --- whom it is for ---------------------------------------------------------------------------------


def invited(bench, uri: str, to: str = "<sip:nobody@pbx.test>", source: Flow | None = None) -> str:
    data = bench.pbx.request("INVITE", uri, CONTACT, body=SDP, to=to, call_id=f"call-{len(bench.robot.events)}")
    if source is None:
        send(bench, data)
    else:
        receive(bench, Packet(source, data))
    account: str = bench.robot.of(IncomingCall)[-1].account
    return account


def test_a_call_to_a_wrong_user_goes_to_the_account_that_admits_its_source(line) -> None:
    """A PBX may name a user of its own: who it is from decides (RFC 3261 §8.2.2.1 leaves it to us)."""
    assert invited(line, "sip:somebody-else@10.0.0.2") == "pbx"


def test_among_accounts_of_one_server_the_user_decides_then_to_then_the_socket_then_the_first(bench) -> None:
    bench.add(register=False, name="one", address="sip:one@pbx.test", server="tcp:10.0.0.1:5060")
    bench.add(register=False, name="two", address="sip:two@pbx.test")
    bench.add(register=False, name="elsewhere", address="sip:two@other.test", server="udp:10.0.0.9:5060")
    assert invited(bench, "sip:two@10.0.0.2") == "two"
    assert invited(bench, "sip:x@10.0.0.2", "<sip:two@pbx.test>") == "two"
    assert invited(bench, "sip:10.0.0.2", "<tel:+14155550100>") == "two"  # it came to the socket of `two`
    assert invited(bench, "tel:+14155550100", source=Flow("udp", "10.0.0.2", 5099, *SERVER)) == "one"


def test_a_request_in_a_call_over_a_new_stream_moves_what_we_send_there(bench) -> None:
    """RFC 5626 §5.3: the peer reconnected."""
    bench.add(register=False, server="tcp:10.0.0.1:5060")
    old, new = (Flow("tcp", "10.0.0.2", 5060, "10.0.0.1", port, port) for port in (40001, 40002))
    receive(bench, Packet(old, bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, cseq=1)))
    id = bench.robot.of(IncomingCall)[0].id
    bench.robot.do(Answer(id, body=SDP))
    to = parse(bench.robot.sent[-1][1]).headers.get("To") or ""
    for method in ("ACK", "INFO"):
        receive(bench, Packet(new, bench.pbx.request(method, "sip:robot@10.0.0.2", to=to, cseq=1 + (method == "INFO"))))
    effects = bench.robot.agent.do(Hangup(id), bench.wire.now)
    (bye,) = [effect for effect in effects if getattr(effect, "data", b"").startswith(b"BYE")]
    assert bye.flow == new


def test_a_response_without_rport_goes_to_the_port_of_the_via(line) -> None:
    """RFC 3261 §18.2.2; a Via without a port means 5060."""
    other = Peer(line.wire, "10.0.0.1", 5099)
    data = line.pbx.request("OPTIONS", "sip:robot@10.0.0.2").replace(b";rport", b"")
    send(line, data, ("10.0.0.1", 5099))
    assert (statuses(line.pbx, "OPTIONS"), statuses(other, "OPTIONS")) == ([200], [])
    send(line, data.replace(b"10.0.0.1:5060;", b"10.0.0.1:5099;"), ("10.0.0.1", 5099))
    assert statuses(other, "OPTIONS") == [200]


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("10.0.0.1:5060;branch=z9hG4bKa", "10.0.0.1:5060;branch=z9hG4bKa"),
        ("pbx.test:5060;branch=z9hG4bKa", "pbx.test:5060;branch=z9hG4bKa;received=10.0.0.1"),
        ("10.0.0.1:5060;rport;branch=z9hG4bKa", "10.0.0.1:5060;received=10.0.0.1;rport=5060;branch=z9hG4bKa"),
        ("x:5060;RPORT=9;received=1.1.1.1;branch=z9hG4bKa", "x:5060;branch=z9hG4bKa;received=10.0.0.1;rport=5060"),
        ("10.0.0.1;branch=1", "10.0.0.1;branch=1"),
    ],
)
def test_the_via_comes_back_with_received_and_rport(line, via, stamped) -> None:
    """RFC 3261 §18.2.1, RFC 3581 §4; the last one is of RFC 2543."""
    data = line.pbx.request("MESSAGE", "sip:robot@10.0.0.2", branch="z9hG4bKx")
    data = data.replace(b"10.0.0.1:5060;branch=z9hG4bKx;rport", via.encode())
    send(line, data)
    send(line, data)
    assert [r.headers.get("Via") for r in line.pbx.responses("MESSAGE")] == [f"SIP/2.0/UDP {stamped}"] * 2


# --- no room ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE", "REGISTER", "MESSAGE"])
def test_without_room_for_a_transaction_everything_is_503(bench, method) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(server_transactions=0))
    bench.add(register=False, handles=frozenset({"REGISTER", "SUBSCRIBE"}))
    send(bench, bench.pbx.request(method, "sip:robot@10.0.0.2", CONTACT, ("Event", "presence")))
    assert statuses(bench.pbx, method) == [503]


def test_without_room_in_a_call_a_request_is_503_and_a_cancel_is_lost(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(server_transactions=1))
    bench.add(register=False)
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, cseq=1)
    send(bench, data)
    (trying,) = bench.pbx.responses("INVITE")
    bench.robot.do(Ring(bench.robot.of(IncomingCall)[0].id))
    bench.wire.run(0.1)
    to = bench.pbx.responses("INVITE")[-1].headers.get("To") or ""
    send(bench, bench.pbx.request("INFO", "sip:robot@10.0.0.2", to=to, cseq=2))
    assert statuses(bench.pbx, "INFO") == [503]
    send(bench, bench.pbx.request("CANCEL", "sip:robot@10.0.0.2", cseq=1, branch=trying.via.branch))
    assert statuses(bench.pbx, "CANCEL") == []
    assert not bench.robot.of(CallEnded)


def test_a_cancel_from_elsewhere_cancels_nothing(line) -> None:
    stranger = Peer(line.wire, "10.0.0.66")
    send(line, line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, cseq=1, branch="z9hG4bKi"))
    cancel = line.pbx.request("CANCEL", "sip:robot@10.0.0.2", cseq=1, branch="z9hG4bKi").replace(b";rport", b"")
    send(line, cancel, ("10.0.0.66", 5060))
    assert statuses(stranger, "CANCEL") == [403]
    assert not line.robot.of(CallEnded)


# --- broken things ----------------------------------------------------------------------------------


def test_what_cannot_be_answered_is_dropped_with_a_word(line) -> None:
    for data in (b"SIP/2.0 200 OK\r\n\r\n", b"BREAK\r\nthis\r\n\r\n", b"ACK sip:x SIP/2.0\r\nVia: x\r\n\r\n"):
        assert [type(e) for e in receive(line, Packet(Flow("udp", "10.0.0.2", 5060, *SERVER), data))] == [Traced]


def test_a_malformed_provisional_changes_nothing(line) -> None:
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(0.1)
    ringing = line.pbx.reply(line.pbx.requests("INVITE")[0], 180, ("Contact", "<<<"))
    send(line, ringing)
    assert not line.robot.of(CallEnded)
    send(line, line.pbx.reply(line.pbx.requests("INVITE")[0], 200, CONTACT))
    assert line.pbx.requests("ACK")


def test_an_unsolicited_summary_of_another_kind_tells_nothing(line) -> None:
    body = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:x@y"/>'
    headers = (("Event", "message-summary"), ("Subscription-State", "active"), CONTACT)
    data = line.pbx.request(
        "NOTIFY", "sip:robot@10.0.0.2", *headers, body=body, content_type="application/pidf+xml", cseq=1
    )
    send(line, data)
    assert statuses(line.pbx, "NOTIFY") == [200]
    assert not line.robot.of(MessagesWaiting)


def test_a_broken_reason_or_allow_does_not_stop_a_bye(line) -> None:
    """What only informs may be broken."""
    line.pbx.handler = transaction_free(lambda r: [line.pbx.reply(r, 200, CONTACT, ("Allow", "INVITE,,(("))])
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(0.1)
    invite = line.pbx.requests("INVITE")[0]
    bye = line.pbx.request(
        "BYE",
        "sip:robot@10.0.0.2",
        ("Reason", "((;cause=x"),
        call_id=invite.call_id,
        from_="<sip:7000@pbx.test>;tag=peer",
        to=f"<sip:robot@pbx.test>;tag={invite.from_tag}",
    )
    send(line, bye)
    assert line.robot.of(CallEnded)[0].cause == "NORMAL_CLEARING"


@pytest.mark.parametrize("input", [Resolved(99, ()), FlowOpened(99, Flow("udp", "10.0.0.2", 5060, *SERVER))])
def test_answers_nobody_waits_for_are_dropped(line, input) -> None:
    from sipclient.protocol.events import ConnectFailed

    assert receive(line, input) == []
    assert receive(line, ConnectFailed(99, "refused")) == []


# --- commands that crossed the end ------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        Follow(99, "sip:a@b"),
        Ring(-99),
        Answer(-99),
        Reject(-99),
        Redirect(-99, ("sip:a@b",)),
        Hangup(-99),
        AnswerOffer(-99),
        Respond(-99, 200),
        AcceptSubscription(-99, 60),
        Notify(-99),
        Unwatch(99),
        RemoveAccount("nobody"),
    ],
)
def test_commands_for_what_is_over_do_nothing(line, command) -> None:
    count = len(line.robot.sent)
    line.robot.do(command)
    assert len(line.robot.sent) == count


def test_commands_for_the_other_kind_of_call_do_nothing(line) -> None:
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    send(line, line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP))
    id = line.robot.of(IncomingCall)[0].id
    count = len(line.robot.sent)
    for command in (Follow(id, "sip:a@b"), Ring(1), Answer(1), Reject(1), Redirect(1, ("sip:a@b",))):
        line.robot.do(command)
    assert len(line.robot.sent) == count


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "<sip:x"},
        {"address": "tel:+14155550100"},
        {"address": "sip:robot@pbx.test\r\nX: y"},
        {"peers": ("everybody",)},
        {"password": "\ud800"},
        {"public_address": "sip:x"},
        {"public_address": "a b"},
        {"public_address": "user@host"},
        {"expires": "5m"},
        {"expires": float("nan")},
        {"keepalive": -1.0},
        {"media": "video"},
        {"identity": "pai"},
        {"identity": ("from", "to")},
        {"codecs": "PCMU"},
        {"refer": "maybe"},
        {"rtp_ports": ("a", "b")},
        {"password": object()},
    ],
)
def test_accounts_that_cannot_be(bench, changes) -> None:
    with pytest.raises(InvalidValue):
        bench.robot.do(AddAccount(bench.account(**changes)))


def test_a_kind_of_text_is_text(bench) -> None:
    class Word(str):
        """As a configuration has them."""

        __slots__ = ()

    bench.add(address=Word("sip:robot@pbx.test"), media=Word("none"))
    assert bench.pbx.requests("REGISTER")


@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7", "robot.example.com"])
def test_a_public_address_stands_in_via_and_contact(bench, host) -> None:
    bench.add(public_address=host)
    register = bench.pbx.requests("REGISTER")[0]
    assert (register.via.host, register.contacts[0].uri.host) == (host, host)


@pytest.mark.parametrize(
    "command",
    [
        SendRequest(1, "pbx", "INVITE", "1001"),
        SendRequest(1, "pbx", "MESSAGE", "1001", body=b"x"),
        SendRequest(1, "pbx", "MESSAGE", "1001", body=b"x", content_type="text"),
        SendRequest(1, "pbx", "MESSAGE", "sip:a@b?Subject=x"),
        SendRequest(1, "pbx", "MESSAGE", "x" * 2000),
        SendRequest(1, "pbx", "MESSAGE", "sip:a@[::"),
        Redirect(-1, ("sip:a b",)),
        Redirect(-1, ("sip:",)),
        Notify(-1, state="gone"),
        Offer(-1, SDP, method="BYE"),
    ],
)
def test_requests_that_cannot_be(line, command) -> None:
    with pytest.raises(InvalidValue):
        line.robot.do(command)


@pytest.mark.parametrize("to", ["1001@other.test", "sip:1001@other.test"])
def test_targets_at_other_domains(line, to) -> None:
    line.robot.do(SendRequest(1, "pbx", "MESSAGE", to))
    line.wire.run(0.1)
    assert line.pbx.requests("MESSAGE")[0].uri_text == "sip:1001@other.test"


@pytest.mark.parametrize(
    ("text", "name", "user"),
    [("1001", "", "1001"), ("<1001>", "", "1001"), ("A B <1001>", "A B", "1001"), ('"A \\" B" <1>', 'A " B', "1")],
)
def test_forms_of_a_caller_id(text, name, user) -> None:
    parsed = parse_caller_id(text)
    assert (parsed.name, parsed.user) == (name, user)


def test_a_caller_id_without_a_name_or_with_a_domain_of_its_own(line) -> None:
    for number, (caller_id, shown) in enumerate(
        [("1001", "<sip:1001@pbx.test>"), ("1@x.test", "<sip:1@x.test>"), ("<sip:a@b>", "<sip:a@b>")], 1
    ):
        line.robot.do(Invite(number, "pbx", "7000", caller_id=caller_id))
        line.wire.run(0.1)
        assert (line.pbx.requests("INVITE")[-1].headers.get("From") or "").startswith(shown)


# --- servers that cannot be found, passwords that are not there -------------------------------------


def test_a_server_without_an_address_is_told_and_looked_for_again() -> None:
    wire = Wire()
    robot = wire.node("10.0.0.2")
    robot.do(AddAccount(Account("sip:robot@nowhere.test", name="pbx", keepalive=5.0)))
    wire.run(10)
    lost = robot.of(RegistrationLost)
    assert len(lost) >= 2
    assert "nowhere.test has no address" in lost[0].reason
    pbx = Peer(wire)
    pbx.handler = transaction_free(lambda r: [pbx.reply(r, 200, ("Expires", "60"))])
    wire.names["sip:robot@nowhere.test"] = (Target("udp", "10.0.0.1", 5060),)
    wire.run(10)
    assert robot.of(Registered)


def test_without_registration_an_unreachable_server_is_a_word_in_the_trace() -> None:
    wire = Wire()
    robot = wire.node("10.0.0.2")
    robot.do(AddAccount(Account("sip:robot@nowhere.test", name="pbx", register=False, keepalive=5.0)))
    wire.run(1)
    assert "cannot be reached" in robot.of(Traced)[0].text


def test_a_challenge_without_a_password_says_so(bench) -> None:
    bench.pbx.handler = transaction_free(bench.answer_register)
    bench.add(password="")
    assert "has none" in bench.robot.of(RegistrationLost)[0].reason


def test_a_realm_that_is_renamed_on_the_way_is_followed_for_a_register(bench) -> None:
    """Its credentials replace those for the old name."""
    realms = iter(("old", "new"))

    def handler(request: Request) -> list[bytes]:
        realm = next(realms, "")
        if not realm:
            return [bench.pbx.reply(request, 200, ("Expires", "300"))]
        stale = ("WWW-Authenticate", f'Digest realm="{realm}", nonce="{realm}", stale=true')
        return [bench.pbx.reply(request, 401, stale)]

    bench.pbx.handler = transaction_free(handler)
    bench.add()
    assert bench.robot.of(Registered)
    assert [a.params["realm"] for a in bench.pbx.requests("REGISTER")[-1].authorizations] == ["new"]


# --- the whole, small -------------------------------------------------------------------------------


def test_reprs_tell_the_state_and_no_secret(line) -> None:
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(0.1)
    agent = line.robot.agent
    assert repr(agent) == "<UserAgent 1 accounts, 1 transactions, 0 dialogs, 1 timers>"
    (transaction,) = agent._stack.transactions._clients.values()
    assert repr(transaction).startswith("<INVITE client transaction Calling z9hG4bK")
    assert repr(line.account()) == "Account('pbx', address='sip:robot@pbx.test', server='udp:10.0.0.1:5060')"


def test_a_second_final_response_is_absorbed() -> None:
    core = Core(SeededIdentifiers(), Limits(), "test")
    transactions = Transactions(core)
    request = parse(
        b"MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\n"
        b"To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n\r\n"
    )
    assert isinstance(request, Request)
    transaction = transactions.receive(request, Flow("udp", "10.0.0.2", 5060, *SERVER))
    assert transaction is not None
    transaction.respond(200, b"first")
    transaction.respond(500, b"second")
    assert transactions.server_for(request) is transaction
    assert [effect.data for effect in core.take()] == [b"first"]


def test_an_engine_that_does_nothing_has_no_deadline() -> None:
    agent = UserAgent(SeededIdentifiers())
    assert agent.deadline is None
    assert agent.idle
    assert agent.tick(5.0) == []


def test_leaving_with_a_call_waits_for_its_end_and_late_answers_change_nothing(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 200, CONTACT)]
    )
    bench.add()
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(0.1)
    assert [type(e) for e in bench.robot.events[-2:]] == [CallEnded, AccountRemoved]
    assert bench.pbx.requests("REGISTER")[-1].expires == 0


def test_leaving_a_server_that_is_silent_and_then_answers_ends_once(bench) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: bench.answer_register(r) if r.method == "REGISTER" else [bench.pbx.reply(r, 200, CONTACT)]
    )
    bench.add()
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(5)
    assert len(bench.robot.of(AccountRemoved)) == 1
    for method in ("BYE", "REGISTER"):
        bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(bench.pbx.requests(method)[-1], 200))
    bench.wire.run(40)
    assert len(bench.robot.of(AccountRemoved)) == 1
    assert bench.robot.of(CallEnded)
    assert bench.robot.agent.idle


def test_a_small_pbx_on_the_engine_itself_unsubscribes_and_says_what_it_leaves() -> None:
    wire = Wire()
    pbx = MiniPbx(wire)
    robot = wire.node("10.0.0.2")
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", server="udp:10.0.0.1:5060", keepalive=0.0)))
    robot.do(Watch(1, "pbx", "1001", ("presence",)))
    wire.run(1)
    pbx.state("1001", State.ON_THE_PHONE)
    wire.run(1)
    robot.do(Unwatch(1))
    wire.run(1)
    assert not pbx.watchers
    robot.do(SendRequest(1, "pbx", "OPTIONS", "1001"))
    wire.run(1)
    assert robot.of(Responded)[0].response.status == 200
    assert not robot.of(SubscribeReceived)


def test_an_answer_goes_back_through_every_via(line) -> None:
    data = line.pbx.request("MESSAGE", "sip:robot@10.0.0.2")
    send(line, data.replace(b"\r\nMax-F", b", SIP/2.0/UDP a;branch=1\r\nVia: SIP/2.0/TCP b;branch=2\r\nMax-F", 1))
    (answer,) = line.pbx.responses("MESSAGE")
    assert [via.host for via in answer.vias] == ["10.0.0.1", "a", "b"]


def test_routes_are_recorded_in_what_makes_a_dialog_and_used_for_what_we_say_in_it(line) -> None:
    """RFC 3261 §12.1.1: copied in order, and our requests take them in that order."""
    edge = Peer(line.wire, "10.0.0.8")
    routes = ("Record-Route", "<sip:10.0.0.8;lr>, <sip:10.0.0.7;lr>")
    send(line, line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, routes, body=SDP, cseq=1))
    id = line.robot.of(IncomingCall)[0].id
    line.robot.do(Answer(id, body=SDP))
    line.wire.run(0.1)
    ok = line.pbx.responses("INVITE")[-1]
    assert ok.headers.get("Record-Route") == "<sip:10.0.0.8;lr>, <sip:10.0.0.7;lr>"
    send(line, line.pbx.request("ACK", "sip:robot@10.0.0.2", to=ok.headers.get("To") or "", cseq=1))
    line.robot.do(Hangup(id))
    line.wire.run(0.1)
    (bye,) = edge.requests("BYE")
    assert [route.uri.host for route in bye.routes] == ["10.0.0.8", "10.0.0.7"]
