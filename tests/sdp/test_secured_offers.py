"""Our offers of SRTP and WebRTC, and what the answers to them mean."""

from __future__ import annotations

import msgspec
import pytest

from sipclient.sdp import (
    Accepted,
    Answer,
    Capabilities,
    CryptoKey,
    Direction,
    Ice,
    Refusal,
    Security,
    SessionDescription,
    Setup,
    accept,
    lint,
    make_offer,
    negotiate,
    parse,
)
from tests.sdp.able import BOTH, FINGERPRINT, OUR_ICE, OUR_KEYS, SETS, SRTP, WEBRTC
from tests.sdp.legal import assert_legal
from tests.sdp.offers import HEAD, text

THEIRS = msgspec.structs.replace(BOTH, address="192.0.2.1", port=4000, session_id=43)
FP = f"a=fingerprint:{FINGERPRINT.algorithm} {FINGERPRINT.value}"
KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def accepted(offer: SessionDescription, *lines: str) -> Accepted:
    result = accept(offer, text(*HEAD, *lines))
    assert isinstance(result, Accepted), result
    return result


def test_our_offer_of_webrtc() -> None:
    """RFC 8829 §5.2.1, RFC 8842 §5.2."""
    offer = make_offer(WEBRTC)
    assert offer.lines == (
        "v=0",
        "o=- 42 1 IN IP4 192.0.2.9",
        "s=-",
        "c=IN IP4 192.0.2.9",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 5000 UDP/TLS/RTP/SAVPF 111 9 0 8 101 110",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=mid:0",
        "a=rtcp-mux",
        FP,
        "a=setup:actpass",
        "a=ice-ufrag:ours",
        "a=ice-pwd:ourpasswordourpassword",
        "a=candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host",
        "a=end-of-candidates",
        "a=msid:s audio",
        "a=ssrc:1234 cname:us",
    )


def test_our_offer_of_srtp() -> None:
    """RFC 4568 §5.1.1."""
    audio = make_offer(SRTP).media[0]
    assert audio.proto == "RTP/SAVP"
    assert [attribute.value.split()[:2] for attribute in audio.all("crypto")] == [
        [str(number), key.suite] for number, key in enumerate(OUR_KEYS, 1)
    ]
    assert audio.first("rtcp-mux") is None


