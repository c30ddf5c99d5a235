"""name-addr, addr-spec, Via and CSeq. RFC 3261 §20.10, §20.16, §20.42, §25.1."""

from __future__ import annotations

import pytest

from sipclient.message import (
    CSeq,
    MalformedMessage,
    NameAddr,
    Via,
    parse_cseq,
    parse_name_addr,
    parse_name_addrs,
    parse_uri,
    parse_via,
)


@pytest.mark.parametrize(
    ("text", "name", "uri", "params", "written"),
    [
        ("<sip:a@h>", "", "sip:a@h", {}, "<sip:a@h>"),
        ("sip:a@h", "", "sip:a@h", {}, "<sip:a@h>"),
        ("sip:a@h;tag=1;x", "", "sip:a@h", {"tag": "1", "x": ""}, "<sip:a@h>;tag=1;x"),
        ("<sip:a@h;lr>;TAG=1", "", "sip:a@h;lr", {"tag": "1"}, "<sip:a@h;lr>;TAG=1"),
        ('"A. \\"B\\" \\\\" <sip:a@h>', 'A. "B" \\', "sip:a@h", {}, '"A. \\"B\\" \\\\" <sip:a@h>'),
        ('"a,b;c<d>"<sip:a@h>', "a,b;c<d>", "sip:a@h", {}, '"a,b;c<d>" <sip:a@h>'),
        ('"" <sip:a@h>', "", "sip:a@h", {}, "<sip:a@h>"),
        ("Mr. Watson  <sip:a@h>", "Mr. Watson", "sip:a@h", {}, '"Mr. Watson" <sip:a@h>'),
        ("Jürgen (Büro) <sip:a@h>", "Jürgen (Büro)", "sip:a@h", {}, '"Jürgen (Büro)" <sip:a@h>'),
        ('"大停電" < sip:a@h\t> ; q=0.5', "大停電", "sip:a@h", {"q": "0.5"}, '"大停電" <sip:a@h>; q=0.5'),
        (
            '<sip:a@h>;+sip.instance="<urn:uuid:1>"',
            "",
            "sip:a@h",
            {"+sip.instance": "<urn:uuid:1>"},
            '<sip:a@h>;+sip.instance="<urn:uuid:1>"',
        ),
        ('<sip:a@h>;x=";tag=2";tag=1', "", "sip:a@h", {"x": ";tag=2", "tag": "1"}, '<sip:a@h>;x=";tag=2";tag=1'),
        ("<sip:a@h>;tag=1;tag=2", "", "sip:a@h", {"tag": "1"}, "<sip:a@h>;tag=1;tag=2"),
        ("<sip:a@h> ", "", "sip:a@h", {}, "<sip:a@h>"),
        ("<sip:a@h>;tag=ab==", "", "sip:a@h", {"tag": "ab=="}, "<sip:a@h>;tag=ab=="),
        ("<tel:+1>", "", "tel:+1", {}, "<tel:+1>"),
        ("tel:+1;phone-context=x", "", "tel:+1", {"phone-context": "x"}, "<tel:+1>;phone-context=x"),
    ],
)
def test_name_addr(text: str, name: str, uri: str, params: dict[str, str], written: str) -> None:
    address = parse_name_addr(text)
    assert (address.display_name, str(address.uri), dict(address.params)) == (name, uri, params)
    assert str(address) == written
    assert parse_name_addr(written) == address
    assert hash(address) == hash(parse_name_addr(written))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@h",
        "sip:a@h>",
        '"a <sip:a@h>',
        '"a"',
        '"a" b <sip:a@h>',
        '"a"sip:a@h',
        "Bell, Alexander <sip:a@h>",
        'a "b" <sip:a@h>',
        "a;b <sip:a@h>",
        "a\x00b <sip:a@h>",
        "<sip:a@h>;",
        "<sip:a@h>;;x",
        "<sip:a@h>;=x",
        "<sip:a@h>;x=",
        "<sip:a@h>x",
        "<sip:a@h>;x y",
        '<sip:a@h>;x="y',
        "<sip:a@h>;x=<y>",
        "<sip:a@h>,<sip:b@h>",
        "sip:a@h?x=y",
        "sip:a@h,sip:b@h",
        "<sip:a@h><sip:b@h>",
        "nothing",
        "<sip:a@h>" + ";a" * 513,
    ],
)
def test_no_name_addr(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_name_addr(text)


def test_lists() -> None:
    found = parse_name_addrs('"a, b" <sip:a@h>;x="," , sip:b@h , <sip:c,d@h>')
    assert [str(address.uri) for address in found] == ["sip:a@h", "sip:b@h", "sip:c,d@h"]
    for text in ("", "<sip:a@h>,", "<sip:a@h>,,<sip:b@h>"):
        with pytest.raises(MalformedMessage):
            parse_name_addrs(text)


@pytest.mark.parametrize(
    ("params", "q", "expires"),
    [
        ("", None, None),
        (";q=0.7;expires=60", 0.7, 60),
        (";q=1.000;expires=99999999999", 1.0, 4294967295),
        (";q=0;expires=soon", 0.0, 3600),
        (";q=1.;expires=-1", 1.0, 3600),
    ],
)
def test_contact_parameters(params: str, q: float | None, expires: int | None) -> None:
    address = parse_name_addr(f"<sip:a@h>{params}")
    assert (address.q, address.expires) == (q, expires)


@pytest.mark.parametrize("q", ["1.1", "2", "-0", "0.1234", "x"])
def test_no_q(q: str) -> None:
    with pytest.raises(MalformedMessage):
        _ = parse_name_addr(f"<sip:a@h>;q={q}").q


def test_changing_parameters() -> None:
    address = NameAddr('A "B"', parse_uri("sip:a@h"))
    assert address.tag == ""
    tagged = address.with_params({"tag": "1", "text": 'a "b"', "ob": ""})
    assert str(tagged) == '"A \\"B\\"" <sip:a@h>;tag=1;text="a \\"b\\"";ob'
    assert (tagged.tag, tagged.params["text"]) == ("1", 'a "b"')
    changed = parse_name_addr('<sip:a@h>; Tag = 1 ;x="a;b"').with_params({"tag": None, "y": "z"})
    assert str(changed) == '<sip:a@h>;x="a;b";y=z'
    assert changed.with_params({"x": None, "y": None}) == NameAddr("", parse_uri("sip:a@h"))


@pytest.mark.parametrize(
    ("text", "expected", "branch", "rport", "received"),
    [
        ("SIP/2.0/UDP host", Via("UDP", "host"), "", None, ""),
        ("SIP/2.0/udp 192.0.2.1:5060;branch=z9hG4bK1;rport", None, "z9hG4bK1", "", ""),
        ("sip/2.0/TLS h;rport=5061;received=192.0.2.9", None, "", 5061, "192.0.2.9"),
        ("SIP / 2.0 / TCP  [2001:db8::1] : 5061 ; received = [2001:db8::2]", None, "", None, "2001:db8::2"),
        ("SIP/2.0/UDP h;received=2001:db8::2;branch=a", None, "a", None, "2001:db8::2"),
        ("SIP/2.0/WS abc.invalid;branch=z9hG4bK2;alias", None, "z9hG4bK2", None, ""),
    ],
)
def test_via(text: str, expected: Via | None, branch: str, rport: int | str | None, received: str) -> None:
    via = parse_via(text)
    assert (via.branch, via.rport, via.received) == (branch, rport, received)
    assert expected is None or via == expected
    assert parse_via(str(via)) == via


def test_via_fields() -> None:
    via = parse_via("sip/3.0/quic [::1]:70;maddr=[::2];ttl=3")
    assert (via.protocol, via.transport, via.host, via.port, via.maddr) == ("SIP/3.0", "QUIC", "::1", 70, "::2")
    assert str(via) == "SIP/3.0/QUIC [::1]:70;maddr=[::2];ttl=3"
    assert parse_via("SIP/2.0/UDP h").maddr == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 h",
        "SIP/2.0/UDPh",
        "SIP/2.0/UDP h h",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP [1]",
        "SIP/2.0/UDP ::1",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h;;branch=1",
        "SIP/2.0/UDP h;rport=x",
        "SIP/2.0/UDP h;rport=65536",
        "SIP/2.0/UDP h\x00",
        "SIP/2.0/UDP h,SIP/2.0/UDP i",
    ],
)
def test_no_via(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_via(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 INVITE", CSeq(1, "INVITE")),
        (" 0009\t  INVITE ", CSeq(9, "INVITE")),
        ("2147483647 x-y", CSeq(2147483647, "x-y")),
        ("000000000000000000 ACK", CSeq(0, "ACK")),
    ],
)
def test_cseq(text: str, expected: CSeq) -> None:
    assert parse_cseq(text) == expected
    assert parse_cseq(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "1INVITE", "-1 INVITE", "1 IN VITE", "2147483648 A", "9" * 5000 + " A", "١ A"]
)
def test_no_cseq(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_cseq(text)
