"""Addresses as robot.toml writes them, and the question asked of each before a call leaves: is it allowed?

Targets are read by the same parser that writes them into a request, so the two cannot disagree about where a
call goes; what it refuses is not allowed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Self

import msgspec

from sipclient.config.patterns import Pattern
from sipclient.config.values import Mistake, quoted, text_of
from sipclient.errors import MalformedMessage
from sipclient.message import OtherUri, SipUri, TelUri, parse_uri

LONGEST_TARGET = 512
_ELSEWHERE = "number.invalid"  # stands for the domain of whoever dials the number (RFC 2606 §2)

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252})(?::(\d{1,5}))?", re.ASCII)
_DIAL_STRING = re.compile(r"^\s*[\[{]|^\s*[A-Za-z_.]+/|[,|]")
_DEFAULT_PORTS = {"sip": 5060, "sips": 5061}


class Target(msgspec.Struct, frozen=True):
    """A dial target taken apart: a bare number has neither scheme nor host, a tel URI no host."""

    scheme: str
    user: str
    host: str = ""  # lower case, IPv6 in brackets; with ":port" where that is not the scheme's own

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None where the text is no target, or one that does not lead where it says.

        `user@host` is taken for a sip: URI. A `maddr` sends the request elsewhere than the host says
        (RFC 3261 §19.1.1), headers after a `?` write into the request that reaches it, a `phone-context` makes the
        number another (RFC 3966 §5.1.5), and a password in the user part is deprecated: all four are refused.
        """
        named = text.partition(":")[0].lower() in ("sip", "sips", "tel")
        bare = not named and "@" not in text
        try:
            uri = parse_uri(text if named else f"sip:{text}@{_ELSEWHERE}" if bare else f"sip:{text}")
        except MalformedMessage:
            return None
        if len(text) > LONGEST_TARGET or isinstance(uri, OtherUri):
            return None
        if isinstance(uri, TelUri):
            return None if "phone-context" in uri.params else cls("tel", uri.digits)
        if uri.password is not None or "maddr" in uri.params or uri.headers:
            return None
        return cls("", _unescaped(uri.user)) if bare else cls(uri.scheme, _unescaped(uri.user), _place(uri))


def is_dial_string(text: str) -> bool:
    """Whether it is more than a target by itself: who reads dial strings knows whom it calls."""
    return _DIAL_STRING.search(text) is not None


def allowed(allow: Sequence[Pattern], target: str, domain: str = "") -> bool:
    """Whether one of the `[dial] allow` patterns names this target; none allows nothing.

    `domain` is that of the account that would call: a bare number is dialled there, and the pattern of a
    number means that number there and nowhere else. A `sip:` pattern stands for `sips:` too; a port other
    than the scheme's own must be in the pattern.
    """
    parsed = Target.parse(target)
    if parsed is None:
        return False
    host, domain = parsed.host, domain.lower()
    local = parsed.scheme in ("", "tel") or (host == domain != "")
    uris = [f"tel:{parsed.user}"] if parsed.scheme == "tel" else _sip_texts(parsed, host or domain)
    return any(
        any(map(pattern.matches, uris)) if pattern.uri else local and pattern.matches(parsed.user) for pattern in allow
    )


class SipAddress(str):
    """A `sip:` or `sips:` address with user and host: `sip:robot@pbx.example.com`."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string."""
        text = text_of(value, "an address")
        parsed = Target.parse(text)
        if parsed is None or parsed.scheme != text.partition(":")[0].lower() or not (parsed.user and parsed.host):
            raise Mistake(f'an address is like "sip:robot@pbx.example.com", not {quoted(text)}')
        return cls(text)

    @property
    def domain(self) -> str:
        """Host, and port where it is not the scheme's own, in lower case."""
        parsed = Target.parse(self)
        return parsed.host if parsed else ""


