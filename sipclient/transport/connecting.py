"""Opening a connection, and saying in words why that failed."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from sipclient.protocol.account import Account
from sipclient.protocol.events import Target
from sipclient.transport import tls, words
from sipclient.transport.addresses import WILDCARDS, family_of, parse_bind, socket_address
from sipclient.transport.limits import Limits
from sipclient.transport.stream import Stream

SECURE = ("tls", "wss")

_P = TypeVar("_P", bound=asyncio.Protocol)


class CannotConnect(Exception):
    """Why not, in words. Stays inside this room: outside it is ConnectFailed."""


class Route(msgspec.Struct, frozen=True):
    """Where to, from where, and under which TLS terms; `context` is None for plain TCP."""

    target: Target
    local_host: str  # "" for any
    context: ssl.SSLContext | None
    tls_ca: str
    tls_verify: bool

    @property
    def name(self) -> str:
        """Whom the certificate must speak for, and what SNI asks for."""
        return self.target.name or self.target.host

    def admit(self, peer: ssl.SSLObject) -> str:
        """What is wrong with the certificate of the peer beyond its chain; empty if nothing."""
        return tls.name_problem(peer, self.name) if self.tls_verify else ""


class Contexts:
    """Client contexts, made once for each file of authorities (and anew when the file changes)."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, bool], tuple[float, ssl.SSLContext]] = {}

    def client(self, ca_file: str, verify: bool) -> ssl.SSLContext:
        """Raises CannotConnect where the file cannot be read or holds no certificate."""
        try:
            changed = os.stat(ca_file).st_mtime if ca_file and verify else 0.0
            known = self._made.get((ca_file, verify))
            if known is None or known[0] != changed:
                known = self._made[ca_file, verify] = (changed, tls.client_context(ca_file, verify))
        except ssl.SSLError:
            raise CannotConnect(f"tls_ca {ca_file} holds no certificate in PEM form") from None
        except OSError as error:
            raise CannotConnect(f"tls_ca {ca_file} cannot be read: {(error.strerror or str(error)).lower()}") from None
        return known[1]


def route(target: Target, account: Account, contexts: Contexts) -> Route:
    """What to know before connecting for an account. Raises CannotConnect."""
    try:
        local_host, _ = parse_bind(account.local)
    except ValueError as error:
        raise CannotConnect(str(error)) from None
    if local_host in WILDCARDS:
        local_host = ""
    elif family_of(local_host) != family_of(target.host):
        raise CannotConnect(f"{target.host} cannot be reached from {local_host}, which `local` binds")
    context = contexts.client(account.tls_ca, account.tls_verify) if target.transport in SECURE else None
    return Route(target, local_host, context, account.tls_ca, account.tls_verify)


async def open_stream(way: Route, make: Callable[[], Stream], limits: Limits) -> None:
    """Connect; `make` makes the protocol, which tells its owner once it stands. Raises CannotConnect."""
    try:
        async with asyncio.timeout(limits.connect_timeout):
            stream = await _connect(way, make, way.context, limits)
            await stream.ready()
    except ssl.SSLError as error:
        if tls.wants_dates(error):
            raise CannotConnect(await _dates(way, error, limits)) from None
        raise CannotConnect(tls.handshake_words(error, way.name, way.tls_ca)) from None
    except TimeoutError:
        raise CannotConnect(f"no answer within {limits.connect_timeout:g} s") from None
    except ConnectionError as error:
        during = "in the TLS handshake: " if way.context is not None and not error.errno else ""
        raise CannotConnect(during + words.of_error(error)) from None
    except OSError as error:
        raise CannotConnect(words.of_error(error)) from None
    if stream.refused:
        raise CannotConnect(stream.refused)


async def _connect(way: Route, make: Callable[[], _P], context: ssl.SSLContext | None, limits: Limits) -> _P:
    loop = asyncio.get_running_loop()
    sock = socket.socket(family_of(way.target.host), socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        if way.local_host:
            sock.bind(socket_address(way.local_host, 0))
        await loop.sock_connect(sock, socket_address(way.target.host, way.target.port))
    except BaseException:
        sock.close()
        raise
    # From here on the socket is the transport's, which closes it whatever happens.
    protocol = make()
    if context is None:
        await loop.create_connection(lambda: protocol, sock=sock)
    else:
        await loop.create_connection(
            lambda: protocol,
            sock=sock,
            ssl=context,
            server_hostname=way.name,
            ssl_handshake_timeout=limits.connect_timeout,
            ssl_shutdown_timeout=limits.close_grace,
        )
    return protocol


async def _dates(way: Route, error: ssl.SSLError, limits: Limits) -> str:
    """An expired certificate in words. A failed handshake does not show it, so look once more."""
    try:
        async with asyncio.timeout(limits.connect_timeout):
            probe = await _connect(way, _Probe, tls.ignoring_dates(way.tls_ca), limits)
            await probe.closed
    except OSError:
        return tls.date_words(None, way.name, error)
    return tls.date_words(probe.certificate, way.name, error)


class _Probe(asyncio.Protocol):
    """Looks at a certificate and leaves."""

    def __init__(self) -> None:
        self.certificate: dict[str, Any] | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done, and nothing else was wanted."""
        self.certificate = transport.get_extra_info("peercert")
        transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        if not self.closed.done():
            self.closed.set_result(None)
