"""TLS: whom we believe, in whose name, and what a refusal says. RFC 5922; no way around it in the clear."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sipclient.protocol.account import Account
from sipclient.protocol.events import Connect, ConnectFailed, FlowClosed, FlowOpened, Packet, Send, Target
from sipclient.transport import Limits, server_context

DOMAIN = "pbx.example.com"
PING = b"\r\n\r\n"


class TlsServer:
    """Somebody else's TLS server in a thread. `received` is what came over TLS, `names` what SNI asked for."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.received: list[bytes] = []
        self.names: list[str | None] = []
        self.connections = 0
        self._current = socket.socket()
        self._context = context
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._current = connection
            connection.settimeout(5)
            with contextlib.suppress(OSError), connection:
                if self._context is None:
                    self.received.append(connection.recv(1000))
                    connection.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")
                else:
                    with self._context.wrap_socket(connection, server_side=True) as secure:
                        self._current = secure
                        while data := secure.recv(1000):
                            self.received.append(data)
                            secure.sendall(data)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with contextlib.suppress(OSError):  # wakes the thread where a test left a connection open
            self._current.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)


@pytest.fixture
def serve() -> Iterator[Any]:
    made = []

    def make(context: ssl.SSLContext | str | None) -> TlsServer:
        if isinstance(context, str):
            context = server_context(context)
        made.append(TlsServer(context))
        return made[-1]

    yield make
    for server in made:
        server.close()


def _account(authority: Any = None, **options: Any) -> Account:
    return Account(
        "sip:a@example.com", name="a", server=f"tls:{DOMAIN}", tls_ca=authority.path if authority else "", **options
    )


async def _connect(make_network: Any, server: TlsServer, account: Account, name: str = DOMAIN) -> Any:
    """FlowOpened, or the reason of ConnectFailed; and nothing must have reached the server in the latter case."""
    network, inbox = make_network(account)
    network.perform(Connect(1, Target("tls", "127.0.0.1", server.port, name), "a"))
    async with asyncio.timeout(10):
        while not inbox.inputs:
            inbox._changed.clear()
            await inbox._changed.wait()
    (answer,) = inbox.inputs
    if isinstance(answer, FlowOpened):
        network.perform(Send(answer.flow, PING))
        assert await inbox.one(Packet) == Packet(answer.flow, PING)
        return answer
    assert isinstance(answer, ConnectFailed)
    if server._context is not None:
        assert server.received == []
    return answer.reason


@pytest.mark.parametrize(
    ("alternatives", "common_name", "name"),
    [
        ([("dns", DOMAIN)], "", DOMAIN),
        ([("dns", DOMAIN)], "", "PBX.example.COM"),
        ([("uri", "sip:example.com")], "", "example.com"),
        ([("uri", "sip:example.com"), ("dns", DOMAIN)], "", "example.com"),
        ([("ip", "127.0.0.1")], "", "127.0.0.1"),
        ([("ip", "127.0.0.1")], "", ""),  # no name: the address is all there is
        ([], DOMAIN, DOMAIN),
    ],
)
async def test_a_certificate_for_the_domain_is_accepted(
    make_network: Any, serve: Any, authority: Any, san: Any, alternatives: Any, common_name: str, name: str
) -> None:
    certificate = authority.issue(*(san[kind](value) for kind, value in alternatives), common_name=common_name)
    opened = await _connect(make_network, serve(certificate), _account(authority), name)
    assert opened.flow.transport == "tls"
    assert opened.flow.remote_host == "127.0.0.1"


@pytest.mark.parametrize(
    ("alternatives", "common_name", "name", "words"),
    [
        ([("dns", "other.example")], "", DOMAIN, f"the certificate is for other.example, not {DOMAIN}"),
        ([("dns", "other.example")], DOMAIN, DOMAIN, f"the certificate is for other.example, not {DOMAIN}"),
        ([("dns", "*.example.com")], "", DOMAIN, "a wildcard does not speak for a SIP domain"),
        ([("uri", "sip:example.com"), ("dns", DOMAIN)], "", DOMAIN, f"is for example.com, not {DOMAIN}"),
        ([("uri", f"sip:robot@{DOMAIN}")], "", DOMAIN, "names no SIP domain"),
        ([("dns", DOMAIN)], "", "127.0.0.1", f"is for {DOMAIN}, not 127.0.0.1"),
        ([("ip", "127.0.0.1")], "", DOMAIN, "names no SIP domain"),
        ([], "other.example", DOMAIN, f"the certificate is for other.example, not {DOMAIN}"),
    ],
)
async def test_a_certificate_for_somebody_else_is_refused(
    make_network: Any, serve: Any, authority: Any, san: Any, alternatives: Any, common_name: str, name: str, words: str
) -> None:
    certificate = authority.issue(*(san[kind](value) for kind, value in alternatives), common_name=common_name)
    reason = await _connect(make_network, serve(certificate), _account(authority), name)
    assert words in reason


