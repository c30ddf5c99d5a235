"""The values of the border to the network: where packets go, what it says, and what it is asked to do.

Inputs are what the network said, effects are work for the shell. `now` is never in here: it is an argument of
each call.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False):
    """The base of every value that goes into the engine or comes out.

    None can hold itself, so the garbage collector need not look at any.
    """


Headers: TypeAlias = tuple[tuple[str, str], ...]


class Target(Value, frozen=True):
    """One place to try: an address to connect to, as RFC 3263 (or `server =`) gave it."""

    transport: str  # "udp", "tcp", "tls", "ws" or "wss"
    host: str  # an IP literal without brackets
    port: int
    name: str = ""  # the domain a TLS certificate must speak for (RFC 5922): never the SRV target
    path: str = ""  # what a WebSocket asks for, "/ws?a=b"


class Flow(Value, frozen=True):
    """A socket pair. For UDP `remote` is the peer of this packet, and `local` names the bound socket."""

    transport: str
    local_host: str
    local_port: int
    remote_host: str
    remote_port: int
    serial: int = 0  # tells two connections between the same ports apart; 0 for UDP

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 §17)."""
        return self.transport != "udp"


class Packet(Value, frozen=True):
    """A datagram, or one framed message (or CRLF keep-alive) of a stream."""

    flow: Flow
    data: bytes


class FlowOpened(Value, frozen=True):
    """Connect `request` succeeded."""

    request: int
    flow: Flow


class ConnectFailed(Value, frozen=True):
    """Connect `request` did not succeed; `reason` in words."""

    request: int
    reason: str


class FlowClosed(Value, frozen=True):
    """A stream ended, by either side, or broke its framing."""

    flow: Flow
    reason: str


class SendFailed(Value, frozen=True):
    """A datagram to this peer was refused (ICMP) or could not be sent."""

    flow: Flow
    reason: str
    too_large: bool = False


class Resolved(Value, frozen=True):
    """The answer to Resolve `request`: targets in the order to try, none where `reason` says why."""

    request: int
    targets: tuple[Target, ...]
    reason: str = ""


class AddressChanged(Value, frozen=True):
    """Packets to `remote_host` leave from another address of ours now: an interface or the routing changed."""

    remote_host: str
    before: str
    after: str


Input: TypeAlias = Packet | FlowOpened | ConnectFailed | FlowClosed | SendFailed | Resolved | AddressChanged


class Send(Value, frozen=True):
    """Put these bytes on this flow."""

    flow: Flow
    data: bytes


class Connect(Value, frozen=True):
    """Open a flow to `target` for `account`; answer with FlowOpened or ConnectFailed.

    UDP binds (or reuses) the account's socket and finds the local address packets to the target leave from.
    """

    request: int
    target: Target
    account: str


class Resolve(Value, frozen=True):
    """Find the targets of `server` (`udp:192.0.2.10:5060`, `tls:pbx.example.com`) or, where it is a
    SIP URI, of the URI as RFC 3263 §4 says; answer with Resolved."""

    request: int
    server: str
    account: str


class CloseFlow(Value, frozen=True):
    """Close this stream; answer with FlowClosed."""

    flow: Flow
