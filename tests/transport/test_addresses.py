"""Addresses: one spelling each, and what `local` may say."""

from __future__ import annotations

import socket

import pytest

from sipclient.transport.addresses import (
    canonical,
    family_of,
    host_of,
    parse_bind,
    shown,
    socket_address,
    source_address,
    wildcard,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("", "", 0),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("192.0.2.1:5060", "192.0.2.1", 5060),
        ("192.0.2.1", "192.0.2.1", 0),
        (":5060", "", 5060),
        ("[::]:5060", "::", 5060),
        ("[2001:DB8::1]", "2001:db8::1", 0),
        ("2001:db8::1", "2001:db8::1", 0),
    ],
)
def test_what_local_may_say(text: str, host: str, port: int) -> None:
    assert parse_bind(text) == (host, port)


@pytest.mark.parametrize("text", ["pbx.example.com:5060", "192.0.2.1:x", "192.0.2.1:", "[::", "[::]5060", "[x]:1"])
def test_what_local_may_not_say(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_bind(text)
    assert repr(text) in str(caught.value)


def test_spellings() -> None:
    assert canonical("2001:DB8:0::1") == "2001:db8::1"
    assert (family_of("::1"), family_of("127.0.0.1")) == (socket.AF_INET6, socket.AF_INET)
    assert (wildcard(socket.AF_INET6), wildcard(socket.AF_INET)) == ("::", "0.0.0.0")
    assert (shown("::1", 5060), shown("127.0.0.1", 5060)) == ("[::1]:5060", "127.0.0.1:5060")


def test_a_zone_survives_the_way_to_the_socket_and_back() -> None:
    address = socket_address("fe80::1%lo", 5060)
    assert len(address) == 4
    assert address[3] == socket.if_nametoindex("lo")
    assert host_of(address) == f"fe80::1%{address[3]}"
    assert host_of(("192.0.2.1", 1)) == "192.0.2.1"


def test_a_zone_is_the_number_of_its_interface() -> None:
    """RFC 4007 §11: so a target that was configured by name is the flow that packets come from."""
    number = socket.if_nametoindex("lo")
    assert canonical("FE80::1%lo") == canonical(f"fe80::1%{number}") == f"fe80::1%{number}"
    with pytest.raises(ValueError, match="no interface 'nowhere0'"):
        canonical("fe80::1%nowhere0")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback_is_reached_from_loopback(host: str) -> None:
    assert source_address(socket_address(host, 5060)) == host
