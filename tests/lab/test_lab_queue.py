"""Queues: agents that ring at once or in turn, callers who wait, and the main job seen from the PBX."""

from __future__ import annotations

import pytest
from lab.bench import HOST, Bench
from support.wire import SeededIdentifiers

from sipclient.errors import InvalidValue
from sipclient.lab.pbx import Pbx
from sipclient.lab.values import Queue, Settings, Strategy, User
from sipclient.protocol.events import Answer, Answered, CallEnded, Hangup, IncomingCall, Reject, Ringing

AGENTS = ("2001", "2002")
ALL = Queue("7000", AGENTS, ring_for=10.0)
IN_TURN = Queue("7000", AGENTS, Strategy.IN_TURN, ring_for=10.0, pause=2.0)


def floor(queue: Queue, *phones: str) -> Bench:
    bench = Bench(*phones, queues=(queue,))
    for phone in bench.phones.values():
        phone.answers = False
    return bench


def rung(bench: Bench, agent: str) -> int:
    return len(bench[agent].of(IncomingCall))


def answer(bench: Bench, agent: str) -> None:
    bench[agent].node.do(Answer(bench[agent].last(IncomingCall).id, body=bench[agent].sdp))
    bench.run(1)


def test_all_ring_and_the_first_who_answers_has_it() -> None:
    bench = floor(ALL, "1001", "2001", "2002")
    bench["1001"].call("7000")
    bench.run(1)
    assert [each.status for each in bench["1001"].of(Ringing)] == [180]
    assert (rung(bench, "2001"), rung(bench, "2002")) == (1, 1)
    answer(bench, "2002")
    assert bench["1001"].of(Answered)
    other = bench["2001"].last(CallEnded)
    assert (other.status, other.answered) == (487, False)
    bench["2002"].node.do(Hangup(bench["2002"].last(IncomingCall).id))
    bench.run(1)
    assert bench["1001"].last(CallEnded).cause == "NORMAL_CLEARING"
    bench.quiet()


def test_two_agents_answer_in_the_same_moment() -> None:
    bench = floor(ALL, "1001", "2001", "2002")
    bench["1001"].call("7000")
    bench.run(1)
    for agent in AGENTS:
        bench[agent].node.do(Answer(bench[agent].last(IncomingCall).id, body=bench[agent].sdp))
    bench.run(5)
    ended = [agent for agent in AGENTS if bench[agent].of(CallEnded)]
    assert len(ended) == 1 and not bench["1001"].of(CallEnded)
    bench["1001"].node.do(Hangup(1))
    bench.run(5)
    bench.quiet()


def test_in_turn_one_after_another_and_round_again() -> None:
    bench = floor(IN_TURN, "1001", "2001", "2002")
    bench["1001"].call("7000")
    bench.run(1)
    assert (rung(bench, "2001"), rung(bench, "2002")) == (1, 0)
    bench.run(10)  # nobody there
    assert (rung(bench, "2001"), rung(bench, "2002")) == (1, 1)
    bench["2002"].node.do(Reject(bench["2002"].last(IncomingCall).id, 486))
    bench.run(1)
    assert (rung(bench, "2001"), rung(bench, "2002")) == (1, 1)  # a pause, then all over again
    bench.run(2)
    assert (rung(bench, "2001"), rung(bench, "2002")) == (2, 1)
    answer(bench, "2001")
    assert bench["1001"].of(Answered)
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    bench["1001"].call("7000", 2)
    bench.run(1)
    assert rung(bench, "2002") == 2  # whose turn it is


def test_a_caller_waits_until_an_agent_comes() -> None:
    bench = floor(ALL, "1001")
    bench["1001"].call("7000")
    bench.run(5)
    assert bench["1001"].of(Ringing) and not bench["1001"].of(CallEnded)
    agent = bench.phone("2001")
    bench.run(2)
    assert agent.of(IncomingCall)
    assert bench["1001"].of(Answered)


def test_the_second_caller_waits_for_the_first() -> None:
    bench = floor(ALL, "1001", "1002", "2001")
    bench["2001"].answers = True
    bench["1001"].call("7000")
    bench.run(1)
    bench["1002"].call("7000")
    bench.run(1)
    assert rung(bench, "2001") == 1 and not bench["1002"].of(Answered)
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    assert rung(bench, "2001") == 2 and bench["1002"].of(Answered)


def test_a_caller_who_gives_up_stops_the_ringing() -> None:
    bench = floor(ALL, "1001", "2001")
    bench["1001"].call("7000")
    bench.run(1)
    bench["1001"].node.do(Hangup(1))
    bench.run(1)
    assert bench["2001"].last(CallEnded).status == 487
    bench.run(30)
    assert rung(bench, "2001") == 1
    bench.quiet()


def test_patience_ends() -> None:
    bench = floor(Queue("7000", AGENTS, ring_for=10.0, patience=25.0), "1001", "2001")
    bench["1001"].call("7000")
    bench.run(24)
    assert not bench["1001"].of(CallEnded)
    bench.run(3)
    assert bench["1001"].last(CallEnded).status == 480
    assert len(bench["2001"].of(CallEnded)) == rung(bench, "2001")
    bench.quiet()


def test_an_agent_on_another_call_is_not_rung() -> None:
    bench = floor(ALL, "1001", "1002", "2001")
    bench["2001"].answers = True
    bench["1002"].call("2001")
    bench.run(1)
    bench["1001"].call("7000")
    bench.run(1)
    assert rung(bench, "2001") == 1
    bench["1002"].node.do(Hangup(1))
    bench.run(1)
    assert rung(bench, "2001") == 2


def test_an_agents_own_call_keeps_the_queue_away_until_it_ends() -> None:
    bench = floor(ALL, "1001", "1002", "2001")
    bench["1002"].answers = True
    bench["2001"].call("1002")
    bench.run(1)
    bench["1001"].call("7000")
    bench.run(1)
    assert rung(bench, "2001") == 0
    bench["2001"].node.do(Hangup(1))
    bench.run(1)
    assert rung(bench, "2001") == 1


def test_a_queue_without_agents_only_waits() -> None:
    bench = floor(Queue("7000", ()), "1001")
    bench["1001"].call("7000", timeout=5)
    bench.run(7)
    assert bench["1001"].last(CallEnded).cause == "NO_ANSWER"
    bench.quiet()


@pytest.mark.parametrize("queue", [Queue("7000", ("3333",)), Queue("1001", ())])
def test_a_queue_that_cannot_be(queue: Queue) -> None:
    with pytest.raises(InvalidValue):
        Pbx((User("1001", "x"),), (queue,), Settings(domain=HOST), ids=SeededIdentifiers())
