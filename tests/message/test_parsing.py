"""Bytes to messages and back: start lines, header lines, the end of a body, limits, and hand-built messages."""

from __future__ import annotations

import pytest

from sipclient.message import (
    Headers,
    InvalidValue,
    Limits,
    MalformedMessage,
    Message,
    Request,
    Response,
    SipUri,
    check,
    parse,
    parse_uri,
    reason_phrase,
    salvage,
)

HEAD = (
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
    b"From: <sip:a@example.com>;tag=1\r\n"
    b"To: <sip:b@example.com>\r\n"
    b"Call-ID: c1\r\n"
    b"CSeq: 1 OPTIONS\r\n"
)
START = b"OPTIONS sip:b@example.com SIP/2.0\r\n"


def make(start: bytes = START, more: bytes = b"", body: bytes = b"") -> bytes:
    return start + HEAD + more + b"\r\n" + body


def refused(data: bytes, limits: Limits | None = None) -> tuple[int, str]:
    with pytest.raises(MalformedMessage) as caught:
        check(parse(data, limits) if limits is not None else parse(data))
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize(
    ("more", "body", "expected"),
    [
        (b"", b"", b""),
        (b"", b"the rest", b"the rest"),
        (b"Content-Length: 3\r\n", b"abc", b"abc"),
        (b"l: 3\r\n", b"abcdef", b"abc"),
        (b"Content-Length:\r\n 3\r\n", b"abc\r\n\r\n", b"abc"),
        (b"Content-Length: 0003 \r\nl: 0003\r\n", b"abcd", b"abc"),
        (b"Content-Length: 0\r\n", b"\r\n", b""),
    ],
)
def test_where_the_body_of_a_datagram_ends(more: bytes, body: bytes, expected: bytes) -> None:
    assert parse(make(more=more, body=body)).body == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n",
        START,
        START + HEAD,
        make().replace(b"\r\n", b"\n"),
        make(more=b"X: a\nVia: b\r\n"),
        make(more=b"X: a\rb\r\n"),
        make(more=b"no colon\r\n"),
        make(more=b"Via\r\n"),
        make(more=b": nameless\r\n"),
        make(more=b"two words: x\r\n"),
        make(more="Ünïcode: x\r\n".encode()),
        make(more=b"Content-Length: 1\r\n"),
        make(more=b"Content-Length: -1\r\n"),
        make(more=b"Content-Length: 1e3\r\n"),
        make(more=b"Content-Length: \r\n"),
        make(more=b"Content-Length: 99999999999\r\n"),
        make(more="Content-Length: ٣\r\n".encode(), body=b"abc"),
        make(more=b"Content-Length: 1\r\nContent-Length: 2\r\n", body=b"ab"),
        make(b"OPTIONS sip:b@example.com\r\n"),
        make(b"OPTIONS  SIP/2.0\r\n"),
        make(b"OPTIONS SIP/2.0\r\n"),
        make(b" sip:b@example.com SIP/2.0\r\n"),
        make(b"OPT:IONS sip:b@example.com SIP/2.0\r\n"),
        make(b'OPTIONS sip:"b"@example.com SIP/2.0\r\n'),
        make(b"OPTIONS sip:b@example.com\tSIP/2.0\r\n"),
        make(b"OPTIONS sip:b\x00@example.com SIP/2.0\r\n"),
        make(b"OPTIONS sip:b@example.com HTTP/1.1\r\n"),
        make(b"OPTIONS sip:b@example.com SIP/2.0 \r\n"),
        make(b"SIP/2.0 200OK\r\n"),
        make(b"SIP/2.0 20 OK\r\n"),
        make(b"SIP/2.0 099 OK\r\n"),
        make(b"SIP/2.0 700 OK\r\n"),
        make(b"SIP/2.0  200 OK\r\n"),
        make(b"SIP/3.0 200 OK\r\n"),
        make(b"SIP/2.0\r\n"),
        make("SIP/2.0 ٢٠٠ OK\r\n".encode()),
    ],
)
def test_no_message(data: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(data)
    assert caught.value.status == 400


def test_versions() -> None:
    assert refused(make(b"OPTIONS sip:b@example.com SIP/3.0\r\n"))[0] == 505
    assert parse(make(b"OPTIONS sip:b@example.com sip/2.0\r\n")).start_line() == START.decode().strip()
    assert parse(make(b"sip/2.0 200\r\n")).start_line() == "SIP/2.0 200 "


def test_empty_lines_before_the_start_line_do_not_count() -> None:
    assert parse(b"\r\n\r\n\r\n" + make()) == parse(make())


def test_bytes_that_are_no_utf8_survive() -> None:
    raw = make(b"OPTIONS sip:b@example.com SIP/2.0\r\n", b"Subject: caf\xe9 \xff\r\n", b"\x00\xff\xfe")
    message = parse(raw)
    assert message.headers.get("s") == "caf\udce9 \udcff"
    assert b"\r\nSubject: caf\xe9 \xff\r\n" in bytes(message)
    assert bytes(message).endswith(b"\r\n\r\n\x00\xff\xfe")


def test_names_order_and_unknown_headers_survive() -> None:
    raw = make(more=b"X-Queue: 7000\r\nl: 2\r\nx-queue:7001\r\n", body=b"hi")
    written = bytes(parse(raw))
    assert written == raw.replace(b"x-queue:7001", b"x-queue: 7001")


def test_content_length_is_made_right() -> None:
    message = parse(make(more=b"Content-Length: 2\r\nX: 1\r\nl: 2\r\n", body=b"hi"))
    message.body = b"hello"
    assert bytes(message).endswith(b"\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello")
    assert bytes(parse(make(body=b"hi"))).endswith(b"\r\nContent-Length: 2\r\n\r\nhi")


def test_limits() -> None:
    exact = make()
    assert parse(exact, Limits(message=len(exact), headers=5, uri=17)).body == b""
    assert refused(exact, Limits(message=len(exact) - 1))[0] == 413
    assert refused(exact, Limits(headers=4))[0] == 400
    assert refused(exact, Limits(uri=16))[0] == 414
    assert refused(make(b"OPTIONS sip:" + b"b" * 9000 + b"@example.com SIP/2.0\r\n"))[0] == 414


@pytest.mark.parametrize(
    "more",
    [
        b"From: <sip:x@example.com>;tag=2\r\n",
        b"t: <sip:x@example.com>\r\n",
        b"i: c1\r\n",
        b"CSeq: 1 OPTIONS\r\n",
        b"Max-Forwards: 70\r\nMax-Forwards: 70\r\n",
        b"Max-Forwards: 256\r\n",
        b"Max-Forwards: many\r\n",
        b"Content-Type: text\r\n",
        b"Event: a\r\no: b\r\n",
        b"Contact: *\r\nContact: <sip:a@b>\r\n",
        b"Contact: \r\n",
        b"Contact: <sip:a@b>, ,<sip:c@d>\r\n",
        b"Record-Route: <sip:a@b\r\n",
        b"Route: nonsense\r\n",
        b"Via: SIP/2.0/UDP\r\n",
        b"Via: SIP/2.0/UDP a;branch=1,\r\n",
    ],
)
def test_check_refuses(more: bytes) -> None:
    parse(make(more=more))
    assert refused(make(more=more))[0] == 400


@pytest.mark.parametrize("name", [b"Via", b"From", b"To", b"Call-ID", b"CSeq"])
def test_check_misses_what_is_mandatory(name: bytes) -> None:
    data = b"".join(line for line in make().splitlines(keepends=True) if not line.startswith(name + b":"))
    assert refused(data) == (400, f"there is no {name.decode()}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"),
        (b"CSeq: 1 OPTIONS", b"CSeq: 1 options"),
        (b"CSeq: 1 OPTIONS", b"CSeq: 2147483648 OPTIONS"),
        (b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS"),
        (b"Call-ID: c1", b"Call-ID: "),
        (b"Call-ID: c1", b"Call-ID: a b"),
        (b"OPTIONS sip:b@example.com ", b"OPTIONS sip:@ "),
        (b"OPTIONS sip:b@example.com ", b"OPTIONS b@example.com "),
        (b"OPTIONS sip:b@example.com ", b"OPTIONS sip:b@example.com?Subject=hi "),
    ],
)
def test_check_reads_what_is_mandatory(old: bytes, new: bytes) -> None:
    assert refused(make().replace(old, new))[0] == 400


