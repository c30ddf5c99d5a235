"""What an offer asks for before it can be answered, and header extensions."""

from __future__ import annotations

import msgspec
import pytest

from sipclient.sdp import Wants, make_offer, wants
from tests.sdp.able import SETS, WEBRTC
from tests.sdp.offers import ASTERISK, answered, offer, text

CREDENTIALS = ("a=ice-ufrag:8hhY", "a=ice-pwd:asd88fgpdd777uzjYhagZg")


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (ASTERISK, Wants(family="IP4")),
        (("v=0",), Wants()),
        (("v=0", "m=audio 0 RTP/AVP 0", "m=video 9 RTP/SAVP 31"), Wants()),
        (("v=0", "m=audio 9 RTP/AVP 0"), Wants()),
        (("v=0", "c=IN IP6 ::1", "m=audio 9 RTP/SAVP 0"), Wants(sdes=True, family="IP6")),
        (("v=0", "m=audio 9 RTP/AVP 0", "a=crypto:1 x", "a=rtcp-mux"), Wants(sdes=True, rtcp_mux=True)),
        (("v=0", "a=fingerprint:sha-256 AA", "m=audio 9 RTP/SAVPF 0"), Wants(dtls=True, sdes=True)),
        (
            (
                "v=0",
                "c=IN IP4 0.0.0.0",
                "m=audio 9 UDP/TLS/RTP/SAVPF 0",
                *CREDENTIALS,
                "a=candidate:1 1 udp 1 x.local 9 typ host",
                "a=candidate:1 1 udp 1 2001:db8::1 9 typ host",
            ),
            Wants(ice=True, dtls=True, family="IP6"),
        ),
        (("v=0", "c=IN IP4 0.0.0.0", "m=audio 9 RTP/AVP 0", "m=audio 9 RTP/AVP 0", *CREDENTIALS), Wants(ice=True)),
    ],
)
def test_what_an_offer_wants(lines: tuple[str, ...], wanted: Wants) -> None:
    assert wants(text(*lines)) == wanted


def test_our_own_offers_want_what_they_bring() -> None:
    assert wants(make_offer(SETS["srtp"])) == Wants(sdes=True, family="IP4")
    assert wants(make_offer(WEBRTC)) == Wants(ice=True, dtls=True, rtcp_mux=True, family="IP4")


LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


@pytest.mark.parametrize(
    ("lines", "number", "line"),
    [
        ((f"a=extmap:1 {LEVEL} vad=on",), 1, f"a=extmap:1 {LEVEL}"),
        ((f"a=extmap:14/sendonly {LEVEL}",), 14, f"a=extmap:14/recvonly {LEVEL}"),
        ((f"a=extmap:2/recvonly {LEVEL}",), 2, f"a=extmap:2/sendonly {LEVEL}"),
        ((f"a=extmap:2/inactive {LEVEL}",), None, f"a=extmap:2/inactive {LEVEL}"),
        ((f"a=extmap:15 {LEVEL}", f"a=extmap:3 {LEVEL}"), 3, f"a=extmap:3 {LEVEL}"),
        ((f"a=extmap:0 {LEVEL}",), None, None),
        ((f"a=extmap:x {LEVEL}",), None, None),
        ((f"a=extmap:4/sideways {LEVEL}",), None, None),
        (("a=extmap:4",), None, None),
        (("a=extmap:4 urn:other",), None, None),
    ],
)
def test_header_extensions_keep_their_id_and_turn_their_direction(
    lines: tuple[str, ...], number: int | None, line: str | None
) -> None:
    """RFC 8285 §5, §6; RFC 6464 §4."""
    base = make_offer(msgspec.structs.replace(WEBRTC, address="192.0.2.1"))
    answer = answered(text(*base.lines, *lines), WEBRTC)
    assert answer.stream.audio_level == number
    assert [found for found in answer.description.lines if found.startswith("a=extmap")] == ([line] if line else [])


def test_without_webrtc_no_header_extension_is_promised() -> None:
    answer = answered(offer("m=audio 4000 RTP/AVP 0", f"a=extmap:1 {LEVEL}"))
    assert answer.stream.audio_level is None
    assert not any(line.startswith("a=extmap") for line in answer.description.lines)


def test_a_webrtc_answer_without_a_source_to_name() -> None:
    bare = msgspec.structs.replace(WEBRTC, ssrc=0, stream_id="")
    lines = answered(make_offer(WEBRTC), bare).description.lines
    assert not any(line.startswith(("a=ssrc", "a=msid")) for line in lines)
    nameless = msgspec.structs.replace(WEBRTC, cname="")
    assert "a=ssrc:1234 cname:-" in answered(make_offer(WEBRTC), nameless).description.lines
