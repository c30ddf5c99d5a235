"""Robustness 6, work without end: no growth in an hour at 20 calls/s.

Half of the calls are placed and half taken, on a network that loses 5 % each way. They are answered and ended by
either side, refused, given up while they ring, or never answered; a registration and the watches of twenty
extensions that come and go in state are kept up meanwhile. Where no call is left, nothing is left of them.
"""

from __future__ import annotations

import gc
import heapq
import random
import sys

from robustness.common import ROBOT, SDP, SERVER, share
from support.minipbx import MiniPbx
from support.wire import Node, Wire

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    Answer,
    Answered,
    CallEnded,
    Command,
    Event,
    ExtensionChanged,
    Hangup,
    IncomingCall,
    Invite,
    Registered,
    Reject,
    RemoveAccount,
    Ring,
    Watch,
)

A_SECOND = 20  # calls
EXTENSIONS = [str(extension) for extension in range(1001, 1021)]
QUIET = 140.0  # seconds after which nothing of a call may be left: 64·T1 for its INVITE, its BYE, and to spare
LONGEST = 20.0  # seconds a call lasts
STANDING = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "OPTIONS"})  # methods of what is kept up
PHONES = "sip:phones@pbx.test"
FATES = ("answered", "answered", "hung-up", "busy", "impatient", "deaf")


class Office:
    """The robot and a PBX that call each other; whoever is called does what the number says."""

    def __init__(self) -> None:
        self.wire = Wire(6, loss=0.05, duplicate=0.02, latency=(0.005, 0.05))
        self.pbx = MiniPbx(self.wire)
        self.robot = self.wire.node(ROBOT)
        self.placed = self.ended = self.answered = self.changes = 0
        self.registered = False
        self._random = random.Random(6)
        self._fates: dict[tuple[str, int], str] = {}
        self._due: list[tuple[float, int, Node, Command]] = []
        serve = self.pbx.node.on_event
        for node in (self.robot, self.pbx.node):
            node.on_event = lambda event, node=node: self._event(node, event)  # type: ignore[misc]
        self._serve = serve
        handles = frozenset({"REGISTER", "SUBSCRIBE"})
        phones = Account(PHONES, server=f"udp:{ROBOT}:5060", register=False, keepalive=0.0, handles=handles)
        self.pbx.node.do(AddAccount(phones))
        server = f"udp:{SERVER}:5060"
        self.robot.do(AddAccount(Account("sip:robot@pbx.test", name="pbx", server=server, expires=120.0)))
        for id, extension in enumerate(EXTENSIONS):
            self.robot.do(Watch(10_000_000 + id, "pbx", extension, ("presence",)))

    def work(self, seconds: int) -> None:
        """So many seconds of twenty calls, and of one change of state."""
        for second in range(seconds):
            state = State.ON_THE_PHONE if second // len(EXTENSIONS) % 2 else State.READY
            self.pbx.state(EXTENSIONS[second % len(EXTENSIONS)], state)
            for _ in range(A_SECOND):
                self._place()
                self.rest(1 / A_SECOND)

    def rest(self, seconds: float) -> None:
        """Let time pass, and end the calls whose time has come."""
        until = self.wire.now + seconds
        while self._due and self._due[0][0] <= until:
            moment, _, node, command = heapq.heappop(self._due)
            self.wire.run(max(moment - self.wire.now, 0.0))
            node.do(command)
        self.wire.run(until - self.wire.now)
        for node in (self.robot, self.pbx.node):  # what the wire keeps for other tests
            node.sent.clear(), node.events.clear(), node.times.clear()
        self.pbx.calls.clear()

    def left(self) -> dict[str, int]:
        """What there is now, of everything that a call might leave."""
        gc.collect()
        counts: dict[str, int] = {}
        for name, node in (("robot", self.robot), ("pbx", self.pbx.node)):
            agent = node.agent
            transactions = agent._stack.transactions
            for table in ("_clients", "_servers", "_merged"):
                of_calls = [key for key in getattr(transactions, table) if STANDING.isdisjoint(key)]
                counts[f"{name}: {table}"] = len(of_calls)
            counts[f"{name}: dialogs"] = len(agent._dialogs)
        return {**counts, "fates": len(self._fates), "due": len(self._due)}

    def _place(self) -> None:
        self.placed += 1
        id, fate = self.placed, FATES[self.placed // 2 % len(FATES)]
        ours = self.placed % 2 == 0
        node, account = (self.robot, "pbx") if ours else (self.pbx.node, PHONES)
        to = fate if ours else f"sip:{fate}@{ROBOT}"
        self._fates[node.host, id] = fate
        node.do(Invite(id, account, to, body=SDP, timeout=8.0))
        if fate == "impatient":
            self._later(self._random.uniform(0.0, 3.0), node, Hangup(id))

    def _event(self, node: Node, event: Event) -> None:
        if isinstance(event, IncomingCall):
            fate = event.request.uri.user
            if fate == "busy":
                node.do(Reject(event.id, 486))
                return
            node.do(Ring(event.id))
            if fate in ("answered", "hung-up"):
                self._later(self._random.uniform(0.0, 2.0), node, Answer(event.id, body=SDP))
            if fate == "hung-up":
                self._later(self._random.uniform(2.0, LONGEST), node, Hangup(event.id))
        elif isinstance(event, Answered) and self._fates.get((node.host, event.id)):
            self.answered += 1
            self._later(self._random.uniform(0.0, LONGEST), node, Hangup(event.id))
        elif isinstance(event, CallEnded):
            self.ended += self._fates.pop((node.host, event.id), "") != ""
        elif isinstance(event, ExtensionChanged):
            self.changes += 1
        elif isinstance(event, Registered):
            self.registered = True
        elif node is self.pbx.node:
            self._serve(event)

    def _later(self, seconds: float, node: Node, command: Command) -> None:
        heapq.heappush(self._due, (self.wire.now + seconds, len(self._due) + id(command), node, command))


def test_an_hour_at_twenty_calls_a_second_leaves_nothing_behind() -> None:
    office = Office()
    office.work(30)
    office.rest(QUIET)
    before, blocks = office.left(), sys.getallocatedblocks()
    placed = office.placed
    office.work(share(60, 3600))
    office.rest(QUIET)
    after, grown = office.left(), sys.getallocatedblocks() - blocks
    assert office.placed - placed == A_SECOND * share(60, 3600)
    assert office.ended == office.placed
    assert office.answered > 0.4 * office.placed
    assert office.registered and office.changes > office.placed / A_SECOND / 2
    assert after == before
    assert before == {**dict.fromkeys(before, 0), "robot: dialogs": len(EXTENSIONS), "pbx: dialogs": len(EXTENSIONS)}
    assert grown < 5000  # what registration and watches have under way; a thing kept of each call would be more
    office.robot.do(RemoveAccount("pbx"))
    office.rest(QUIET)
    assert office.robot.agent.idle
