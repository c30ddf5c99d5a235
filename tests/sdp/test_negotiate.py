"""Offers and what becomes of them: each row an offer as somebody sends it, and our answer or our reasons."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.sdp import (
    L16,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    Direction,
    Refusal,
    codec_named,
    negotiate,
    parse,
    revise,
)
from tests.sdp.offers import ASTERISK, FREESWITCH, OURS, OURS6, answered, offer, refused, text


@pytest.mark.parametrize("lines", [ASTERISK, FREESWITCH], ids=["asterisk", "freeswitch"])
def test_the_offers_of_real_pbxs_are_answered_whole(lines: tuple[str, ...]) -> None:
    answer = answered(text(*lines))
    assert answer.description.lines == (
        "v=0",
        "o=- 42 1 IN IP4 192.0.2.9",
        "s=-",
        "c=IN IP4 192.0.2.9",
        "t=0 0",
        "m=audio 5000 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    )
    stream = answer.stream
    assert (stream.codec, stream.payload_type, stream.event_type, stream.samples) == (PCMU, 0, 101, 160)
    assert stream.receives == ((0, PCMU), (101, TELEPHONE_EVENT))
    assert (stream.host, stream.rtcp_host) == ("127.0.0.1", "127.0.0.1")
    assert stream.rtcp_port == stream.port + 1


@pytest.mark.parametrize(
    ("lines", "m_line"),
    [
        (("m=audio 4000 RTP/AVP 8 0",), "m=audio 5000 RTP/AVP 8"),  # the offerer's order, static and unmapped
        (("m=audio 4000 RTP/AVP 18 8",), "m=audio 5000 RTP/AVP 8"),
        (("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 pcma/8000"), "m=audio 5000 RTP/AVP 96"),
        (("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/8000/1"), "m=audio 5000 RTP/AVP 96"),
        (("m=audio 4000 RTP/AVP 0 8", "a=rtpmap:0 GSM/8000"), "m=audio 5000 RTP/AVP 8"),  # rtpmap outweighs
        (("m=audio 4000 RTP/AVP 96 8", "a=rtpmap:96 PCMU/16000"), "m=audio 5000 RTP/AVP 8"),
        (("m=audio 4000 RTP/AVP 96 8", "a=rtpmap:96 PCMU/8000/2"), "m=audio 5000 RTP/AVP 8"),
        (("m=audio 4000 RTP/AVPF 0", "a=rtcp-fb:* nack"), "m=audio 5000 RTP/AVPF 0"),
        (("m=AUDIO 4000 rtp/avp 0",), "m=audio 5000 rtp/avp 0"),
        (("m=audio 4000 RTP/AVP 0 97", "a=rtpmap:97 telephone-event/8000"), "m=audio 5000 RTP/AVP 0 97"),
        (
            ("m=audio 4000 RTP/AVP 0 96 97", "a=rtpmap:96 telephone-event/48000", "a=rtpmap:97 telephone-event/8000"),
            "m=audio 5000 RTP/AVP 0 97",
        ),
        (("m=audio 4000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/16000"), "m=audio 5000 RTP/AVP 0"),
        # Optional encryption beside plain RTP: the plain is taken.
        (("m=audio 4000 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"), "m=audio 5000 RTP/AVP 0"),
        (("m=audio 4000 RTP/AVP 0", "a=acap:1 crypto:1", "a=pcfg:1 t=1"), "m=audio 5000 RTP/AVP 0"),
    ],
)
def test_the_payload_types_are_the_offerers(lines: tuple[str, ...], m_line: str) -> None:
    assert answered(offer(*lines)).description.lines[5] == m_line


@pytest.mark.parametrize(
    ("lines", "m_lines"),
    [
        (("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 31 34"), ["audio 5000 RTP/AVP 0", "video 0 RTP/AVP 31"]),
        (
            ("m=video 4002 RTP/AVP 96", "a=rtpmap:96 H264/90000", "m=audio 4000 RTP/AVP 8"),
            ["video 0 RTP/AVP 96", "audio 5000 RTP/AVP 8"],
        ),
        (("m=audio 4000 RTP/SAVP 0", "m=audio 4002 RTP/AVP 0"), ["audio 0 RTP/SAVP 0", "audio 5000 RTP/AVP 0"]),
        (("m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 8"), ["audio 5000 RTP/AVP 0", "audio 0 RTP/AVP 8"]),
        (
            ("m=audio 4000 RTP/AVP 0", "m=image 4002 udptl t38", "m=application 9 TCP/MSRP *"),
            ["audio 5000 RTP/AVP 0", "image 0 udptl t38", "application 0 TCP/MSRP *"],
        ),
        (("m=audio 0 RTP/AVP 0", "m=audio 4002 RTP/AVP"), None),
        (("m=text 0 RTP/AVP", "m=audio 4002 RTP/AVP 0"), ["text 0 RTP/AVP 0", "audio 5000 RTP/AVP 0"]),
    ],
)
def test_what_is_not_taken_keeps_its_place_with_port_0(lines: tuple[str, ...], m_lines: list[str] | None) -> None:
    if m_lines is None:
        assert len(refused(offer(*lines)).reasons) == 2
        return
    found = [line[2:] for line in answered(offer(*lines)).description.lines if line.startswith("m=")]
    assert found == m_lines


@pytest.mark.parametrize(
    ("offered", "wanted", "expected"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "sendonly", "sendonly"),
        ("inactive", "sendonly", "inactive"),
        ("sendrecv", "inactive", "inactive"),
        ("sendonly", "recvonly", "recvonly"),
    ],
)
def test_hold_and_resume(offered: str, wanted: str, expected: str) -> None:
    capabilities = msgspec.structs.replace(OURS, direction=Direction(wanted))
    answer = answered(offer("m=audio 4000 RTP/AVP 0", f"a={offered}"), capabilities)
    assert answer.description.lines[-1] == f"a={expected}"
    assert answer.stream.direction == expected


@pytest.mark.parametrize("nowhere", ["::", "0:0:0:0:0:0:0:0"])
def test_the_old_hold_in_ipv6(nowhere: str) -> None:
    held = text("v=0", f"c=IN IP6 {nowhere}", "m=audio 4000 RTP/AVP 0")
    assert answered(held, OURS6).stream.direction is Direction.RECVONLY


@pytest.mark.parametrize(
    ("stated", "expected"), [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive")]
)
def test_the_old_hold_of_rfc_2543(stated: str, expected: str) -> None:
    held = text("v=0", "c=IN IP4 0.0.0.0", "m=audio 4000 RTP/AVP 0", f"a={stated}")
    assert answered(held).stream.direction == expected


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ((), 20),
        (("a=ptime:30",), 30),
        (("a=ptime:60",), 60),
        (("a=ptime:10",), 10),
        (("a=ptime:5",), 20),
        (("a=ptime:25",), 20),
        (("a=ptime:500",), 20),
        (("a=maxptime:10",), 10),
        (("a=ptime:60", "a=maxptime:45"), 40),
        (("a=maxptime:1",), 10),
    ],
)
def test_packets_are_as_long_as_the_peer_likes_them(lines: tuple[str, ...], ptime: int) -> None:
    answer = answered(offer("m=audio 4000 RTP/AVP 0", *lines))
    assert answer.stream.ptime == ptime
    assert f"a=ptime:{ptime}" in answer.description.lines


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("a=x", "192.0.2.1", 4001),
        ("a=rtcp:4007", "192.0.2.1", 4007),
        ("a=rtcp:4007 IN IP4 192.0.2.3", "192.0.2.3", 4007),
        ("a=rtcp:4007 IN IP6 2001:db8::1", "192.0.2.1", 4007),
        ("a=rtcp:4007 IN IP4 224.0.0.1", "192.0.2.1", 4007),
        ("a=rtcp:9 IN IP4 0.0.0.0", "0.0.0.0", 0),
        ("c=IN IP4 0.0.0.0", "0.0.0.0", 0),  # on hold: not even RTCP
    ],
)
def test_where_our_rtcp_goes(line: str, host: str, port: int) -> None:
    stream = answered(offer("m=audio 4000 RTP/AVP 0", line)).stream
    assert (stream.rtcp_host, stream.rtcp_port) == (host, port)


def test_the_last_port_has_no_room_for_rtcp() -> None:
    assert answered(offer("m=audio 65535 RTP/AVP 0")).stream.rtcp_port == 0


def test_our_own_rtcp_port_is_told_where_it_is_not_the_next() -> None:
    def told(rtcp_port: int) -> bool:
        capabilities = msgspec.structs.replace(OURS, rtcp_port=rtcp_port)
        return f"a=rtcp:{rtcp_port}" in answered(text(*ASTERISK), capabilities).description.lines

    assert told(6000)
    assert not told(5001)


def test_ipv6() -> None:
    answer = answered(
        text("v=0", "c=IN IP6 2001:db8::1", "m=audio 4000 RTP/AVP 0", "a=rtcp:9 IN IP6 2001:db8::2"), OURS6
    )
    assert answer.description.lines[1:4] == ("o=- 42 1 IN IP6 2001:db8::9", "s=-", "c=IN IP6 2001:db8::9")
    assert (answer.stream.host, answer.stream.rtcp_host) == ("2001:db8::1", "2001:db8::2")


@pytest.mark.parametrize(
    ("timing", "expected"), [("t=3034423619 0", "t=3034423619 0"), ("t=0 0 ", "t=0 0"), ("t=x", "t=0 0")]
)
def test_the_time_is_the_offers(timing: str, expected: str) -> None:
    assert answered(text("v=0", timing, "c=IN IP4 192.0.2.1", "m=audio 4 RTP/AVP 0")).description.lines[4] == expected


def test_without_codecs_there_is_nothing_to_agree_on() -> None:
    bare = msgspec.structs.replace(OURS, codecs=(TELEPHONE_EVENT,))
    (reason,) = refused(text(*FREESWITCH), bare).reasons
    assert "supported none" in reason.text


def test_a_codec_with_channels_is_written_with_them() -> None:
    stereo = msgspec.structs.replace(OURS, codecs=(Codec("L16", 8000, 2),))
    answer = answered(offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 L16/8000/2"), stereo)
    assert "a=rtpmap:96 L16/8000/2" in answer.description.lines


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("PCMU", PCMU),
        ("pcma", PCMA),
        ("opus", OPUS),
        ("Opus/48000/2", OPUS),
        ("PCMU/8000", PCMU),
        ("L16", L16),
        ("L16/8000", Codec("L16", 8000)),
        ("telephone-event/48000", Codec("telephone-event", 48000, fmtp="0-15")),
        ("L16/44100", None),
        ("PCMU/16000", None),
        ("G729", None),
    ],
)
def test_codecs_by_name(name: str, codec: Codec | None) -> None:
    assert codec_named(name) == codec


def test_an_answer_to_the_same_offer_keeps_its_version_and_to_another_raises_it() -> None:
    first = answered(text(*ASTERISK)).description
    again = revise(first, answered(text(*ASTERISK)).description)
    assert again is first
    held = revise(first, answered(text(*ASTERISK[:-1], "a=sendonly")).description)
    assert held.lines[1] == "o=- 42 2 IN IP4 192.0.2.9"
    back = revise(held, answered(text(*ASTERISK)).description)
    assert back.lines[1] == "o=- 42 3 IN IP4 192.0.2.9"
    assert back.lines[2:] == first.lines[2:]


@pytest.mark.parametrize("origin", ["s=no origin", "o=- 1 x IN IP4 192.0.2.1"])
def test_a_description_that_has_no_version_is_not_followed(origin: str) -> None:
    description = answered(text(*ASTERISK)).description
    assert revise(text("v=0", origin), description) is description
    assert revise(description, text("v=0", "s=none")).lines == ("v=0", "s=none")


_LINES = st.sampled_from(
    [
        *ASTERISK[5:],
        *FREESWITCH[3:],
        "m=audio 4000 RTP/AVP 0 8 18 96 97",
        "m=audio 0 RTP/AVP 0",
        "m=audio 9 RTP/SAVP 0",
        "m=video 4000 RTP/AVP 31",
        "m=x 1 y",
        "a=rtpmap:96 PCMA/8000",
        "a=rtpmap:97 telephone-event/8000",
        "a=rtpmap:0 telephone-event/8000",
        "a=sendonly",
        "a=inactive",
        "a=ptime:30",
        "a=maxptime:0",
        "c=IN IP4 0.0.0.0",
        "c=IN IP6 ::",
        "a=rtcp:1",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_LINES, max_size=14), st.sampled_from(Direction))
def test_every_answer_is_legal(lines: list[str], wanted: Direction) -> None:
    offered = text("v=0", *lines)
    result = negotiate(offered, msgspec.structs.replace(OURS, direction=wanted))
    if isinstance(result, Refusal):
        assert result.reasons
        assert all(0 <= reason.line <= len(offered.lines) for reason in result.reasons)
        return
    answer = parse(bytes(result.description))
    assert len(answer.media) == len(offered.media)
    assert sum(media.port != 0 for media in answer.media) == 1
    for theirs, ours in zip(offered.media, answer.media, strict=True):
        assert (ours.kind, ours.proto) == (theirs.kind, theirs.proto)
        assert not ours.port or theirs.port
        if ours.port:
            assert set(ours.formats) <= set(theirs.formats)
            meanings = {payload.number: payload.name.lower() for payload in theirs.payloads}
            assert all(meanings[payload.number] == payload.name.lower() for payload in ours.payloads)
            assert not (ours.direction.sends and not theirs.direction.receives)
            assert not (ours.direction.receives and not theirs.direction.sends)
