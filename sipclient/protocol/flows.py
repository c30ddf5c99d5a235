"""What the engine asks of the network and waits for: name resolution and connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sipclient.protocol.core import Core
from sipclient.protocol.events import Connect, ConnectFailed, Flow, FlowOpened, Resolve, Resolved, Target

Opened: TypeAlias = Callable[[Flow | None, str], None]
FoundOne: TypeAlias = Callable[[Flow | None, tuple[Target, ...]], None]
Found: TypeAlias = Callable[[tuple[Target, ...], str], None]


class Flows:
    """Questions under way, by their request number, and the streams that are open."""

    __slots__ = ("_connects", "_core", "_resolves", "_serial", "open", "ours")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._serial = 0
        self._connects: dict[int, Opened] = {}
        self._resolves: dict[int, Found] = {}
        self.open: set[Flow] = set()
        self.ours: set[Flow] = set()  # of those, the ones that we opened

    def connect(self, target: Target, account: str, then: Opened) -> None:
        """Ask for a flow; `then(flow, "")` or `then(None, reason)` follows."""
        self._serial += 1
        self._connects[self._serial] = then
        self._core.emit(Connect(self._serial, target, account))

    def first_of(self, targets: tuple[Target, ...], account: str, local: Flow, then: FoundOne) -> None:
        """A flow to the first target that takes one, from the socket of `local` where both are UDP (RFC 3263 §4.3).

        `then(flow, rest)` follows with the targets not tried yet, `then(None, ())` where none takes one.
        """
        if not targets:
            then(None, ())
            return
        target, rest = targets[0], targets[1:]
        if target.transport == "udp" and not local.reliable:
            then(Flow("udp", local.local_host, local.local_port, target.host, target.port), rest)
            return

        def opened(flow: Flow | None, reason: str) -> None:
            if flow is not None:
                then(flow, rest)
            else:
                self.first_of(rest, account, local, then)

        self.connect(target, account, opened)

    def resolve(self, server: str, account: str, then: Found) -> None:
        """Ask for targets; `then(targets, reason)` follows, with no targets where it failed."""
        self._serial += 1
        self._resolves[self._serial] = then
        self._core.emit(Resolve(self._serial, server, account))

    def opened(self, event: FlowOpened) -> None:
        """The shell opened a flow; an answer nobody waits for is dropped."""
        if event.flow.reliable:
            self.open.add(event.flow)
            self.ours.add(event.flow)
        then = self._connects.pop(event.request, None)
        if then is not None:
            then(event.flow, "")

    def closed(self, flow: Flow) -> None:
        """A stream ended."""
        self.open.discard(flow)
        self.ours.discard(flow)

    def failed(self, event: ConnectFailed) -> None:
        """The shell could not open a flow."""
        then = self._connects.pop(event.request, None)
        if then is not None:
            then(None, event.reason)

    def resolved(self, event: Resolved) -> None:
        """The shell resolved a name, or could not."""
        then = self._resolves.pop(event.request, None)
        if then is not None:
            then(event.targets, event.reason)

    def usable(self, flow: Flow | None) -> bool:
        """Whether something can be sent on a flow: datagrams always, a stream while it is open."""
        return flow is not None and (flow.transport == "udp" or flow in self.open)