async def test_an_expired_certificate_is_refused_with_its_date(
    make_network: Any, serve: Any, authority: Any, san: Any
) -> None:
    server = serve(authority.issue(san["dns"](DOMAIN), days=(-20, -3)))
    reason = await _connect(make_network, server, _account(authority))
    day = (dt.datetime.now(dt.UTC) - dt.timedelta(days=3)).date()
    assert reason == f"the certificate of {DOMAIN} expired on {day}"
    assert server.received == []


async def test_a_certificate_of_the_future_is_refused_with_its_date(
    make_network: Any, serve: Any, authority: Any, san: Any
) -> None:
    server = serve(authority.issue(san["dns"](DOMAIN), days=(3, 30)))
    reason = await _connect(make_network, server, _account(authority))
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=3)).date()
    assert reason == f"the certificate of {DOMAIN} is not valid before {day}"


async def test_an_expired_certificate_that_is_not_shown_twice(make_network: Any, authority: Any, san: Any) -> None:
    context = server_context(authority.issue(san["dns"](DOMAIN), days=(-20, -3)))

    def once(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        listening.close()
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    listening = socket.create_server(("127.0.0.1", 0))
    network, inbox = make_network(_account(authority))
    network.perform(Connect(1, Target("tls", "127.0.0.1", listening.getsockname()[1], DOMAIN), "a"))
    await asyncio.to_thread(once, listening)
    assert (await inbox.one(ConnectFailed)).reason == f"the certificate of {DOMAIN} has expired"


async def test_expired_and_of_a_stranger_is_not_asked_again(
    make_network: Any, serve: Any, authority: Any, stranger: Any, san: Any
) -> None:
    server = serve(stranger.issue(san["dns"](DOMAIN), days=(-20, -3)))
    reason = await _connect(make_network, server, _account(authority))
    assert "unknown authority" in reason
    assert server.connections == 1


async def test_an_unknown_authority_is_refused(make_network: Any, serve: Any, stranger: Any, san: Any) -> None:
    reason = await _connect(make_network, serve(stranger.issue(san["dns"](DOMAIN))), _account())
    assert reason == f"the certificate of {DOMAIN} is signed by an unknown authority: set tls_ca"


async def test_the_wrong_authority_is_refused(
    make_network: Any, serve: Any, authority: Any, stranger: Any, san: Any
) -> None:
    reason = await _connect(make_network, serve(stranger.issue(san["dns"](DOMAIN))), _account(authority))
    assert reason.endswith(f"is signed by an unknown authority: tls_ca {authority.path} does not hold it")


async def test_a_self_signed_certificate_is_refused(make_network: Any, serve: Any, authority: Any, san: Any) -> None:
    certificate = authority.issue(san["dns"](DOMAIN), common_name=DOMAIN, self_signed=True)
    reason = await _connect(make_network, serve(certificate), _account())
    assert reason == f"the certificate of {DOMAIN} is self-signed, by nobody we trust: set tls_ca"


async def test_a_self_signed_certificate_may_be_named_as_its_own_authority(
    make_network: Any, serve: Any, authority: Any, san: Any
) -> None:
    certificate = authority.issue(san["dns"](DOMAIN), common_name=DOMAIN, self_signed=True)
    account = Account("sip:a@example.com", name="a", tls_ca=certificate)
    assert isinstance(await _connect(make_network, serve(certificate), account), FlowOpened)


async def test_tls_1_1_is_refused(make_network: Any, serve: Any, authority: Any, san: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(authority.issue(san["dns"](DOMAIN)))
    reason = await _connect(make_network, serve(context), _account(authority))
    assert reason == "the server speaks only TLS older than 1.2, which is refused"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(
    make_network: Any, serve: Any, authority: Any, san: Any, version: ssl.TLSVersion
) -> None:
    context = server_context(authority.issue(san["dns"](DOMAIN)))
    context.minimum_version = context.maximum_version = version
    assert isinstance(await _connect(make_network, serve(context), _account(authority)), FlowOpened)


async def test_sni_asks_for_the_domain(make_network: Any, serve: Any, authority: Any, san: Any) -> None:
    server = serve(authority.issue(san["dns"](DOMAIN)))
    await _connect(make_network, server, _account(authority))
    assert server.names == [DOMAIN]


async def test_no_sip_in_the_clear_to_a_server_without_tls(make_network: Any, serve: Any, authority: Any) -> None:
    server = serve(None)
    reason = await _connect(make_network, server, _account(authority))
    assert reason == "the server does not speak TLS on this port"
    assert [data[:1] for data in server.received] == [b"\x16"]  # a ClientHello, and no second try
    assert server.connections == 1


async def test_a_handshake_that_never_ends(make_network: Any, authority: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        network, inbox = make_network(_account(authority), limits=Limits(connect_timeout=0.2))
        network.perform(Connect(1, Target("tls", "127.0.0.1", silent.getsockname()[1], DOMAIN), "a"))
        assert (await inbox.one(ConnectFailed)).reason == "no answer within 0.2 s"


async def test_a_server_that_hangs_up_in_the_handshake(make_network: Any, authority: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        network, inbox = make_network(_account(authority))
        network.perform(Connect(1, Target("tls", "127.0.0.1", server.getsockname()[1], DOMAIN), "a"))
        peer, _ = await asyncio.to_thread(server.accept)
        await asyncio.to_thread(peer.recv, 1000)
        peer.close()
        assert "TLS handshake" in (await inbox.one(ConnectFailed)).reason


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("no certificate", "holds no certificate")])
async def test_a_bad_tls_ca_names_the_file(make_network: Any, tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    network, inbox = make_network(Account("sip:a@example.com", name="a", tls_ca=str(path)))
    network.perform(Connect(1, Target("tls", "127.0.0.1", 5061, DOMAIN), "a"))
    reason = (await inbox.one(ConnectFailed)).reason
    assert str(path) in reason
    assert words in reason


async def test_a_new_tls_ca_file_is_read_again(
    make_network: Any, serve: Any, authority: Any, stranger: Any, san: Any, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    shutil.copy(stranger.path, path)
    server = serve(authority.issue(san["dns"](DOMAIN)))
    network, inbox = make_network(Account("sip:a@example.com", name="a", tls_ca=str(path)))
    target = Target("tls", "127.0.0.1", server.port, DOMAIN)
    network.perform(Connect(1, target, "a"))
    await inbox.one(ConnectFailed)
    other = tmp_path / "new.pem"
    shutil.copy(authority.path, other)
    other.replace(path)
    network.perform(Connect(2, target, "a"))
    assert (await inbox.one(FlowOpened)).request == 2


async def test_not_verifying_is_loud_once(
    make_network: Any, serve: Any, stranger: Any, san: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(stranger.issue(san["dns"]("other.example"), days=(-9, -3)))
    network, inbox = make_network(_account(tls_verify=False))
    with caplog.at_level(logging.WARNING, "sipclient.transport"):
        for request in (1, 2):
            network.perform(Connect(request, Target("tls", "127.0.0.1", server.port, DOMAIN), "a"))
            await inbox.until(FlowOpened, request)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"tls_verify = false: the certificate of tls:{DOMAIN} is NOT checked" in caplog.text
    assert [traced.account for traced in inbox.traced] == ["a"]
    assert "NOT checked" in inbox.traced[0].text


async def test_two_networks_meet_over_tls(make_network: Any, authority: Any, san: Any) -> None:
    ours, inbox = make_network(_account(authority))
    theirs, outbox = make_network()
    context = server_context(authority.issue(san["dns"](DOMAIN)))
    host, port = await theirs.listen("tls", "127.0.0.1", 0, tls=context)
    ours.perform(Connect(1, Target("tls", host, port, DOMAIN), "a"))
    flow = (await inbox.one(FlowOpened)).flow
    ours.perform(Send(flow, PING))
    there = await outbox.one(Packet)
    assert (there.data, there.flow.transport, there.flow.local_port) == (PING, "tls", port)
    theirs.perform(Send(there.flow, b"\r\n"))
    assert await inbox.one(Packet) == Packet(flow, b"\r\n")
    await theirs.close()
    assert (await inbox.one(FlowClosed)).flow == flow


async def test_tls_connections_of_others_are_bounded_apart(make_network: Any, authority: Any, san: Any) -> None:
    network, inbox = make_network(limits=Limits(accepted_tls_connections=2))
    context = server_context(authority.issue(san["dns"](DOMAIN)))
    tls_address = await network.listen("tls", "127.0.0.1", 0, tls=context)
    tcp_address = await network.listen("tcp", "127.0.0.1", 0)
    trusting = ssl.create_default_context(cafile=authority.path)
    writers = []
    for count in (1, 2):
        _, writer = await asyncio.open_connection(*tls_address, ssl=trusting, server_hostname=DOMAIN)
        writer.write(PING)
        await inbox.until(Packet, count)
        writers.append(writer)
    with pytest.raises(OSError):  # a reset or an end of file, as the loop has it
        await asyncio.open_connection(*tls_address, ssl=trusting, server_hostname=DOMAIN)
    _, writer = await asyncio.open_connection(*tcp_address)
    writer.write(PING)
    await inbox.until(Packet, 3)
    for each in (*writers, writer):
        each.close()
        with contextlib.suppress(OSError):
            await each.wait_closed()


async def test_garbage_at_our_tls_port_harms_nobody(
    make_network: Any, authority: Any, san: Any, eventually: Any
) -> None:
    network, inbox = make_network(limits=Limits(accepted_connections=2))
    context = server_context(authority.issue(san["dns"](DOMAIN)))
    address = await network.listen("tls", "127.0.0.1", 0, tls=context)
    (listener,) = network._streams._listeners
    for _ in range(5):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        await eventually(lambda: listener.accepted == 0)
    assert inbox.inputs == []
