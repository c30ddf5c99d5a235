"""The multimap of header lines, names and their compact forms, and what must not reach the wire."""

from __future__ import annotations

import pytest

from sipclient.message import (
    Headers,
    InvalidValue,
    MalformedMessage,
    Response,
    canonical,
    check_call_id,
    check_header_name,
    check_header_value,
    is_token,
    quote,
    split_commas,
    unquote,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v", "Via"),
        ("V", "Via"),
        ("VIA", "Via"),
        ("cAlL-iD", "Call-ID"),
        ("i", "Call-ID"),
        ("cseq", "CSeq"),
        ("www-authenticate", "WWW-Authenticate"),
        ("X-Extension", "X-Extension"),
    ],
)
def test_canonical(name: str, expected: str) -> None:
    assert canonical(name) == expected


COMPACT = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("n", "Identity-Info"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
]


@pytest.mark.parametrize(("short", "long"), COMPACT)
def test_compact_forms(short: str, long: str) -> None:
    headers = Headers([(short, "1"), (long, "2"), (short.upper(), "3"), (long.upper(), "4")])
    assert headers.all(long) == headers.all(short) == ["1", "2", "3", "4"]


def test_reading() -> None:
    headers = Headers([("Allow", "INVITE, ACK"), ("X-Y", ' "a,b" , <sip:c,d> ,'), ("ALLOW", ",,BYE"), ("x-y", "z")])
    assert headers.get("allow") == "INVITE, ACK"
    assert headers.get("nothing") is None
    assert headers.values("Allow") == ["INVITE", "ACK", "BYE"]
    assert headers.values("X-Y") == ['"a,b"', "<sip:c,d>", "z"]
    assert headers.values("X-Z") == []
    assert "ALLOW" in headers
    assert "nothing" not in headers
    assert 7 not in headers
    assert len(headers) == 4
    assert next(iter(headers)) == ("Allow", "INVITE, ACK")
    assert repr(headers) == "<Headers Allow, X-Y, ALLOW, x-y>"


def test_writing() -> None:
    headers = Headers([("Via", "1"), ("X", "2")])
    headers.prepend("v", "0")
    assert list(headers) == [("v", "0"), ("Via", "1"), ("X", "2")]
    headers.prepend("New", "n")
    assert headers.get("new") == "n"
    headers.set("VIA", "9")
    assert list(headers) == [("New", "n"), ("VIA", "9"), ("X", "2")]
    headers.set("Y", "y")
    headers.add("Y", "z")
    assert list(headers)[-2:] == [("Y", "y"), ("Y", "z")]
    headers.remove("y")
    headers.remove("absent")
    assert headers == Headers([("new", "n"), ("v", " 9 "), ("x", "2")])


def test_what_is_derived_is_dropped_when_a_line_changes() -> None:
    response = Response(200, headers=[("To", "<sip:a@b>")])
    assert response.to is response.to
    assert response.to_tag == ""
    response.headers.set("t", "<sip:a@b>;tag=1")
    assert response.to_tag == "1"
    copy = response.headers.copy()
    copy.set("To", "<sip:a@b>;tag=2")
    assert response.to_tag == "1"
    response.headers.remove("To")
    with pytest.raises(MalformedMessage):
        _ = response.to
    response.headers.prepend("To", "<sip:a@b>;tag=3")
    assert response.to_tag == "3"


def test_carry_repeats_lines_as_received() -> None:
    request = Headers.of_entries(
        [("to", "t", ' "\\\x07" <sip:a@b>'), ("x", "X", "1"), ("via", "Via", "1"), ("via", "v", "2")]
    )
    response = Headers([("Server", "us")])
    response.carry(request, "Via", "To")
    assert list(response) == [("Server", "us"), ("Via", "1"), ("v", "2"), ("t", '"\\\x07" <sip:a@b>')]


@pytest.mark.parametrize("character", [*map(chr, (*range(9), *range(10, 32), 127)), "\ud800", "\udfff"])
def test_controls_are_refused(character: str) -> None:
    with pytest.raises(InvalidValue, match="X-Name"):
        check_header_value(f"a{character}b", "X-Name")
    headers = Headers()
    for write in (headers.add, headers.set, headers.prepend):
        with pytest.raises(InvalidValue):
            write("X-Name", f"a{character}b")
    assert len(headers) == 0


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "Ä", 'a"', "a\x00"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidValue):
        check_header_name(name)
    with pytest.raises(InvalidValue):
        Headers([(name, "x")])


def test_what_passes() -> None:
    check_header_value('tab\tÄ 大 \udc80 "<>')
    check_header_name("X-!%*_+`'~.9")
    check_header_name("Via")
    assert is_token("a-b")
    assert not is_token("a b")


@pytest.mark.parametrize(
    ("text", "quoted"), [("", '""'), ("a", '"a"'), ('a"b', '"a\\"b"'), ("a\\", '"a\\\\"'), ('\\"', '"\\\\\\""')]
)
def test_quoting(text: str, quoted: str) -> None:
    assert quote(text) == quoted
    assert unquote(quoted) == text


def test_unquoting_what_is_not_quoted() -> None:
    for text in ("", '"', "a", '"a', 'a"'):
        assert unquote(text) == text
    assert unquote('"\\a\\\n"') == "a\n"


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("", [""]),
        (" a ", ["a"]),
        ("a,b", ["a", "b"]),
        (" a , b,", ["a", "b", ""]),
        ('"a,b" , c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ('<sip:a,b>;x="," , d', ['<sip:a,b>;x=","', "d"]),
        ('"a" <b,c>,,"d"', ['"a" <b,c>', "", '"d"']),
    ],
)
def test_splitting(value: str, parts: list[str]) -> None:
    assert split_commas(value) == parts


@pytest.mark.parametrize("value", ['"a,b', "<a,b", 'a,"b\\"', "," * 512, '"a"' + "," * 512])
def test_what_does_not_split(value: str) -> None:
    with pytest.raises(MalformedMessage):
        split_commas(value)


def test_an_id_of_the_users_own_may_begin_a_call_id() -> None:
    """RFC 3261 §25.1."""
    assert check_call_id("Order.17_~+-a") == "Order.17_~+-a"
    for wrong in ("", "a b", "a@b", "a" * 161, "ä", "a\r\n", 17):
        with pytest.raises(InvalidValue, match="is no id"):
            check_call_id(wrong)  # type: ignore[arg-type]


def test_a_number_is_no_text() -> None:
    for check in (check_header_name, check_header_value):
        with pytest.raises(InvalidValue, match="is text, not 17"):
            check(17)  # type: ignore[operator]
