"""One connection over TCP, TLS or above: bytes in, whole messages out, with an end to everybody's patience."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from sipclient.message import Framer, FramingLost
from sipclient.protocol.events import Flow, FlowClosed, Input, Packet, Target
from sipclient.transport import words
from sipclient.transport.addresses import SocketAddress, host_of
from sipclient.transport.limits import Limits


class StreamOwner(Protocol):
    """Who hears of a connection: the Streams it belongs to."""

    deliver: Callable[[list[Input]], None]  # messages arrived, or the connection ended

    def next_serial(self) -> int:
        """A number that no other connection has."""

    def stream_begun(self, stream: Stream) -> None:
        """The connection is in a handshake of its own above TCP and TLS, and may not be used yet."""

    def stream_opened(self, stream: Stream) -> None:
        """The connection may be used; nothing was read from it yet."""

    def stream_closed(self, stream: Stream) -> None:
        """The connection is gone, and its socket with it."""


class Stream(asyncio.Protocol):
    """The protocol of one connection, opened by us (`way` says for whom, and where to) or by a peer (None).

    `admit` looks at the peer's certificate before the first byte is sent: what it returns is why the
    connection is refused, empty to admit it. `refused` keeps that.
    """

    flow: Flow

    def __init__(
        self,
        owner: StreamOwner,
        transport_name: str,
        limits: Limits,
        *,
        way: tuple[str, Target] | None = None,
        admit: Callable[[ssl.SSLObject], str] | None = None,
    ) -> None:
        self.way = way
        self.refused = ""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._name = transport_name
        self._limits = limits
        self._admit = admit
        self._framer = Framer(limits.message)
        self._frames: deque[bytes] = deque()  # read, and not delivered yet
        self._transport: asyncio.Transport | None = None
        self._reason = ""
        # When whoever keeps us waiting loses our patience, in the loop's seconds; 0: nobody does.
        self._until = 0.0

    # --- what the network does ----------------------------------------------------------------------

    async def ready(self) -> None:
        """Messages may be sent; or `refused` says why not."""

    def send(self, data: bytes) -> None:
        """Write; a peer that leaves too much unread loses the connection."""
        if not self.closing:
            self._write(data)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        waiting = transport.get_write_buffer_size()
        if waiting > self._limits.write_buffer:
            self.abort(f"the peer does not read: {waiting} bytes are waiting for it")

    def close(self, reason: str) -> None:
        """Let what was written leave, then close."""
        if self._transport is not None and not self._transport.is_closing():
            self._reason = self._reason or reason
            self._until = self._loop.time() + self._limits.close_grace
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once; what was not written is lost."""
        if self._transport is not None:
            self._reason = self._reason or reason
            self._transport.abort()

    def sweep(self, now: float) -> None:
        """Close where patience is at its end: a message that never completes, a goodbye that nobody reads."""
        if self._until and now >= self._until:
            self.abort(f"no complete message within {self._limits.partial_message:g} s")

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._transport is None or self._transport.is_closing()

    # --- what the loop says -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, its TLS handshake done."""
        # uvloop's transports do not inherit from asyncio.Transport, they only do what it does.
        self._transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("ssl_object")
        if self._admit is not None:
            self.refused = self._admit(peer)
        remote: SocketAddress | None = transport.get_extra_info("peername")
        local: SocketAddress | None = transport.get_extra_info("sockname")
        if not remote or not local:
            self.refused = self.refused or "the peer is gone already"
            remote = local = ("", 0)
        self.flow = Flow(self._name, host_of(local), local[1], host_of(remote), remote[1], self._owner.next_serial())
        if self.refused:
            self.abort(self.refused)
            return
        self._begin()

    def _begin(self) -> None:
        """The bytes may flow: what else must happen before messages do?"""
        if self.way is None:
            self._until = self._loop.time() + self._limits.partial_message
        self._stand()

    def _stand(self) -> None:
        self._owner.stream_opened(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer's: deliver the messages they complete."""
        if self._reason:
            return  # closing already
        try:
            frames = self._framer.feed(data)
        except FramingLost as error:
            self._put_off(error.frames)
            self.abort(f"the peer broke the framing: {error.reason}")
            return
        if not self._framer.pending:
            self._until = 0.0
        elif frames or not self._until:
            self._until = self._loop.time() + self._limits.partial_message
        if len(frames) > self._limits.messages_per_wakeup or self._frames:
            self._put_off(frames)
        elif frames:
            flow = self.flow
            self._owner.deliver([Packet(flow, frame) for frame in frames])

    def _put_off(self, frames: list[bytes]) -> None:
        """More than others should have to wait for: nothing more is read until these are dealt with."""
        waiting = bool(self._frames)
        self._frames += frames
        if not waiting and self._frames and self._transport is not None:
            self._transport.pause_reading()
            self._deliver_some()

    def _deliver_some(self) -> None:
        frames, flow = self._frames, self.flow
        count = min(len(frames), self._limits.messages_per_wakeup)
        self._owner.deliver([Packet(flow, frame) for frame in islice(frames, count)])
        for _ in range(count):
            frames.popleft()
        if frames:
            self._loop.call_soon(self._deliver_some)
        elif self._transport is None:
            self._tell_closed()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> None:
        """The peer said its last word: close our half too."""

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)
        if not self._reason:
            self._reason = words.of_error(error) if isinstance(error, OSError) else "closed by the peer"
        self._owner.stream_closed(self)
        if not self._frames:  # else it is told behind them
            self._tell_closed()

    def _tell_closed(self) -> None:
        if not self.refused:
            self._owner.deliver([FlowClosed(self.flow, self._reason)])
