"""Addresses, and what `[dial] allow` lets pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config import HostPort, Mistake, Pattern, Server, SipAddress, allowed
from sipclient.config.addresses import IceServer, IpAddress, Network, Target

PBX = "pbx.example.com"

ALLOWED = [
    # patterns, target, allowed for an account at pbx.example.com?
    ([], "7000", False),
    (["7???"], "7000", True),
    (["7???"], "70000", False),
    (["7???"], "8000", False),
    (["7???"], "sip:7000@pbx.example.com", True),
    (["7???"], "SIP:7000@PBX.Example.com", True),
    (["7???"], "sips:7000@pbx.example.com", True),
    (["7???"], "sip:7000@pbx.example.com:5060", True),
    (["7???"], "sip:7000@pbx.example.com:5070", False),
    (["7???"], "sip:7000@evil.example.com", False),
    (["7???"], "sip:7000@pbx.example.com.evil.org", False),
    (["7???"], "sip:7000@pbx.example.com;transport=tcp", True),
    (["7???"], "sip:7000@pbx.example.com;maddr=192.0.2.66", False),
    (["7???"], "sip:7000@pbx.example.com;x=1;MADDR=192.0.2.66", False),
    (["7???"], "sip:7000@pbx.example.com;%6daddr=192.0.2.66", False),
    (["7???"], "sip:7000@pbx.example.com?Replaces=x", False),
    (["7???"], "sip:7000:secret@pbx.example.com", False),
    (["7???"], "sip:%37000@pbx.example.com", True),
    (["7???"], "%37000", True),
    (["????"], "%3700", False),
    (["7???"], "tel:7000", True),
    (["7???"], "tel:70-00", True),
    (["7???"], "tel:7000;phone-context=+1900", False),
    (["7???"], "tel:7000;ext=1", True),
    (["*"], "0900123", True),
    (["*"], "sip:x@evil.example.com", False),
    (["sip:*@pbx.example.com"], "sip:anybody@pbx.example.com", True),
    (["sip:*@pbx.example.com"], "sips:anybody@pbx.example.com", True),
    (["sips:*@pbx.example.com"], "sip:anybody@pbx.example.com", False),
    (["sips:*@pbx.example.com"], "sips:anybody@pbx.example.com", True),
    (["sip:*@pbx.example.com"], "7000", True),
    (["sip:*@other.example.com"], "7000", False),
    (["sip:*@pbx.example.com"], "sip:x@evil.com;a=@pbx.example.com", False),
    (["sip:*@pbx.example.com"], "sip:x@evil.com?a=@pbx.example.com", False),
    (["sip:*@pbx.example.com"], "sip:x%40pbx.example.com@evil.com", False),
    (["sip:*@pbx.example.com"], "sip:x@evil.com@pbx.example.com", False),
    (["sip:*@pbx.example.com"], "<sip:x@pbx.example.com>", False),
    (["sip:*@pbx.example.com"], "sip:x y@pbx.example.com", False),
    (["sip:*@pbx.example.com"], "sip:x\r\n@pbx.example.com", False),
    (["sip:*@pbx.example.com:5070"], "sip:x@pbx.example.com:5070", True),
    (["sip:*@[2001:db8::1]"], "sip:x@[2001:DB8::1]", True),
    (["sip:pbx.example.com"], "sip:pbx.example.com", True),
    (["*"], "7000@evil.example.com", False),
    (["7???"], "7000@pbx.example.com", True),
    (["*"], "7000:secret", False),
    (["sip:7000@pbx.example.com:5070"], "7000@pbx.example.com:5070", True),
    (["*"], "7000:secret@pbx.example.com", False),
    (["7000"], "7000;x", False),
    (["*"], "7000?x", True),
    (["*"], "sip:7000@pbx.example.com;", False),
    (["*"], "sip:7000@pbx.example.com:99999", False),
    (["*"], "7 000", False),
    (["*"], "", False),
    (["*"], "7" * 513, False),
    (["tel:+49*"], "tel:+49-30-1", True),
    (["tel:+49*"], "tel:+44", False),
    (["*"], "mailto:x@pbx.example.com", False),
]


@pytest.mark.parametrize(("patterns", "target", "expected"), ALLOWED)
def test_allowed(patterns: list[str], target: str, expected: bool) -> None:
    assert allowed([Pattern(text) for text in patterns], target, PBX) is expected


def test_a_number_means_nothing_where_no_domain_is_known() -> None:
    assert not allowed([Pattern("7000")], "sip:7000@pbx.example.com")
    assert allowed([Pattern("7000")], "7000")
    assert not allowed([Pattern("sip:*")], "7000")


@given(st.text(alphabet='sip:70@evl.com;?=%4&xPBX-[]"<> \r\n', max_size=40), st.sampled_from(["", "sip:", "sips:"]))
def test_nothing_leaves_for_another_host(text: str, scheme: str) -> None:
    """Split by the plainest means: what is allowed has one @ at most, and the host after it is the PBX."""
    target = scheme + text
    if not allowed([Pattern("*"), Pattern("sip:*@pbx.com")], target, "pbx.com"):
        return
    assert not set(target) & set('"<> \r\n')
    if "@" in target:
        _, host = target.split("@")
        assert host.partition(";")[0].partition("?")[0].lower() in ("pbx.com", "pbx.com:5060", "pbx.com:5061")


def test_targets() -> None:
    assert Target.parse("sip:a%20B@Host:5070;x") == Target("sip", "a%20B", "host:5070")
    assert Target.parse("sips:a@h:5061") == Target("sips", "a", "h")
    assert Target.parse("tel:+49(30)1") == Target("tel", "+49301")
    assert Target.parse("*98#") == Target("", "*98#")


@pytest.mark.parametrize("value", ["robot", "sip:pbx.example.com", "tel:+49", "sip:a@b c", "a@b", 5, ""])
def test_no_addresses(value: object) -> None:
    with pytest.raises(Mistake, match="an address is"):
        SipAddress.from_toml(value)


def test_the_domain_of_an_address() -> None:
    assert SipAddress.from_toml("sip:robot@PBX.example.com:5070").domain == "pbx.example.com:5070"
    assert SipAddress("").domain == ""


@pytest.mark.parametrize(
    ("text", "transport"),
    [
        ("udp:192.0.2.10:5060", "udp"),
        ("tcp:pbx.example.com", "tcp"),
        ("tls:[2001:db8::1]:5061", "tls"),
        ("ws://pbx.example.com:8088/ws", "ws"),
        ("wss://pbx.example.com/ws?x=1", "wss"),
    ],
)
def test_servers(text: str, transport: str) -> None:
    assert Server.from_toml(text).transport == transport


@pytest.mark.parametrize(
    "value",
    ["192.0.2.10", "sctp:host", "udp:", "udp:a b", "udp:host:99999", "udp:2001:db8::1", "ws:host", "wss:///", 5],
)
def test_no_servers(value: object) -> None:
    with pytest.raises(Mistake):
        Server.from_toml(value)


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("[::1]:0", "::1", 0, True),
        ("localhost:1", "localhost", 1, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
        ("pbx:80", "pbx", 80, False),
    ],
)
def test_host_and_port(text: str, host: str, port: int, loopback: bool) -> None:
    read = HostPort.from_toml(text)
    assert (read.host, read.port, read.loopback) == (host, port, loopback)


@pytest.mark.parametrize("value", ["127.0.0.1", "::1", "host:", ":80", "host:65536", 80])
def test_no_host_and_port(value: object) -> None:
    with pytest.raises(Mistake):
        HostPort.from_toml(value)


def test_networks_and_addresses() -> None:
    for text in ("192.0.2.10", "10.0.0.0/8", "10.0.0.1/8", "2001:db8::/32"):
        assert Network.from_toml(text) == text
    for text in ("192.0.2.10", "2001:db8::1"):
        assert IpAddress.from_toml(text) == text
    for text in ("pbx.example.com", "10.0.0.0/33", ""):
        with pytest.raises(Mistake, match="is no IP address"):
            Network.from_toml(text)
        with pytest.raises(Mistake, match="is no IP address"):
            IpAddress.from_toml(text)


def test_ice_servers() -> None:
    for text in ("stun:stun.example.com:3478", "turn:turn.example.com?transport=udp", "turns:[2001:db8::1]"):
        assert IceServer.from_toml(text) == text
    for text in ("stun.example.com", "turn:host?transport=sctp", "http:host", "stun:"):
        with pytest.raises(Mistake):
            IceServer.from_toml(text)
