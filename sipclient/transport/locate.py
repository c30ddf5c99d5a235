"""RFC 3263 without a name server: what `server =` or a URI asks for, and how answers are ordered. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sipclient.errors import MalformedMessage
from sipclient.message import SipUri, parse_uri
from sipclient.protocol.events import Target
from sipclient.transport.addresses import canonical, is_numeric, split_host_port

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

_SCHEMES = frozenset(DEFAULT_PORTS)
_NAPTR_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_PREFIXES = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_HOST = re.compile(r"[^\W-]([\w-]{0,61}\w)?(\.[^\W-]([\w-]{0,61}\w)?)*\.?")
_PATH_BEGINS = re.compile(r"[/?#]")
_PATH = re.compile(r"[!-~]*")
_SERVER_FORMS = "expected udp:host[:port], tcp:, tls:, ws://, wss:// or a SIP URI"

Draw = Callable[[int], int]  # draw(n) gives an integer from 0 to n, both included


class Server(msgspec.Struct, frozen=True):
    """Where packets shall go, before any name is looked up."""

    host: str  # a name, or an IP literal in its canonical spelling
    port: int = 0  # 0: not said
    transport: str = ""  # "": not said
    secure: bool = False  # `sips:`, nothing but TLS will do
    domain: str = ""  # whom a TLS certificate must speak for
    path: str = ""  # what a WebSocket asks for; "" for the root

    @property
    def numeric(self) -> bool:
        """Whether `host` is an address already."""
        return is_numeric(self.host)

    @property
    def likely_transport(self) -> str:
        """The transport where nothing names one: RFC 3263 §4.1."""
        return self.transport or ("tls" if self.secure else "udp")

    @property
    def likely_port(self) -> int:
        """The port where nothing names one: RFC 3261 §19.1.2."""
        return self.port or DEFAULT_PORTS[self.likely_transport]


class Naptr(msgspec.Struct, frozen=True):
    """What a NAPTR record says (RFC 3403), as far as RFC 3263 §4.1 uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(msgspec.Struct, frozen=True):
    """What an SRV record says (RFC 2782). `target` has no final dot; "": there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


def parse_server(text: str) -> Server:
    """Read `server =` or a SIP URI. Raises ValueError that says what is wrong."""
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if colon and scheme in ("sip", "sips"):
        return _of_uri(text.strip())
    if colon and scheme in _SCHEMES:
        place, path = rest.removeprefix("//"), ""
        if scheme in ("ws", "wss"):
            place, path = _split_path(place, text)
        host, port = split_host_port(place)
        server = _server(text, host, port, scheme, secure=scheme in ("tls", "wss"))
        return msgspec.structs.replace(server, path=path)
    host, port = split_host_port(text.strip())
    return _server(text, host, port, "", secure=False)


def services(server: Server) -> list[tuple[str, str]]:
    """Transport and SRV name of each service to ask for where NAPTR says nothing. RFC 3263 §4.1, §4.2."""
    if server.transport:
        wanted: tuple[str, ...] = (server.transport,)
    else:
        wanted = ("tls",) if server.secure else ("udp", "tcp", "tls")
    return [(transport, _SRV_PREFIXES[transport] + server.host) for transport in wanted if transport in _SRV_PREFIXES]


def choose_naptr(records: Iterable[Naptr], *, secure: bool) -> list[tuple[str, str]]:
    """Transport and SRV name of each service that we speak, best first. RFC 3263 §4.1.

    `secure` (a `sips:` URI) leaves TLS only. Records with other flags or services are not for us.
    """
    usable = []
    for record in records:
        transport = _NAPTR_SERVICES.get(record.service.upper())
        if transport is None or record.flags.lower() != "s" or not record.replacement:
            continue
        if transport == "tls" or not secure:
            usable.append((record.order, record.preference, transport, record.replacement))
    usable.sort(key=lambda entry: entry[:2])
    return [(transport, name) for _, _, transport, name in usable]


def order_srv(records: Iterable[Srv], draw: Draw) -> list[Srv]:
    """The order in which to try SRV records: by priority, within it at random by weight. RFC 2782."""
    by_priority: dict[int, list[Srv]] = {}
    for record in records:
        if record.target and record.port:
            by_priority.setdefault(record.priority, []).append(record)
    ordered = []
    for priority in sorted(by_priority):
        # Weight 0 goes to the front, so that it is drawn at all but rarely; the rest of the order is free, and
        # is fixed here so that the same draws give the same result whatever order the server answers in.
        waiting = sorted(by_priority[priority], key=lambda record: (record.weight, record.target, record.port))
        while waiting:
            chosen = _drawn(waiting, draw)
            waiting.remove(chosen)
            ordered.append(chosen)
    return ordered


def without_downgrade(targets: Iterable[Target]) -> list[Target]:
    """Drop each repeated target, and whatever is not encrypted behind one that is.

    A domain that asks for TLS first must not be had without it by whoever can block a port.
    """
    kept: list[Target] = []
    encrypted = False
    for target in targets:
        encrypted = encrypted or target.transport in ("tls", "wss")
        if target not in kept and (not encrypted or target.transport in ("tls", "wss")):
            kept.append(target)
    return kept


def _drawn(waiting: Sequence[Srv], draw: Draw) -> Srv:
    mark = draw(sum(record.weight for record in waiting))
    running = 0
    for record in waiting:
        running += record.weight
        if running >= mark:
            return record
    return waiting[-1]


def _split_path(place: str, text: str) -> tuple[str, str]:
    """Host and port, and the path and query behind them; `text` is for the error."""
    found = _PATH_BEGINS.search(place)
    if found is None:
        return place, ""
    path = place[found.start() :].partition("#")[0]
    if _PATH.fullmatch(path) is None:
        raise ValueError(f"{text!r}: the path may hold visible ASCII characters only; write others as %41")
    return place[: found.start()], f"/{path.removeprefix('/')}" if path else ""


def _of_uri(text: str) -> Server:
    try:
        uri = parse_uri(text)
    except MalformedMessage as error:
        raise ValueError(f"{text!r}: {error.reason}") from None
    if not isinstance(uri, SipUri):
        raise ValueError(f"{text!r} is not a SIP URI")
    secure = uri.scheme == "sips"
    transport = (uri.transport or "").lower()
    if transport and transport not in _SCHEMES:
        raise ValueError(f"{text!r}: this version does not speak {transport}")
    if secure and transport:
        if transport == "udp":
            raise ValueError(f"{text!r}: sips needs TLS, which does not run over UDP")
        transport = {"tcp": "tls", "ws": "wss"}.get(transport, transport)
    # RFC 3263 §4: maddr says where to send; the certificate must still speak for the URI's own domain.
    host = uri.params.get("maddr") or uri.host
    server = _server(text, host, uri.port or 0, transport, secure=secure)
    return msgspec.structs.replace(server, domain=_host(uri.host))


def _server(text: str, host: str, port: int, transport: str, *, secure: bool) -> Server:
    bare = host.strip("[]")
    if not is_numeric(bare) and (len(bare) > 253 or not _HOST.fullmatch(bare)):
        raise ValueError(f"{text!r}: {host!r} is not a host name or address; {_SERVER_FORMS}")
    named = _host(bare)
    return Server(named, port, transport, secure, named)


def _host(host: str) -> str:
    bare = host.strip("[]")
    return canonical(bare) if is_numeric(bare) else bare.rstrip(".").lower()
