"""Names become targets: RFC 3263 over dnspython, the hosts file before it, the system's resolver behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver
import msgspec

from sipclient.protocol.events import Target
from sipclient.transport import locate
from sipclient.transport.addresses import canonical, is_numeric
from sipclient.transport.limits import DEFAULT, Limits
from sipclient.transport.locate import Naptr, Server, Srv

_MOST_RECORDS = 32  # of one answer, and targets of one Resolve: nobody waits for a thirty-third
_HOSTS_BYTES = 1 << 20
_CACHED_ANSWERS = 1000


class Resolving(Protocol):
    """What the network needs of a resolver."""

    async def resolve(self, server: str, family: socket.AddressFamily | None = None) -> tuple[tuple[Target, ...], str]:
        """The targets of `server` in the order to try; none, and why in words, where there are none."""


class Resolver:
    """RFC 3263 with a cache.

    A name found in the hosts file is an address and nothing else: whoever pinned it there wants it so.
    IPv4 goes before IPv6: a PBX that has a AAAA record but does not listen there costs 32 s over UDP.
    """

    def __init__(
        self,
        asking: dns.asyncresolver.Resolver | None = None,
        *,
        limits: Limits = DEFAULT,
        random_source: random.Random | None = None,
        hosts_file: str = "/etc/hosts",
        ask_system: bool = True,
    ) -> None:
        self._asking = asking or _system_configuration()
        self._asking.cache = _BoundedCache(limits.dns_ttl)
        # A question gets a quarter of the time: NAPTR, SRV and addresses come one after another.
        self._asking.lifetime = limits.resolve_timeout / 4
        self._asking.timeout = limits.resolve_timeout / 8
        self._limits = limits
        self._random = random_source or random.Random()
        self._hosts_file = Path(hosts_file)
        self._ask_system = ask_system

    async def resolve(self, server: str, family: socket.AddressFamily | None = None) -> tuple[tuple[Target, ...], str]:
        """The targets of `server` (see `locate.parse_server`), of one `family` where that is given."""
        try:
            wanted = locate.parse_server(server)
        except ValueError as error:
            return (), str(error)
        search = _Search(self._asking, self._random, self._hosts(wanted.host), family, self._ask_system)
        try:
            async with asyncio.timeout(self._limits.resolve_timeout):
                targets = await search.targets(wanted)
        except TimeoutError:
            return (), f"no name server answered for {wanted.host}"
        if targets:
            if wanted.path:
                targets = [msgspec.structs.replace(target, path=wanted.path) for target in targets]
            return tuple(targets[:_MOST_RECORDS]), ""
        return (), search.trouble or f"{wanted.host} has no address"

    def _hosts(self, name: str) -> tuple[str, ...]:
        try:
            with self._hosts_file.open("rb") as lines:
                text = lines.read(_HOSTS_BYTES).decode("utf-8", "replace")
        except OSError:
            return ()
        return pinned(text, name)


def pinned(hosts: str, name: str) -> tuple[str, ...]:
    """The addresses that the text of a hosts file gives a name."""
    found = []
    for line in hosts.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if name in (each.lower() for each in names) and is_numeric(address):
            found.append(canonical(address))
    return tuple(found)


class _Search:
    """One Resolve under way. `trouble` is the last reason, in words, why a question had no answer."""

    def __init__(
        self,
        asking: dns.asyncresolver.Resolver,
        random_source: random.Random,
        pinned_addresses: tuple[str, ...],
        family: socket.AddressFamily | None,
        ask_system: bool,
    ) -> None:
        self._asking = asking
        self._random = random_source
        self._pinned = pinned_addresses
        self._family = family
        self._ask_system = ask_system
        self.trouble = ""
        self._declined = False  # an SRV record says that the service is not offered (RFC 2782, target ".")

    async def targets(self, server: Server) -> list[Target]:
        if server.numeric:
            return [Target(server.likely_transport, server.host, server.likely_port, server.domain)]
        if not server.port and not self._pinned:
            found = locate.without_downgrade(await self._by_service(server))
            if found or self._declined:
                return found
        addresses = self._pinned or await self._addresses(server.host)
        return self._at(server.likely_transport, addresses, server.likely_port, server.domain)

    async def _by_service(self, server: Server) -> list[Target]:
        wanted: list[tuple[str, str]] = []
        if not server.transport:
            records = [_naptr(record) for record in await self._ask(server.host, "NAPTR")]
            wanted = locate.choose_naptr(records, secure=server.secure)
        wanted = wanted or locate.services(server)
        answers = await asyncio.gather(*(self._ask(name, "SRV") for _, name in wanted))
        places: list[tuple[str, Srv]] = []
        for (transport, _), records in zip(wanted, answers, strict=True):
            ordered = locate.order_srv(map(_srv, records), lambda most: self._random.randint(0, most))
            places.extend((transport, record) for record in ordered)
            if records and not ordered:
                self.trouble = f"{server.host} says that it does not offer SIP over {transport}"
                self._declined = True
        del places[_MOST_RECORDS:]
        names = list(dict.fromkeys(record.target for _, record in places))
        of_name = dict(zip(names, await asyncio.gather(*map(self._addresses, names)), strict=True))
        return [
            target
            for transport, record in places
            for target in self._at(transport, of_name[record.target], record.port, server.domain)
        ]

    def _at(self, transport: str, addresses: Iterable[str], port: int, domain: str) -> list[Target]:
        fitting = [a for a in addresses if self._family is None or (":" in a) == (self._family == socket.AF_INET6)]
        if not fitting and addresses:
            self.trouble = f"{domain} has no address of the family that `local` binds"
        return [Target(transport, address, port, domain) for address in fitting]

    async def _addresses(self, name: str) -> tuple[str, ...]:
        if is_numeric(name):
            return (canonical(name),)
        if name == "localhost" or name.endswith(".localhost"):
            return ("127.0.0.1", "::1")  # RFC 6761 §6.3
        four, six = await asyncio.gather(self._ask(name, "A"), self._ask(name, "AAAA"))
        found = [canonical(record.address) for record in (*four, *six)]
        if not found and self._ask_system:
            found = await _system_addresses(name)
        return tuple(found)

    async def _ask(self, name: str, kind: str) -> list[Any]:
        """The records of one question, at most so many; none where there are none, and `trouble` says why."""
        single_label = "." not in name and kind in ("A", "AAAA")
        try:
            answer = await self._asking.resolve(name, kind, search=single_label)
        except dns.resolver.NXDOMAIN:
            if kind in ("A", "AAAA"):
                self.trouble = f"the name {name} does not exist"
        except dns.resolver.NoAnswer:
            pass
        except dns.exception.Timeout:
            self.trouble = f"no name server answered for {name}"
        except dns.resolver.NoNameservers:
            self.trouble = f"the name servers failed to answer for {name}"
        except (dns.exception.DNSException, OSError, ValueError) as error:
            self.trouble = f"{name} cannot be looked up: {error}"
        else:
            return list(answer.rrset or ())[:_MOST_RECORDS]
        return []


class _BoundedCache(dns.resolver.LRUCache):
    """dnspython's cache, but nothing is believed longer than `longest` seconds."""

    def __init__(self, longest: float) -> None:
        super().__init__(_CACHED_ANSWERS)
        self._longest = longest

    def put(self, key: dns.resolver.CacheKey, value: dns.resolver.Answer) -> None:
        value.expiration = min(value.expiration, time.time() + self._longest)
        super().put(key, value)


def _system_configuration() -> dns.asyncresolver.Resolver:
    try:
        return dns.asyncresolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        return dns.asyncresolver.Resolver(configure=False)


def _naptr(record: Any) -> Naptr:
    """dnspython's record as ours."""
    service, flags = record.service.decode("ascii", "replace"), record.flags.decode("ascii", "replace")
    return Naptr(record.order, record.preference, flags, service, record.replacement.to_text(omit_final_dot=True))


def _srv(record: Any) -> Srv:
    """dnspython's record as ours."""
    target = record.target.to_text(omit_final_dot=True)
    return Srv(record.priority, record.weight, record.port, "" if target in (".", "@") else target.lower())


async def _system_addresses(name: str) -> list[str]:
    """What the system's own resolver knows (mDNS, LDAP ...).

    It blocks and cannot be interrupted, so it has a thread that holds up neither the loop nor its end:
    asyncio's own threads are waited for when the loop closes.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str]) -> None:
        if not future.done():
            future.set_result(found)

    def ask() -> None:
        found: list[str] = []
        with contextlib.suppress(OSError, UnicodeError):
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
            found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, sorted(found, key=lambda address: ":" in address))

    threading.Thread(target=ask, name="sipclient-getaddrinfo", daemon=True).start()
    return await future
