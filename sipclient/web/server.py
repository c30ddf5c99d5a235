"""The HTTP server, inside the robot's own loop: its socket, its bounds, its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sipclient.config import HostPort
from sipclient.errors import ListenFailed
from sipclient.transport.addresses import family_of, shown, socket_address

HEAD = 10.0  # seconds that the head of a request may take, from the connection's first moment or byte
BODY = 20.0  # seconds that its body may take
READ = 15.0  # seconds in which whoever asked must read on
MOST = 200  # connections
MOST_OF_ONE = 50  # connections from one address, where that is not this machine
LEAVING = 1  # seconds that answers under way get at the end


def bound(listen: HostPort) -> socket.socket:
    """A socket bound to the address, and deaf yet. Raises ListenFailed."""
    host = listen.host or "0.0.0.0"
    where = shown(host, listen.port)
    try:
        found = socket.getaddrinfo(host, listen.port, type=socket.SOCK_STREAM) if host == "localhost" else None
        family = found[0][0] if found else family_of(host)
        address = found[0][4] if found else socket_address(host, listen.port)
    except (OSError, ValueError) as error:
        raise ListenFailed(f"[web] {where} is no address of this machine: {error}") from error
    # With the protocol said, asyncio sends what is small at once: else each answer on a connection kept waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise ListenFailed(f"[web] {where} cannot be used: {error.strerror}") from error
    return sock


class Bounded(H11Protocol):
    """One connection: its head and body must come in time, and what is answered must be read in time."""

    peer = ""
    _alarm: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Turn away whoever is one too many."""
        super().connection_made(transport)
        peer = self.peer = self.client[0] if self.client else ""
        crowd = sum(isinstance(each, Bounded) and each.peer == peer for each in self.connections)
        if len(self.connections) > MOST or (crowd > MOST_OF_ONE and not peer.startswith("127.") and peer != "::1"):
            transport.abort()
            return
        self._wait(HEAD)

    def data_received(self, data: bytes) -> None:
        """Some bytes: the alarm goes on where they end within a head or a body."""
        before = self.cycle
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self._wait(None)  # it is ours to answer
        elif cycle is not before and cycle is not None and cycle.more_body:
            self._wait(BODY)
        elif self._alarm is None:
            self._wait(HEAD)

    def on_response_complete(self) -> None:
        """Answered: keep-alive has its own limit, and a next head begins with its first byte."""
        super().on_response_complete()
        self._wait(BODY if self.cycle.more_body else None)

    def pause_writing(self) -> None:
        """Whoever asked does not read on."""
        super().pause_writing()
        self._reading = self.loop.call_later(READ, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._wait(None)
        super().connection_lost(exc)
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _wait(self, seconds: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self.loop.call_later(seconds, self.transport.abort) if seconds is not None else None


class _Server(uvicorn.Server):
    """Signals are the robot's affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


class HttpServer:
    """Serves from `start` on; `stop` takes no more requests, and `stopped` waits for those under way."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        name = self._sock.getsockname()
        return name[0], name[1]

    def start(self, app: Any) -> None:
        """Answer with this from now on."""
        config = uvicorn.Config(
            app,
            http=Bounded,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=LEAVING,
        )
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._sock]))

    def stop(self) -> None:
        """No more requests."""
        if self._server is not None:
            self._server.should_exit = True

    async def stopped(self) -> None:
        """Wait for the end of it all."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task.exception() if not self._task.cancelled() else None
        self._sock.close()
