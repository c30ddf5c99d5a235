"""One request of ours through challenges, fail-over and second thoughts (RFC 3261 §22, §9.1, RFC 3263 §4.3)."""

from __future__ import annotations

import pytest
from support.peer import Peer, transaction_free
from support.wire import Wire

from sipclient.message import Request
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    CallEnded,
    Follow,
    Hangup,
    Invite,
    Responded,
    SendRequest,
    ServerChanged,
    Target,
)

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
CONTACT = ("Contact", "<sip:pbx@10.0.0.1:5060>")
CHALLENGE = ("Proxy-Authenticate", 'Digest realm="pbx", nonce="n", algorithm=MD5, qop="auth"')


@pytest.fixture
def line(bench):
    bench.add(register=False)
    return bench


def place(bench, **more: object) -> None:
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP, **more))
    bench.wire.run(0.1)


def say(bench, request: Request, status: int, *headers: tuple[str, str], tag: str = "peer") -> None:
    bench.pbx.send(bench.pbx.flows[0], bench.pbx.reply(request, status, *headers, tag=tag))
    bench.wire.run(0.1)


def ended(bench) -> CallEnded:
    (event,) = bench.robot.of(CallEnded)
    return event


# --- second thoughts --------------------------------------------------------------------------------


def test_a_challenge_after_the_hangup_is_not_answered(line) -> None:
    """Answered, it would make the phone ring for a call that nobody wants any more."""
    place(line)
    line.robot.do(Hangup(1))
    say(line, line.pbx.requests("INVITE")[0], 407, CHALLENGE)
    assert len(line.pbx.requests("INVITE")) == 1
    assert ended(line).cause == "ORIGINATOR_CANCEL"
    line.wire.run(40)
    assert line.robot.agent.idle


def test_no_cancel_leaves_before_a_provisional_to_the_answered_challenge(line) -> None:
    """The 100 of a proxy that then asked for a password says nothing of the second INVITE (RFC 3261 §9.1)."""
    place(line)
    first = line.pbx.requests("INVITE")[0]
    say(line, first, 100)
    say(line, first, 407, CHALLENGE)
    second = line.pbx.requests("INVITE")[1]
    line.robot.do(Hangup(1))
    line.wire.run(0.1)
    assert not line.pbx.requests("CANCEL")
    say(line, second, 180)
    (cancel,) = line.pbx.requests("CANCEL")
    assert cancel.via.branch == second.via.branch


def test_a_hangup_stops_the_search_for_a_server() -> None:
    """Silence from the first of two, and the user gives up meanwhile: the second is not asked."""
    wire = Wire()
    robot, one, two = wire.node("10.0.0.2"), Peer(wire, "10.0.0.1"), Peer(wire, "10.0.0.3")
    wire.names["sip:robot@pbx.test"] = (Target("udp", "10.0.0.1", 5060), Target("udp", "10.0.0.3", 5060))
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", register=False, keepalive=0.0)))
    robot.do(Invite(1, "pbx", "7000", body=SDP))
    wire.run(1)
    robot.do(Hangup(1))
    wire.run(40)
    assert one.requests("INVITE")
    assert not two.inbox
    assert robot.of(CallEnded)


def test_a_hangup_while_a_large_invite_waits_for_tcp_sends_nothing(line) -> None:
    line.robot.do(Invite(1, "pbx", "7000", headers=(("X-Big", "x" * 1400),), body=SDP))
    line.robot.do(Hangup(1))
    line.wire.run(1)
    assert ended(line)
    assert not line.pbx.inbox
    assert line.robot.agent.idle


@pytest.mark.parametrize("tcp", [True, False])
def test_a_hangup_between_two_servers_sends_nothing(tcp: bool) -> None:
    wire = Wire()
    robot, one = wire.node("10.0.0.2"), Peer(wire, "10.0.0.1")
    two = Target("tcp", "10.0.0.3" if tcp else "10.0.0.99", 5060)
    there = Peer(wire, "10.0.0.3")
    wire.names["sip:robot@pbx.test"] = (Target("udp", "10.0.0.1", 5060), two)
    one.handler = transaction_free(lambda r: [one.reply(r, 503)])
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", register=False, keepalive=0.0)))
    robot.do(Invite(1, "pbx", "7000", body=SDP))
    wire.run(0.021)  # the 503 is here, the second server's stream is not open yet
    robot.do(Hangup(1))
    assert robot.of(CallEnded)[0].cause == "ORIGINATOR_CANCEL"
    wire.run(5)
    assert not there.inbox
    assert len(robot.of(CallEnded)) == 1


def test_a_peer_that_ignores_cancel_leaves_nothing_behind(line) -> None:
    """RFC 3261 §9.1: 64·T1 after the CANCEL the INVITE transaction is destroyed, though it had no final answer."""
    place(line)
    say(line, line.pbx.requests("INVITE")[0], 180)
    line.robot.do(Hangup(1))
    line.wire.run(40)
    assert ended(line)
    assert line.robot.agent.idle


