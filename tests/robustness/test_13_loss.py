"""Robustness 13, 30 % loss each way.

At least 99 % of calls, registrations and subscriptions complete; nothing is half-open after 64·T1.
"""

from __future__ import annotations

import pytest
from robustness.common import ROBOT, SDP, SERVER, share
from support.minipbx import MiniPbx
from support.wire import Node, Wire

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    Answered,
    CallEnded,
    ExtensionChanged,
    Hangup,
    Invite,
    Registered,
    RemoveAccount,
    Watch,
)

AFTER = 64 * 0.5  # seconds
LOSS, DUPLICATES, LATENCY = 0.3, 0.1, (0.005, 0.3)


def lossy(seed: int, **account: object) -> tuple[Wire, MiniPbx, Node]:
    wire = Wire(seed, loss=LOSS, duplicate=DUPLICATES, latency=LATENCY)
    pbx = MiniPbx(wire)
    robot = wire.node(ROBOT, seed=seed)
    values: dict[str, object] = {"name": "pbx", "server": f"udp:{SERVER}:5060", "keepalive": 0.0, **account}
    robot.do(AddAccount(Account("sip:robot@pbx.test", **values)))  # type: ignore[arg-type]
    return wire, pbx, robot


def gone(wire: Wire, *nodes: Node) -> bool:
    """Whether nothing is left anywhere once 64·T1 have passed since the last thing that could be begun."""
    wire.run(2 * AFTER + 1)  # a BYE may begin its own 64·T1 at the end of the INVITE's
    return all(not len(node.agent._stack.transactions) and not len(node.agent._dialogs) for node in nodes)


def test_registrations_complete_and_end() -> None:
    complete, rounds = 0, share(400, 10_000)
    for seed in range(rounds):
        wire, pbx, robot = lossy(seed, expires=3600.0)
        wire.run(AFTER)
        complete += bool(robot.of(Registered))
        robot.do(RemoveAccount("pbx"))
        assert gone(wire, robot, pbx.node), seed
        assert robot.agent.idle
    assert complete >= 0.99 * rounds


def test_subscriptions_complete_and_end() -> None:
    complete, rounds = 0, share(400, 10_000)
    for seed in range(rounds):
        wire, pbx, robot = lossy(seed, register=False, expires=3600.0)
        pbx.states["1001"] = State.ON_THE_PHONE
        robot.do(Watch(1, "pbx", "1001", ("presence",)))
        wire.run(AFTER)
        complete += bool([each for each in robot.of(ExtensionChanged) if each.after is State.ON_THE_PHONE])
        robot.do(RemoveAccount("pbx"))
        wire.run(2 * AFTER)
        assert robot.agent.idle, seed
    assert complete >= 0.99 * rounds


@pytest.mark.parametrize("who", ["the caller", "the callee"])
def test_calls_complete_and_end(who: str) -> None:
    complete, rounds = 0, share(400, 10_000)
    for seed in range(rounds):
        wire, pbx, robot = lossy(seed, register=False)
        robot.do(Invite(1, "pbx", "7000", body=SDP))
        wire.run(AFTER)
        answered, taken = robot.of(Answered), pbx.node.of(Answered)
        complete += bool(answered and taken)
        assert len(pbx.calls) <= 1, seed
        if who == "the caller":
            robot.do(Hangup(1))
        elif taken:
            pbx.node.do(Hangup(taken[0].id))
        wire.run(AFTER + 5)
        if not robot.of(CallEnded):  # its BYE never came through: what is left is ours to end
            robot.do(Hangup(1))
        assert gone(wire, robot, pbx.node), seed
        assert len(robot.of(CallEnded)) == 1, seed
        assert len(pbx.node.of(CallEnded)) == len(pbx.calls), seed
    assert complete >= 0.99 * rounds


def test_calls_given_up_at_any_moment_leave_nothing_half_open() -> None:
    """Hung up after 0 to 16 s, on whatever side of whichever packet."""
    for seed in range(share(400, 10_000)):
        wire, pbx, robot = lossy(seed, register=False)
        robot.do(Invite(1, "pbx", "7000", body=SDP))
        wire.run(seed % 16 * 1.01)
        robot.do(Hangup(1))
        assert gone(wire, robot, pbx.node), seed
        assert robot.agent.idle, seed
        assert len(robot.of(CallEnded)) == 1, seed
        assert len(pbx.node.of(CallEnded)) == len(pbx.calls), seed
