"""Text to description and back: what is taken, what is refused and where, and how fast."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.sdp import (
    Attribute,
    Connection,
    Direction,
    MalformedDescription,
    Origin,
    Payload,
    Rtcp,
    SessionDescription,
    parse,
)

FREESWITCH = """v=0
o=FreeSWITCH 1795376088 1795376089 IN IP4 127.0.0.1
s=FreeSWITCH
c=IN IP4 127.0.0.1
t=0 0
a=msid-semantic: WMS jwTcYtaTJOGs9Ktdb9mVGGuzdCWKH96S
m=audio 21466 RTP/SAVPF 102 9 0 8 103 104 101 13
a=rtpmap:102 opus/48000/2
a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; ptime=20
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=rtcp-mux
a=rtcp:21467 IN IP4 127.0.0.2
a=ice-ufrag:0123
a=ptime:20
""".replace("\n", "\r\n")

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def of(*lines: str) -> SessionDescription:
    return parse(HEAD + "".join(f"{line}\r\n" for line in lines))


@pytest.mark.parametrize(
    "text",
    [
        FREESWITCH,
        HEAD,
        "v=0\r\n",
        HEAD + "m=audio 4000 RTP/AVP 0\r\nz=unknown letter\r\nk=clear:key\r\na=x-odd: two  blanks \r\n",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Grüße, 電話\r\nt=0 0\r\n",
        HEAD + "m=audio 0 RTP/AVP\r\n" * 3,
    ],
)
def test_nothing_is_lost_on_a_round_trip(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)
    assert bytes(parse(text.encode())) == text.encode()


def test_bytes_that_are_no_utf8_come_back_as_they_were() -> None:
    latin = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=Gr\xfc\xdfe\r\nt=0 0\r\n"
    assert bytes(parse(latin)) == latin


@pytest.mark.parametrize(
    "liberal",
    [HEAD.replace("\r\n", "\n"), HEAD.rstrip(), HEAD + "\r\n\r\n", "\r\n\n" + HEAD, HEAD.replace("v=0", "v=0 ")],
)
def test_line_ends_are_taken_as_they_come(liberal: str) -> None:
    assert parse(liberal).lines[1:] == parse(HEAD).lines[1:]


def test_absent_lines_do_not_keep_a_description_from_being_read() -> None:
    description = parse("o=- 1 1 IN IP4\nc=IN IP4\nm=audio 4000 RTP/AVP 0\n")
    assert description.origin is None and description.media[0].connection is None
    assert [payload.name for payload in description.media[0].payloads] == ["PCMU"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "v=0"),
        ("hello", 1, "v=0"),
        ("v=1\r\n", 1, "v=0"),
        ("v=0 1\r\n", 1, "v=0"),
        ("x=0\r\n", 1, "v=0"),
        ("\r\n", 1, "v=0"),
        ("o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n", 2, "not the first line"),
        (HEAD + HEAD, 6, "not the first line"),
        ("v=0\r\n\r\ns=-\r\n", 2, "small letter"),
        ("v=0\r\nA=x\r\n", 2, "small letter"),
        ("v=0\r\ns -\r\n", 2, "small letter"),
        ("v=0\r\ns=a\0b\r\n", 2, "small letter"),
        ("v=0\r\ns=a\rb\r\n", 2, "small letter"),
        (HEAD + "m=audio\r\n", 6, "needs a kind"),
        (HEAD + "m=audio 4000\r\n", 6, "needs a kind"),
        (HEAD + "m=audio 70000 RTP/AVP 0\r\n", 6, "0 to 65535"),
        (HEAD + "m=audio 65535/2 RTP/AVP 0\r\n", 6, "0 to 65535"),
        (HEAD + "m=audio 4000/0 RTP/AVP 0\r\n", 6, "0 to 65535"),
        (HEAD + "m=audio -1 RTP/AVP 0\r\n", 6, "0 to 65535"),
        (HEAD + "m=audio ٤٠٠٠ RTP/AVP 0\r\n", 6, "0 to 65535"),
        (HEAD + "m=audio $ RTP/AVP 0\r\n", 6, "0 to 65535"),
        ("v=0\r\ns=\ud800\r\n", 0, "half a character"),
        ("v=0\r\n" + "m=audio 0 RTP/AVP 0\r\n" * 1000, 130, "more than 128 m="),
        ("v=0\r\n" + "a=candidate:1 1 udp 1 192.0.2.1 9\r\n" * 10_000, 0, "larger than"),
        ("v=0\r\n" + "a=c\r\n" * 10_000, 2001, "more than 2000 lines"),
        ("v=0\r\ns=" + "x" * 2**20, 0, "larger than"),
    ],
)
def test_what_is_no_description_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(MalformedDescription, match=words) as refused:
        parse(text)
    assert refused.value.line == line


@pytest.mark.parametrize(
    "hostile",
    [
        b"v=0\r\n" + b"a=x\r\n" * 200_000,
        b"v=0\r\n" + b"m=audio 9 RTP/AVP 0\r\n" * 1000,
        b"v=0\r\n" + b"a=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host\r\n" * 10_000,
        b"v=0\r\nm=audio 9 RTP/AVP " + b"0 " * 500_000,
        b"v=0\r\n" + b"\n" * 2**20,
        b"\r" * 65_000,
        b"v=0\r\nm=" + b" " * 65_000,
    ],
)
@pytest.mark.timing
def test_the_hostile_is_refused_in_a_tenth_of_a_second(hostile: bytes) -> None:
    began = time.process_time()
    with pytest.raises(MalformedDescription):
        parse(hostile)
    assert time.process_time() - began < 0.1


def test_what_the_lines_say_has_types() -> None:
    description = parse(FREESWITCH)
    assert description.origin == Origin("FreeSWITCH", "1795376088", "1795376089", "IP4", "127.0.0.1")
    assert description.session.own_connection == Connection("IP4", "127.0.0.1", 4)
    (audio,) = description.media
    assert (audio.kind, audio.port, audio.port_count, audio.proto) == ("audio", 21466, 1, "RTP/SAVPF")
    assert audio.formats == ("102", "9", "0", "8", "103", "104", "101", "13")
    assert (audio.line, audio.ptime, audio.maxptime) == (7, 20, None)
    assert audio.rtcp == Rtcp(21467, "127.0.0.2")
    assert audio.payloads[:4] == (
        Payload(102, "opus", 48000, 2, "useinbandfec=1; maxaveragebitrate=30000; ptime=20", 8),
        Payload(9, "G722", 8000, 1, "", 10),
        Payload(0, "PCMU", 8000, 1, "", 11),
        Payload(8, "PCMA", 8000, 1, "", 7),
    )
    assert audio.payloads[4] == Payload(103, "", 0, 1, "", 7)  # dynamic, and nothing says what it is
    assert audio.first("ice-ufrag") == Attribute("ice-ufrag", "0123", 15)  # text stays text
    assert audio.first("rtcp-mux") == Attribute("rtcp-mux", "", 13)
    assert [attribute.name for attribute in audio.attributes][-3:] == ["rtcp", "ice-ufrag", "ptime"]
    assert audio.inherited("msid-semantic") == Attribute("msid-semantic", " WMS jwTcYtaTJOGs9Ktdb9mVGGuzdCWKH96S", 6)
    assert audio.inherited("fingerprint") is None


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("o=- 1 2 IN IP6 2001:db8::1", Origin("-", "1", "2", "IP6", "2001:db8::1")),
        ("o=A B C 1 2 IN IP4 192.0.2.1", Origin("A B C", "1", "2", "IP4", "192.0.2.1")),
        (f"o=- {10**30} 2 IN IP4 192.0.2.1", Origin("-", str(10**30), "2", "IP4", "192.0.2.1")),
        ("o=- 1 2 IN IP4", None),
        ("s=-", None),
    ],
)
def test_the_origin(line: str, origin: Origin | None) -> None:
    assert parse(f"v=0\r\n{line}\r\n").origin == origin


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("c=IN IP4 224.2.1.1/127/3", "224.2.1.1"),
        ("c=IN IP6 2001:db8::1", "2001:db8::1"),
        ("c=IN IP4", "192.0.2.1"),
        ("c=IN ATM x", "192.0.2.1"),
        ("a=no-connection", "192.0.2.1"),
    ],
)
def test_a_stream_has_its_own_address_or_the_sessions(line: str, address: str) -> None:
    connection = of("m=audio 4000 RTP/AVP 0", line).media[0].connection
    assert connection is not None and connection.address == address


def test_a_description_may_name_no_address_at_all() -> None:
    assert parse("v=0\r\nm=audio 4000 RTP/AVP 0\r\n").media[0].connection is None


@pytest.mark.parametrize(
    ("session", "media", "direction"),
    [
        ((), (), Direction.SENDRECV),
        (("a=sendonly",), (), Direction.SENDONLY),
        (("a=sendonly",), ("a=inactive",), Direction.INACTIVE),
        ((), ("a=recvonly", "a=sendrecv"), Direction.RECVONLY),
    ],
)
def test_the_direction_is_the_streams_or_the_sessions(
    session: tuple[str, ...], media: tuple[str, ...], direction: Direction
) -> None:
    assert of(*session, "m=audio 4000 RTP/AVP 0", *media).media[0].direction is direction


@pytest.mark.parametrize("direction", Direction)
def test_a_direction_is_what_it_does(direction: Direction) -> None:
    assert Direction.of(direction.sends, direction.receives) is direction


@pytest.mark.parametrize(
    ("line", "rtcp"),
    [
        ("a=rtcp:4005", Rtcp(4005, "")),
        ("a=rtcp:4005 IN IP4 192.0.2.7", Rtcp(4005, "192.0.2.7")),
        ("a=rtcp:", None),
        ("a=rtcp:0", None),
        ("a=rtcp:70000", None),
        ("a=rtcp:x", None),
        ("a=other", None),
    ],
)
def test_where_rtcp_goes(line: str, rtcp: Rtcp | None) -> None:
    assert of("m=audio 4000 RTP/AVP 0", line).media[0].rtcp == rtcp


@pytest.mark.parametrize("line", ["a=ptime:", "a=ptime:twenty", "a=ptime:20.5", "a=ptime:²", "a=other:20"])
def test_a_number_that_is_none_is_absent(line: str) -> None:
    assert of("m=audio 4000 RTP/AVP 0", line).media[0].ptime is None


@pytest.mark.parametrize("bad", ["a=rtpmap:0", "a=rtpmap:0 GSM", "a=rtpmap:x GSM/8000", "a=rtpmap:0 GSM/fast"])
def test_an_rtpmap_that_makes_no_sense_says_nothing(bad: str) -> None:
    assert of("m=audio 4000 RTP/AVP 0", bad).media[0].payloads[0].name == "PCMU"


def test_blanks_before_a_payload_type_do_not_count() -> None:
    """As some gateways write them; without its rtpmap a dynamic type would mean nothing."""
    lines = "m=audio 4000 RTP/AVP 96 101", "a=rtpmap: 96 L16/16000", "a=rtpmap:\t101 telephone-event/8000"
    audio = of(*lines, "a=fmtp: 101 0-16", "a=fmtp:96  x=1").media[0]
    assert [(each.name, each.fmtp) for each in audio.payloads] == [("L16", "x=1"), ("telephone-event", "0-16")]


def test_payload_types_are_numbers_below_128_each_once() -> None:
    audio = of("m=audio 4000/2 RTP/AVP 0 0 x 128 8 ²", "a=rtpmap:0 PCMU/8000", "a=rtpmap:0 GSM/8000").media[0]
    assert [(payload.number, payload.name) for payload in audio.payloads] == [(0, "PCMU"), (8, "PCMA")]
    assert audio.port_count == 2


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200),
        st.lists(
            st.sampled_from([*FREESWITCH.split("\r\n"), "m=", "m=audio 1 x", "c=IN", "a=", "o=1 2", "\0", "v=0"])
        ).map(lambda lines: "\n".join(["v=0", *lines])),
    )
)
def test_any_text_is_a_description_or_a_documented_error(text: str | bytes) -> None:
    try:
        description = parse(text)
    except MalformedDescription:
        return
    assert parse(bytes(description)) == description
    assert description.origin is None or description.origin.session_id
    for media in description.media:
        assert media.payloads is not None and media.port_count and media.proto
        assert media.direction in Direction
        assert media.connection is None or media.connection.line
        assert media.rtcp is None or media.rtcp.port
        assert (media.ptime or 0) >= 0 and (media.maxptime or 0) >= 0


@pytest.mark.parametrize(
    ("address", "nowhere"), [("0.0.0.0", True), ("::", True), ("192.0.2.1", False), ("x", False), ("0.0", False)]
)
def test_nowhere_is_the_unspecified_address(address: str, nowhere: bool) -> None:
    assert Connection("IP4", address, 1).nowhere is nowhere
