"""Any bytes give a message or MalformedMessage, soon and cheaply; what was read can be written and read again."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.message import (
    Framer,
    Headers,
    InvalidValue,
    MalformedMessage,
    Message,
    NameAddr,
    Request,
    SipUri,
    check,
    check_header_value,
    parse,
    parse_name_addr,
    parse_uri,
    salvage,
)

SEEDS = [path.read_bytes() for path in sorted(Path(__file__).with_name("torture").glob("*.dat"))]
PROPERTIES = [name for name, value in vars(Message).items() if isinstance(value, property)]


def use(data: bytes) -> Message | None:
    """Everything a receiver may do with bytes; only MalformedMessage may come of it."""
    salvage(data)
    try:
        message = parse(data)
    except MalformedMessage as error:
        assert 400 <= error.status <= 505
        return None
    with suppress(MalformedMessage):
        check(message)
    for name in PROPERTIES:
        with suppress(MalformedMessage):
            getattr(message, name)
    if isinstance(message, Request):
        with suppress(MalformedMessage):
            _ = message.uri
    assert parse(bytes(message)) == message
    return message


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    use(data)
    use(b"OPTIONS sip:a@h SIP/2.0\r\n" + data + b"\r\n\r\n")


EVERY = b"""INVITE sip:bob@h SIP/2.0
Via: SIP/2.0/UDP h:5060;branch=z9hG4bKa;rport
From: "A" <sip:a@h>;tag=1
To: <sip:b@h>;tag=2
Call-ID: c@h
CSeq: 1 INVITE
Contact: <sip:a@h;transport=udp>;expires=60;+sip.instance="<urn:uuid:1>"
Max-Forwards: 70
Route: <sip:p@h;lr>, <sip:q@h;lr>
Record-Route: <sip:p@h;lr>
Path: <sip:p@h;lr>
Service-Route: <sip:p@h;lr>
Expires: 60
Min-Expires: 60
Min-SE: 90
Session-Expires: 1800;refresher=uac
Retry-After: 5 (busy);duration=9
Allow: INVITE, ACK
Supported: 100rel, timer
Require: timer
Unsupported: x
Event: dialog;id=1
Subscription-State: active;expires=60;reason=timeout
RSeq: 1
RAck: 1 1 INVITE
Reason: SIP;cause=200;text="Call completed, elsewhere", Q.850;cause=16
Refer-To: <sip:c@h?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>
Referred-By: <sip:a@h>
Replaces: c@d;to-tag=1;from-tag=2
P-Asserted-Identity: "A" <sip:a@h>, <tel:+1>
Remote-Party-ID: "A" <sip:a@h>;party=calling;privacy=off
Privacy: id
Diversion: <sip:d@h>;reason=busy
WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5
Authorization: Digest username="u", realm="r", nonce="n", uri="sip:h", response="0", qop=auth, nc=00000001, cnonce="c"
Warning: 304 h "no"
Content-Type: application/sdp;x=y
Content-Length: 0

