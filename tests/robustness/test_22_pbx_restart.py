"""Robustness 22, PBX restart after 5, 60, 600 s.

Registered again within one keep-alive interval and 5 s of its first answer, jittered, subscriptions rebuilt, no storm
(≤ 1 REGISTER/s an account). Over UDP and TCP; whether the machine is off (nobody answers), the process (refused), or
the cable is out (TCP connections neither answer nor break).
"""

from __future__ import annotations

import itertools

import pytest
from robustness.common import ROBOT, SERVER
from support.minipbx import MiniPbx
from support.wire import Node, Wire

from sipclient.message import Request, parse
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    ConnectFailed,
    ExtensionChanged,
    Flow,
    FlowClosed,
    Registered,
    RegistrationLost,
    Watch,
)

MARGIN = 5.0  # seconds beyond the keep-alive interval
WATCHED = 20


class Cable(Wire):
    """A network whose machines can be off without a word: no refusal, no reset, until they are back."""

    dark = False

    def _send(self, node: Node, flow: Flow, data: bytes) -> None:
        entry = self._connections.get(flow)
        if flow.reliable and entry is not None and not entry[1].up:
            if not self.dark:  # the machine is back and knows nothing of this connection
                del self._connections[flow]
                self._later(node, FlowClosed(flow, "reset by the peer"), self.latency[0])
            return
        if self.dark and not flow.reliable:
            return
        super()._send(node, flow, data)

    def _connect(self, node: Node, effect) -> None:  # type: ignore[no-untyped-def]
        if self.dark and effect.target.transport != "udp":
            self._later(node, ConnectFailed(effect.request, "no answer within 5 s"), 5.0)
        else:
            super()._connect(node, effect)


class World:
    """A robot that watches twenty extensions, and a PBX that goes away."""

    def __init__(self, transport: str, how: str, keepalive: float, *, seed: int = 1, register: bool = True) -> None:
        self.wire = Cable(seed)
        self.how = how
        self.starts = 0
        self.keepalive = keepalive
        self.pbx = MiniPbx(self.wire)
        self.robot = self.wire.node(ROBOT, seed=seed)
        server = f"{transport}:{SERVER}:5060"
        account = Account("sip:robot@pbx.test", name="pbx", server=server, keepalive=keepalive, register=register)
        self.robot.do(AddAccount(account))
        for number in range(WATCHED):
            self.robot.do(Watch(number, "pbx", str(1000 + number), ("presence",)))
        self.wire.run(20)
        assert len(self.pbx.watchers) == WATCHED

    def off(self, seconds: float) -> None:
        if self.how == "silent":
            self.wire.dark = True
            self.pbx.node.up = False
        else:
            self.wire.power_off(self.pbx.node)
        self.wire.run(seconds)

    def on(self) -> float:
        """A new process at the same address, which remembers nothing; now."""
        self.wire.dark = False
        self.starts += 1
        self.pbx = MiniPbx(self.wire, seed=100 + self.starts)
        for number in range(WATCHED):
            self.pbx.states[str(1000 + number)] = State.ON_THE_PHONE if number % 2 else State.READY
        return self.wire.now

    def after(self, kind: type, since: float) -> list[float]:
        told = zip(self.robot.times, self.robot.events, strict=True)
        return [at - since for at, event in told if isinstance(event, kind) and at >= since]

    def registers(self) -> list[float]:
        """When REGISTERs left, retransmissions left out."""
        first: dict[str, float] = {}
        for at, data in self.robot.sent:
            if data.startswith(b"REGISTER "):
                message = parse(data)
                assert isinstance(message, Request)
                first.setdefault(message.via.branch, at)
        return list(first.values())

    def states(self) -> dict[str, State]:
        return {event.extension: event.after for event in self.robot.of(ExtensionChanged)}


