"""Robustness 12, transaction rules.

Timers within 10 % of the RFC; one ACK for each retransmitted 200; 32 s without ACK → BYE; CANCEL only after a
provisional; CANCEL/200 race ends in ACK and BYE; forked 200s ACKed and BYEd; glare 491; merged requests 482.
"""

from __future__ import annotations

import pytest
from robustness.common import CONTACT, ROBOT, SDP, SERVER, Bench
from support.peer import transaction_free

from sipclient.message import Request, parse
from sipclient.protocol.events import (
    Answer,
    Answered,
    CallEnded,
    Hangup,
    IncomingCall,
    Invite,
    Offer,
    OfferAnswered,
    OfferReceived,
    Reject,
    RemoveAccount,
    Responded,
    Ring,
    SendRequest,
    Watch,
)

T1, T2, T4 = 0.5, 4.0, 5.0
DOUBLING = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]  # Timer A
CAPPED = [0.0, 0.5, 1.5, 3.5, *(7.5 + T2 * n for n in range(7))]  # Timers E and G


def times(bench: Bench, start: bytes, since: float) -> list[float]:
    """When messages with this start line left the robot, in seconds after `since`."""
    return [at - since for at, data in bench.robot.sent if data.startswith(start)]


def until_idle(bench: Bench, limit: float = 200.0) -> float:
    """How long until nothing is left, in steps of a hundredth of a second."""
    begun = bench.wire.now
    while not bench.robot.agent.idle and bench.wire.now - begun < limit:
        bench.wire.run(0.01)
    return bench.wire.now - begun


def near(seconds: float) -> object:
    return pytest.approx(seconds, rel=0.1, abs=0.05)


# --- as a client --------------------------------------------------------------------------------------------


def test_timers_a_and_b() -> None:
    bench = Bench().add()
    begun = bench.wire.now
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(100)
    assert times(bench, b"INVITE", begun) == [near(each) for each in DOUBLING]
    assert bench.robot.times[-1] - begun == near(64 * T1)
    assert bench.robot.of(CallEnded)


def test_timers_e_and_f() -> None:
    bench = Bench().add()
    begun = bench.wire.now
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    bench.wire.run(100)
    assert times(bench, b"MESSAGE", begun) == [near(each) for each in CAPPED]
    assert bench.robot.times[-1] - begun == near(64 * T1)
    assert bench.robot.of(Responded)[0].response is None


def test_timer_e_after_a_provisional_is_t2_and_f_goes_on() -> None:
    bench = Bench().add()
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 100)])
    begun = bench.wire.now
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    bench.wire.run(100)
    assert times(bench, b"MESSAGE", begun) == [near(each) for each in (0.0, *(T2 * n for n in range(1, 8)))]
    assert bench.robot.times[-1] - begun == near(64 * T1)


@pytest.mark.parametrize("status", [180, 100])
def test_an_invite_that_is_proceeding_is_not_sent_again(status: int) -> None:
    bench = Bench().add()
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, status)])
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(150)
    assert len(bench.pbx.requests("INVITE")) == 1
    assert not bench.robot.of(CallEnded)


@pytest.mark.parametrize(("transport", "lasts"), [("udp", 32.0), ("tcp", 0.0)])
def test_timer_d(transport: str, lasts: float) -> None:
    """A refusal that comes again is acknowledged again for 32 s (over streams it cannot)."""
    bench = Bench().add(server=f"{transport}:{SERVER}:5060")
    bench.pbx.handler = transaction_free(lambda r: [bench.pbx.reply(r, 486)] if r.method == "INVITE" else [])
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    assert len(bench.pbx.requests("ACK")) == 1
    assert until_idle(bench) == near(lasts)


@pytest.mark.parametrize(("transport", "lasts"), [("udp", T4), ("tcp", 0.0)])
def test_timer_k(transport: str, lasts: float) -> None:
    bench = Bench().obliging().add(server=f"{transport}:{SERVER}:5060")
    bench.robot.do(SendRequest(1, "pbx", "MESSAGE", "1001"))
    bench.wire.run(0.1)
    assert bench.robot.of(Responded)
    assert until_idle(bench) == near(lasts)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_streams_carry_each_request_once_and_give_up_all_the_same(transport: str, method: str) -> None:
    bench = Bench().add(server=f"{transport}:{SERVER}:5060")
    begun = bench.wire.now
    if method == "INVITE":
        bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    else:
        bench.robot.do(SendRequest(1, "pbx", method, "1001"))
    bench.wire.run(100)
    assert len(times(bench, method.encode(), begun)) == 1
    assert bench.robot.times[-1] - begun == near(64 * T1)


def test_timer_m_and_one_ack_for_each_200() -> None:
    bench = Bench().obliging().add()
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    ok = bench.pbx.reply(bench.pbx.requests("INVITE")[0], 200, CONTACT)
    for wanted in range(2, 12):
        bench.send(ok)
        acks = [raw for raw in bench.pbx.raw if raw.startswith(b"ACK")]
        assert len(acks) == wanted
        assert len(set(acks)) == 1
        bench.wire.run(2)
    bench.wire.run(32)  # Timer M: a 200 that is later than that is nobody's
    bench.send(ok)
    assert len([raw for raw in bench.pbx.raw if raw.startswith(b"ACK")]) == 11
    assert len(bench.robot.of(Answered)) == 1


