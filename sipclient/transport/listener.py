"""A listening TCP or TLS socket: accepts within bounds, also while handshakes are under way."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

from sipclient.transport.addresses import SocketAddress, host_of, socket_address
from sipclient.transport.limits import Limits
from sipclient.transport.stream import Stream

_BACKLOG = 512
_ACCEPTS_PER_WAKEUP = 64
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Listener:
    """Takes connections as long as `has_room` says so; the others are closed at once."""

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        make: Callable[[], Stream],
        has_room: Callable[[], bool],
        limits: Limits,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._context = context
        self.secure = context is not None
        self._make = make
        self._has_room = has_room
        self._limits = limits
        self._welcoming: set[asyncio.Task[None]] = set()
        self._paused = False
        self.accepted = 0  # connections that are in their handshake, or stand
        local: SocketAddress = sock.getsockname()
        self.host, self.port = host_of(local), local[1]
        self._loop.add_reader(sock, self._acceptable)

    @classmethod
    def bind(
        cls,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        make: Callable[[], Stream],
        has_room: Callable[[], bool],
        limits: Limits,
    ) -> Listener:
        """Listen at an IP literal (a wildcard too) and port, 0 for any. Raises OSError."""
        address = socket_address(host, port)
        sock = socket.socket(
            socket.AF_INET6 if len(address) == 4 else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
        )
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
            sock.listen(_BACKLOG)
            return cls(sock, context, make, has_room, limits)
        except OSError:
            sock.close()
            raise

    def resume(self) -> None:
        """Accept again, if that was stopped because no file descriptor was left."""
        if self._paused:
            self._paused = False
            self._loop.add_reader(self._socket, self._acceptable)

    async def close(self) -> None:
        """Accept no more, and give up the handshakes under way; the connections that stand are the owner's."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for task in self._welcoming:
            task.cancel()
        await asyncio.gather(*self._welcoming, return_exceptions=True)

    def _acceptable(self) -> None:
        for _ in range(_ACCEPTS_PER_WAKEUP):
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    # The connection waits in the backlog, and would wake us without end.
                    self._paused = True
                    self._loop.remove_reader(self._socket)
                    return
                continue  # that peer is gone already
            if not self._has_room():
                connection.close()
                continue
            connection.setblocking(False)
            self.accepted += 1
            task = self._loop.create_task(self._welcome(connection))
            self._welcoming.add(task)
            task.add_done_callback(self._welcoming.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        stream = self._make()
        try:
            if self._context is None:
                await self._loop.connect_accepted_socket(lambda: stream, connection)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: stream,
                    connection,
                    ssl=self._context,
                    ssl_handshake_timeout=self._limits.connect_timeout,
                    ssl_shutdown_timeout=self._limits.close_grace,
                )
        except OSError:
            # The peer's affair: no handshake, no connection, and nobody to tell.
            self.accepted -= 1
        else:
            stream.closed.add_done_callback(self._left)

    def _left(self, _: object) -> None:
        self.accepted -= 1