AWAY = [5.0, 60.0, 600.0]
HOW = ["refused", "silent"]
ALL = list(itertools.product(["udp", "tcp"], HOW, AWAY, [5.0, 30.0]))


def unnoticed(transport: str, how: str, away: float, keepalive: float) -> bool:
    """Whether an absence falls between two packets of ours: over UDP nothing tells it then, not even an OPTIONS,
    which the new process answers like the old one."""
    return transport == "udp" and away < keepalive + (8.0 if how == "silent" else 0.0)


@pytest.mark.parametrize(("transport", "how", "away", "keepalive"), [each for each in ALL if not unnoticed(*each)])
def test_registered_and_subscribed_again_in_time(transport: str, how: str, away: float, keepalive: float) -> None:
    world = World(transport, how, keepalive)
    world.off(away)
    back = world.on()
    world.wire.run(keepalive + MARGIN)
    rebuilt(world, back)


@pytest.mark.parametrize(("transport", "how", "away", "keepalive"), [each for each in ALL if unnoticed(*each)])
def test_what_nobody_noticed_is_mended_by_the_next_refresh(
    transport: str, how: str, away: float, keepalive: float
) -> None:
    world = World(transport, how, keepalive)
    world.off(away)
    back = world.on()
    world.wire.run(300)
    rebuilt(world, back)


def rebuilt(world: World, back: float) -> None:
    assert world.after(Registered, back), "not registered again in time"
    assert len(world.pbx.watchers) == WATCHED, "not every subscription was rebuilt"
    assert world.states() == {
        str(1000 + number): State.ON_THE_PHONE if number % 2 else State.READY for number in range(WATCHED)
    }
    assert len(world.pbx.node.events) < 10 * WATCHED


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_no_storm_meanwhile_and_none_at_the_return(transport: str, how: str, away: float) -> None:
    world = World(transport, how, 5.0)
    world.off(away)
    begun = world.on()
    world.wire.run(60)
    times = world.registers()
    assert times
    assert len(times) == 1 or min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.7
    for start in times:
        assert sum(start <= at < start + 10 for at in times) <= 10
    assert len([at for at in times if at >= begun]) <= 4
    subscribes = [data for _, data in world.robot.sent if data.startswith(b"SUBSCRIBE ")]
    assert len(subscribes) <= (4 + away / 15) * WATCHED


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_many_robots_do_not_come_back_in_the_same_moment(transport: str, how: str) -> None:
    moments = []
    for seed in range(2, 22):
        world = World(transport, how, 30.0, seed=seed)
        world.off(60)
        back = world.on()
        world.wire.run(36)
        moments.append(round(world.after(Registered, back)[0], 1))
    assert len(set(moments)) >= 12
    assert max(moments.count(each) for each in set(moments)) <= 4


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_loss_is_told_once_it_is_known_and_the_states_are_not_made_up(transport: str, how: str) -> None:
    world = World(transport, how, 5.0)
    world.off(60)
    assert world.robot.of(RegistrationLost)
    changes = len(world.robot.of(ExtensionChanged))
    back = world.on()
    world.wire.run(10)
    after = world.robot.of(ExtensionChanged)[changes:]
    assert all(not change.closed or change.gap for change in after), "an edge we did not see is told as seen"
    assert world.after(Registered, back)


@pytest.mark.parametrize("away", AWAY)
def test_without_registration_the_subscriptions_alone_come_back(away: float) -> None:
    for how in HOW:
        world = World("udp", how, 5.0, register=False)
        world.off(away)
        world.on()
        world.wire.run(300 if unnoticed("udp", how, away, 5.0) else 5.0 + MARGIN)
        assert len(world.pbx.watchers) == WATCHED, how


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_pbx_that_restarts_again_and_again_is_not_given_up(transport: str) -> None:
    world = World(transport, "refused", 5.0)
    for _ in range(10):
        world.off(8)
        world.on()
        world.wire.run(10)
        assert set(world.pbx.watchers.values()) == set(world.states())
