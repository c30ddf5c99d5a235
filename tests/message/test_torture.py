"""The torture messages of RFC 4475 and RFC 5118: what is taken, what is refused, and with which status.

`torture/` has one file a message, named as the RFCs name them. The S/MIME parts of mpart01 are replaced by other
binary bytes; Content-Length is right wherever a wrong one is not the point.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sipclient.message import (
    Framer,
    MalformedMessage,
    OtherUri,
    Request,
    Response,
    SipUri,
    check,
    parse,
    parse_uri,
    salvage,
)

TORTURE = Path(__file__).with_name("torture")

TAKEN = [
    ("wsinv", "RFC 4475 §3.1.1.1"),
    ("intmeth", "RFC 4475 §3.1.1.2"),
    ("esc01", "RFC 4475 §3.1.1.3"),
    ("escnull", "RFC 4475 §3.1.1.4"),
    ("esc02", "RFC 4475 §3.1.1.5"),
    ("lwsdisp", "RFC 4475 §3.1.1.6"),
    ("longreq", "RFC 4475 §3.1.1.7"),
    ("dblreq", "RFC 4475 §3.1.1.8"),
    ("semiuri", "RFC 4475 §3.1.1.9"),
    ("transports", "RFC 4475 §3.1.1.10"),
    ("mpart01", "RFC 4475 §3.1.1.11"),
    ("unreason", "RFC 4475 §3.1.1.12"),
    ("noreason", "RFC 4475 §3.1.1.13"),
    ("baddate", "RFC 4475 §3.1.2.12: the Date is ignored, as the RFC allows"),
    ("badaspec", "RFC 4475 §3.1.2.14: blanks inside <> are ignored, as the RFC allows"),
    ("badbranch", "RFC 4475 §3.2.1: nothing after the magic cookie; the transaction layer decides"),
    ("unkscm", "RFC 4475 §3.3.2: 416 is the core's to give"),
    ("novelsc", "RFC 4475 §3.3.3: 416 is the core's to give"),
    ("unksm2", "RFC 4475 §3.3.4"),
    ("bext01", "RFC 4475 §3.3.5: 420 is the core's to give"),
    ("invut", "RFC 4475 §3.3.6: 415 is the core's to give"),
    ("regaut01", "RFC 4475 §3.3.7"),
    ("bcast", "RFC 4475 §3.3.10: two Vias in a response, for the core to drop"),
    ("zeromf", "RFC 4475 §3.3.11"),
    ("cparam01", "RFC 4475 §3.3.12"),
    ("cparam02", "RFC 4475 §3.3.13"),
    ("regescrt", "RFC 4475 §3.3.14"),
    ("sdp01", "RFC 4475 §3.3.15"),
    ("inv2543", "RFC 4475 §3.4.1"),
    ("ipv6-good", "RFC 5118 §4.1"),
    ("port-ambiguous", "RFC 5118 §4.3"),
    ("port-unambiguous", "RFC 5118 §4.4"),
    ("via-received-param-with-delim", "RFC 5118 §4.5"),
    ("via-received-param-no-delim", "RFC 5118 §4.5"),
    ("ipv6-in-sdp", "RFC 5118 §4.6"),
    ("mult-ip-in-header", "RFC 5118 §4.7"),
    ("mult-ip-in-sdp", "RFC 5118 §4.8"),
    ("ipv4-mapped-ipv6", "RFC 5118 §4.9"),
    ("ipv6-bug-abnf-3-colons", "RFC 5118 §4.10: tolerated"),
    ("ipv6-correct-abnf-2-colons", "RFC 5118 §4.10"),
]

# name, section, status, and whether an answer can be sent: not without a good Via, From, To, Call-ID and CSeq.
REFUSED = [
    ("badinv01", "RFC 4475 §3.1.2.1", 400, False),
    ("clerr", "RFC 4475 §3.1.2.2", 400, True),
    ("ncl", "RFC 4475 §3.1.2.3", 400, True),
    ("scalar02", "RFC 4475 §3.1.2.4", 400, False),
    ("scalarlg", "RFC 4475 §3.1.2.5: a response, to be dropped", 400, False),
    ("quotbal", "RFC 4475 §3.1.2.6", 400, False),
    ("ltgtruri", "RFC 4475 §3.1.2.7", 400, True),
    ("lwsruri", "RFC 4475 §3.1.2.8", 400, True),
    ("lwsstart", "RFC 4475 §3.1.2.9", 400, True),
    ("trws", "RFC 4475 §3.1.2.10", 400, True),
    ("escruri", "RFC 4475 §3.1.2.11", 400, True),
    ("regbadct", "RFC 4475 §3.1.2.13", 400, True),
    ("baddn", "RFC 4475 §3.1.2.15", 400, False),
    ("badvers", "RFC 4475 §3.1.2.16", 505, True),
    ("mismatch01", "RFC 4475 §3.1.2.17", 400, True),
    ("mismatch02", "RFC 4475 §3.1.2.18", 400, True),
    ("bigcode", "RFC 4475 §3.1.2.19: a response, to be dropped", 400, False),
    ("insuf", "RFC 4475 §3.3.1", 400, False),
    ("multi01", "RFC 4475 §3.3.8", 400, True),
    ("mcl01", "RFC 4475 §3.3.9", 400, True),
    ("ipv6-bad", "RFC 5118 §4.2", 400, True),
]


def load(name: str) -> bytes:
    return (TORTURE / f"{name}.dat").read_bytes()


def request(name: str) -> Request:
    message = parse(load(name))
    check(message)
    assert isinstance(message, Request)
    return message


def response(name: str) -> Response:
    message = parse(load(name))
    check(message)
    assert isinstance(message, Response)
    return message


def sip(text: str) -> SipUri:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri


def test_every_file_has_its_row() -> None:
    rows = [row[0] for row in TAKEN] + [row[0] for row in REFUSED]
    assert sorted(rows) == sorted(path.stem for path in TORTURE.glob("*.dat"))
    sections = [row[1] for row in TAKEN] + [row[1] for row in REFUSED]
    assert sum("4475" in section for section in sections) == 49
    assert sum("5118" in section for section in sections) == 12


@pytest.mark.parametrize(("name", "section"), TAKEN)
def test_taken(name: str, section: str) -> None:
    message = parse(load(name))
    check(message)
    again = parse(bytes(message))
    assert again == message
    assert bytes(again) == bytes(message)
    assert (again.via, again.from_, again.to, again.cseq) == (message.via, message.from_, message.to, message.cseq)


@pytest.mark.parametrize(("name", "section", "status", "answerable"), REFUSED)
def test_refused(name: str, section: str, status: int, answerable: bool) -> None:
    with pytest.raises(MalformedMessage) as caught:
        check(parse(load(name)))
    assert caught.value.status == status
    assert (salvage(load(name)) is not None) is answerable


def test_wsinv() -> None:
    message = request("wsinv")
    assert message.method == "INVITE"
    assert isinstance(message.uri, SipUri)
    assert dict(message.uri.params) == {"unknownparam": ""}
    assert str(message.to.uri) == "sip:vivekg@chair-dnrc.example.com"
    assert (message.to_tag, message.from_tag) == ("1918181833n", "98asjd8")
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert (message.max_forwards, message.cseq.number, message.cseq.method) == (68, 9, "INVITE")
    hops = [(hop.transport, hop.host, hop.branch) for hop in message.vias]
    assert hops == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.headers.get("Subject") == ""
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (route,) = message.routes
    assert isinstance(route.uri, SipUri)
    assert route.uri.lr
    (contact,) = message.contacts
    assert contact.display_name == 'Quoted string ""'
    assert dict(contact.params) == {"newparam": "newvalue", "secondparam": "", "q": "0.33"}
    assert contact.q == 0.33
    assert len(message.body) == 150


def test_intmeth() -> None:
    message = request("intmeth")
    assert message.method == message.cseq.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert isinstance(message.uri, SipUri)
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert message.from_.params["fromParam''~+*_!.-%"] == "работающий"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.max_forwards == 255
    assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_esc01() -> None:
    message = request("esc01")
    assert isinstance(message.uri, SipUri)
    assert (message.uri.scheme, message.uri.user_text, message.uri.host) == (
        "sip",
        "sips:user@example.com",
        "example.net",
    )
    assert sip("sip:user@example.com").equals(message.to.uri)
    assert isinstance(message.from_.uri, SipUri)
    assert message.from_.uri.user_text == "I have spaces"
    (contact,) = message.contacts
    assert isinstance(contact.uri, SipUri)
    assert contact.uri.lr
    assert contact.uri.params["name"] == "value%41"
    assert sip("sip:caller@host5.example.net;lr;name=value%2541").equals(contact.uri)


def test_escnull_and_esc02() -> None:
    users = [contact.uri.user_text for contact in request("escnull").contacts if isinstance(contact.uri, SipUri)]
    assert users == ["\x00", "\x00\x00"]
    message = request("esc02")
    assert message.method == message.cseq.method == "RE%47IST%45R"
    assert message.to.display_name == "%Z%45"
    assert len(message.contacts) == 2
    assert message.headers.get("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_longreq_and_lwsdisp() -> None:
    message = request("longreq")
    assert [hop.host for hop in message.vias][:2] == ["sip33.example.com", "sip32.example.com"]
    assert len(message.vias) == 34
    assert len(message.from_tag) == 155
    assert message.vias[-1].received == "192.0.2.5"
    assert request("lwsdisp").from_.display_name == "caller"


def test_dblreq_is_one_datagram_and_two_frames() -> None:
    message = request("dblreq")
    assert (message.method, message.body) == ("REGISTER", b"")
    first, keepalive, second = Framer().feed(load("dblreq"))
    assert parse(first) == message
    assert keepalive == b"\r\n"
    assert parse(second).call_id == "dblreq.0ha0isnda977644900765@192.0.2.15"


def test_semiuri_and_transports() -> None:
    message = request("semiuri")
    assert isinstance(message.uri, SipUri)
    assert (message.uri.user_text, message.uri.host) == ("user;par=u@example.net", "example.com")
    assert [hop.transport for hop in request("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01() -> None:
    message = request("mpart01")
    assert message.content_type == "multipart/mixed"
    assert message.content_type_params["boundary"] == "7a9cbec02ceef655"
    assert bytes(range(256)) in message.body


def test_reason_phrases() -> None:
    message = response("unreason")
    assert (message.status, message.reason) == (200, "= 2**3 * 5**2 но сто девяносто девять - простое")
    assert (response("noreason").status, response("noreason").reason) == (100, "")
    assert len(response("bcast").vias) == 2


@pytest.mark.parametrize(("name", "scheme"), [("unkscm", "nobodyknowsthisscheme"), ("novelsc", "soap.beep")])
def test_unknown_schemes(name: str, scheme: str) -> None:
    uri = request(name).uri
    assert isinstance(uri, OtherUri)
    assert uri.scheme == scheme


def test_unksm2() -> None:
    message = request("unksm2")
    assert (str(message.to.uri), str(message.from_.uri)) == ("isbn:2983792873", "http://www.example.com")
    assert str(message.contacts[0].uri) == "name:John_Smith"


def test_extensions_and_authorization() -> None:
    message = request("bext01")
    assert message.require == ("nothingsupportsthis", "nothingsupportsthiseither")
    assert message.proxy_require == ("noproxiessupportthis", "nordoanyproxiessupportthis")
    (credentials,) = request("regaut01").authorizations
    assert (credentials.scheme, credentials.params) == ("NoOneKnowsThisScheme", {"opaque-data": "here"})
    assert request("zeromf").max_forwards == 0
    assert request("invut").content_type == "application/unknownformat"


def test_where_a_parameter_belongs() -> None:
    (contact,) = request("cparam01").contacts
    assert ("unknownparam" in contact.params, str(contact.uri)) == (True, "sip:+19725552222@gw1.example.net")
    (contact,) = request("cparam02").contacts
    assert isinstance(contact.uri, SipUri)
    assert ("unknownparam" in contact.params, "unknownparam" in contact.uri.params) == (False, True)
    (contact,) = request("regescrt").contacts
    assert isinstance(contact.uri, SipUri)
    assert contact.uri.headers == (("Route", "<sip:sip.example.com>"),)


def test_inv2543() -> None:
    message = request("inv2543")
    assert (message.from_tag, message.to_tag, message.via.branch, message.max_forwards) == ("", "", "", None)
    assert message.to.params["user"] == "phone"
    assert message.body.endswith(b"RTP/AVP 0\r\n")


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("ipv6-good", "2001:db8::10", None),
        ("port-ambiguous", "2001:db8::10:5070", None),
        ("port-unambiguous", "2001:db8::10", 5070),
        ("ipv6-bug-abnf-3-colons", "2001:db8::192.0.2.1", None),
        ("ipv6-correct-abnf-2-colons", "2001:db8::192.0.2.1", None),
    ],
)
def test_ipv6_hosts(name: str, host: str, port: int | None) -> None:
    uri = request(name).uri
    assert isinstance(uri, SipUri)
    assert (uri.host, uri.port, uri.is_ipv6) == (host, port, True)


def test_ipv6_vias() -> None:
    assert request("via-received-param-with-delim").via.received == "2001:db8::9:255"
    assert request("via-received-param-no-delim").via.received == "2001:db8::9:255"
    hops = [(hop.host, hop.port, hop.received) for hop in request("mult-ip-in-header").vias]
    assert hops == [("2001:db8::9:1", 6050, ""), ("192.0.2.1", None, ""), ("2001:db8::9:255", None, "192.0.2.200")]
    assert [hop.host for hop in request("ipv4-mapped-ipv6").vias] == ["::ffff:192.0.2.10", "::ffff:192.0.2.2"]
