"""Addresses: which are private, and which a packet of the trace came from."""

from __future__ import annotations

import ipaddress


def is_private(host: str) -> bool:
    """Whether this is an IPv4 address that the internet does not route to: RFC 1918, RFC 6598, link-local."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    shared = address.version == 4 and address in ipaddress.ip_network("100.64.0.0/10")
    private = any(
        address.version == 4 and address in ipaddress.ip_network(each)
        for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
    )
    return shared or private


def is_public(host: str) -> bool:
    """Whether this is an address of the internet; those of documentation count, for they stand for some."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not (is_private(host) or address.is_loopback or address.is_unspecified or address.is_link_local)
