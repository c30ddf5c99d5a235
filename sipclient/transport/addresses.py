"""Addresses as text and as the socket module wants them: one spelling each, so that flows compare equal."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TypeAlias

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

WILDCARDS = frozenset(("", "0.0.0.0", "::"))


def is_numeric(host: str) -> bool:
    """Whether `host` is an IP literal (without brackets; an IPv6 zone is allowed)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def canonical(host: str) -> str:
    """The one spelling of an IP literal that this package compares. Raises ValueError where it is none.

    The zone of a link-local IPv6 address (RFC 4007 §11) is the number of its interface, as sockets tell it.
    """
    address, percent, zone = str(ip_address(host)).partition("%")
    if not percent or zone.isdecimal():
        return f"{address}{percent}{zone}"
    try:
        return f"{address}%{socket.if_nametoindex(zone)}"
    except OSError:
        raise ValueError(f"{host!r}: this machine has no interface {zone!r}") from None


def family_of(host: str) -> socket.AddressFamily:
    """The family of an IP literal; anything with a colon is IPv6."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def wildcard(family: socket.AddressFamily) -> str:
    """The address that means every address."""
    return "::" if family == socket.AF_INET6 else "0.0.0.0"


def socket_address(host: str, port: int) -> SocketAddress:
    """What `connect` and `sendto` take, the IPv6 zone resolved. Never asks a name server. Raises OSError."""
    if ":" not in host:
        return (host, port)
    answers = socket.getaddrinfo(host, port, socket.AF_INET6, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
    address: SocketAddress = answers[0][4]  # type: ignore[assignment]  # AF_INET6 gives these four
    return address


def host_of(address: SocketAddress) -> str:
    """The host of a socket address as text, with its zone where it has one (link-local IPv6)."""
    if len(address) == 4 and address[3] and "%" not in address[0]:
        return f"{address[0]}%{address[3]}"
    return address[0]


def source_address(remote: SocketAddress) -> str:
    """The local address that packets to `remote` leave from, as routing has it now. Raises OSError."""
    family = socket.AF_INET6 if len(remote) == 4 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(remote)
        local: SocketAddress = probe.getsockname()
        return host_of(local)


def parse_bind(text: str) -> tuple[str, int]:
    """Host ("" for any) and port (0 for any) of what an account's `local` says.

    That is `"192.0.2.1:5060"`, `"[::]:5060"`, `"192.0.2.1"`, `":5060"` or `""`. Raises ValueError that says
    what is wrong.
    """
    host, port = split_host_port(text)
    if host and not is_numeric(host):
        raise ValueError(f"local address {text!r}: {host!r} is not an IP address")
    return (canonical(host) if host else "", port)


def split_host_port(text: str) -> tuple[str, int]:
    """Host without brackets, and port (0 where there is none). Raises ValueError that says what is wrong."""
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r}: an IPv6 address in brackets is followed by a colon and a port")
        port = rest[1:]
        if rest == ":":
            raise ValueError(f"{text!r}: the port is missing after the colon")
        if not is_numeric(host) or ":" not in host:
            raise ValueError(f"{text!r}: {host!r} is not an IPv6 address")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError(f"{text!r}: the port is missing after the colon")
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError(f"{text!r}: {port!r} is not a port")
    return host, int(port or 0)


def shown(host: str, port: int) -> str:
    """Host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