# --- as a server --------------------------------------------------------------------------------------------


def called(bench: Bench, **more: object) -> bytes:
    data = bench.pbx.request(
        "INVITE",
        f"sip:robot@{ROBOT}",
        CONTACT,
        body=SDP,
        branch="z9hG4bKtheirs",
        cseq=1,
        **more,  # type: ignore[arg-type]
    )
    bench.wire.inject(bench.robot, data, source=(SERVER, 5060))
    return data


def acknowledge(bench: Bench, status: int) -> None:
    (final,) = [each for each in bench.pbx.responses("INVITE") if each.status == status][:1]
    branch = "" if status < 300 else "z9hG4bKtheirs"
    to = final.headers.get("To") or ""
    data = bench.pbx.request("ACK", f"sip:robot@{ROBOT}", to=to, branch=branch, cseq=1)
    bench.wire.inject(bench.robot, data, source=(SERVER, 5060))


def test_timers_g_and_h() -> None:
    bench = Bench().add()
    called(bench)
    begun = bench.wire.now
    bench.robot.do(Reject(bench.robot.of(IncomingCall)[0].id, 486))
    assert until_idle(bench) == near(64 * T1)
    assert times(bench, b"SIP/2.0 486", begun) == [near(each) for each in CAPPED]


def test_timer_i() -> None:
    bench = Bench().add()
    data = called(bench)
    bench.robot.do(Reject(bench.robot.of(IncomingCall)[0].id, 486))
    bench.wire.run(0.1)
    acknowledge(bench, 486)
    sent = len(bench.robot.sent)
    acknowledge(bench, 486)
    bench.wire.inject(bench.robot, data, source=(SERVER, 5060))  # a late copy of the INVITE is absorbed
    assert len(bench.robot.sent) == sent
    assert until_idle(bench) == near(T4)
    assert len(bench.robot.of(IncomingCall)) == 1


def test_timer_j() -> None:
    bench = Bench().add()
    data = bench.pbx.request("MESSAGE", f"sip:robot@{ROBOT}")
    (first,) = bench.send(data)
    for _ in range(7):
        bench.wire.run(4)
        assert bench.send(data) == [first]  # the same answer, from memory
    assert until_idle(bench) == near(32 - 7 * 4.1 - 0.1)


def test_a_200_is_sent_again_until_its_ack_and_without_one_the_call_ends_in_bye() -> None:
    bench = Bench().add()
    called(bench)
    begun = bench.wire.now
    bench.robot.do(Answer(bench.robot.of(IncomingCall)[0].id, body=SDP))
    bench.wire.run(100)
    assert times(bench, b"SIP/2.0 200", begun) == [near(each) for each in CAPPED]
    assert times(bench, b"BYE", begun)[0] == near(64 * T1)
    assert bench.robot.of(CallEnded)[0].by == "network"
    bench.wire.run(100)
    assert bench.robot.agent.idle


def test_an_ack_ends_the_200s() -> None:
    bench = Bench().add()
    called(bench)
    bench.robot.do(Answer(bench.robot.of(IncomingCall)[0].id, body=SDP))
    bench.wire.run(2)
    acknowledge(bench, 200)
    sent = len(bench.robot.sent)
    bench.wire.run(60)
    assert len(bench.robot.sent) == sent
    assert bench.robot.of(Answered)


# --- races ------------------------------------------------------------------------------------------------


def test_cancel_leaves_only_after_a_provisional() -> None:
    bench = Bench().add()
    bench.robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(3)
    bench.robot.do(Hangup(1))
    bench.wire.run(5)
    assert not bench.pbx.requests("CANCEL")
    invite = bench.pbx.requests("INVITE")[0]
    bench.send(bench.pbx.reply(invite, 100))
    bench.wire.run(0.1)
    (cancel,) = bench.pbx.requests("CANCEL")[:1]
    assert (cancel.via.branch, cancel.cseq.number) == (invite.via.branch, invite.cseq.number)


@pytest.mark.parametrize("first", [100, 180, 0], ids=["after 100", "after 180", "without a provisional"])
def test_a_cancel_that_crosses_a_200_ends_in_ack_and_bye(first: int) -> None:
    bench = Bench().obliging()
    bench.pbx.handler = lambda message, flow: ()
    bench.add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    invite = bench.pbx.requests("INVITE")[0]
    if first:
        bench.send(bench.pbx.reply(invite, first))
    bench.robot.do(Hangup(1))
    bench.obliging()
    bench.send(bench.pbx.reply(invite, 200, CONTACT))
    bench.wire.run(0.5)
    assert len(bench.pbx.requests("CANCEL")) == (1 if first else 0)
    assert (len(bench.pbx.requests("ACK")), len(bench.pbx.requests("BYE"))) == (1, 1)
    assert not bench.robot.of(Answered)
    bench.wire.run(100)
    assert len(bench.robot.of(CallEnded)) == 1
    assert bench.robot.agent.idle


