"""SIP in WebSocket messages: one message holds one SIP message, however it is fragmented. RFC 7118.

The frames themselves are the `websockets` library's, which does no I/O here: bytes in, bytes out. No
compression is offered or taken, so that a small frame cannot grow into a large message.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from sipclient.message.framer import PING, PONG
from sipclient.protocol.events import Packet, Target
from sipclient.transport.addresses import shown
from sipclient.transport.limits import Limits
from sipclient.transport.stream import Stream, StreamOwner

_SIP = Subprotocol("sip")  # RFC 7118 §4.1
_GOING_AWAY, _NORMAL = 1001, 1000
ANY_ORIGIN = "*"


class WebSocket(Stream):
    """One WebSocket connection. It stands once the opening handshake is done, and not before."""

    def __init__(
        self,
        owner: StreamOwner,
        transport_name: str,
        limits: Limits,
        protocol: ClientProtocol | ServerProtocol,
        *,
        way: tuple[str, Target] | None = None,
        admit: Callable[[ssl.SSLObject], str] | None = None,
    ) -> None:
        super().__init__(owner, transport_name, limits, way=way, admit=admit)
        self._protocol = protocol
        self._parts: list[bytes] = []  # of a message that came in fragments, so far
        self._stood: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    def opening(
        cls,
        owner: StreamOwner,
        limits: Limits,
        way: tuple[str, Target],
        admit: Callable[[ssl.SSLObject], str] | None,
    ) -> WebSocket:
        """The opening side of a connection."""
        target = way[1]
        place = shown(target.name or target.host, target.port)
        uri = parse_uri(f"{target.transport}://{place}{target.path or '/'}")
        protocol = ClientProtocol(uri, subprotocols=[_SIP], max_size=limits.message.message)
        return cls(owner, target.transport, limits, protocol, way=way, admit=admit)

    @classmethod
    def accepting(cls, owner: StreamOwner, name: str, limits: Limits, origins: Sequence[str]) -> WebSocket:
        """The accepting side. A browser says which page opens the connection (Origin, RFC 6454): one that is
        not among `origins` gets 403, as does whoever says none, unless they hold `*`."""
        allowed = None if ANY_ORIGIN in origins else [Origin(origin) for origin in origins]
        protocol = ServerProtocol(origins=allowed, subprotocols=[_SIP], max_size=limits.message.message)
        return cls(owner, name, limits, protocol)

    # --- what the network does ----------------------------------------------------------------------

    @property
    def closing(self) -> bool:
        """Whether nothing more can be sent."""
        return super().closing or self._protocol.state is not State.OPEN

    async def ready(self) -> None:
        """The opening handshake is done, or `refused` says why not."""
        try:
            await asyncio.shield(self._stood)
        except asyncio.CancelledError:
            self.abort("the WebSocket handshake took too long")
            raise

    def send(self, data: bytes) -> None:
        """Write one message. The ping of RFC 5626 is one of WebSocket's own here, which every peer answers."""
        if self.closing:
            return
        if data == PING:
            self._protocol.send_ping(b"")
        elif data.isascii() or _is_text(data):
            self._protocol.send_text(data)
        else:
            self._protocol.send_binary(data)
        self._flush()

    def close(self, reason: str) -> None:
        """Say goodbye; the connection ends when the peer answers, or after a moment."""
        if self.closing:
            super().close(reason)  # in the opening handshake, or in the closing one
            return
        self._reason = self._reason or reason
        self._until = self._loop.time() + self._limits.close_grace
        self._protocol.send_close(_GOING_AWAY if self.way is None else _NORMAL)
        self._flush()

    # --- what the loop says -------------------------------------------------------------------------

    def _begin(self) -> None:
        self._owner.stream_begun(self)
        self._until = self._loop.time() + self._limits.connect_timeout
        if isinstance(self._protocol, ClientProtocol):
            self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer's: answer what is WebSocket's own affair, deliver the messages they complete."""
        protocol = self._protocol
        protocol.receive_data(data)
        frames: list[bytes] = []
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._take(event, frames)
            else:
                self._greeted(event)
        if self.refused:
            self._flush()
            self.close(self.refused)
            return
        if protocol.state is State.CONNECTING and protocol.handshake_exc is not None:
            self.refused = f"the peer does not speak WebSocket: {protocol.handshake_exc}"
            self.abort(self.refused)
            return
        self._flush()
        if frames and not self._reason:
            flow = self.flow
            self._owner.deliver([Packet(flow, frame) for frame in frames])
        self._be_patient(bool(frames))
        if protocol.parser_exc is not None:
            self._reason = self._reason or f"the peer broke the WebSocket framing: {protocol.parser_exc}"

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if not self._stood.done():
            self.refused = self.refused or self._reason or "the connection was closed in the WebSocket handshake"
            self._stood.set_result(None)
        super().connection_lost(error)

    # --- within -------------------------------------------------------------------------------------

    def _greeted(self, event: Request | Response) -> None:
        protocol = self._protocol
        if isinstance(protocol, ServerProtocol):
            protocol.send_response(protocol.accept(cast(Request, event)))
            if protocol.handshake_exc is not None:
                self.refused = f"no WebSocket of ours: {protocol.handshake_exc}"
                return
        elif protocol.handshake_exc is not None:
            self.refused = _refusal(protocol.handshake_exc)
            return
        elif protocol.subprotocol != _SIP:  # RFC 7118 §4.1
            self.refused = 'the server speaks WebSocket, but not SIP over it (subprotocol "sip")'
            return
        self._until = 0.0
        self._stood.set_result(None)
        self._stand()

    def _take(self, frame: Frame, frames: list[bytes]) -> None:
        """One frame: gather a message's fragments; a pong, or CRLF for it, is the pong of RFC 5626."""
        opcode = frame.opcode
        if opcode is Opcode.PONG:
            frames.append(PONG)
        elif opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._parts)
                self._parts.clear()
                frames.append(message if message.strip(b"\r\n") else PING if len(message) >= len(PING) else PONG)

    def _be_patient(self, completed: bool) -> None:
        """Whoever begins a message must end it in time."""
        if self._protocol.state is not State.OPEN:
            self._until = self._until or self._loop.time() + self._limits.close_grace
        elif not self._parts:
            self._until = 0.0
        elif completed or not self._until:
            self._until = self._loop.time() + self._limits.partial_message

    def _flush(self) -> None:
        """Write what the protocol has to say; its last word closes the connection."""
        for data in self._protocol.data_to_send():
            if data:
                self._write(data)
            elif self._transport is not None:
                self._transport.close()


def _refusal(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        response = error.response
        return f"the server refuses the WebSocket: {response.status_code} {response.reason_phrase}".rstrip()
    return f"the server refuses the WebSocket: {error}"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
