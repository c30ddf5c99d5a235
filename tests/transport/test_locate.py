"""RFC 3263 and RFC 2782 as tables: what a server setting means, and in which order answers are tried."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from sipclient.protocol.events import Target
from sipclient.transport.locate import (
    Naptr,
    Server,
    Srv,
    choose_naptr,
    order_srv,
    parse_server,
    services,
    without_downgrade,
)


@pytest.mark.parametrize(
    ("text", "host", "port", "transport", "secure"),
    [
        ("udp:192.0.2.10:5060", "192.0.2.10", 5060, "udp", False),
        ("udp:192.0.2.10", "192.0.2.10", 0, "udp", False),
        ("tcp:pbx.example.com", "pbx.example.com", 0, "tcp", False),
        ("TLS:PBX.Example.COM.:5071", "pbx.example.com", 5071, "tls", True),
        ("tls:[2001:DB8::1]:5061", "2001:db8::1", 5061, "tls", True),
        ("tls:[2001:db8::1]", "2001:db8::1", 0, "tls", True),
        ("udp:2001:db8::1", "2001:db8::1", 0, "udp", False),
        ("udp://pbx.example.com:5080", "pbx.example.com", 5080, "udp", False),
        ("ws://pbx.example.com:8088/ws", "pbx.example.com", 8088, "ws", False),
        ("wss://pbx.example.com/ws", "pbx.example.com", 0, "wss", True),
        ("pbx.example.com", "pbx.example.com", 0, "", False),
        ("pbx.example.com:5080", "pbx.example.com", 5080, "", False),
        ("192.0.2.1", "192.0.2.1", 0, "", False),
        ("localhost:5080", "localhost", 5080, "", False),
        ("sip:robot@example.com", "example.com", 0, "", False),
        ("sip:example.com:5070;transport=TCP", "example.com", 5070, "tcp", False),
        ("sip:example.com;transport=tls", "example.com", 0, "tls", False),
        ("sips:robot@example.com", "example.com", 0, "", True),
        ("sips:example.com;transport=tcp", "example.com", 0, "tls", True),
        ("sips:example.com;transport=tls", "example.com", 0, "tls", True),
        ("sips:example.com;transport=ws", "example.com", 0, "wss", True),
        ("sip:robot@[2001:DB8::7]:5090", "2001:db8::7", 5090, "", False),
        ("sip:192.0.2.7;lr", "192.0.2.7", 0, "", False),
        ("udp:my_pbx.local", "my_pbx.local", 0, "udp", False),
        ("tls:bücher.example", "bücher.example", 0, "tls", True),
    ],
)
def test_a_server_is_read(text: str, host: str, port: int, transport: str, secure: bool) -> None:
    server = parse_server(text)
    assert (server.host, server.port, server.transport, server.secure) == (host, port, transport, secure)
    assert server.domain == host


@pytest.mark.parametrize(
    ("text", "host", "path"),
    [
        ("ws://pbx.example.com:8088/ws", "pbx.example.com", "/ws"),
        ("wss://pbx.example.com/a/b?token=c/d#top", "pbx.example.com", "/a/b?token=c/d"),
        ("wss://[2001:db8::1]:7443?x", "2001:db8::1", "/?x"),
        ("wss://pbx.example.com/", "pbx.example.com", "/"),
        ("wss://pbx.example.com#x", "pbx.example.com", ""),
        ("wss:pbx.example.com", "pbx.example.com", ""),
    ],
)
def test_a_websocket_has_a_path(text: str, host: str, path: str) -> None:
    server = parse_server(text)
    assert (server.host, server.path) == (host, path)


def test_maddr_says_where_to_send_and_the_domain_whom_to_trust() -> None:
    server = parse_server("sips:robot@example.com;maddr=192.0.2.9")
    assert (server.host, server.domain) == ("192.0.2.9", "example.com")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "expected udp:host"),
        ("udp:", "expected udp:host"),
        ("udp:pbx example", "expected udp:host"),
        ("udp:-pbx", "expected udp:host"),
        ("udp:pbx..example", "expected udp:host"),
        ("udp:" + "a" * 64 + ".example", "expected udp:host"),
        ("udp:" + ".".join(["abcdefgh"] * 30), "expected udp:host"),
        ("udp:pbx:", "the port is missing"),
        ("udp:pbx:sip", "is not a port"),
        ("udp:pbx:70000", "is not a port"),
        ("udp:pbx:²", "is not a port"),
        ("udp:[2001:db8::1", "in brackets"),
        ("udp:[2001:db8::1]5060", "in brackets"),
        ("udp:[2001:db8::1]:", "the port is missing"),
        ("udp:[pbx]:5060", "is not an IPv6 address"),
        ("sctp:pbx", "is not a port"),
        ("sips:example.com;transport=udp", "sips needs TLS"),
        ("sip:example.com;transport=sctp", "does not speak sctp"),
        ("tel:+49123", "is not a port"),
        ("sip:", "sip:"),
        ("sip:robot@", "sip:robot@"),
        ("pbx\r\nX", "expected udp:host"),
        ("pbx\0", "expected udp:host"),
        ("wss://pbx/a b", "visible ASCII"),
        ("ws://pbx/\r\nX: y", "visible ASCII"),
        ("ws:///ws", "expected udp:host"),
    ],
)
def test_what_is_no_server_is_said_in_words(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_server(text)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("server", "transport", "port"),
    [
        (Server("h"), "udp", 5060),
        (Server("h", secure=True), "tls", 5061),
        (Server("h", transport="tcp"), "tcp", 5060),
        (Server("h", transport="wss"), "wss", 443),
        (Server("h", 7, "tls"), "tls", 7),
    ],
)
def test_defaults(server: Server, transport: str, port: int) -> None:
    assert (server.likely_transport, server.likely_port) == (transport, port)


@pytest.mark.parametrize(
    ("server", "names"),
    [
        (Server("x.example"), ["udp _sip._udp.x.example", "tcp _sip._tcp.x.example", "tls _sips._tcp.x.example"]),
        (Server("x.example", secure=True), ["tls _sips._tcp.x.example"]),
        (Server("x.example", transport="tcp"), ["tcp _sip._tcp.x.example"]),
        (Server("x.example", transport="wss"), []),
    ],
)
def test_services_without_naptr(server: Server, names: list[str]) -> None:
    assert [" ".join(pair) for pair in services(server)] == names


# The example of RFC 3263 §4.1.
RFC_3263 = [
    Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
    Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
    Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
]


@pytest.mark.parametrize(
    ("records", "secure", "chosen"),
    [
        (RFC_3263, False, ["tls", "tcp", "udp"]),
        (RFC_3263[::-1], False, ["tls", "tcp", "udp"]),
        (RFC_3263, True, ["tls"]),
        (RFC_3263[1:], True, []),
        ([], False, []),
        ([Naptr(1, 9, "S", "sip+d2u", "_a"), Naptr(1, 2, "s", "SIP+D2T", "_b")], False, ["tcp", "udp"]),
        ([Naptr(1, 1, "s", "SIP+D2W", "_w"), Naptr(2, 1, "s", "SIP+D2U", "_u")], False, ["udp"]),
        ([Naptr(1, 1, "u", "SIP+D2U", "_u")], False, []),
        ([Naptr(1, 1, "s", "E2U+sip", "_u")], False, []),
        ([Naptr(1, 1, "s", "SIP+D2U", "")], False, []),
    ],
)
def test_naptr_choice(records: list[Naptr], secure: bool, chosen: list[str]) -> None:
    assert [transport for transport, _ in choose_naptr(records, secure=secure)] == chosen


def test_naptr_names_the_service() -> None:
    assert choose_naptr(RFC_3263, secure=True) == [("tls", "_sips._tcp.example.com")]


def _srv(target: str, priority: int, weight: int, port: int = 5060) -> Srv:
    return Srv(priority, weight, port, target)


@pytest.mark.parametrize(
    ("records", "draws", "order"),
    [
        ([_srv("b", 20, 0), _srv("a", 10, 0)], [0, 0], "ab"),
        ([_srv("a", 1, 10), _srv("b", 1, 30)], [10, 0], "ab"),
        ([_srv("a", 1, 10), _srv("b", 1, 30)], [11, 0], "ba"),
        ([_srv("a", 1, 10), _srv("b", 1, 30)], [40, 0], "ba"),
        ([_srv("a", 1, 10), _srv("z", 1, 0)], [0, 0], "za"),  # weight 0 stands in front, and is drawn by a 0 only
        ([_srv("a", 1, 10), _srv("z", 1, 0)], [1, 0], "az"),
        ([_srv("", 1, 1), _srv("a", 2, 1)], [0], "a"),  # "." says: not here
        ([_srv("p", 1, 1, 0), _srv("a", 2, 1)], [0], "a"),
        ([], [], ""),
    ],
)
def test_srv_order(records: list[Srv], draws: list[int], order: str) -> None:
    left = iter(draws)
    assert "".join(record.target for record in order_srv(records, lambda most: min(next(left), most))) == order


def test_srv_weights_hold_in_the_long_run() -> None:
    rng = random.Random(7)
    records = [_srv("a", 1, 60), _srv("b", 1, 30), _srv("c", 1, 10)]
    first = Counter(order_srv(records, lambda most: rng.randint(0, most))[0].target for _ in range(5000))
    assert [round(first[name] / 5000, 1) for name in "abc"] == [0.6, 0.3, 0.1]


def test_a_draw_out_of_range_costs_nothing() -> None:
    assert len(order_srv([_srv("a", 1, 1), _srv("b", 1, 1)], lambda most: 99)) == 2


UDP, TCP, TLS, WSS = (Target(kind, "192.0.2.1", 5060) for kind in ("udp", "tcp", "tls", "wss"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([UDP, TCP, TLS], [UDP, TCP, TLS]),
        ([TLS, TCP, UDP], [TLS]),
        ([UDP, WSS, TCP, TLS], [UDP, WSS, TLS]),
        ([UDP, UDP, TCP, UDP], [UDP, TCP]),
        ([], []),
    ],
)
def test_nothing_in_the_clear_behind_something_encrypted(before: list[Target], after: list[Target]) -> None:
    assert without_downgrade(before) == after
