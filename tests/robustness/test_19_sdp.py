"""Robustness 19: descriptions as large as they come, and the shape of every answer."""

from __future__ import annotations

import time

import pytest

from sipclient.errors import MalformedDescription
from sipclient.sdp import Answer, Capabilities, Refusal, lint, make_offer, negotiate, parse, wants

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0\r\n"
CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host\r\n"


@pytest.mark.parametrize(
    "body",
    [
        AUDIO + "a=x:" + "y" * 2**20,
        AUDIO * 1000,
        AUDIO + CANDIDATE * 10_000,
        AUDIO + "a=x\r\n" * 10_000,
        AUDIO + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n" * 10_000,
        AUDIO.replace("4000", "70000"),
        AUDIO.replace("4000", "-1"),
        "x" * 2**20,
        "\r\n" * 2**19,
    ],
)
def test_what_is_too_large_is_refused_in_a_tenth_of_a_second(body: str) -> None:
    began = time.process_time()
    with pytest.raises(MalformedDescription):
        parse(HEAD + body)
    assert time.process_time() - began < 0.1


DTLS = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\n"
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"


@pytest.mark.parametrize(
    "body",
    [
        DTLS + ICE + CANDIDATE * 1100,
        DTLS + ICE + "a=candidate:broken\r\n" * 1900,
        DTLS + "a=fingerprint:sha-256 AA\r\n" * 1900,
        DTLS + "a=fingerprint:sha-256 " + "AA:" * 21_000,
        "m=audio 9 RTP/SAVP 0\r\n" + "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n" * 1200,
        "m=audio 9 RTP/SAVP 0\r\na=crypto:1 x inline:" + "y" * 60_000,
        "m=audio 9 RTP/SAVP 0\r\na=crypto:1 " + " x" * 30_000,
        DTLS + ICE + "a=candidate:" + "1 " * 31_000,
        DTLS + ICE + "a=remote-candidates:" + "1 192.0.2.1 1 " * 4_600,
        "a=group:BUNDLE " + "x " * 30_000 + "\r\n" + DTLS,
        "a=group:BUNDLE 0 1 2 3 4 5\r\n" * 1500 + DTLS * 20,
        DTLS + "a=extmap:1\r\n" * 1900,
        DTLS * 128,
        "m=audio 9 RTP/AVP 96\r\na=fmtp:96 " + "a=b;" * 15_000,
        "m=audio 9 RTP/AVP " + " ".join(map(str, range(128))) + "\r\n" + "a=rtpmap:96 x/8000\r\n" * 1990,
    ],
)
def test_the_worst_that_is_read_is_judged_in_a_tenth_of_a_second(body: str) -> None:
    text = HEAD + body
    assert len(text) <= 65_536
    for able in (Capabilities(), Capabilities("192.0.2.9", 5000)):
        began = time.process_time()
        offer = parse(text)
        wants(offer)
        result = negotiate(offer, able)
        assert time.process_time() - began < 0.1
        if isinstance(result, Refusal):
            assert len(str(result)) < 20_000
    began = time.process_time()
    lint(parse(text))
    make_offer(Capabilities("192.0.2.9", 5000), parse(text))
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize("count", [1, 2, 7, 128])
@pytest.mark.parametrize("kind", ["audio 4000 RTP/AVP 0", "audio 0 RTP/AVP 0", "video 9 RTP/AVP 31", "x 1 y"])
def test_an_answer_has_never_an_m_line_more_or_less(count: int, kind: str) -> None:
    """RFC 3264 §6."""
    offer = parse(HEAD + f"m={kind}\r\n" * (count - 1) + AUDIO)
    result = negotiate(offer)
    assert isinstance(result, Answer)
    assert len(result.description.media) == count
    assert [media.kind for media in result.description.media] == [media.kind for media in offer.media]