def test_check_passes_responses_and_liberties() -> None:
    check(parse(make(b"SIP/2.0 200 OK\r\n")))
    check(parse(make(b"SIP/2.0 200 OK\r\n").replace(b"1 OPTIONS", b"1 INVITE")))
    check(parse(make(more=b"Contact: *\r\nX: 1\r\nX: 2\r\nVia: SIP/2.0/TLS [::1]\r\n", body=b"untyped")))
    check(parse(make(b"OPTIONS http://example.com/ SIP/2.0\r\n")))
    check(parse(make(b"OPTIONS tel:+1-201-555-0123 SIP/2.0\r\n")))


def test_salvage() -> None:
    broken = make(more=b"Content-Length: 9\r\nno header\r\nbad\rline: 1\r\n")
    request = salvage(b"\r\n" + broken + b"x" * 70000)
    assert request is not None
    assert (request.method, request.uri_text, request.call_id, request.body) == (
        "OPTIONS",
        "sip:b@example.com",
        "c1",
        b"",
    )
    assert "bad" not in request.headers
    assert salvage(make(b"ACK sip:b@example.com SIP/2.0\r\n")) is None
    assert salvage(make(b"SIP/2.0 200 OK\r\n")) is None
    assert salvage(make(b"hello world\r\n")) is None
    assert salvage(make().replace(b"Via", b"Vla")) is None
    assert salvage(b"\xff\xfe") is None