def test_a_question_can_be_asked_without_an_address() -> None:
    offer = make_offer(Capabilities(security=Security.DTLS))
    assert offer.media[0].first("fingerprint") is not None
    assert isinstance(negotiate(offer), Answer)
    for family in ("IP4 192.0.2.1", "IP6 2001:db8::1"):
        result = negotiate(
            text("v=0", f"c=IN {family}", "m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + KEY)
        )
        assert isinstance(result, Answer)
        assert result.description.session.own_connection.address == family.split()[1]  # type: ignore[union-attr]


def test_a_question_keeps_what_it_brings() -> None:
    result = negotiate(make_offer(WEBRTC), Capabilities(codecs=SETS["plain"].codecs[1:], ice=OUR_ICE))
    assert isinstance(result, Answer)
    assert result.stream.codec.name == "PCMA"
    assert result.description.media[0].value("ice-ufrag") == "ours"


def test_webrtc_in_two_lines() -> None:
    able = Capabilities.webrtc("192.0.2.9", 5000, 42, f"SHA-256 {FINGERPRINT.value.lower()}", "ours", "p" * 22)
    result = accept(make_offer(able), negotiated(make_offer(able), THEIRS).description)
    assert isinstance(result, Accepted)
    assert result.stream.codec.name == "opus"
    assert able.dtls is not None and able.dtls.fingerprints == (FINGERPRINT,)


def negotiated(offer: SessionDescription, able: Capabilities) -> Answer:
    result = negotiate(offer, able)
    assert isinstance(result, Answer), result
    return result


@pytest.mark.parametrize("ours", ["plain", "wide", "srtp", "webrtc", "webrtc passive", "dtls without ice", "both"])
@pytest.mark.parametrize("theirs", ["wide", "srtp", "webrtc", "webrtc passive", "both", "encrypted"])
def test_two_of_us_agree_or_one_says_why(ours: str, theirs: str) -> None:
    """What the answerer takes the offerer takes too, and both see the same stream from their two ends."""
    offer = make_offer(SETS[ours])
    keys = tuple(CryptoKey(0, key.suite, key.key[::-1]) for key in SETS[theirs].crypto)
    answer = negotiate(offer, msgspec.structs.replace(SETS[theirs], address="192.0.2.1", port=4000, crypto=keys))
    if isinstance(answer, Refusal):
        assert answer.reasons and theirs != "both"
        return
    assert_legal(offer, answer.description)
    result = accept(offer, answer.description)
    assert isinstance(result, Accepted), result
    a, b = result.stream, answer.stream
    assert (a.codec, a.ptime, a.rtcp_mux, a.mid) == (b.codec, b.ptime, b.rtcp_mux, b.mid)
    assert a.codec.clock in [clock for _, clock in a.events]
    assert (a.crypto is None, a.dtls is None, a.ice is None) == (b.crypto is None, b.dtls is None, b.ice is None)
    if a.crypto and b.crypto:
        assert a.crypto == (b.crypto[1], b.crypto[0])
    if a.dtls and b.dtls:
        assert {a.dtls.setup, b.dtls.setup} == {Setup.ACTIVE, Setup.PASSIVE}
    assert (SETS[ours].security is Security.PLAIN) == (a.crypto is None and a.dtls is None)


def test_the_real_answer_of_chromium() -> None:
    """To an offer of ours; Chromium 156, as captured."""
    stream = accepted(
        make_offer(WEBRTC),
        "a=group:BUNDLE 0",
        "m=audio 42263 UDP/TLS/RTP/SAVPF 111 9 0 8 101 110",
        "c=IN IP4 192.0.2.2",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:881819773 1 udp 2122194687 192.0.2.2 42263 typ host generation 0 network-id 1",
        "a=candidate:1245733605 1 tcp 1518214911 192.0.2.2 9 typ host tcptype active generation 0 network-id 1",
        "a=ice-ufrag:TR6F",
        "a=ice-pwd:5epDRWuXYE4bLrnPjuUuRt7W",
        "a=ice-options:trickle",
        FP,
        "a=setup:active",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1; stereo ;=",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:110 telephone-event/48000",
    ).stream
    assert (stream.codec.name, stream.payload_type, stream.event_type) == ("opus", 111, 110)
    assert stream.events == ((101, 8000), (110, 48000))
    assert stream.dtls is not None and stream.dtls.setup is Setup.PASSIVE
    assert stream.ice is not None and len(stream.ice.candidates) == 2
    assert (stream.rtcp_mux, stream.rtcp_host, stream.rtcp_port) == (True, "192.0.2.2", 42263)
    assert stream.fmtp == (("minptime", "10"), ("useinbandfec", "1"), ("stereo", ""))


def test_the_real_answer_of_freeswitch_to_webrtc() -> None:
    """FreeSWITCH 1.10.12, as captured: no mid, no direction, our name for the stream holds."""
    stream = accepted(
        make_offer(WEBRTC),
        "m=audio 21012 UDP/TLS/RTP/SAVPF 96",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1; minptime=10; maxptime=40",
        "a=ptime:20",
        FP,
        "a=setup:active",
        "a=rtcp-mux",
        "a=rtcp:21012 IN IP4 127.0.0.1",
        "a=ice-ufrag:PQWv2neDqU5W9gmC",
        "a=ice-pwd:fp1LWBZNTSGjVkrrg1MSPeBl",
        "a=candidate:5702912338 1 udp 2130706431 127.0.0.1 21012 typ host generation 0",
        "a=end-of-candidates",
    ).stream
    assert (stream.mid, stream.payload_type, stream.direction) == ("0", 96, Direction.SENDRECV)
    assert stream.ice is not None and stream.ice.complete


def test_an_answer_that_leaves_ice_aside() -> None:
    """RFC 8839 §4.2.5: its address counts then."""
    lines = ("m=audio 4000 RTP/SAVPF 0", FP, "a=setup:passive", "a=ice-ufrag:x", "a=ice-pwd:y", "a=ice-mismatch")
    stream = accepted(make_offer(WEBRTC), *lines).stream
    assert stream.ice is None and (stream.host, stream.port) == ("192.0.2.1", 4000)
    assert stream.rtcp_mux is False and stream.rtcp_port == 4001


def test_an_answer_in_rtp_avp_may_take_our_key() -> None:
    """RFC 8643 §3: what decides is a=crypto, not the profile."""
    opportunistic = parse(str(make_offer(SRTP)).replace("RTP/SAVP", "RTP/AVP"))
    taken = accepted(opportunistic, "m=audio 4000 RTP/AVP 0", f"a=crypto:3 AES_CM_128_HMAC_SHA1_80 {KEY}").stream
    assert taken.crypto is not None and taken.crypto[0].key == OUR_KEYS[2].key
    assert accepted(opportunistic, "m=audio 4000 RTP/AVP 0").stream.crypto is None


@pytest.mark.parametrize(
    ("able", "lines", "words"),
    [
        (SRTP, ("m=audio 4000 RTP/AVP 0",), "leaves the audio unencrypted"),
        (SRTP, ("m=audio 4000 RTP/SAVP 0",), "neither a=crypto nor a=fingerprint"),
        (SRTP, ("m=audio 4000 RTP/SAVP 0", "a=crypto:9 AES_CM_128_HMAC_SHA1_80 " + KEY), "takes no suite that was"),
        (SRTP, ("m=audio 4000 RTP/SAVP 0", "a=crypto:9 X " + KEY), "suite X is not known"),
        (WEBRTC, ("m=audio 4000 UDP/TLS/RTP/SAVPF 0",), "a=fingerprint line is missing"),
        (WEBRTC, ("m=audio 4000 UDP/TLS/RTP/SAVPF 0", "a=fingerprint:sha-1 AA"), "sha-1"),
        (WEBRTC, ("m=audio 4000 UDP/TLS/RTP/SAVPF 0", FP, "a=setup:holdconn"), "a=setup:holdconn cannot answer"),
        (WEBRTC, ("m=audio 4000 RTP/AVP 0",), "leaves the audio unencrypted"),
        (SETS["plain"], ("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + KEY), "is encrypted"),
        (SETS["plain"], ("m=audio 4000 TCP/RTP/AVP 0",), "travels as TCP/RTP/AVP"),
        (SETS["plain"], ("m=audio 4000 RTP/SAVP 18",), "is encrypted"),
    ],
)
def test_an_answer_that_is_none(able: Capabilities, lines: tuple[str, ...], words: str) -> None:
    result = accept(make_offer(able), text(*HEAD, *lines))
    assert isinstance(result, Refusal)
    assert words in result.reasons[0].text
    assert all(reason.line > 0 for reason in result.reasons)


def test_every_reason_against_an_answer() -> None:
    result = accept(make_offer(SRTP), text("v=0", "m=audio 4000 RTP/AVP 18"))
    assert isinstance(result, Refusal)
    assert [reason.code for reason in result.reasons] == [399, 399, 305]


def test_a_new_offer_keeps_the_kind_of_encryption() -> None:
    """RFC 3264 §8: whoever answered SRTP with a plain account does not hold the call in the clear."""
    answer = negotiated(make_offer(SRTP), msgspec.structs.replace(THEIRS, security=Security.PLAIN))
    again = make_offer(msgspec.structs.replace(THEIRS, direction=Direction.SENDONLY), answer.description)
    assert again.media[0].proto == "RTP/SAVP"
    assert len(again.media[0].all("crypto")) == len(THEIRS.crypto)
    assert again.origin is not None and again.origin.version == "2"

    answer = negotiated(make_offer(WEBRTC), msgspec.structs.replace(THEIRS, security=Security.SDES))
    again = make_offer(THEIRS, answer.description)
    audio = again.media[0]
    assert (audio.proto, audio.value("mid"), audio.value("setup")) == ("UDP/TLS/RTP/SAVPF", "0", "actpass")
    assert audio.first("crypto") is None and audio.first("rtcp-mux") is not None
    assert list(again.bundles) == [("0",)]


def test_a_new_offer_in_a_session_without_bundle_has_none() -> None:
    offered = parse(str(make_offer(WEBRTC)).replace("a=group:BUNDLE 0\r\n", ""))
    again = make_offer(THEIRS, negotiated(offered, THEIRS).description)
    assert list(again.bundles) == [] and again.media[0].value("mid") == "0"


def test_new_credentials_restart_ice() -> None:
    """RFC 8839 §4.4.1.1.1."""
    first = make_offer(WEBRTC)
    fresh = msgspec.structs.replace(WEBRTC, ice=Ice("anew", "anotherpasswordanother"))
    again = make_offer(fresh, first)
    assert again.media[0].value("ice-ufrag") == "anew"
    assert again.origin is not None and again.origin.version == "2"
    answer = negotiated(again, THEIRS)
    assert answer.stream.ice is not None and answer.stream.ice.restarts(OUR_ICE)


def test_rtcp_stays_on_the_port_of_rtp_once_agreed() -> None:
    """RFC 5761 §5.1.2."""
    offered = text(*HEAD, "m=audio 4000 RTP/AVP 0", "a=rtcp-mux")
    answer = negotiated(offered, SETS["plain"])
    assert make_offer(SETS["plain"], answer.description).media[0].first("rtcp-mux") is not None
    alone = msgspec.structs.replace(SETS["plain"], rtcp_mux=False)
    assert negotiated(offered, alone).description.media[0].first("rtcp-mux") is None
    assert make_offer(alone, answer.description).media[0].first("rtcp-mux") is None


@pytest.mark.parametrize("able", SETS.values(), ids=SETS)
def test_our_own_offers_pass_the_look_before_they_leave(able: Capabilities) -> None:
    assert lint(make_offer(able)) == ()


def test_an_offer_of_webrtc_without_certificates_is_seen_before_it_leaves() -> None:
    (first, *_) = lint(make_offer(msgspec.structs.replace(WEBRTC, dtls=None)))
    assert "a=fingerprint line is missing" in first.text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("o=- 42 1", f"o=- {2**63} 1", "below 2**63"),
        ("o=- 42 1", "o=- x 1", "below 2**63"),
        ("o=- 42 1 IN IP4 192.0.2.9\r\n", "", "the o= line (whose session this is) is missing"),
        ("a=setup:actpass", "a=setup:active", "a=setup:actpass (RFC 8842"),
        ("a=mid:0\r\n", "", "a=group:BUNDLE names 0"),
        ("a=rtpmap:111 opus/48000/2\r\n", "", "no a=rtpmap line says what 111 means"),
    ],
)
def test_what_a_peer_would_stumble_over(old: str, new: str, words: str) -> None:
    (reason,) = lint(parse(str(make_offer(WEBRTC)).replace(old, new)))
    assert words in reason.text
