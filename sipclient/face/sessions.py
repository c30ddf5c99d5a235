"""From an account's settings to the media session of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TypeAlias

from sipclient.errors import InvalidValue, MediaError
from sipclient.media import IceServers, MediaSession, RtpEngine, RtpSession
from sipclient.protocol.account import Account
from sipclient.transport import Resolver, words
from sipclient.transport.addresses import WILDCARDS, family_of, parse_bind, socket_address, source_address

SessionFactory: TypeAlias = Callable[[Account, str, str], Awaitable[MediaSession]]

KINDS = ("rtp", "srtp", "webrtc")

# Addresses of documentation (RFC 5737, RFC 3849): only the way there is asked for, and nothing is sent.
_FAR_4 = ("192.0.2.1", 9)
_FAR_6 = ("2001:db8::1", 9, 0, 0)


class Sessions:
    """The media sessions of one client: they share the timers and the list of ports in use."""

    def __init__(self) -> None:
        self._engine: RtpEngine | None = None

    async def open(self, account: Account, kind: str, local_host: str) -> MediaSession:
        """A session of this kind (`rtp`, `srtp`, `webrtc`) for one call of the account.

        `local_host` is the address its packets leave from; where it is empty the routing table is asked.
        Raises InvalidValue for a kind there is not, MediaError where this machine has no address to use.
        """
        if kind not in KINDS:
            raise InvalidValue(f"media {kind!r}: there are {', '.join(KINDS)} and none")
        if self._engine is None:
            self._engine = RtpEngine(asyncio.get_running_loop())
        host = local_host or await local_host_of(account)
        return RtpSession(
            host,
            kind=kind,
            also=_other_family(host) if parse_bind(account.local)[0] in WILDCARDS else (),
            ports=account.rtp_ports,
            dscp=account.dscp,
            public_address=account.public_address,
            servers=IceServers(account.stun, account.turn, account.turn_username, account.turn_password),
            codecs=account.codecs,
            engine=self._engine,
        )


def _other_family(host: str) -> tuple[str, ...]:
    """The address that packets of the other IP version leave from, for ICE: none where there is none, and none
    beside loopback, where nobody but this machine could use it."""
    if ip_address(host).is_loopback:
        return ()
    try:
        found = source_address(_FAR_4 if ":" in host else _FAR_6)
    except OSError:
        return ()
    address = ip_address(found.partition("%")[0])
    return () if address.is_loopback or address.is_link_local else (found,)


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