def test_built_by_hand() -> None:
    request = Request(
        "INVITE",
        parse_uri("sip:7000@example.com;lr"),
        [("Via", "SIP/2.0/TCP host"), ("From", "<sip:a@example.com>;tag=x"), ("To", "<sip:7000@example.com>")],
        b"v=0",
    )
    request.headers.add("Call-ID", "abc")
    request.headers.add("CSeq", "1 INVITE")
    check(request)
    assert parse(bytes(request)) == request
    assert isinstance(request.uri, SipUri)
    assert request.uri is request.uri
    request.uri_text = "tel:110"
    assert str(request.uri) == "tel:110"
    response = Response(486, headers=request.headers, body=b"")
    assert (response.reason, response.status_class, bytes(response)[:21]) == ("Busy Here", 4, b"SIP/2.0 486 Busy Here")
    response.headers.remove("Via")
    assert "Via" in request.headers
    assert repr(response) == "<Response 'SIP/2.0 486 Busy Here'>"
    assert parse(bytes(response)) == response != request


@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("INV ITE", "sip:a@b"),
        ("", "sip:a@b"),
        ("INVITE", ""),
        ("INVITE", "sip:a b@c"),
        ("INVITE", "sip:a@b\r\nX: y"),
        ("INVITE", "<sip:a@b>"),
    ],
)
def test_a_request_that_must_not_leave(method: str, uri: str) -> None:
    with pytest.raises(InvalidValue):
        Request(method, uri)


def test_a_response_that_must_not_leave() -> None:
    for status, reason in ((99, ""), (700, ""), (200, "OK\r\nX: y")):
        with pytest.raises(InvalidValue):
            Response(status, reason)


def test_equality_is_of_meaning() -> None:
    one = parse(make(more=b"Content-Length: 0\r\n"))
    assert one == parse(make())
    assert one == parse(make().replace(b"Call-ID:", b"i :   "))
    assert one != parse(make(more=b"X: 1\r\n"))
    assert one != parse(make(body=b"x"))
    assert one != "OPTIONS"
    assert one.headers != "OPTIONS"
    for unhashable in (one, one.headers):
        with pytest.raises(TypeError):
            hash(unhashable)
    with pytest.raises(NotImplementedError):
        Message().start_line()


def test_reason_phrases() -> None:
    phrases = [reason_phrase(status) for status in (180, 486, 499, 299, 699, 7)]
    assert phrases == ["Ringing", "Busy Here", "Request Failure", "OK", "Global Failure", "Unknown"]


def test_headers_may_be_shared_without_harm() -> None:
    headers = Headers([("X", "1")])
    request = Request("OPTIONS", "sip:a@b", headers)
    headers.add("X", "2")
    assert request.headers.all("X") == ["1"]
