"""Offers that no call can come of: every reason, in words, with its line."""

from __future__ import annotations

import time

import pytest

from sipclient.sdp import Answer, Reason, Refusal, negotiate, parse
from tests.sdp.offers import OURS, OURS6, offer, refused, text

NO_FINGERPRINT = Reason(
    "the a=fingerprint line is missing: without it the certificate of DTLS-SRTP cannot be checked", 6, 306
)
NO_SETUP = Reason("the a=setup line is missing: nobody knows who begins the DTLS handshake", 6, 306)


@pytest.mark.parametrize(
    ("lines", "reasons"),
    [
        ((), [Reason("the offer has no m= line: nothing to talk over is offered", 5, 304)]),
        (
            ("m=video 4000 RTP/AVP 31", "m=image 4002 udptl t38", "m=image 9 udptl t38"),
            [Reason("no audio is offered, only video, image", 6, 304)],
        ),
        (
            ("m=audio 4000 RTP/AVP 18 3 96 97", "a=rtpmap:96 opus/48000/2"),
            [
                Reason(
                    "no codec in common: offered G729 (18), GSM (3), opus (96), unknown (97), supported PCMU, PCMA",
                    6,
                    305,
                ),
                Reason("no a=rtpmap line says what 97 means", 6, 305),
            ],
        ),
        (("m=audio 4000 RTP/AVP",), [Reason("no codec in common: offered none, supported PCMU, PCMA", 6, 305)]),
        (
            ("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
            [Reason("no codec in common: offered telephone-event (101), supported PCMU, PCMA", 6, 305)],
        ),
        (
            ("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"),
            [
                Reason(
                    "the audio is to be encrypted (RTP/SAVP, SRTP), and this side speaks plain RTP only: "
                    "let the phone or the PBX offer RTP/AVP",
                    6,
                )
            ],
        ),
        (
            ("m=audio 9 UDP/TLS/RTP/SAVPF 0",),
            [
                Reason(
                    "the audio is to be encrypted (UDP/TLS/RTP/SAVPF, DTLS-SRTP), and this side speaks plain RTP "
                    "only: let the phone or the PBX offer RTP/AVP",
                    6,
                ),
                NO_FINGERPRINT,
                NO_SETUP,
            ],
        ),
        (
            ("m=audio 9 RTP/SAVPF 0", "a=fingerprint:sha-256 AA", "m=audio 0 RTP/AVP 0"),
            [
                Reason(
                    "the audio is to be encrypted (RTP/SAVPF, DTLS-SRTP), and this side speaks plain RTP only: "
                    "let the phone or the PBX offer RTP/AVP",
                    6,
                ),
                Reason("the audio is switched off (port 0)", 8),
                NO_SETUP,
            ],
        ),
        (
            ("m=audio 9 TCP/RTP/AVP 0",),
            [Reason("the audio is to travel as TCP/RTP/AVP, which this side does not speak; it speaks RTP/AVP", 6)],
        ),
        (
            ("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"),
            [Reason("the audio is to go to an IPv6 address (2001:db8::1), and this side has IPv4 only", 7)],
        ),
        (
            ("m=audio 4000 RTP/AVP 0", "c=IN IP4 phone.example.com"),
            [Reason("phone.example.com is no IP address: a name cannot be used here", 7)],
        ),
        (
            ("m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"),
            [Reason("224.2.1.1 is a multicast address: a call goes to one place", 7)],
        ),
    ],
)
def test_a_refusal_gives_every_reason_with_its_line(lines: tuple[str, ...], reasons: list[Reason]) -> None:
    assert list(refused(offer(*lines)).reasons) == reasons


def test_an_offer_without_an_address() -> None:
    first, *more = refused(text("v=0", "m=audio 4000 RTP/AVP 0")).reasons
    assert first == Reason("there is no c= line with an address for the audio", 2)
    assert [reason.text[:13] for reason in more] == ["the o= line (", "the s= line (", "the t= line ("]


@pytest.mark.parametrize("address", ["fe80::1%eth0", "192.0.2.1", "::ffff", "x"])
def test_an_ipv6_address_is_one(address: str) -> None:
    result = negotiate(text("v=0", f"c=IN IP6 {address}", "m=audio 4000 RTP/AVP 0"), OURS6)
    assert isinstance(result, Answer) is (address == "::ffff")


def test_a_reason_repeats_nothing_that_harms_a_log_or_a_header() -> None:
    name = 'x"\x1b[31m\\' + "é" * 200
    (reason,) = refused(offer("m=audio 4000 RTP/AVP 96", f"a=rtpmap:96 {name}/8000")).reasons
    assert reason.text.isascii() and reason.text.isprintable() and '"' not in reason.text
    assert len(reason.text) < 200


def test_a_refusal_gives_no_more_reasons_than_anybody_reads() -> None:
    many = Refusal.of([Reason("a"), *(Reason("b", number) for number in range(1, 100)), Reason("a")])
    assert len(many.reasons) == 51
    assert str(many).endswith("line 49: b; and 50 more")


def test_a_refusal_in_words() -> None:
    refusal = Refusal((Reason("no codec", 7, 305), Reason("nothing else")))
    assert str(refusal) == "line 7: no codec; nothing else"
    assert refusal.warnings == ((305, "line 7: no codec"), (399, "nothing else"))


@pytest.mark.parametrize(
    "body",
    [
        "m=audio 9 RTP/AVP " + "3 " * 32_000,
        "m=audio 9 RTP/AVP 3\r\n" * 128,
        "m=audio 9 RTP/SAVP 3\r\n" * 128,
        "m=audio 9 RTP/AVP 96\r\n" + "a=rtpmap:96 x/8000\r\n" * 1990,
        "m=audio 9 RTP/AVP 0 0\r\nc=IN IP6 " + ":" * 60_000,
    ],
)
@pytest.mark.timing
def test_the_worst_that_parses_is_refused_in_a_tenth_of_a_second(body: str) -> None:
    began = time.process_time()
    result = negotiate(parse("v=0\r\nc=IN IP4 192.0.2.1\r\n" + body), OURS)
    assert time.process_time() - began < 0.1
    assert isinstance(result, Refusal)
    assert all(len(reason.text) < 300 for reason in result.reasons)
