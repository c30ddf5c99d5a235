"""Calls to us, and requests outside any dialog (RFC 3261 §8.2, §13.3, §9.2, RFC 3262)."""

from __future__ import annotations

import pytest
from support.peer import Peer, transaction_free

from sipclient.message import Request, Response, parse
from sipclient.protocol.events import (
    Answer,
    Answered,
    CallEnded,
    Flow,
    FlowOpened,
    Hangup,
    IncomingCall,
    Invite,
    MessageReceived,
    Packet,
    Redirect,
    Reject,
    RequestReceived,
    Respond,
    Responded,
    Ring,
    Send,
    SendRequest,
)
from sipclient.protocol.limits import Limits

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


def invite(bench, *headers, body: bytes = SDP, **more) -> Request:
    data = bench.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, *headers, body=body, **more)
    send(bench, data)
    request = parse(data)
    assert isinstance(request, Request)
    return request


def statuses(bench, method: str = "INVITE") -> list[int]:
    return [response.status for response in bench.pbx.responses(method)]


def ack(bench, request: Request, response: Response, *, same_branch: bool = False, body: bytes = b"") -> None:
    send(
        bench,
        bench.pbx.request(
            "ACK",
            "sip:robot@10.0.0.2",
            call_id=request.call_id,
            from_=request.headers.get("From") or "",
            to=response.headers.get("To") or "",
            cseq=request.cseq.number,
            branch=request.via.branch if same_branch else "",
            body=body,
        ),
    )


def incoming(bench) -> IncomingCall:
    return bench.robot.of(IncomingCall)[-1]


def test_a_call_rings_is_answered_and_hung_up_by_us(line) -> None:
    request = invite(line)
    id = incoming(line).id
    assert id < 0
    line.robot.do(Ring(id))
    line.robot.do(Answer(id, body=SDP))
    line.wire.run(0.1)
    assert statuses(line) == [100, 180, 200]
    ringing, ok = line.pbx.responses("INVITE")[1:]
    assert ringing.to_tag == ok.to_tag != ""
    assert ok.body == SDP
    assert ok.contacts[0].uri.host == "10.0.0.2"
    ack(line, request, ok)
    assert line.robot.of(Answered)
    line.pbx.handler = transaction_free(lambda r: [line.pbx.reply(r, 200)])
    line.robot.do(Hangup(id))
    line.wire.run(0.1)
    (bye,) = line.pbx.requests("BYE")
    assert bye.uri_text == "sip:pbx@10.0.0.1:5060"
    assert bye.from_tag == ok.to_tag
    (ended,) = line.robot.of(CallEnded)
    assert (ended.cause, ended.by, ended.answered) == ("NORMAL_CLEARING", "local", True)
    line.wire.run(100)
    assert line.robot.agent.idle


def test_the_200_is_repeated_until_the_ack(line) -> None:
    request = invite(line)
    start = line.wire.now
    line.robot.do(Answer(incoming(line).id, body=SDP))
    line.wire.run(8)
    answers = [(at, m) for at, m in zip(line.pbx.at, line.pbx.inbox, strict=True) if isinstance(m, Response)]
    offsets = [round(at - start, 1) for at, answer in answers if answer.status == 200]
    assert offsets == [0.0, 0.5, 1.5, 3.5, 7.5]
    ack(line, request, line.pbx.responses("INVITE")[-1])
    count = len(line.pbx.inbox)
    line.wire.run(40)
    assert len(line.pbx.inbox) == count


def test_an_ack_with_the_invites_branch_counts_too(line) -> None:
    request = invite(line)
    line.robot.do(Answer(incoming(line).id, body=SDP))
    line.wire.run(0.1)
    ack(line, request, line.pbx.responses("INVITE")[-1], same_branch=True)
    assert line.robot.of(Answered)


def test_without_an_ack_the_call_is_ended_after_32_seconds(line) -> None:
    invite(line)
    line.robot.do(Answer(incoming(line).id, body=SDP))
    line.wire.run(33)
    assert len(line.pbx.requests("BYE")) >= 1
    line.wire.run(40)
    (ended,) = line.robot.of(CallEnded)
    assert ended.by == "network"
    assert line.robot.agent.idle


