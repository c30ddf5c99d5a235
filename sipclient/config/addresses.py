"""Addresses as robot.toml writes them, and the question asked of each before a call leaves: is it allowed?

A target is split here strictly, and what does not split cleanly is not allowed: a text on which two parsers
could disagree must never reach the network by way of the allow-list.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Self

import msgspec

from sipclient.config.patterns import Pattern
from sipclient.config.values import Mistake, text_of

LONGEST_TARGET = 512

_HOST = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))"
_SIP = re.compile(
    rf"(sips?):(?:([^@:\s<>\"]+)@)?({_HOST})(?::(\d{{1,5}}))?((?:[;?][^@\s<>\"]*)?)", re.ASCII | re.IGNORECASE
)
_TEL = re.compile(r"tel:(\+?[0-9A-Da-d*#().-]+)(;[^@\s<>\"]*)?", re.ASCII | re.IGNORECASE)
_USER = re.compile(r"(?:[A-Za-z0-9_.!~*'()&=+$,;?/#-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_NUMBER = re.compile(r"(?:[A-Za-z0-9_.!~*'()&=+$,#-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SEPARATORS = str.maketrans("", "", "().-")
_HOST_PORT = re.compile(rf"({_HOST})(?::(\d{{1,5}}))?", re.ASCII)
_DEFAULT_PORTS = {"sip": "5060", "sips": "5061"}


class Target(msgspec.Struct, frozen=True):
    """A dial target taken apart: a bare number has neither scheme nor host, a tel URI no host."""

    scheme: str
    user: str
    host: str = ""  # lower case, brackets kept; with ":port" where that is not the scheme's own

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None where the text is no target that reads in only one way.

        A `maddr` sends the request elsewhere than its host says (RFC 3261 §19.1.1), and a password in the
        user part is deprecated there: both are refused.
        """
        if len(text) > LONGEST_TARGET:
            return None
        if found := _SIP.fullmatch(text):
            scheme, user, host, port, parameters = found.groups()
            parameters = parameters.partition("?")[0].lower()
            if ";maddr" in parameters or "%" in parameters or (user is not None and not _USER.fullmatch(user)):
                return None
            ours = port is None or port == _DEFAULT_PORTS[scheme.lower()]
            return cls(scheme.lower(), _unescaped(user or ""), host.lower() + ("" if ours else f":{port}"))
        if found := _TEL.fullmatch(text):
            return None if ";phone-context" in (found[2] or "").lower() else cls("tel", found[1].translate(_SEPARATORS))
        return cls("", _unescaped(text)) if _NUMBER.fullmatch(text) else None


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
        parsed = Target.parse(text_of(value, "an address"))
        if parsed is None or parsed.scheme not in _DEFAULT_PORTS or not parsed.user:
            raise Mistake(f'an address is like "sip:robot@pbx.example.com", not "{value}"')
        return cls(value)

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
                f'a server is like "udp:192.0.2.10:5060", "tls:pbx.example.com" or "wss://host/ws", not "{text}"'
            )
        split_host_port(place, text)
        return cls(text)

    @property
    def transport(self) -> str:
        """`udp`, `tcp`, `tls`, `ws`, `wss`, or empty."""
        return self.partition(":")[0]


class HostPort(str):
    """An address and a port to bind or to reach: `0.0.0.0:0`, `[::1]:8080`."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string; the port must be given."""
        text = text_of(value, "an address with a port")
        if not split_host_port(text, text)[1]:
            raise Mistake(f'"{text}" lacks a port: write "{text}:8080", or ":0" to let the system choose')
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
            raise Mistake(f'"{text}" is no IP address or network, like "192.0.2.10" or "10.0.0.0/8"') from error
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
            raise Mistake(f'"{text}" is no IP address, like "192.0.2.10" or "2001:db8::1"') from error
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
            raise Mistake(f'a STUN or TURN server is like "stun:stun.example.com:3478", not "{text}"')
        split_host_port(place, text)
        return cls(text)


def split_host_port(place: str, text: str) -> tuple[str, str]:
    """Host (brackets kept) and port (empty where none) of `place`. Raises Mistake about the whole `text`."""
    found = _HOST_PORT.fullmatch(place)
    if found is None or int(found[2] or 0) > 65535:
        raise Mistake(f'"{text}" names no host (IPv6 in brackets) with a port up to 65535')
    return found[1], found[2] or ""


def _sip_texts(target: Target, host: str) -> list[str]:
    if not host:
        return []
    place = f"{target.user}@{host}" if target.user else host
    schemes = ("sip", "sips") if target.scheme == "sips" else ("sip",)
    return [f"{scheme}:{place}" for scheme in schemes]


def _unescaped(user: str) -> str:
    """Escapes of unreserved characters undone, others in capitals: `%37%40` is `7%40` (RFC 3261 §19.1.4)."""

    def plain(found: re.Match[str]) -> str:
        character = chr(int(found[1], 16))
        return (
            character if character.isascii() and (character.isalnum() or character in "-_.!~*'()") else found[0].upper()
        )

    return _ESCAPE.sub(plain, user)