""".replace(b"\n", b"\r\n")


@pytest.mark.parametrize("strange", [b"\x10", b"\x7f", b'"', b"\xff", b"\t"])
def test_a_strange_byte_anywhere_in_any_header(strange: bytes) -> None:
    for place in range(len(EVERY)):
        use(EVERY[:place] + strange + EVERY[place:])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(data)))
        piece = draw(
            st.one_of(
                st.binary(max_size=6), st.sampled_from([b"\r\n", b'"', b"<", b">", b",", b";", b"%", b"\r\n ", b"["])
            )
        )
        data[place : place + draw(st.integers(0, 8))] = piece
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_mutated_messages(data: bytes) -> None:
    use(data)


@settings(max_examples=200, deadline=None)
@given(st.lists(mutated() | st.sampled_from([b"\r\n", b"\r\n\r\n"]), max_size=4), st.integers(1, 200))
def test_any_stream(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)

    def frames(chunks: list[bytes]) -> tuple[list[bytes], int]:
        framer = Framer()
        found: list[bytes] = []
        for chunk in chunks:
            try:
                found += framer.feed(chunk)
            except MalformedMessage as error:
                return found + error.frames, error.status  # type: ignore[attr-defined]
        return found, 0

    whole, status = frames([data])
    cut, cut_status = frames([data[start : start + size] for start in range(0, len(data), size)])
    messages = [frame for frame in whole if frame.strip()]
    assert messages == [frame for frame in cut if frame.strip()]
    assert status == cut_status


USER = st.text(max_size=12)
HOST = st.one_of(st.from_regex(r"[a-z0-9.\-]{1,12}", fullmatch=True), st.ip_addresses().map(str))
NAME = st.from_regex(r"[a-z][a-z0-9\-]{0,6}", fullmatch=True)


def writable(text: str) -> bool:
    try:
        check_header_value(text)
    except InvalidValue:
        return False
    return True


@given(USER, HOST, st.none() | st.integers(0, 65535), st.dictionaries(NAME, st.text(max_size=8)))
def test_uris_round_trip(user: str, host: str, port: int | None, params: dict[str, str]) -> None:
    try:
        uri = SipUri("sip", host, user, port=port).with_params(params)
        text = str(uri)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text
    again = parse_uri(text)
    assert isinstance(again, SipUri)
    assert str(again) == text
    assert (again.host, again.port) == (host, port)
    assert again.user_text == uri.user_text
    assert again.params == uri.params
    assert again.equals(again)


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
    st.dictionaries(NAME, st.text(max_size=8).filter(writable)),
)
def test_addresses_round_trip(name: str, params: dict[str, str]) -> None:
    address = NameAddr(name, parse_uri("sip:a@h;lr")).with_params(params)
    assert parse_name_addr(str(address)) == address
    assert address.params == params


@given(NAME, st.text(max_size=30), st.binary(max_size=40))
def test_messages_round_trip(name: str, value: str, body: bytes) -> None:
    headers = Headers([("Via", "SIP/2.0/UDP h")])
    try:
        headers.add(f"X-{name}", value)
    except InvalidValue:
        assert not writable(value)
        return
    request = Request("INVITE", "sip:a@h", headers, body)
    again = parse(bytes(request))
    assert again == request
    assert again.headers.get(f"X-{name}") == value.strip(" \t")
    assert again.body == body


HOSTILE: list[tuple[str, Callable[[int], bytes]]] = [
    ("commas", lambda n: b"Contact: " + b"," * n),
    ("contacts", lambda n: b"Contact: <a:>" + b",<a:>" * (n // 5)),
    ("vias", lambda n: b"Via: SIP/2.0/UDP a" + b",SIP/2.0/UDP a" * (n // 14)),
    ("parameters", lambda n: b"To: <sip:a@h>" + b";a" * (n // 2)),
    ("blanks", lambda n: b"To: " + b" " * n + b"x"),
    ("blanks in parameters", lambda n: b"To: <sip:a@h>;a" + b" " * n + b"x"),
    ("blanks in a name", lambda n: b"To: a" + b" " * n + b"x"),
    ("open quote", lambda n: b'To: "' + b"a" * n),
    ("backslashes", lambda n: b'To: "' + b"\\" * n),
    ("quotes", lambda n: b"Contact: " + b'""' * (n // 2) + b",<"),
    ("brackets", lambda n: b"Contact: ," + b"<" * n),
    ("escapes", lambda n: b"To: <sip:" + b"%41" * (n // 3) + b"@h>"),
    ("user without end", lambda n: b"To: <sip:" + b"a" * 8000 + b";" + b"a" * 100 + b">"),
    ("uri parameters", lambda n: b"To: <sip:h" + b";a" * 4000 + b">"),
    ("uri headers", lambda n: b"To: <sip:h?a=" + b"&a=1" * 2000 + b">"),
    ("colons", lambda n: b"To: <sip:[" + b":" * n + b"]>"),
    ("digits", lambda n: b"CSeq: " + b"9" * n + b" INVITE"),
    ("blanks in cseq", lambda n: b"CSeq: 1" + b" " * n),
    ("folds", lambda n: b"Subject: " + b"\r\n " * (n // 3)),
    ("nested folds", lambda n: b"Subject: " + b"\r\n" + b" \t" * (n // 2)),
    ("many lines", lambda n: b"\r\n".join([b"X: y"] * (n // 6))),
    ("one name", lambda n: b"Z" * n + b": x"),
    ("no colon", lambda n: b"Z" * n),
    ("challenge", lambda n: b"WWW-Authenticate: Digest " + b"a=b," * (n // 4)),
    ("challenge blanks", lambda n: b"WWW-Authenticate: Digest a" + b" " * n + b"b"),
    ("reasons", lambda n: b"Reason: " + b'a;text="' * (n // 8)),
    ("media type", lambda n: b"Content-Type: a/b" + b" " * n + b"c"),
    ("retry after", lambda n: b"Retry-After: 1" + b" " * n + b"c"),
    ("via blanks", lambda n: b"Via: SIP" + b" " * n + b"x"),
    ("tokens", lambda n: b"Supported: a" + b",a" * 500 + b"\r\n" + b"\r\n".join([b"k: a" + b",a" * 100] * 100)),
]


@pytest.mark.parametrize(("what", "line"), HOSTILE)
@pytest.mark.timing
def test_hostile_messages_cost_little(what: str, line: Callable[[int], bytes]) -> None:
    rest = b"OPTIONS sip:a@h SIP/2.0\r\nFrom: <sip:a@h>\r\nTo: <sip:a@h>\r\nVia: SIP/2.0/UDP h\r\n"
    data = rest.replace(b"To: <sip:a@h>\r\n", b"") if line(9).startswith(b"To") else rest
    data += line(64000) + b"\r\n\r\n"
    begin = time.process_time()
    use(data)
    assert time.process_time() - begin < 0.2  # about forty readings of each header, and two of the whole
    begin = time.process_time()
    for act in (lambda: parse(data), lambda: check(parse(data)), lambda: salvage(data), lambda: Framer().feed(data)):
        with suppress(MalformedMessage):
            act()
    assert time.process_time() - begin < 0.1
    tracemalloc.start()
    use(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024
