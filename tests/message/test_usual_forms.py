"""The short cuts for what most headers look like say what the long way says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.errors import MalformedMessage
from sipclient.message import Headers, Request, parse
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