@pytest.mark.parametrize("command", [Reject(0, 486), Reject(0, 603, "No"), Redirect(0, ("sip:8000@pbx.test",))])
def test_a_refusal_is_repeated_until_its_ack(line, command) -> None:
    request = invite(line)
    import msgspec

    line.robot.do(msgspec.structs.replace(command, id=incoming(line).id))
    line.wire.run(1)
    final = line.pbx.responses("INVITE")[-1]
    assert final.status == getattr(command, "status", 302)
    assert len([s for s in statuses(line) if s >= 300]) == 2
    if final.status == 302:
        assert str(final.contacts[0].uri) == "sip:8000@pbx.test"
    ack(line, request, final, same_branch=True)
    count = len(line.pbx.inbox)
    line.wire.run(40)
    assert len(line.pbx.inbox) == count
    assert line.robot.of(CallEnded)
    assert line.robot.agent.idle


def test_cancel_gets_200_and_the_invite_487(line) -> None:
    request = invite(line)
    line.robot.do(Ring(incoming(line).id))
    cancel = line.pbx.request(
        "CANCEL",
        "sip:robot@10.0.0.2",
        ("Reason", 'SIP;cause=200;text="elsewhere"'),
        branch=request.via.branch,
        cseq=request.cseq.number,
    )
    send(line, cancel)
    assert statuses(line, "CANCEL") == [200]
    assert statuses(line)[-1] == 487
    (ended,) = line.robot.of(CallEnded)
    assert (ended.cause, ended.by) == ("ORIGINATOR_CANCEL", "remote")
    line.robot.do(Answer(incoming(line).id))
    line.wire.run(0.1)
    assert 200 not in statuses(line)


def test_a_cancel_for_nothing_is_481(line) -> None:
    send(line, line.pbx.request("CANCEL", "sip:robot@10.0.0.2"))
    assert statuses(line, "CANCEL") == [481]


def test_a_cancel_after_the_answer_changes_nothing(line) -> None:
    request = invite(line)
    line.robot.do(Answer(incoming(line).id, body=SDP))
    send(line, line.pbx.request("CANCEL", "sip:robot@10.0.0.2", branch=request.via.branch, cseq=request.cseq.number))
    assert statuses(line, "CANCEL") == [200]
    assert 487 not in statuses(line)


def test_a_bye_before_the_answer_ends_the_call(line) -> None:
    request = invite(line)
    line.robot.do(Ring(incoming(line).id))
    line.wire.run(0.1)
    to = line.pbx.responses("INVITE")[-1].headers.get("To") or ""
    send(line, line.pbx.request("BYE", "sip:robot@10.0.0.2", call_id=request.call_id, to=to, cseq=50))
    assert statuses(line, "BYE") == [200]
    assert statuses(line)[-1] == 487


def test_hanging_up_before_the_ack_waits_for_it(line) -> None:
    request = invite(line)
    id = incoming(line).id
    line.robot.do(Answer(id, body=SDP))
    line.robot.do(Hangup(id))
    line.wire.run(0.1)
    assert not line.pbx.requests("BYE")
    ack(line, request, line.pbx.responses("INVITE")[-1])
    assert line.pbx.requests("BYE")


def test_a_reliable_provisional_is_repeated_until_its_prack(line) -> None:
    request = invite(line, ("Supported", "100rel"))
    line.robot.do(Ring(incoming(line).id, 183, body=SDP, reliable=True))
    line.wire.run(2)
    reliable = [r for r in line.pbx.responses("INVITE") if r.status == 183]
    assert len(reliable) == 3
    assert "100rel" in reliable[0].require
    number = reliable[0].rseq
    to = reliable[0].headers.get("To") or ""

    def prack(rack: str, cseq: int) -> int:
        header = ("RAck", rack)
        send(line, line.pbx.request("PRACK", "sip:robot@10.0.0.2", header, call_id=request.call_id, to=to, cseq=cseq))
        return statuses(line, "PRACK")[-1]

    assert prack(f"{number + 1} {request.cseq.number} INVITE", 50) == 481
    assert prack(f"{number} {request.cseq.number} INVITE", 51) == 200
    assert prack(f"{number} {request.cseq.number} INVITE", 52) == 481
    count = len(line.pbx.inbox)
    line.wire.run(10)
    assert len(line.pbx.inbox) == count


