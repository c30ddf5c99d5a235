"""A bad network in virtual time: every transaction ends, no timer is left, one call for each episode."""

from __future__ import annotations

import random

import pytest
from support.minipbx import MiniPbx
from support.wire import Wire

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    Answered,
    CallEnded,
    Event,
    ExtensionChanged,
    Hangup,
    Invite,
    Registered,
    RemoveAccount,
    Watch,
)


class Robot:
    """Calls 7000 once for each episode that ready closes, and hangs up when answered."""

    def __init__(self, wire: Wire, seed: int) -> None:
        self.node = wire.node("10.0.0.2", seed=seed)
        self.node.on_event = self._event
        self.called: list[int] = []
        self.state = State.UNKNOWN
        account = Account("sip:robot@pbx.test", name="pbx", server="udp:10.0.0.1:5060", expires=120.0, keepalive=20.0)
        self.node.do(AddAccount(account))
        self.node.do(Watch(1, "pbx", "1001", ("presence",)))

    def _event(self, event: Event) -> None:
        if isinstance(event, ExtensionChanged):
            self.state = event.after
            if event.closed and event.after is State.READY and not event.gap:
                self.called.append(event.episode)
                self.node.do(Invite(100 + event.episode, "pbx", "7000", body=b"v=0\r\n"))
        elif isinstance(event, Answered):
            self.node.do(Hangup(event.id))


def simulate(seed: int) -> tuple[int, int]:
    """Three episodes: how many of them were called, and how many calls were answered."""
    rng = random.Random(seed)
    wire = Wire(seed, loss=0.3, duplicate=0.1, latency=(0.005, 0.4))
    pbx, robot = MiniPbx(wire), Robot(wire, seed)
    wire.run(120)
    assert robot.node.of(Registered), "never registered"
    truth: list[State] = []
    for _ in range(3):
        for state in (State.ON_THE_PHONE, rng.choice((State.RINGING, State.ON_THE_PHONE)), State.READY):
            pbx.state("1001", state)
            truth.append(state)
            wire.run(rng.uniform(35, 60))
    wire.run(70)
    assert robot.state is State.READY, "the robot's picture is not the PBX's"
    called, ended = robot.called, robot.node.of(CallEnded)
    assert len(called) == len(set(called)), "an episode was called twice"
    assert len(ended) == len(called), "a call never ended"
    assert len(set(pbx.calls)) == len(pbx.calls) <= len(called), "one INVITE became two calls"
    robot.node.do(RemoveAccount("pbx"))
    wire.run(70)
    assert robot.node.agent.idle, robot.node.agent
    return len(called), len(robot.node.of(Answered))


@pytest.mark.parametrize("block", range(10))
def test_a_thousand_seeds_with_30_percent_loss(block: int) -> None:
    """Robustness 13: never twice, nothing left over, 99 % of the calls complete.

    A few episodes are never seen whole: there the PBX itself gave up a NOTIFY after 32 s, and ended the subscription.
    """
    called = answered = 0
    for seed in range(block * 100, block * 100 + 100):
        try:
            outcome = simulate(seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        called, answered = called + outcome[0], answered + outcome[1]
    assert called >= 0.98 * 300
    assert answered >= 0.99 * called
