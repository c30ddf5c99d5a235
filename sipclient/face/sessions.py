"""From an account's settings to the media session of a call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sipclient.errors import InvalidValue, MediaError
from sipclient.media import MediaSession, RtpEngine, RtpSession
from sipclient.protocol.account import Account
from sipclient.transport.addresses import WILDCARDS, SocketAddress, parse_bind, source_address
from sipclient.transport.locate import parse_server

SessionFactory: TypeAlias = Callable[[Account, str, str], Awaitable[MediaSession]]

_DISCARD = 9  # any port does: nothing is sent to it


class Sessions:
    """The media sessions of one client: they share the timers and the list of ports in use."""

    def __init__(self) -> None:
        self._engine: RtpEngine | None = None

    async def open(self, account: Account, kind: str, local_host: str) -> MediaSession:
        """A session of this kind (`rtp`) for one call of the account.

        `local_host` is the address its packets leave from; where it is empty the routing table is asked.
        Raises InvalidValue for a kind there is not, MediaError where this machine has no address to use.
        """
        if kind != "rtp":
            raise InvalidValue(f"media {kind!r}: this version has rtp and none")
        if self._engine is None:
            self._engine = RtpEngine(asyncio.get_running_loop())
        return RtpSession(
            local_host or await local_host_of(account),
            ports=account.rtp_ports,
            public_address=account.public_address,
            codecs=account.codecs,
            engine=self._engine,
        )


async def local_host_of(account: Account) -> str:
    """The local address that packets to the account's server leave from, before any was sent.

    Raises MediaError where there is no way to it.
    """
    try:
        bound, _ = parse_bind(account.local)
        if bound not in WILDCARDS:
            return bound
        server = parse_server(account.server or account.address)
        found = await asyncio.get_running_loop().getaddrinfo(
            server.host, server.likely_port or _DISCARD, type=socket.SOCK_DGRAM
        )
        remote: SocketAddress = found[0][4]  # type: ignore[assignment]  # the two families we have
        return source_address(remote)
    except (OSError, ValueError) as error:
        raise MediaError(f"no way to {account.server or account.address}: {error}") from None
