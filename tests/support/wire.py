"""A simulated network in virtual time: engines as hosts, with latency, loss, duplication and reordering."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import (
    CloseFlow,
    Command,
    Connect,
    ConnectFailed,
    Event,
    Flow,
    FlowClosed,
    FlowOpened,
    Input,
    Packet,
    Resolve,
    Resolved,
    Send,
    SendFailed,
    Target,
)
from sipclient.protocol.limits import Limits


class SeededIdentifiers:
    """Repeatable identifiers: the same seed, the same bytes."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def token(self, role: str) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def spread(self, role: str, low: float, high: float) -> float:
        return self._random.uniform(low, high)


class Node:
    """One host with one engine. `on_event` may give commands at once; `events` keeps all, with their times."""

    def __init__(self, wire: Wire, host: str, port: int, seed: int, limits: Limits | None) -> None:
        self.wire = wire
        self.host = host
        self.port = port
        self.agent = UserAgent(SeededIdentifiers(seed), limits=limits, user_agent=f"test-{host}")
        self.events: list[Event] = []
        self.times: list[float] = []
        self.sent: list[tuple[float, bytes]] = []
        self.on_event: Callable[[Event], None] = lambda event: None
        self.up = True

    def do(self, command: Command) -> None:
        self.wire.perform(self, self.agent.do(command, self.wire.now))

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def requests(self, method: str) -> list[bytes]:
        """The distinct requests this node sent (retransmissions folded)."""
        return list(dict.fromkeys(data for _, data in self.sent if data.startswith(method.encode() + b" ")))


class Wire:
    """The network between nodes. Everything random comes from `seed`."""

    def __init__(
        self,
        seed: int = 0,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        latency: tuple[float, float] = (0.01, 0.01),
    ) -> None:
        self.now = 1000.0
        self.loss = loss
        self.duplicate = duplicate
        self.latency = latency
        self.names: dict[str, tuple[Target, ...]] = {}
        self._random = random.Random(seed * 7919 + 1)
        self._queue: list[tuple[float, int, Node, Input]] = []
        self._serial = count()
        self._connections: dict[Flow, tuple[Node, Node, Flow]] = {}
        self._stream = count(1)
        self.nodes: dict[tuple[str, int], Node] = {}
        self.drop: Callable[[bytes], bool] = lambda data: False

    def node(self, host: str, port: int = 5060, *, seed: int | None = None, limits: Limits | None = None) -> Node:
        node = Node(self, host, port, seed if seed is not None else len(self.nodes) + 1, limits)
        self.nodes[host, port] = node
        return node

    def perform(self, node: Node, effects: list) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                node.sent.append((self.now, effect.data))
                self._send(node, effect.flow, effect.data)
            elif isinstance(effect, Resolve):
                self._later(node, Resolved(effect.request, self._targets(effect.server)), 0.0)
            elif isinstance(effect, Connect):
                self._connect(node, effect)
            elif isinstance(effect, CloseFlow):
                self.close(effect.flow, "closed by us")
            else:
                node.events.append(effect)
                node.times.append(self.now)
                node.on_event(effect)

    def _targets(self, server: str) -> tuple[Target, ...]:
        if server in self.names:
            return self.names[server]
        transport, _, rest = server.partition(":")
        if transport in ("sip", "sips"):
            rest = rest.partition("@")[2] or rest
            rest, _, params = rest.partition(";")
            transport = "tcp" if "transport=tcp" in params else "udp"
        host, _, port = rest.partition(":")
        return (Target(transport, host, int(port or 5060)),) if host.replace(".", "").isdigit() else ()

    def _connect(self, node: Node, effect: Connect) -> None:
        target = effect.target
        peer = self.nodes.get((target.host, target.port))
        if target.transport == "udp":
            flow = Flow("udp", node.host, node.port, target.host, target.port)
            self._later(node, FlowOpened(effect.request, flow), 0.0)
        elif peer is None or not peer.up:
            self._later(node, ConnectFailed(effect.request, "connection refused"), self.latency[0])
        else:
            serial = next(self._stream)
            ours = Flow(target.transport, node.host, 40000 + serial, target.host, target.port, serial)
            theirs = Flow(target.transport, target.host, target.port, node.host, 40000 + serial, serial)
            self._connections[ours] = (node, peer, theirs)
            self._connections[theirs] = (peer, node, ours)
            self._later(node, FlowOpened(effect.request, ours), 2 * self.latency[0])

    def close(self, flow: Flow, reason: str) -> None:
        entry = self._connections.pop(flow, None)
        if entry is not None:
            node, peer, other = entry
            self._connections.pop(other, None)
            self._later(node, FlowClosed(flow, reason), 0.0)
            self._later(peer, FlowClosed(other, "closed by the peer"), self.latency[0])

    def power_off(self, node: Node) -> None:
        """The host is gone: streams break, datagrams to it are refused."""
        node.up = False
        for flow, (owner, _, _) in list(self._connections.items()):
            if owner is node:
                self.close(flow, "power off")

    def _send(self, node: Node, flow: Flow, data: bytes) -> None:
        if flow.reliable:
            entry = self._connections.get(flow)
            if entry is not None:
                _, peer, theirs = entry
                self._later(peer, Packet(theirs, data), self.latency[0])
            return
        if self.drop(data) or self._random.random() < self.loss:
            return
        peer = self.nodes.get((flow.remote_host, flow.remote_port))
        back = Flow("udp", flow.remote_host, flow.remote_port, node.host, node.port)
        if peer is None or not peer.up:
            if peer is not None:
                self._later(node, SendFailed(flow, "connection refused"), self.latency[0])
            return
        copies = 2 if self._random.random() < self.duplicate else 1
        for _ in range(copies):
            self._later(peer, Packet(back, data), self._random.uniform(*self.latency))

    def _later(self, node: Node, input: Input, delay: float) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._serial), node, input))

    def inject(self, node: Node, data: bytes, *, source: tuple[str, int], transport: str = "udp") -> None:
        """A packet from anywhere, now."""
        flow = Flow(transport, node.host, node.port, *source)
        self.perform(node, node.agent.receive(Packet(flow, data), self.now))

    def run(self, seconds: float) -> None:
        """Let that much virtual time pass."""
        end = self.now + seconds
        while True:
            deadline = min(
                (d for n in self.nodes.values() if n.up and (d := n.agent.deadline) is not None), default=None
            )
            arrival = self._queue[0][0] if self._queue else None
            moments = [moment for moment in (deadline, arrival) if moment is not None]
            if not moments or min(moments) > end:
                self.now = end
                return
            self.now = max(self.now, min(moments))
            if arrival is not None and arrival <= self.now:
                _, _, node, input = heapq.heappop(self._queue)
                if node.up:
                    self.perform(node, node.agent.receive(input, self.now))
                continue
            for node in list(self.nodes.values()):
                if node.up and node.agent.deadline is not None and node.agent.deadline <= self.now:
                    self.perform(node, node.agent.tick(self.now))
