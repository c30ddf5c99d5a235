"""Addresses as logs write them: `udp/[192.0.2.1]:5060`, `UDP://host:5060`, `udp:192.0.2.1:5060`, `[::1]:5060`."""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from sipclient.trace.record import NOWHERE, Address, known

_VIA = re.compile(r"(udp|tcp|tls|wss|ws|sctp)(?::(?://)?|/)(?=\S)", re.I)
_BRACKETS = re.compile(r"\[([^\[\]\s]+)\]:?(\d{0,5})")
_PLAIN = re.compile(r"([^\s:\[\]]+):\[?(\d{1,5})\]?")


def place(text: str, *, ported: bool = False) -> tuple[str, Address]:
    """The transport ("" if it is not there) and the address; NOWHERE where the text is none.

    `ported` says that a port is there: what follows the last colon is it, of IPv6 without brackets too.
    """
    transport = ""
    if found := _VIA.match(text):
        transport, text = found[1].upper(), text[found.end() :]
    text = text.strip().rstrip(",;")
    if match := _BRACKETS.fullmatch(text) or _PLAIN.fullmatch(text):
        return transport, _address(match[1], match[2])
    host, _, port = text.rpartition(":")
    if _is_ipv6(host) and port.isdecimal() and (ported or not _is_ipv6(text)):
        return transport, _address(host, port)
    return transport, _address(text, "") if text and not re.search(r"[\s/]", text) else NOWHERE


def _address(host: str, port: str) -> Address:
    number = int(port or 0)
    return known(host, number if number < 65536 else 0)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