def test_a_reliable_provisional_without_prack_refuses_the_call(line) -> None:
    invite(line, ("Require", "100rel"))
    line.robot.do(Ring(incoming(line).id))
    line.wire.run(33)
    assert statuses(line)[-1] == 504


def test_an_unanswered_call_is_refused_after_three_minutes_and_reminded_each_minute(line) -> None:
    invite(line)
    line.robot.do(Ring(incoming(line).id))
    line.wire.run(179)
    assert statuses(line).count(180) == 3
    line.wire.run(2)
    assert 480 in statuses(line)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", (), 200),
        ("MESSAGE", (), 200),
        ("INFO", (), 481),
        ("BYE", (), 481),
        ("UPDATE", (), 481),
        ("PRACK", (("RAck", "1 1 INVITE"),), 481),
        ("FROBNICATE", (), 405),
        ("REGISTER", (), 405),
        ("PUBLISH", (), 405),
        ("SUBSCRIBE", (("Event", "presence"), CONTACT), 405),
        ("REFER", (("Refer-To", "<sip:x@y>"),), 405),
        ("OPTIONS", (("Require", "teleport, 100rel"),), 420),
        ("OPTIONS", (("Content-Encoding", "gzip"),), 415),
        ("INVITE", (("Content-Type", "application/isup"), CONTACT), 415),
        ("INVITE", (), 400),
        ("INVITE", (CONTACT, ("Session-Expires", "30"), ("Supported", "timer")), 422),
        ("NOTIFY", (("Event", "presence"), ("Subscription-State", "active")), 481),
        ("OPTIONS", (("CSeq", "9 OPTIONS"),), 400),
        ("OPTIONS", (("Max-Forwards", "300"),), 400),
        ("OPTIONS", (("Session-Expires", "soon"),), 400),
    ],
)
def test_requests_outside_any_dialog(line, method, headers, status) -> None:
    body = b"x" if method == "INVITE" and any(name == "Content-Type" for name, _ in headers) else b""
    data = line.pbx.request(method, "sip:robot@10.0.0.2", *headers)
    if body:
        data = data.replace(b"Content-Length: 0", b"Content-Length: 1") + body
    send(line, data)
    (answer,) = [r for r in line.pbx.responses() if r.status != 100]
    assert answer.status == status
    assert answer.to_tag
    if status == 420:
        assert answer.unsupported == ("teleport",)
    if status == 405:
        assert "INVITE" in (answer.headers.get("Allow") or "")
    if method == "MESSAGE":
        assert line.robot.of(MessageReceived)


@pytest.mark.parametrize(
    ("uri", "status"),
    [("http://x", 416), ("nobodyKnowsThisScheme:totallyopaquecontent", 416), ("sip:robot@10.0.0.2 ", 400)],
)
def test_request_uris(line, uri, status) -> None:
    send(line, line.pbx.request("OPTIONS", uri))
    assert statuses(line, "OPTIONS") == [status]


def test_sip_3_gets_505(line) -> None:
    send(line, line.pbx.request("OPTIONS", "sip:robot@10.0.0.2").replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1))
    assert statuses(line, "OPTIONS") == [505]


def test_merged_requests_get_482(line) -> None:
    first = invite(line)
    send(
        line,
        line.pbx.request(
            "INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP, cseq=first.cseq.number, branch="z9hG4bKother"
        ),
    )
    assert statuses(line) == [100, 482]
    assert len(line.robot.of(IncomingCall)) == 1


def test_a_request_that_left_here_and_comes_back_is_a_loop(line) -> None:
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(0.1)
    ours = line.pbx.raw[-1]
    via = b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKproxy\r\nVia:"
    send(line, ours.replace(b"Via:", via, 1))
    assert [r.status for r in line.pbx.responses("INVITE")] == [482]