@pytest.mark.parametrize("late", [0.0, 1.0, 20.0])
def test_every_forked_200_is_acked_and_all_but_one_byed(late: float) -> None:
    bench = Bench()
    bench.add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.1)
    invite = bench.pbx.requests("INVITE")[0]
    bench.obliging()
    for fork in range(8):
        bench.send(bench.pbx.reply(invite, 200, CONTACT, tag=f"fork-{fork}"))
        bench.send(bench.pbx.reply(invite, 200, CONTACT, tag=f"fork-{fork}"))
        bench.wire.run(late / 8)
    forks = {f"fork-{number}" for number in range(8)}
    assert {each.to_tag for each in bench.pbx.requests("ACK")} == forks
    assert len(bench.pbx.requests("ACK")) == 16
    assert {each.to_tag for each in bench.pbx.requests("BYE")} == forks - {"fork-0"}
    assert len(bench.robot.of(Answered)) == 1
    bench.robot.do(Hangup(1))
    bench.wire.run(100)
    assert {each.to_tag for each in bench.pbx.requests("BYE")} == forks
    assert bench.robot.agent.idle


def calling(bench: Bench) -> Request:
    bench.obliging().add().robot.do(Invite(1, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    return bench.pbx.requests("INVITE")[0]


def within(bench: Bench, invite: Request, method: str, cseq: int, **more: object) -> bytes:
    to = f"<sip:robot@pbx.test>;tag={invite.from_tag}"
    return bench.pbx.request(
        method,
        f"sip:robot@{ROBOT}",
        CONTACT,
        call_id=invite.call_id,
        to=to,
        cseq=cseq,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("ours", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("theirs", ["INVITE", "UPDATE"])
def test_glare_is_491_and_resolved_by_waiting(ours: str, theirs: str) -> None:
    """RFC 3261 §14.1: the one who made the Call-ID waits 2.1 to 4 s and tries again."""
    bench = Bench()
    invite = calling(bench)
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Offer(1, SDP, method=ours))
    bench.wire.run(0.1)
    (answer,) = bench.send(within(bench, invite, theirs, 1, body=SDP))
    assert answer.status == 491
    offer = bench.pbx.requests(ours)[-1]
    begun = bench.wire.now
    bench.send(bench.pbx.reply(offer, 491))
    bench.obliging()
    bench.wire.run(10)
    again = [at - begun for at, data in bench.robot.sent if data.startswith(ours.encode()) and at > begun]
    assert len(again) == 1
    assert 2.1 <= again[0] <= 4.0 + 0.1
    assert bench.robot.of(OfferAnswered)[0].status == 200
    assert not bench.robot.of(OfferReceived)


def test_merged_requests_get_482() -> None:
    """The same INVITE over several paths: one call, and 482 to each other copy (RFC 3261 §8.2.2.2)."""
    bench = Bench().add()
    called(bench)
    for path in range(3):
        copy = bench.pbx.request("INVITE", f"sip:robot@{ROBOT}", CONTACT, body=SDP, branch=f"z9hG4bKpath{path}", cseq=1)
        assert [each.status for each in bench.send(copy)] == [100, 482] if path == 0 else [482]
    assert len(bench.robot.of(IncomingCall)) == 1


# --- nothing stays ----------------------------------------------------------------------------------------


def test_an_offer_that_waits_when_we_hang_up_is_answered() -> None:
    """Found by number 1: the transaction of a re-INVITE the user had not answered stayed for ever."""
    bench = Bench()
    invite = calling(bench)
    bench.send(within(bench, invite, "INVITE", 1, body=SDP))
    assert bench.robot.of(OfferReceived)
    bench.robot.do(Hangup(1))
    bench.wire.run(0.2)
    assert [each.status for each in bench.pbx.responses("INVITE")] == [100, 487]
    bench.wire.run(100)
    assert bench.robot.agent.idle


def test_whatever_is_under_way_when_an_account_leaves_ends() -> None:
    bench = Bench().obliging().add(register=True)
    bench.robot.do(Watch(1, "pbx", "1001", ("presence", "dialog")))
    bench.robot.do(Invite(2, "pbx", "7000", body=SDP))
    bench.wire.run(0.2)
    called(bench)
    bench.robot.do(Ring(bench.robot.of(IncomingCall)[0].id))
    bench.pbx.handler = lambda message, flow: ()
    bench.robot.do(Invite(3, "pbx", "7001", body=SDP))
    bench.robot.do(Offer(2, SDP))
    bench.robot.do(SendRequest(9, "pbx", "MESSAGE", "1001"))
    bench.robot.do(RemoveAccount("pbx"))
    bench.wire.run(100)
    assert bench.robot.agent.idle, bench.robot.agent
    assert {each.id for each in bench.robot.of(CallEnded)} == {2, 3, bench.robot.of(IncomingCall)[0].id}
    assert all(parse(data) for _, data in bench.robot.sent)
