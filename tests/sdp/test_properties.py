"""What holds of every offer and every answer, whatever its lines: RFC 3264 §6, RFC 8829 §5.3.1."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.errors import MalformedDescription
from sipclient.sdp import (
    WEBRTC_CODECS,
    Accepted,
    Answer,
    Capabilities,
    CryptoKey,
    Direction,
    Refusal,
    Security,
    SessionDescription,
    Setup,
    accept,
    lint,
    make_offer,
    negotiate,
    parse,
    revise,
    wants,
)
from tests.sdp.able import BOTH, FINGERPRINT, SETS
from tests.sdp.legal import assert_legal
from tests.sdp.rows import rows

_ROWS = rows()
_SAID = sorted({line for row in _ROWS for line in row.offer.splitlines() if line[:2] != "v="})
_FIRST = [line for line in _SAID if line.startswith(("m=audio", "a=group", "c=", "a=setup", "a=crypto", "a=mid"))]
_ODD = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 0 96 96 8",
    "m=audio 4000 RTP/SAVP 96 0 97",
    "m=audio 4000 RTP/AVP 0 13 101",
    "m=audio 0 RTP/SAVPF 0",
    "m=video 0 RTP/AVP",
    f"a=fingerprint:{FINGERPRINT.algorithm} {FINGERPRINT.value}",
    "a=fingerprint:sha-256 AB",
    "a=setup:ACTPASS ",
    "a=setup:nonsense",
    "a=rtpmap:96 telephone-event/8000",
    "a=rtpmap:0 opus/48000/2",
    "a=rtpmap:97 opus/48000",
    "a=fmtp:97 ;=;x",
    "a=ice-lite",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789012345678901",
    "a=rtcp-mux",
    "a=rtcp-mux-only",
    "a=bundle-only",
    "a=group:BUNDLE",
    "a=group:BUNDLE 0 0 1",
    "a=group:",
    "a=mid:",
    "a=mid:0",
    "a=crypto:01 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
    "a=crypto:",
    "a=extmap:1/sendonly urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:9999999999999 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=candidate:",
    "a=end-of-candidates",
    "a=ptime:30",
    "c=IN IP4 0.0.0.0",
    "c=IN IP6 ::1",
    "t=1 2",
]
_LINES = st.one_of(st.sampled_from(_SAID), st.sampled_from(_FIRST), st.sampled_from(_ODD))
_ABLE = st.sampled_from(list(SETS.values()))


@st.composite
def _offers(draw: st.DrawFn) -> SessionDescription:
    """Somebody's offer with some lines taken away, changed and added; or lines put together at will."""
    if draw(st.booleans()):
        return parse("\n".join(["v=0", *draw(st.lists(_LINES, max_size=25))]))
    lines = draw(st.sampled_from(_ROWS)).offer.splitlines()
    for _ in range(draw(st.integers(0, 4))):
        index = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(["drop", "swap", "add", "twice"]))
        if change == "drop" and len(lines) > 1:
            del lines[index]
        elif change == "swap":
            lines[index] = draw(_LINES)
        elif change == "add":
            lines.insert(index, draw(_LINES))
        else:
            lines += lines[index:]
    try:
        return parse("\n".join(lines))
    except MalformedDescription:
        return parse("v=0")


@settings(max_examples=600, deadline=None)
@given(_offers(), _ABLE, st.sampled_from(Direction))
def test_every_answer_is_legal_and_every_refusal_says_why(
    offer: SessionDescription, able: Capabilities, wanted: Direction
) -> None:
    result = negotiate(offer, msgspec.structs.replace(able, direction=wanted))
    if isinstance(result, Refusal):
        assert result.reasons and len(set(result.reasons)) == len(result.reasons)
        for reason in result.reasons:
            assert 0 < reason.line <= len(offer.lines) or reason.text.startswith("and ")
            assert reason.code in (304, 305, 306, 399)
            assert reason.text.isascii() and reason.text.isprintable() and '"' not in reason.text
        return
    assert_legal(offer, result.description)
    assert revise(result.description, result.description) is result.description
    stream = result.stream
    assert stream.codec.is_sound and (stream.payload_type, stream.codec) in stream.receives
    assert not (stream.crypto and stream.dtls)
    assert stream.dtls is None or stream.dtls.setup in (Setup.ACTIVE, Setup.PASSIVE)
    assert stream.crypto or stream.dtls or not able.encrypt
    assert (stream.ice is not None) == ("a=ice-ufrag:ours" in result.description.lines)
    assert 10 <= stream.ptime <= 60
    assert wants(offer).family in ("", "IP4", "IP6")


@settings(max_examples=400, deadline=None)
@given(_offers(), _offers(), _ABLE)
def test_whatever_answers_us_is_a_stream_or_a_reason(
    theirs: SessionDescription, ours: SessionDescription, able: Capabilities
) -> None:
    """Nothing raises: neither with an offer of ours, nor with one of anybody's making."""
    for offer in (make_offer(able), ours):
        result = accept(offer, theirs)
        if isinstance(result, Refusal):
            assert result.reasons
        else:
            assert result.stream.dtls is None or result.stream.dtls.setup in (Setup.ACTIVE, Setup.PASSIVE)
    lint(theirs)
    again = make_offer(able, theirs)
    assert len(again.media) >= len(theirs.media)


_CODECS = st.lists(st.sampled_from(sorted({*WEBRTC_CODECS, *BOTH.codecs}, key=str)), unique=True, min_size=1)


@settings(max_examples=300, deadline=None)
@given(
    _CODECS.filter(lambda codecs: any(codec.is_sound for codec in codecs)),
    st.sampled_from(Security),
    st.sampled_from(Direction),
    st.sampled_from(Setup),
    st.booleans(),
    st.booleans(),
)
def test_what_we_offer_one_who_can_do_all_takes(
    codecs: list[object], security: Security, direction: Direction, setup: Setup, mux: bool, ice: bool
) -> None:
    """An offer, its answer, and what the offerer makes of it: two views of one stream."""
    keys = tuple(CryptoKey(0, key.suite, key.key[::-1]) for key in BOTH.crypto)
    able = msgspec.structs.replace(
        BOTH, codecs=tuple(codecs), security=security, direction=direction, rtcp_mux=mux, ice=BOTH.ice if ice else None
    )
    peer = msgspec.structs.replace(
        BOTH,
        address="192.0.2.1",
        crypto=keys,
        dtls=msgspec.structs.replace(BOTH.dtls, setup=setup),  # type: ignore[type-var]
    )
    offer = make_offer(able)
    assert all("a=rtcp-mux" in reason.text and not mux for reason in lint(offer))
    answer = negotiate(offer, peer)
    assert isinstance(answer, Answer), answer
    assert_legal(offer, answer.description)
    taken = accept(offer, answer.description)
    assert isinstance(taken, Accepted), taken
    a, b = taken.stream, answer.stream
    assert (a.codec, a.payload_type, a.events, a.rtcp_mux) == (b.codec, b.payload_type, b.events, b.rtcp_mux)
    assert (a.direction.sends, a.direction.receives) == (b.direction.receives, b.direction.sends)
    if a.dtls and b.dtls:
        assert {a.dtls.setup, b.dtls.setup} == {Setup.ACTIVE, Setup.PASSIVE}
    if a.crypto and b.crypto:
        assert a.crypto == (b.crypto[1], b.crypto[0])
    assert security is Security.PLAIN or a.dtls or a.crypto
