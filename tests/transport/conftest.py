"""What the tests of the transport room share: both loops, networks that are closed, certificates, a name server."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import pytest_asyncio
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sipclient.protocol.account import Account
from sipclient.protocol.events import Input, Traced
from sipclient.transport import Limits, Network, Resolver

_T = TypeVar("_T")
PATIENCE = 10.0  # seconds until a test gives up; none waits that long unless it fails


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test of this room runs on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Inbox:
    """Takes what a network delivers, and lets a test wait for it."""

    def __init__(self) -> None:
        self.batches: list[list[Input]] = []
        self.traced: list[Traced] = []
        self._changed = asyncio.Event()

    def deliver(self, inputs: list[Input]) -> None:
        self.batches.append(list(inputs))
        self._changed.set()

    @property
    def inputs(self) -> list[Input]:
        return [item for batch in self.batches for item in batch]

    def of(self, kind: type[_T]) -> list[_T]:
        return [item for item in self.inputs if isinstance(item, kind)]

    async def until(self, kind: type[_T], count: int = 1) -> list[_T]:
        """At least `count` inputs of a kind, all that came."""
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.of(kind)

    async def one(self, kind: type[_T]) -> _T:
        return (await self.until(kind))[0]


MakeNetwork = Callable[..., tuple[Network, Inbox]]


@pytest_asyncio.fixture
async def make_network() -> AsyncIterator[MakeNetwork]:
    """Networks whose accounts are those given; all are closed at the end."""
    made: list[Network] = []

    def make(*accounts: Account, **options: Any) -> tuple[Network, Inbox]:
        inbox = Inbox()
        known = {account.key: account for account in accounts or (Account("sip:a@example.com", name="a"),)}
        options.setdefault("resolver", Resolver(dns.asyncresolver.Resolver(configure=False), ask_system=False))
        network = Network(inbox.deliver, known.__getitem__, trace=inbox.traced.append, **options)
        made.append(network)
        return network, inbox

    yield make
    for network in made:
        await network.close()


class Authority:
    """A certificate authority that lives as long as a test."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._serial = 0
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path = str(folder / f"{name}.pem")
        Path(self.path).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        *names: x509.GeneralName,
        common_name: str = "",
        days: tuple[float, float] = (-1, 30),
        self_signed: bool = False,
    ) -> str:
        """The path of a PEM file with a certificate and its key, valid between two days counted from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
        builder = self._builder(subject, key, days, issuer=subject if self_signed else self._name)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(key if self_signed else self._key, hashes.SHA256())
        self._serial += 1
        path = self._folder / f"{self._name.rdns[0].rfc4514_string()}-{self._serial}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(path)

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: tuple[float, float] = (-100, 100),
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return x509.CertificateBuilder(
            issuer_name=issuer or self._name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now + dt.timedelta(days=days[0]),
            not_valid_after=now + dt.timedelta(days=days[1]),
        )


def san_dns(name: str) -> x509.GeneralName:
    return x509.DNSName(name)


def san_uri(uri: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(uri)


def san_ip(address: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(address))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "stranger")


@pytest.fixture
def san() -> Iterator[dict[str, Callable[[str], x509.GeneralName]]]:
    """Makers of subjectAltName entries."""
    yield {"dns": san_dns, "uri": san_uri, "ip": san_ip}


class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone: `{"example.com. NAPTR": ["10 50 ..."]}`; what is not in it does not exist.

    An empty list says that the name exists without such records; None, that nobody answers. `asked` keeps
    the questions.
    """

    def __init__(self, zone: dict[str, list[str] | None], ttl: int = 60) -> None:
        self.zone = zone
        self.ttl = ttl
        self.asked: list[str] = []
        self.port = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        name = f"{question.name.to_text().lower()} {kind}"
        self.asked.append(name)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        records = self.zone.get(name, [])
        if records is None:
            return
        if records:
            answer.answer.append(dns.rrset.from_text_list(question.name, self.ttl, "IN", kind, records))
        elif name not in self.zone and not any(key.startswith(name.split()[0]) for key in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), address)


class Names:
    """A resolver that asks a name server of the test's own."""

    def __init__(self, server: NameServer, resolver: Resolver) -> None:
        self.server = server
        self._resolver = resolver

    async def resolve(self, server: str, **options: Any) -> tuple[list[str], str]:
        """Targets as `transport:host:port` (and the TLS name where it is not the one asked for), and the reason."""
        targets, reason = await self._resolver.resolve(server, **options)
        return [f"{target.transport}:{target.host}:{target.port}/{target.name}" for target in targets], reason


MakeNames = Callable[..., Any]


@pytest_asyncio.fixture
async def make_names(tmp_path: Path) -> AsyncIterator[MakeNames]:
    """Makes `Names` from a zone, draws (one of 0..n for each SRV choice) and the text of a hosts file."""
    servers: list[NameServer] = []

    async def make(
        zone: dict[str, list[str] | None], *, seed: int = 1, hosts: str = "", patience: float = 8.0, **options: Any
    ) -> Names:
        loop = asyncio.get_running_loop()
        _, server = await loop.create_datagram_endpoint(
            lambda: NameServer(zone, **options), local_addr=("127.0.0.1", 0)
        )
        servers.append(server)
        asking = dns.asyncresolver.Resolver(configure=False)
        asking.nameservers = ["127.0.0.1"]
        asking.port = server.port
        hosts_file = tmp_path / "hosts"
        hosts_file.write_text(hosts)
        resolver = Resolver(
            asking,
            limits=Limits(resolve_timeout=patience),
            random_source=random.Random(seed),
            hosts_file=str(hosts_file),
            ask_system=False,
        )
        return Names(server, resolver)

    yield make
    for server in servers:
        server.transport.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Let the loop turn until something holds that no input tells."""

    async def wait(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110  # nobody sets an event for it
                await asyncio.sleep(0)

    return wait
