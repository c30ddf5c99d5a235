"""What the network room allows itself and its peers."""

from __future__ import annotations

import msgspec

from sipclient.message import Limits as MessageLimits


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on memory and time. Durations are seconds, sizes bytes."""

    datagrams_per_wakeup: int = 256  # then the loop gets its turn, and other sockets theirs
    messages_per_wakeup: int = 256  # of one stream, likewise; a read may hold thousands of small ones
    receive_buffer: int = 4 * 1024 * 1024  # asked of the kernel, which may give less
    datagrams_waiting: int = 256  # that the kernel did not take yet; more are dropped, as a full wire would
    remotes_remembered: int = 4096  # flows kept by address of the peer, per UDP socket
    accepted_connections: int = 1000  # streams that others opened to us, those in their TLS handshake included
    accepted_tls_connections: int = 200  # of those, over TLS: asyncio keeps 270 KiB for each (uvloop 50)
    opened_connections: int = 1000  # streams that we opened
    write_buffer: int = 1024 * 1024  # waiting for a peer that does not read; above, the flow is closed
    connect_timeout: float = 5.0  # TCP and TLS handshakes together
    resolve_timeout: float = 8.0  # all DNS questions of one Resolve together
    partial_message: float = 30.0  # from the first byte of a message to its last
    look_around: float = 2.0  # between two looks at which address packets to the servers leave from
    close_grace: float = 1.0  # for what is written to leave when a stream is closed
    dns_ttl: float = 3600.0  # the longest an answer is believed, whatever its TTL says
    message: MessageLimits = MessageLimits()


DEFAULT = Limits()
