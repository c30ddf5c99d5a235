"""From an account's settings to the media session of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sipclient.errors import InvalidValue, MediaError
from sipclient.media import MediaSession, RtpEngine, RtpSession
from sipclient.protocol.account import Account
from sipclient.transport import Resolver, words
from sipclient.transport.addresses import WILDCARDS, family_of, parse_bind, socket_address, source_address

SessionFactory: TypeAlias = Callable[[Account, str, str], Awaitable[MediaSession]]


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
    where = account.server or account.address
    try:
        bound, _ = parse_bind(account.local)
        if bound not in WILDCARDS:
            return bound
        targets, trouble = await Resolver().resolve(where, family_of(bound) if bound else None)
        if targets:
            return source_address(socket_address(targets[0].host, targets[0].port))
    except (OSError, ValueError) as error:
        trouble = words.of_error(error) if isinstance(error, OSError) else str(error)
    raise MediaError(f"no way to {where}: {trouble}")