def test_follow_without_a_redirection_places_no_second_call(line) -> None:
    place(line)
    line.robot.do(Follow(1, "sip:8000@pbx.test"))
    line.wire.run(0.1)
    assert len(line.pbx.requests("INVITE")) == 1


def test_a_422_forgets_the_early_dialogs_of_the_first_try(line) -> None:
    place(line)
    first = line.pbx.requests("INVITE")[0]
    say(line, first, 183, tag="early")
    say(line, first, 422, ("Min-SE", "3600"))
    assert len(line.pbx.requests("INVITE")) == 2
    assert len(line.robot.agent._dialogs) == 0


# --- fail-over --------------------------------------------------------------------------------------


def two_servers(*, first: str = "udp") -> tuple[Wire, object, Peer, Peer]:
    wire = Wire()
    robot, one, two = wire.node("10.0.0.2"), Peer(wire, "10.0.0.1"), Peer(wire, "10.0.0.3")
    wire.names["sip:robot@pbx.test"] = (Target(first, "10.0.0.1", 5060), Target(first, "10.0.0.3", 5060))
    robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", register=False, keepalive=0.0)))
    return wire, robot, one, two


def test_a_503_after_a_100_moves_on(line) -> None:
    """A proxy says Trying before it knows that its PBX is away (RFC 3263 §4.3)."""
    wire, robot, one, two = two_servers()
    one.handler = transaction_free(lambda r: [one.reply(r, 100), one.reply(r, 503)] if r.method == "INVITE" else [])
    robot.do(Invite(1, "pbx", "7000", body=SDP))
    wire.run(1)
    assert two.requests("INVITE")
    assert not robot.of(CallEnded)


def test_a_503_after_ringing_does_not_ring_elsewhere() -> None:
    wire, robot, one, two = two_servers()
    one.handler = transaction_free(lambda r: [one.reply(r, 180), one.reply(r, 503)] if r.method == "INVITE" else [])
    robot.do(Invite(1, "pbx", "7000", body=SDP))
    wire.run(1)
    assert not two.inbox
    assert robot.of(CallEnded)[0].status == 503


def test_several_requests_that_fail_at_once_all_reach_the_next_server() -> None:
    wire, robot, one, two = two_servers(first="tcp")
    two.handler = transaction_free(lambda r: [two.reply(r, 200)])
    for number in range(1, 4):
        robot.do(SendRequest(number, "pbx", "MESSAGE", str(number)))
    wire.run(1)
    assert len(one.requests("MESSAGE")) == 3
    wire.power_off(one.node)
    wire.run(1)
    assert len(two.requests("MESSAGE")) == 3
    assert [r.response.status for r in robot.of(Responded)] == [200] * 3


def test_several_requests_that_fail_at_once_with_one_server_do_not_close_what_the_next_one_opened() -> None:
    """The first to time out drops the silent stream; the others must not drop its successor."""
    wire = Wire()
    robot, pbx = wire.node("10.0.0.2"), Peer(wire, "10.0.0.1")
    robot.do(
        AddAccount(Account("sip:robot@pbx.test", name="pbx", register=False, keepalive=0.0, server="tcp:10.0.0.1:5060"))
    )
    robot.do(SendRequest(1, "pbx", "MESSAGE", "1"))
    wire.run(1)
    robot.do(SendRequest(2, "pbx", "MESSAGE", "2"))
    wire.run(31.5)  # the first has timed out
    robot.do(SendRequest(3, "pbx", "MESSAGE", "3"))
    wire.run(1)  # and now the second
    robot.do(SendRequest(4, "pbx", "MESSAGE", "4"))
    wire.run(0.1)
    assert pbx.flows[2] == pbx.flows[3] != pbx.flows[1]


# --- credentials ------------------------------------------------------------------------------------


def test_the_ack_carries_the_very_credentials_of_its_invite(line) -> None:
    """RFC 3261 §22.1: duplicated, not made anew."""
    line.pbx.handler = transaction_free(
        lambda r: (
            []
            if r.method == "ACK"
            else [line.pbx.reply(r, 200, CONTACT) if r.authorizations else line.pbx.reply(r, 407, CHALLENGE)]
        )
    )
    place(line)
    invite, ack = line.pbx.requests("INVITE")[-1], line.pbx.requests("ACK")[-1]
    assert ack.headers.get("Proxy-Authorization") == invite.headers.get("Proxy-Authorization") is not None


def nonces(bench) -> list[tuple[str, str]]:
    return [
        (r.authorizations[0].params["nonce"], r.authorizations[0].params["nc"])
        for r in bench.pbx.requests("MESSAGE")
        if r.authorizations
    ]


