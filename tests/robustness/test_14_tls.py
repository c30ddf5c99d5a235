"""Robustness 14, TLS (RFC 5922).

Wrong name, expired, self-signed, unknown CA, TLS 1.1 all refused; the configured domain is checked, not the SRV target;
SNI sent; no plaintext fallback. By a whole client that wants to register; each refusal's wording is in tests/transport.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from transport.conftest import san_dns, san_ip, san_uri

from sipclient import Account, Client
from sipclient.message import Framer, parse
from sipclient.protocol.build import response
from sipclient.protocol.events import Flow, RegistrationLost, Target
from sipclient.transport import Network, server_context

DOMAIN, SRV = "pbx.example.com", "edge7.provider.example"
HERE = Flow("tls", "127.0.0.1", 5061, "127.0.0.1", 40000)


class Registrar:
    """A TLS server that takes every REGISTER. `clear` is what came, decrypted (or not encrypted at all)."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.clear = bytearray()
        self.names: list[str | None] = []
        self.connections = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)

    async def __aenter__(self) -> Registrar:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        framer = Framer()
        try:
            while data := await reader.read(65536):
                self.clear += data
                if self.context is None:
                    writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
                    continue
                for frame in framer.feed(data):
                    if frame.strip():
                        request = parse(frame)
                        writer.write(response(request, HERE, 200, headers=(("Expires", "60"),)))  # type: ignore[arg-type]
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Names:
    """A resolver: the domain's SRV record leads to another name, whose address is here."""

    def __init__(self, port: int, name: str) -> None:
        self._targets = (Target("tls", "127.0.0.1", port, name),)

    async def resolve(self, server: str, family: object = None) -> tuple[tuple[Target, ...], str]:
        return self._targets, ""


async def registers(registrar: Registrar, authority: Any, *, name: str = DOMAIN, **more: Any) -> tuple[bool, str]:
    """Whether a client registers there within a second or two, and why not."""
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(event: object) -> None:
        if isinstance(event, RegistrationLost) and not lost.done():
            lost.set_result(event.reason)

    def network(deliver: Any, accounts: Any, tell: Any) -> Network:
        return Network(deliver, accounts, trace=tell, resolver=Names(registrar.port, name))

    values: dict[str, Any] = {"tls_ca": authority.path, "password": "secret", "keepalive": 0.0, **more}
    account = Account(f"sips:robot@{DOMAIN}", **values)
    async with Client(account, wait=False, on_event=hear, network=network, stop_timeout=0.5) as client:
        done = asyncio.ensure_future(client.registered())
        await asyncio.wait([done, lost], timeout=5, return_when=asyncio.FIRST_COMPLETED)
        registered = client.is_registered()
        done.cancel()
        await asyncio.gather(done, return_exceptions=True)
        return registered, lost.result() if lost.done() else ""


def old_tls(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(certificate)
    return context


Make = Callable[[Any, Any], ssl.SSLContext]
REFUSED: dict[str, tuple[Make, str]] = {
    "wrong name": (lambda ours, _: server_context(ours.issue(san_dns("other.example"))), "other.example"),
    "a wildcard": (lambda ours, _: server_context(ours.issue(san_dns("*.example.com"))), "wildcard"),
    "the SRV target's name": (lambda ours, _: server_context(ours.issue(san_dns(SRV))), SRV),
    "its address": (lambda ours, _: server_context(ours.issue(san_ip("127.0.0.1"))), DOMAIN),
    "a URI of another domain": (
        lambda ours, _: server_context(ours.issue(san_uri(f"sip:{SRV}"), san_dns(DOMAIN))),
        SRV,
    ),
    "expired": (lambda ours, _: server_context(ours.issue(san_dns(DOMAIN), days=(-20, -3))), "expired"),
    "not yet valid": (lambda ours, _: server_context(ours.issue(san_dns(DOMAIN), days=(3, 30))), "not valid before"),
    "self-signed": (lambda ours, _: server_context(ours.issue(san_dns(DOMAIN), self_signed=True)), ""),
    "unknown CA": (lambda _, stranger: server_context(stranger.issue(san_dns(DOMAIN))), "unknown authority"),
    "TLS 1.1": (lambda ours, _: old_tls(ours.issue(san_dns(DOMAIN))), "TLS"),
}


@pytest.fixture
async def registrar() -> AsyncIterator[Callable[[ssl.SSLContext | None], Any]]:
    made: list[Registrar] = []

    async def make(context: ssl.SSLContext | None) -> Registrar:
        made.append(await Registrar(context).__aenter__())
        return made[-1]

    yield make
    for each in made:
        await each.__aexit__()


async def test_a_certificate_for_the_domain_registers_and_sni_asks_for_it(registrar: Any, authority: Any) -> None:
    """The domain is checked and asked for, though SRV led to another name: Target.name is the domain."""
    server = await registrar(server_context(authority.issue(san_dns(DOMAIN))))
    assert await registers(server, authority) == (True, "")
    assert server.names == [DOMAIN]
    assert server.clear.startswith(b"REGISTER ")


@pytest.mark.parametrize("name", REFUSED)
async def test_what_must_be_refused_is(registrar: Any, authority: Any, stranger: Any, name: str) -> None:
    make, words = REFUSED[name]
    server = await registrar(make(authority, stranger))
    registered, reason = await registers(server, authority)
    assert not registered
    assert words in reason
    assert not server.clear, "something was sent to a server that was not who it should be"


async def test_only_who_says_so_goes_unverified(registrar: Any, stranger: Any, authority: Any) -> None:
    server = await registrar(server_context(stranger.issue(san_dns("other.example"))))
    assert (await registers(server, authority, tls_verify=False))[0]


async def test_no_plaintext_whatever_the_server_speaks(registrar: Any, authority: Any) -> None:
    """A server without TLS sees one ClientHello: no SIP in the clear, and no second, plainer try."""
    server = await registrar(None)
    registered, reason = await registers(server, authority)
    assert not registered
    assert reason
    assert server.clear[:1] in (b"\x16", b"")  # a handshake record
    assert b"SIP" not in server.clear
    assert b"REGISTER" not in server.clear
    assert b"secret" not in server.clear