def test_a_retransmitted_invite_gets_the_last_answer_again_and_no_second_call(line) -> None:
    data = line.pbx.request("INVITE", "sip:robot@10.0.0.2", CONTACT, body=SDP)
    send(line, data)
    line.robot.do(Ring(incoming(line).id))
    send(line, data)
    assert statuses(line) == [100, 180, 180]
    assert len(line.robot.of(IncomingCall)) == 1


def test_strangers_are_refused_before_any_state(line) -> None:
    stranger = Peer(line.wire, "10.0.0.66")
    for method in ("INVITE", "OPTIONS", "MESSAGE"):
        data = stranger.request(method, "sip:robot@10.0.0.2", CONTACT, call_id=method)
        send(line, data, ("10.0.0.66", 5060))
    assert [r.status for r in stranger.responses()] == [403, 403, 403]
    assert not line.robot.of(IncomingCall)
    assert line.robot.agent.idle


def test_peers_are_admitted(bench) -> None:
    bench.add(register=False, peers=("10.0.0.64/26",))
    friend = Peer(bench.wire, "10.0.0.66")
    send(bench, friend.request("OPTIONS", "sip:robot@10.0.0.2"), ("10.0.0.66", 5060))
    assert [r.status for r in friend.responses()] == [200]


def test_browsers_that_came_to_us_may_call_and_no_more(bench) -> None:
    """RFC 7118: who opens a WebSocket to a listener of ours has no address that anybody could configure."""
    bench.add(register=False, browsers=True)
    browser = Peer(bench.wire, "10.0.0.66")
    accepted = Flow("wss", "10.0.0.2", 8443, "10.0.0.66", 40000, 7)
    contact = ("Contact", "<sip:x@abc.invalid;transport=ws>")

    def answer(method: str, flow: Flow = accepted) -> list[int]:
        data = browser.request(method, "sip:robot@10.0.0.2", contact, call_id=f"{method}-{flow.serial}")
        effects = bench.robot.agent.receive(Packet(flow, data), bench.wire.now)
        sent = [effect for effect in effects if isinstance(effect, Send)]
        assert {each.flow for each in sent} == {flow}
        return [parse(each.data).status for each in sent if b"SIP/2.0 100" not in each.data]

    assert answer("OPTIONS") == [200]
    assert answer("MESSAGE") == [200]
    assert answer("NOTIFY") == [481]
    assert answer("SUBSCRIBE") == [403]
    assert answer("INVITE") == []  # it rings
    assert answer("OPTIONS", Flow("udp", "10.0.0.2", 5060, "10.0.0.66", 5060)) == [403]
    assert answer("OPTIONS", Flow("tls", "10.0.0.2", 5061, "10.0.0.66", 40001, 8)) == [403]
    bench.robot.agent.receive(FlowOpened(99, Flow("wss", "10.0.0.2", 40002, "10.0.0.66", 443, 9)), bench.wire.now)
    assert answer("OPTIONS", Flow("wss", "10.0.0.2", 40002, "10.0.0.66", 443, 9)) == [403]  # we opened that one


def test_browsers_are_strangers_unless_the_account_takes_them(bench) -> None:
    bench.add(register=False)
    browser = Peer(bench.wire, "10.0.0.66")
    data = browser.request("OPTIONS", "sip:robot@10.0.0.2")
    flow = Flow("wss", "10.0.0.2", 8443, "10.0.0.66", 40000, 7)
    effects = bench.robot.agent.receive(Packet(flow, data), bench.wire.now)
    assert [parse(effect.data).status for effect in effects if isinstance(effect, Send)] == [403]


def test_too_many_calls_get_503_with_retry_after(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(calls=2))
    bench.add(register=False)
    for number in range(3):
        invite(bench, call_id=f"call-{number}")
    finals = [r for r in bench.pbx.responses("INVITE") if r.status > 100]
    assert [r.status for r in finals] == [503]
    assert finals[0].retry_after == 10