def challenging(bench, *info: tuple[str, str]) -> None:
    bench.pbx.handler = transaction_free(
        lambda r: [bench.pbx.reply(r, 200, *info) if r.authorizations else bench.pbx.reply(r, 407, CHALLENGE)]
    )


def test_the_same_nextnonce_again_counts_on(line) -> None:
    """RFC 7616 §3.4: a count used twice with one nonce looks like a replay."""
    challenging(line, ("Proxy-Authentication-Info", 'nextnonce="n"'))
    for number in (1, 2, 3):
        line.robot.do(SendRequest(number, "pbx", "MESSAGE", "1001"))
        line.wire.run(0.1)
    assert nonces(line) == [("n", "00000001"), ("n", "00000002"), ("n", "00000003")]


def test_the_nextnonce_of_the_server_is_not_the_proxys(line) -> None:
    challenging(line, ("Authentication-Info", 'nextnonce="other"'))
    for number in (1, 2):
        line.robot.do(SendRequest(number, "pbx", "MESSAGE", "1001"))
        line.wire.run(0.1)
    assert nonces(line) == [("n", "00000001"), ("n", "00000002")]


def test_requests_at_once_share_the_count_and_an_older_nonce_does_not_come_back(line) -> None:
    challenging(line)
    line.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    line.wire.run(0.1)
    line.pbx.handler = lambda message, flow: ()
    for number in (2, 3):
        line.robot.do(SendRequest(number, "pbx", "MESSAGE", "1001"))
    line.wire.run(0.1)
    assert nonces(line)[1:] == [("n", "00000002"), ("n", "00000003")]
    second, third = line.pbx.requests("MESSAGE")[-2:]
    fresh = ("Proxy-Authenticate", 'Digest realm="pbx", nonce="new", algorithm=MD5, qop="auth", stale=true')
    say(line, second, 407, fresh)
    say(line, line.pbx.requests("MESSAGE")[-1], 200)
    say(line, third, 200)  # it was under way with the old nonce all the time
    line.robot.do(SendRequest(4, "pbx", "MESSAGE", "1001"))
    line.wire.run(0.1)
    assert nonces(line)[-1] == ("new", "00000002")


# --- what is left -----------------------------------------------------------------------------------


def test_a_second_hangup_and_a_second_provisional_cancel_no_more(line) -> None:
    place(line)
    invite = line.pbx.requests("INVITE")[0]
    say(line, invite, 180)
    line.robot.do(Hangup(1))
    line.robot.do(Hangup(1))
    say(line, invite, 183)
    assert len({r.via.branch for r in line.pbx.requests("CANCEL")}) == 1
    say(line, invite, 487)
    assert ended(line).cause == "ORIGINATOR_CANCEL"


def test_a_request_that_begins_at_the_last_server_has_no_other() -> None:
    """The next one after it looks the servers up anew."""
    wire, robot, one, _ = two_servers()
    one.handler = transaction_free(lambda r: [one.reply(r, 503)])
    robot.do(SendRequest(1, "pbx", "MESSAGE", "1"))
    wire.run(1)
    robot.do(SendRequest(2, "pbx", "MESSAGE", "2"))
    wire.run(33)
    assert [r.response for r in robot.of(Responded)] == [None, None]
    assert len(one.requests("MESSAGE")) == 1
    one.handler = transaction_free(lambda r: [one.reply(r, 200)])
    robot.do(SendRequest(3, "pbx", "MESSAGE", "3"))
    wire.run(1)
    assert robot.of(Responded)[-1].response.status == 200


def test_a_next_server_that_cannot_be_reached_ends_it_with_words() -> None:
    wire, robot, one, two = two_servers(first="tcp")
    two.node.up = False
    one.handler = transaction_free(lambda r: [one.reply(r, 503)])
    robot.do(SendRequest(1, "pbx", "MESSAGE", "1"))
    wire.run(1)
    (responded,) = robot.of(Responded)
    assert responded.response is None
    assert "10.0.0.3:5060: connection refused" in responded.reason


def test_a_line_that_lost_its_later_server_does_not_go_back_to_the_first_by_itself() -> None:
    """The timer that asks the first again, and the answer to its question, may both come too late."""
    wire, robot, one, two = two_servers(first="tcp")
    one.node.up = False
    two.handler = transaction_free(lambda r: [two.reply(r, 200)])
    robot.do(SendRequest(1, "pbx", "MESSAGE", "1"))
    wire.run(1)
    assert robot.of(Responded)
    one.node.up = True
    wire.run(59.035)  # the first is being asked
    wire.power_off(two.node)
    wire.run(0.1)
    assert [e.target.host for e in robot.of(ServerChanged)] == ["10.0.0.3"]
    wire.run(70)
    assert [e.target.host for e in robot.of(ServerChanged)] == ["10.0.0.3"]
    robot.do(SendRequest(2, "pbx", "MESSAGE", "2"))
    wire.run(0.1)
    assert one.requests("MESSAGE")