class Server(str):
    """Where packets go: `udp:192.0.2.10:5060`, `tcp:host`, `tls:host`, `ws://host/path`, `wss://host/path`.

    Empty: where RFC 3263 leads from the address's domain.
    """

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string."""
        text = text_of(value, "a server")
        transport, colon, rest = text.partition(":")
        if colon and transport in ("ws", "wss") and rest.startswith("//"):
            place = re.split(r"[/?#]", rest[2:], maxsplit=1)[0]
        elif colon and transport in ("udp", "tcp", "tls"):
            place = rest
        else:
            raise Mistake(
                f'a server is like "udp:192.0.2.10:5060", "tls:pbx.example.com" or "wss://host/ws", not {quoted(text)}'
            )
        split_host_port(place, text)
        return cls(text)

    @property
    def transport(self) -> str:
        """`udp`, `tcp`, `tls`, `ws`, `wss`, or empty."""
        return self.partition(":")[0]


class Collector(str):
    """Where HEP packets go: `udp:homer.example.com:9060`."""

    __slots__ = ()
    PORT = 9060

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string; the port may be left out."""
        text = text_of(value, "a server")
        transport, _, place = text.partition(":")
        if transport != "udp":
            raise Mistake(f'HEP packets go by UDP: "udp:homer.example.com:{cls.PORT}", not {quoted(text)}')
        split_host_port(place, text)
        return cls(text)

    @property
    def place(self) -> tuple[str, int]:
        """Host, IPv6 without its brackets, and port."""
        host, port = split_host_port(self.partition(":")[2], self)
        return host.strip("[]"), int(port or self.PORT)


class HostPort(str):
    """An address and a port to bind or to reach: `0.0.0.0:0`, `[::1]:8080`."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string; the port must be given."""
        text = text_of(value, "an address with a port")
        if not split_host_port(text, text)[1]:
            given, fit = quoted(text), quoted(f"{text}:8080")
            raise Mistake(f'{given} lacks a port: write {fit}, or ":0" to let the system choose')
        return cls(text)

    @property
    def host(self) -> str:
        """The host without brackets."""
        return split_host_port(self, self)[0].strip("[]")

    @property
    def port(self) -> int:
        """0 lets the system choose."""
        return int(split_host_port(self, self)[1])

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Network(str):
    """An IP address or network: `192.0.2.10`, `10.0.0.0/8`, `2001:db8::/32`."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string."""
        text = text_of(value, "a peer")
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            raise Mistake(f'{quoted(text)} is no IP address or network, like "192.0.2.10" or "10.0.0.0/8"') from error
        return cls(text)


class IpAddress(str):
    """An IP address."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string."""
        text = text_of(value, "an IP address")
        try:
            ipaddress.ip_address(text)
        except ValueError as error:
            raise Mistake(f'{quoted(text)} is no IP address, like "192.0.2.10" or "2001:db8::1"') from error
        return cls(text)


class IceServer(str):
    """`stun:host:3478`, `turn:host:3478?transport=udp`, `turns:host` (RFC 7064, RFC 7065)."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string."""
        text = text_of(value, "a STUN or TURN server")
        scheme, _, rest = text.partition(":")
        place, mark, query = rest.partition("?")
        if scheme not in ("stun", "turn", "turns") or (mark and query not in ("transport=udp", "transport=tcp")):
            raise Mistake(f'a STUN or TURN server is like "stun:stun.example.com:3478", not {quoted(text)}')
        split_host_port(place, text)
        return cls(text)


def split_host_port(place: str, text: str) -> tuple[str, str]:
    """Host (brackets kept) and port (empty where none) of `place`. Raises Mistake about the whole `text`."""
    found = _HOST_PORT.fullmatch(place)
    if found is None or int(found[2] or 0) > 65535:
        raise Mistake(f"{quoted(text)} names no host (IPv6 in brackets) with a port up to 65535")
    return found[1], found[2] or ""


def _sip_texts(target: Target, host: str) -> list[str]:
    if not host:
        return []
    place = f"{target.user}@{host}" if target.user else host
    schemes = ("sip", "sips") if target.scheme == "sips" else ("sip",)
    return [f"{scheme}:{place}" for scheme in schemes]


def _place(uri: SipUri) -> str:
    host = f"[{uri.host}]" if uri.is_ipv6 else uri.host
    return host.lower() + ("" if uri.port in (None, _DEFAULT_PORTS[uri.scheme]) else f":{uri.port}")


def _unescaped(user: str) -> str:
    """Escapes of unreserved characters undone, others in capitals: `%37%40` is `7%40` (RFC 3261 §19.1.4)."""

    def plain(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return (
            character if character.isascii() and (character.isalnum() or character in "-_.!~*'()") else found[0].upper()
        )

    return _ESCAPE.sub(plain, user)
