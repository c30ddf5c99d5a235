"""The short cuts for what most headers look like say what the long way says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.errors import MalformedMessage
from sipclient.message import Headers, Request, Response, check, parse
from sipclient.message.address import USUAL, parse_name_addr
from sipclient.message.text import _PARAM, parse_params
from sipclient.message.via import parse_via

_ADDRESS = st.from_regex(
    r"""\A[ \t]?("[A-Za-z .ü<>;,]*"[ \t]?|[A-Za-z .]*)<(sips?|tel|SIP):([A-Za-z0-9.;=?#%,]{1,6}@)?[a-z0-9.\-_]{1,6}"""
    r"""(:[0-9]{0,6})?(;[a-zA-Z]{1,3}(=[a-z0-9.%]{0,4})?){0,2}(\?[a-z]=b)?>?(;[a-zA-Z]{1,3}"""
    r"""(=[A-Za-z0-9."\-]{0,4})?){0,2}[ ]?\Z""",
)


@given(_ADDRESS)
def test_a_usual_address_is_what_the_whole_reader_makes_of_it(text: str) -> None:
    usual = USUAL.fullmatch(text)
    if usual is not None:
        whole = parse_name_addr(text)
        assert (usual[1], usual[2] or "") == (str(whole.uri), whole.tag)


_TAGGED = st.from_regex(
    r"""\A ?("[a;:=]{0,2}(;tag=a)?" ?|Ann )?<sip:[a%]@h(:70000)?(;tag=b)?>? ?(;x=1)?;tag=[a-z.;" -]{0,3}(;tag=d| )?\Z"""
)


@given(_TAGGED)
def test_a_tag_is_what_the_whole_reader_finds(text: str) -> None:
    request = Request("OPTIONS", "sip:x@y", [("From", text)])
    try:
        tag = parse_name_addr(text).tag
    except MalformedMessage:
        with pytest.raises(MalformedMessage):
            _ = request.from_tag
        return
    assert request.from_tag == tag


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<sip:1001@192.0.2.10>;tag=95bc-6b45", ("sip:1001@192.0.2.10", "95bc-6b45")),
        (
            ' "Ext 1001" <sip:1001@pbx.example.com:64999;transport=tcp>',
            ("sip:1001@pbx.example.com:64999;transport=tcp", ""),
        ),
        ("Ext <sips:pbx.example.com;lr>;tag=x ", ("sips:pbx.example.com;lr", "x")),
        ("<sip:1001@192.0.2.10:65536>", None),
        ("<sip:1001@192.0.2.10:655360>", None),
        ("<sip:%41@192.0.2.10>", None),
        ("<sip:[2001:db8::1]>", None),
        ("sip:1001@192.0.2.10;tag=x", None),
        ("<sip:1001@192.0.2.10>;x=1;tag=y", None),
        ('"a\\"b" <sip:1001@192.0.2.10>', None),
        ("<sip:1001@192.0.2.10>, <sip:1002@192.0.2.10>", None),
        ("", None),
    ],
)
def test_which_addresses_are_usual(text: str, expected: tuple[str, str] | None) -> None:
    usual = USUAL.fullmatch(text)
    assert (usual and (usual[1], usual[2] or "")) == expected


@given(st.from_regex(r"\A(;[ ]?[a-zA-Z]{1,2}(=[A-Za-z0-9.:\[\]\"]{0,3})?){1,4}\Z"))
def test_usual_parameters_are_what_the_grammar_makes_of_them(text: str) -> None:
    names: dict[str, str] = {}
    position = 0
    while match := _PARAM.match(text, position):
        value = match[2] or ""
        names.setdefault(match[1].lower(), value.strip('"') if value[:1] == '"' else value)
        position = match.end()
    if position == len(text):
        assert dict(parse_params(text)) == names


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("<sip:asterisk@192.0.2.10:5060>", "sip:asterisk@192.0.2.10:5060"),
        ("<sip:a@192.0.2.1>;q=0.5, <sip:b@192.0.2.1>", "sip:a@192.0.2.1"),
        ("sip:1001@192.0.2.10;expires=60", "sip:1001@192.0.2.10"),
        ("<sip:[2001:db8::1]:5060>", "sip:[2001:db8::1]:5060"),
        ("*", ""),
        (None, ""),
    ],
)
def test_the_uri_of_the_first_contact(contact: str | None, uri: str) -> None:
    headers = Headers([("Contact", contact)] if contact is not None else [])
    assert Request("OPTIONS", "sip:x@y", headers).contact_uri == uri


def test_two_contacts_in_two_lines_give_the_first() -> None:
    headers = [("Contact", "<sip:a@192.0.2.1>"), ("m", "<sip:b@192.0.2.1>")]
    assert Request("OPTIONS", "sip:x@y", headers).contact_uri == "sip:a@192.0.2.1"


def test_the_port_of_a_via_has_a_limit() -> None:
    assert parse_via("SIP/2.0/UDP host:65535;branch=z9hG4bKx").port == 65535
    message = parse(b"OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP host:65536;branch=z9hG4bKx\r\n\r\n")
    with pytest.raises(MalformedMessage, match="port of Via"):
        _ = message.via


@given(
    st.from_regex(
        r"\A ?SIP/2\.0/(UDP|tcp) (pbx|10\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
        r"""((;rport(=[0-9]{1,6})?)|(;branch=[a-z.,;"\-]{0,3})|;received=10\.0\.0\.9|;x=y){0,4}\Z"""
    )
)
def test_the_usual_hop_is_what_the_whole_via_says(text: str) -> None:
    request = Request("OPTIONS", "sip:x@y", [("Via", text)])
    try:
        via = request.via
    except MalformedMessage:
        with pytest.raises(MalformedMessage):
            _ = request.hop
        return
    hop = request.hop
    assert (hop.branch, hop.host, hop.port) == (via.branch, via.host, via.port)
    assert (hop.rport, hop.below) == (via.params.get("rport"), len(request.vias) - 1)
    assert hop.sent_by == f"{via.host}:{via.port or ''}".lower()


def test_hops_below_are_counted() -> None:
    via = "SIP/2.0/UDP a;branch=z9hG4bKx"
    assert Request("OPTIONS", "sip:x@y", [("Via", f"{via}, {via}"), ("v", via)]).hop.below == 2


HEADERS = [
    ("Via", "SIP/2.0/UDP a;branch=z9hG4bKx"),
    ("From", "<sip:a@b>;tag=1"),
    ("To", "<sip:b@b>"),
    ("Call-ID", "1"),
    ("CSeq", "1 NOTIFY"),
]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        *[(Request("NOTIFY", "sip:x@y", HEADERS), name) for name in ("Expires", "Event", "Subscription-State", "RAck")],
        *[(Response(200, "", HEADERS), name) for name in ("Retry-After", "Min-SE", "Min-Expires", "RSeq", "Expires")],
    ],
)
def test_what_decides_is_read_only_where_asked_for(message: Request | Response, name: str) -> None:
    message.headers.add(name, ";nonsense;")
    check(message)
    with pytest.raises(MalformedMessage):
        check(message, deciding=True)


def test_what_decides_for_the_other_kind_may_be_nonsense() -> None:
    request = Request("NOTIFY", "sip:x@y", [*HEADERS, ("Retry-After", "soon"), ("RSeq", "x")])
    check(request, deciding=True)
