"""Datagrams between the clients of one loop, in memory: each takes its time, and all are written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from sipclient.face.shell import Deliver
from sipclient.message import MalformedMessage, Request, Response, parse
from sipclient.protocol.events import Connect, Flow, FlowOpened, Packet, Resolve, Resolved, Send, Target

PORT = 5060
LATENCY = 0.01


class Seen(NamedTuple):
    """A message that was sent: when it left, from which host to which."""

    at: float
    source: str
    destination: str
    message: Request | Response


class MemoryNetwork:
    """UDP, port 5060 of every host. `latency` says how many seconds a message takes, None that it is lost."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.latency: Callable[[Seen], float | None] = lambda seen: LATENCY
        self._hosts: dict[str, Deliver] = {}

    def host(self, address: str) -> Callable[[Deliver, Any, Any], Wires]:
        """What a Client takes as its `network` on this host."""

        def join(deliver: Deliver, accounts: Any, tell: Any) -> Wires:
            self._hosts[address] = deliver
            return Wires(self, address, deliver)

        return join

    def leave(self, address: str) -> None:
        """Nobody is there any more."""
        self._hosts.pop(address, None)

    def send(self, flow: Flow, data: bytes) -> None:
        """One datagram."""
        try:
            seen = Seen(_loop().time(), flow.local_host, flow.remote_host, parse(data))
        except MalformedMessage:  # a keep-alive
            return
        self.seen.append(seen)
        latency = self.latency(seen)
        if latency is not None:
            back = Flow("udp", flow.remote_host, flow.remote_port, flow.local_host, flow.local_port)
            _loop().call_later(latency, self._arrive, Packet(back, data))

    def of(self, call_id: str) -> Iterator[Seen]:
        """The messages of calls whose Call-ID begins so."""
        return (seen for seen in self.seen if seen.message.call_id.startswith(call_id))

    def _arrive(self, packet: Packet) -> None:
        deliver = self._hosts.get(packet.flow.local_host)
        if deliver is not None:
            deliver([packet])


class Wires:
    """The network as one client has it."""

    def __init__(self, network: MemoryNetwork, address: str, deliver: Deliver) -> None:
        self._network = network
        self._address = address
        self._deliver = deliver

    def perform(self, effect: Any, /) -> None:
        match effect:
            case Resolve():
                host = effect.server.removeprefix("udp:").rpartition("@")[2].partition(":")[0].partition(";")[0]
                _loop().call_soon(self._deliver, [Resolved(effect.request, (Target("udp", host, PORT),))])
            case Connect():
                flow = Flow("udp", self._address, PORT, effect.target.host, effect.target.port)
                _loop().call_soon(self._deliver, [FlowOpened(effect.request, flow)])
            case Send():
                self._network.send(effect.flow, effect.data)

    async def listen(
        self, transport: str, host: str, port: int, *, tls: Any = None, origins: Iterable[str] = ()
    ) -> tuple[str, int]:
        return self._address, PORT

    async def close(self) -> None:
        self._network.leave(self._address)


def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