def test_too_many_transactions_are_refused(bench) -> None:
    bench.robot = bench.wire.node("10.0.0.2", limits=Limits(server_transactions=2))
    bench.add(register=False)
    for number in range(3):
        send(bench, bench.pbx.request("MESSAGE", "sip:robot@10.0.0.2", call_id=f"m{number}"))
    assert statuses(bench, "MESSAGE") == [200, 200, 503]


def test_a_forged_200_makes_no_ack_and_no_event(line) -> None:
    """Robustness 10: right branch, wrong place."""
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(0.1)
    request = line.pbx.requests("INVITE")[0]
    forged = line.pbx.reply(request, 200, CONTACT)
    for source in (("10.0.0.66", 5060), ("10.0.0.1", 5099)):
        send(line, forged, source)
    send(line, forged.replace(request.via.branch.encode(), b"z9hG4bKguess"))
    send(line, forged.replace(b" INVITE\r\n", b" OPTIONS\r\n"))
    assert {data.split()[0] for _, data in line.robot.sent} == {b"INVITE"}
    assert not line.robot.of(Answered)


def test_a_malformed_final_answer_is_a_failure_with_words(line) -> None:
    line.pbx.handler = transaction_free(
        lambda r: [line.pbx.reply(r, 200, ("Contact", "<<<"))] if r.method == "INVITE" else []
    )
    line.robot.do(Invite(1, "pbx", "7000", body=SDP))
    line.wire.run(33)  # for the answer to our BYE
    (ended,) = line.robot.of(CallEnded)
    assert "malformed" in ended.reason


def test_handled_requests_reach_the_application(bench) -> None:
    bench.add(register=False, handles=frozenset({"REGISTER"}))
    send(bench, bench.pbx.request("REGISTER", "sip:pbx.test", CONTACT))
    (received,) = bench.robot.of(RequestReceived)
    bench.robot.do(Respond(received.request, 401, headers=(("WWW-Authenticate", 'Digest realm="x", nonce="y"'),)))
    bench.wire.run(0.1)
    (answer,) = bench.pbx.responses("REGISTER")
    assert answer.challenges[0].params["realm"] == "x"


def test_a_request_of_ours_outside_any_dialog(line) -> None:
    line.pbx.handler = transaction_free(lambda r: [line.pbx.reply(r, 200)])
    line.robot.do(SendRequest(4, "pbx", "MESSAGE", "1001", body=b"hello", content_type="text/plain"))
    line.wire.run(0.1)
    assert line.pbx.requests("MESSAGE")[0].body == b"hello"
    (responded,) = line.robot.of(Responded)
    assert responded.response is not None
    line.pbx.handler = lambda message, flow: ()
    line.robot.do(SendRequest(5, "pbx", "OPTIONS", "1001"))
    line.wire.run(33)
    assert line.robot.of(Responded)[1].response is None


def test_keepalives_on_a_stream_are_answered_and_on_udp_ignored(bench) -> None:
    from sipclient.protocol.events import Flow, Packet, Send

    bench.add(register=False)
    flow = Flow("tcp", "10.0.0.2", 5060, "10.0.0.1", 40000, 1)
    effects = bench.robot.agent.receive(Packet(flow, b"\r\n\r\n"), bench.wire.now)
    assert effects == [Send(flow, b"\r\n")]
    assert bench.robot.agent.receive(Packet(flow, b"\r\n"), bench.wire.now) == []
    udp = Flow("udp", "10.0.0.2", 5060, "10.0.0.1", 5060)
    for data in (b"\r\n\r\n", b"\0", b"", b"\r\n"):
        assert bench.robot.agent.receive(Packet(udp, data), bench.wire.now) == []


def test_two_accounts_take_the_calls_of_their_own_users(bench) -> None:
    bench.add(register=False, name="one", address="sip:one@pbx.test")
    bench.add(register=False, name="two", address="sip:two@pbx.test")
    for user in ("two", "one"):
        send(bench, bench.pbx.request("INVITE", f"sip:{user}@10.0.0.2", CONTACT, body=SDP, call_id=user))
    assert [event.account for event in bench.robot.of(IncomingCall)] == ["two", "one"]
