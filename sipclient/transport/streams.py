"""The connections of a user agent (TCP, TLS, WebSocket): opened for accounts, accepted from peers, closed in time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeAlias

from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    CloseFlow,
    Connect,
    ConnectFailed,
    Flow,
    FlowOpened,
    Input,
    Send,
    SendFailed,
    Target,
)
from sipclient.transport.connecting import CannotConnect, Contexts, open_stream, route
from sipclient.transport.limits import Limits
from sipclient.transport.listener import Listener
from sipclient.transport.stream import Stream

Way: TypeAlias = tuple[str, Target]  # an account's key and where it connects to: one stream serves all who ask

WEBSOCKETS = ("ws", "wss")
_SWEEP = 1.0  # seconds between two looks for peers that keep us waiting
_CLOSED_BY_US = "closed by us"


class Streams:
    """Every connection is in here from its first byte to its last."""

    def __init__(self, deliver: Callable[[list[Input]], None], report: Callable[[Input], None], limits: Limits) -> None:
        self.deliver = deliver
        self._report = report
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._contexts = Contexts()
        self._streams: dict[Flow, Stream] = {}
        self._ways: dict[Way, Stream] = {}
        self._opening: dict[Way, list[int]] = {}  # the requests that wait for a connection
        self._greeting: set[Stream] = set()  # in their WebSocket handshake
        self._listeners: list[Listener] = []
        self._serial = 0
        self._closed = False
        self._sweeping: asyncio.TimerHandle | None = None

    def joins(self, effect: Connect) -> bool:
        """Answer a Connect from a stream that is open or being opened; False where `open` must be awaited."""
        way = (effect.account, effect.target)
        stream = self._ways.get(way)
        if stream is not None and not stream.closing:
            self._report(FlowOpened(effect.request, stream.flow))
            return True
        waiting = self._opening.get(way)
        if waiting is not None:
            waiting.append(effect.request)
            return True
        if len(self._ways) + len(self._opening) >= self._limits.opened_connections:
            self._report(
                ConnectFailed(effect.request, f"{self._limits.opened_connections} connections are open already")
            )
            return True
        self._opening[way] = [effect.request]
        return False

    async def open(self, effect: Connect, account: Account) -> None:
        """Connect after `joins` said no; all who joined meanwhile hear the outcome."""
        way = (effect.account, effect.target)
        reason = "the connection could not be opened"
        try:
            found = route(effect.target, account, self._contexts)
            admit = found.admit if found.context is not None else None

            make = self._maker(effect.target.transport, way=way, admit=admit)
            await open_stream(found, make, self._limits)
        except CannotConnect as error:
            reason = str(error)
        finally:
            for request in self._opening.pop(way, ()):
                self._report(ConnectFailed(request, reason))

    def send(self, effect: Send) -> None:
        """Write on an open connection."""
        stream = self._streams.get(effect.flow)
        if stream is None or stream.closing:
            self._report(SendFailed(effect.flow, "the connection is closed"))
        else:
            stream.send(effect.data)

    def close_flow(self, effect: CloseFlow) -> None:
        """Close one connection; FlowClosed follows."""
        stream = self._streams.get(effect.flow)
        if stream is not None:
            stream.close(_CLOSED_BY_US)

    def listen(
        self, transport: str, host: str, port: int, context: ssl.SSLContext | None, origins: Iterable[str]
    ) -> Listener:
        """Accept connections at an IP literal and port; WebSockets from pages of these origins.

        Raises OSError, CannotConnect.
        """
        make = self._maker(transport, origins=origins)
        has_room = self._has_room if context is None else self._has_room_for_tls
        listener = Listener.bind(host, port, context, make, has_room, self._limits)
        self._listeners.append(listener)
        self._keep_sweeping()
        return listener

    def sweep(self, now: float) -> None:
        """Close what kept us waiting too long, `now` in the loop's seconds. Called every second by itself."""
        for stream in (*self._streams.values(), *self._greeting):
            stream.sweep(now)
        for listener in self._listeners:
            listener.resume()

    async def close(self) -> None:
        """Let what was written leave (for a moment), then close everything."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for listener in self._listeners:
            await listener.close()
        streams = [*self._streams.values(), *self._greeting]
        if not streams:
            return
        for stream in streams:
            stream.close(_CLOSED_BY_US)
        await asyncio.wait([stream.closed for stream in streams], timeout=self._limits.close_grace)
        for stream in streams:
            stream.abort(_CLOSED_BY_US)
        await asyncio.wait([stream.closed for stream in streams])

    # --- what a stream says -------------------------------------------------------------------------

    def next_serial(self) -> int:
        """A number that no other connection has."""
        self._serial += 1
        return self._serial

    def stream_opened(self, stream: Stream) -> None:
        """A connection stands; nothing was read from it yet."""
        self._greeting.discard(stream)
        self._streams[stream.flow] = stream
        if stream.way is not None:
            self._ways[stream.way] = stream
            for request in self._opening.pop(stream.way, ()):
                self._report(FlowOpened(request, stream.flow))
        self._keep_sweeping()

    def stream_closed(self, stream: Stream) -> None:
        """A connection is gone, and its socket with it."""
        self._greeting.discard(stream)
        self._streams.pop(stream.flow, None)
        if stream.way is not None and self._ways.get(stream.way) is stream:
            del self._ways[stream.way]

    def stream_begun(self, stream: Stream) -> None:
        """A connection in its WebSocket handshake: not to be used yet, and not to be waited for for ever."""
        self._greeting.add(stream)
        self._keep_sweeping()

    # --- within -------------------------------------------------------------------------------------

    def _maker(
        self,
        transport: str,
        *,
        way: Way | None = None,
        admit: Callable[[ssl.SSLObject], str] | None = None,
        origins: Iterable[str] = (),
    ) -> Callable[[], Stream]:
        """What makes the protocol of a connection of this kind. Raises CannotConnect where a package is missing."""
        if transport not in WEBSOCKETS:
            return partial(Stream, self, transport, self._limits, way=way, admit=admit)
        try:
            from sipclient.transport.websocket import WebSocket  # an extra: most PBXs are reached without it
        except ImportError:
            raise CannotConnect("SIP over WebSocket needs the extra: pip install 'sipclient[ws]'") from None
        if way is None:
            return partial(WebSocket.accepting, self, transport, self._limits, tuple(origins))
        return partial(WebSocket.opening, self, self._limits, way, admit)

    def _has_room(self) -> bool:
        return sum(listener.accepted for listener in self._listeners) < self._limits.accepted_connections

    def _has_room_for_tls(self) -> bool:
        accepted = sum(listener.accepted for listener in self._listeners if listener.secure)
        return accepted < self._limits.accepted_tls_connections and self._has_room()

    def _keep_sweeping(self) -> None:
        if self._sweeping is None and not self._closed:
            self._sweeping = self._loop.call_later(_SWEEP, self._swept)

    def _swept(self) -> None:
        self._sweeping = None
        self.sweep(self._loop.time())
        if self._streams or self._greeting or self._listeners:
            self._keep_sweeping()
