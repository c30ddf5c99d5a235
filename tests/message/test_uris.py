"""URIs: reading, writing and comparing. RFC 3261 §19.1, RFC 3966."""

from __future__ import annotations

import pytest

from sipclient.message import MalformedMessage, OtherUri, Params, SipUri, TelUri, parse_uri


def sip(text: str) -> SipUri:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


@pytest.mark.parametrize(
    ("text", "scheme", "user", "password", "host", "port", "params", "headers"),
    [
        ("sip:alice@atlanta.com", "sip", "alice", None, "atlanta.com", None, {}, ()),
        (
            "sip:alice:secretword@atlanta.com;transport=tcp",
            "sip",
            "alice",
            "secretword",
            "atlanta.com",
            None,
            {"transport": "tcp"},
            (),
        ),
        (
            "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sips",
            "alice",
            None,
            "atlanta.com",
            None,
            {},
            (("subject", "project x"), ("priority", "urgent")),
        ),
        (
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            "sip",
            "+1-212-555-1212",
            "1234",
            "gateway.com",
            None,
            {"user": "phone"},
            (),
        ),
        ("sip:alice@192.0.2.4", "sip", "alice", None, "192.0.2.4", None, {}, ()),
        (
            "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
            "sip",
            "",
            None,
            "atlanta.com",
            None,
            {"method": "REGISTER"},
            (("to", "alice@atlanta.com"),),
        ),
        ("sip:alice;day=tuesday@atlanta.com", "sip", "alice;day=tuesday", None, "atlanta.com", None, {}, ()),
        ("SIP:a:@[2001:db8::1]:65535;LR", "sip", "a", "", "2001:db8::1", 65535, {"lr": ""}, ()),
        ("sip:**1002@my_host:0", "sip", "**1002", None, "my_host", 0, {}, ()),
        ("sip:*97#@pbx", "sip", "*97#", None, "pbx", None, {}, ()),
        (
            "sip:h;a=[::1]:5/x;b;gr=urn:uuid:f81d;a=2",
            "sip",
            "",
            None,
            "h",
            None,
            {"a": "[::1]:5/x", "b": "", "gr": "urn:uuid:f81d"},
            (),
        ),
        ("sip:a@h?Replaces=x%3Bto-tag=1&b=", "sip", "a", None, "h", None, {}, (("Replaces", "x;to-tag=1"), ("b", ""))),
    ],
)
def test_reading(
    text: str,
    scheme: str,
    user: str,
    password: str | None,
    host: str,
    port: int | None,
    params: dict[str, str],
    headers: tuple[tuple[str, str], ...],
) -> None:
    uri = sip(text)
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (scheme, user, password, host, port)
    assert (dict(uri.params), uri.headers) == (params, headers)
    assert parse_uri(str(uri)) == uri
    assert hash(uri) == hash(parse_uri(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip",
        ":",
        "1x:y",
        "alice@example.com",
        "sip:@host",
        "sip::pw@host",
        "sip:a@b@host",
        "sip:a b@host",
        "sip:a@host name",
        "sip:a@host:",
        "sip:a@host:port",
        "sip:a@host:65536",
        "sip:a@host:123456",
        "sip:a@[::1",
        "sip:a@[::1]x",
        "sip:a@[1:2]",
        "sip:a@[1:::2]",
        "sip:a@[::1%25eth0]",
        "sip:a@host;",
        "sip:a@host;;x",
        "sip:a@host;=x",
        "sip:a@host;x=<y>",
        "sip:a@host;x=%1",
        "sip:a@host;x=%GG",
        "sip:a%4@host",
        "sip:a:%@host",
        "sip:ä@host",
        "sip:a<@host",
        "sip:a@host?",
        "sip:a@host?x",
        "sip:a@host?=x",
        "sip:a@host?x=%2",
        "sip:a@host?x=1&",
        "sip:a@host\r\nX: y",
        "sip:a@host\n",
        "tel:",
        "tel:+",
        "tel:+-.",
        "tel:12 34",
        "tel:12;",
        "tel:xyz",
        "http:",
        "http:a b",
        "http:<>",
        "sip:h" + ";a" * 512,
    ],
)
def test_no_uri(text: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_length() -> None:
    assert sip("sip:" + "h" * 8188).host == "h" * 8188
    with pytest.raises(MalformedMessage) as caught:
        parse_uri("sip:" + "h" * 8189)
    assert caught.value.status == 414


# RFC 3261 §19.1.4: the examples of the RFC, then the rules they leave out.
EQUAL = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("sip:a:%70w@h", "sip:a:pw@h"),
    ("sip:a%3b@h", "sip:a%3B@h"),
    ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::0:1]"),
    ("sip:a@h;lr", "sip:a@h;LR"),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@h", "sips:a@h"),
    ("sip:a@h", "sip:h"),
    ("sip:a:x@h", "sip:a:y@h"),
    ("sip:a:@h", "sip:a@h"),
    ("sip:a%3Bb@h", "sip:a;b@h"),
    ("sip:a%2525@h", "sip:a%25@h"),
    ("sip:a@h", "sip:a@h;maddr=x"),
    ("sip:a@h;user=ip", "sip:a@h"),
    ("sip:a@h;ttl=1", "sip:a@h"),
    ("sip:a@h;method=INVITE", "sip:a@h"),
    ("sip:a@[::1]", "sip:a@[::2]"),
    ("sip:a@[::1]", "sip:a@h"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal(one: str, other: str) -> None:
    assert sip(one).equals(sip(other))
    assert sip(other).equals(sip(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different(one: str, other: str) -> None:
    assert not sip(one).equals(sip(other))
    assert not sip(other).equals(sip(one))


def test_equality_knows_its_kind() -> None:
    assert not sip("sip:a@h").equals(parse_uri("tel:1"))
    assert not parse_uri("tel:1").equals(sip("sip:1@h"))
    assert parse_uri("urn:service:sos").equals(parse_uri("URN:service:sos"))
    assert not SipUri("sip", "x:y").equals(SipUri("sip", "::1"))


def test_writing_escapes_what_must_be() -> None:
    uri = SipUri("sip", "h", 'a b@"ü%41%', "p@ss:", 5060, headers=(("Subject", "a&b=c?"), ("x", "")))
    assert str(uri) == "sip:a%20b%40%22%C3%BC%41%25:p%40ss%3A@h:5060?Subject=a%26b%3Dc?&x="
    again = sip(str(uri))
    assert (again.user_text, again.headers) == ('a b@"üA%', uri.headers)
    assert str(SipUri("sip", "::1")) == "sip:[::1]"
    assert sip("sip:%ff@h").user_text == "\udcff"


def test_changing() -> None:
    uri = sip("sip:a@h;Transport=UDP;lr;x=%41")
    assert (uri.transport, uri.lr, uri.is_ipv6) == ("udp", True, False)
    changed = uri.with_params({"transport": "tcp", "lr": None, "ob": "", "y": "a b;"})
    assert str(changed) == "sip:a@h;x=%41;transport=tcp;ob;y=a%20b%3B"
    assert changed.params["Y"] == "a b;"
    assert str(sip("sip:a@h;lr").with_params({"LR": None})) == "sip:a@h"
    assert sip("sip:a@h").transport == ""
    assert str(uri.replace(host="other", port=5070)) == "sip:a@other:5070;Transport=UDP;lr;x=%41"


def test_params_are_a_mapping() -> None:
    params = sip("sip:h;b;A=1;b=2").params
    assert isinstance(params, Params)
    assert (list(params), len(params), params["a"], "B" in params, "c" in params) == (["b", "a"], 2, "1", True, False)
    assert params == sip("sip:h;a=1;B").params
    assert hash(params) == hash(sip("sip:h;a=1;B").params)
    assert repr(params) == "Params(';b;A=1;b=2')"
    assert params.get("nothing", "x") == "x"


@pytest.mark.parametrize(
    ("text", "number", "digits", "is_global", "params"),
    [
        ("tel:+1-201-555-0123", "+1-201-555-0123", "+12015550123", True, {}),
        ("tel:7042;phone-context=example.com", "7042", "7042", False, {"phone-context": "example.com"}),
        ("TEL:(863)1234*#;ext=1", "(863)1234*#", "8631234*#", False, {"ext": "1"}),
    ],
)
def test_tel(text: str, number: str, digits: str, is_global: bool, params: dict[str, str]) -> None:
    uri = parse_uri(text)
    assert isinstance(uri, TelUri)
    assert (uri.number, uri.digits, uri.is_global, dict(uri.params)) == (number, digits, is_global, params)
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tel:+1-201-555-0123", "tel:+12015550123", True),
        ("tel:abc*;x=1;Y=2", "tel:ABC*;y=2;X=1", True),
        ("tel:1;ext=1-2", "tel:1;ext=12", True),
        ("tel:1;phone-context=+1-2", "tel:1;phone-context=+12", True),
        ("tel:1;phone-context=a-b.c", "tel:1;phone-context=ab.c", False),
        ("tel:1", "tel:+1", False),
        ("tel:1;isub=1", "tel:1", False),
    ],
)
def test_tel_equality(one: str, other: str, same: bool) -> None:
    assert parse_uri(one).equals(parse_uri(other)) is same


def test_other() -> None:
    uri = parse_uri("HTTP://example.com/a?b#c")
    assert uri == OtherUri("http", "//example.com/a?b#c")
    assert str(uri) == "http://example.com/a?b#c"
