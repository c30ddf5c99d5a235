"""Our offers, re-offers, and what answers to them mean."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipclient.sdp import (
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Accepted,
    Answer,
    Capabilities,
    Codec,
    Direction,
    Reason,
    Refusal,
    SessionDescription,
    accept,
    make_offer,
    negotiate,
    parse,
)

OURS = Capabilities("192.0.2.9", 5000, session_id=42)
THEIRS = Capabilities("192.0.2.1", 4000, session_id=43)
OFFER = make_offer(OURS)
HEAD = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0")


def text(*lines: str) -> SessionDescription:
    return parse("\r\n".join((*lines, "")))


def accepted(*lines: str, offer: SessionDescription = OFFER) -> Accepted:
    result = accept(offer, text(*HEAD, *lines))
    assert isinstance(result, Accepted), result
    return result


def test_the_offer() -> None:
    assert OFFER.lines == (
        "v=0",
        "o=- 42 1 IN IP4 192.0.2.9",
        "s=-",
        "c=IN IP4 192.0.2.9",
        "t=0 0",
        "m=audio 5000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    )
    assert parse(str(OFFER)) == OFFER


def test_dynamic_payload_types_do_not_collide() -> None:
    codecs = (Codec("a"), Codec("b"), TELEPHONE_EVENT, Codec("telephone-event", 48000), PCMU)
    offer = make_offer(msgspec.structs.replace(OURS, codecs=codecs))
    assert offer.lines[5] == "m=audio 5000 RTP/AVP 96 97 101 110 0"


def test_more_codecs_than_numbers_are_cut() -> None:
    codecs = tuple(Codec(f"x{n}") for n in range(40))
    assert len(make_offer(msgspec.structs.replace(OURS, codecs=codecs)).media[0].formats) == 32


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("theirs", Direction)
def test_two_of_us_understand_each_other(direction: Direction, theirs: Direction) -> None:
    a, b = msgspec.structs.replace(OURS, direction=direction), msgspec.structs.replace(THEIRS, direction=theirs)
    offer = make_offer(a)
    answer = negotiate(offer, b)
    assert isinstance(answer, Answer)
    result = accept(offer, answer.description)
    assert isinstance(result, Accepted)
    assert result.stream.direction.sends == answer.stream.direction.receives
    assert result.stream.direction.receives == answer.stream.direction.sends
    assert (result.stream.codec, result.stream.ptime) == (answer.stream.codec, answer.stream.ptime)
    assert (result.stream.host, result.stream.port) == ("192.0.2.1", 4000)
    assert (answer.stream.host, answer.stream.port) == ("192.0.2.9", 5000)


def test_the_real_answer_of_freeswitch() -> None:
    stream = accepted(
        "m=audio 21268 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
    ).stream
    assert (stream.codec, stream.payload_type, stream.event_type) == (PCMU, 0, 101)
    assert (stream.host, stream.port, stream.rtcp_port) == ("192.0.2.1", 21268, 21269)
    assert stream.receives == ((0, PCMU), (8, PCMA), (101, TELEPHONE_EVENT))


def test_the_real_answer_of_asterisk() -> None:
    """Asterisk 22.10.1, as captured: to PCMU, PCMA and telephone-event it answers what its endpoint allows."""
    stream = accepted(
        "m=audio 20362 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=maxptime:140",
        "a=recvonly",
    ).stream
    assert (stream.codec, stream.payload_type, stream.event_type) == (PCMA, 8, 101)
    assert stream.fmtp == () and stream.events == ((101, 8000),)
    assert stream.direction is Direction.SENDONLY  # it hears, and says nothing


def test_a_real_answer_that_refuses_the_audio() -> None:
    """FreeSWITCH 1.10.12, as captured: a 200 whose audio is switched off, where others send 488."""
    result = accept(
        OFFER,
        text(*HEAD, "m=audio 0 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"),
    )
    assert result == Refusal((Reason("the other side refuses the audio (port 0)", 6),))


@pytest.mark.parametrize(
    ("lines", "codec", "payload_type", "event_type"),
    [
        (("m=audio 4000 RTP/AVP 8",), PCMA, 8, None),
        (("m=audio 4000 RTP/AVP 8 101",), PCMA, 8, 101),  # no rtpmap: as we offered it
        (("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/8000"), PCMA, 96, None),  # their own number
        (("m=audio 4000 RTP/AVP 18 0",), PCMU, 0, None),
        (("m=audio 4000 RTP/AVP 101 0", "a=rtpmap:101 telephone-event/8000"), PCMU, 0, 101),
        (("m=audio 4000 RTP/AVPF 0",), PCMU, 0, None),
        (("m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 31"), PCMU, 0, None),  # one too many is harmless
    ],
)
def test_what_an_answer_chooses(
    lines: tuple[str, ...], codec: Codec, payload_type: int, event_type: int | None
) -> None:
    stream = accepted(*lines).stream
    assert (stream.codec, stream.payload_type, stream.event_type) == (codec, payload_type, event_type)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), Reason("the answer has no m= line in the place of our audio", 5, 304)),
        (("m=audio 0 RTP/AVP 0",), Reason("the other side refuses the audio (port 0)", 6)),
        (
            ("m=video 4000 RTP/AVP 31",),
            Reason("the answer has another kind of media in the place of our audio", 6, 304),
        ),
        (
            ("m=audio 4000 RTP/AVP 18",),
            Reason("the answer chooses G729 (18), which we did not offer", 6, 305),
        ),
        (
            ("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
            Reason("the answer chooses telephone-event (101), which we did not offer", 6, 305),
        ),
        (
            ("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"),
            Reason("the audio is to go to an IPv6 address (2001:db8::1), and this side has IPv4 only", 7),
        ),
    ],
)
def test_an_answer_that_is_none(lines: tuple[str, ...], reason: Reason) -> None:
    assert accept(OFFER, text(*HEAD, *lines)) == Refusal((reason,))


def test_an_answer_with_a_codec_we_have_but_did_not_offer() -> None:
    offer = make_offer(msgspec.structs.replace(OURS, codecs=(PCMU,)))
    assert isinstance(accept(offer, text(*HEAD, "m=audio 4000 RTP/AVP 8")), Refusal)


def test_without_an_offer_of_audio_there_is_no_answer_to_it() -> None:
    result = accept(text("v=0"), OFFER)
    assert result == Refusal((Reason("our own description has no audio", 0, 304),))


@pytest.mark.parametrize("direction", ["sendonly", "inactive", "recvonly"])
def test_the_answer_can_hold_us(direction: str) -> None:
    stream = accepted("m=audio 4000 RTP/AVP 0", f"a={direction}").stream
    assert stream.direction.sends == (direction == "recvonly")
    assert stream.direction.receives == (direction == "sendonly")


def test_the_answer_can_hold_us_the_old_way() -> None:
    assert accepted("m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0").stream.direction is Direction.RECVONLY


def test_a_new_offer_raises_the_version_only_if_it_changes_anything() -> None:
    assert make_offer(OURS, OFFER) is OFFER
    held = make_offer(msgspec.structs.replace(OURS, direction=Direction.SENDONLY), OFFER)
    assert held.lines[1] == "o=- 42 2 IN IP4 192.0.2.9"
    assert held.lines[-1] == "a=sendonly"
    resumed = make_offer(OURS, held)
    assert resumed.lines[1] == "o=- 42 3 IN IP4 192.0.2.9"
    moved = make_offer(msgspec.structs.replace(OURS, address="2001:db8::9", port=6000), resumed)
    assert moved.lines[1] == "o=- 42 4 IN IP6 2001:db8::9"


def test_a_new_offer_after_their_offer_keeps_places_and_numbers() -> None:
    offered = text(
        *HEAD,
        "m=video 4002 RTP/AVP 31",
        "m=audio 4000 RTP/AVPF 97 8 0",
        "a=rtpmap:97 telephone-event/8000",
        "m=image 9 udptl t38",
    )
    answer = negotiate(offered, OURS)
    assert isinstance(answer, Answer)
    again = make_offer(OURS, answer.description)
    m_lines = [line for line in again.lines if line.startswith("m=")]
    assert m_lines == ["m=video 0 RTP/AVP 31", "m=audio 5000 RTP/AVPF 0 8 97", "m=image 0 udptl t38"]
    taken = make_offer(msgspec.structs.replace(OURS, codecs=(PCMU, Codec("x"), TELEPHONE_EVENT)), answer.description)
    assert taken.media[1].formats == ("0", "96", "97")


def test_a_new_offer_after_a_description_without_audio_adds_it() -> None:
    again = make_offer(OURS, text("v=0", "o=- 42 7 IN IP4 192.0.2.9", "m=video 0 RTP/AVP 31"))
    assert [media.kind for media in again.media] == ["video", "audio"]
    assert again.lines[1] == "o=- 42 8 IN IP4 192.0.2.9"


def test_an_audio_that_was_switched_off_is_switched_on_in_its_place() -> None:
    again = make_offer(OURS, text("v=0", "o=- 42 7 IN IP4 192.0.2.9", "t=1 2", "m=audio 0 RTP/AVP 0"))
    assert [media.port for media in again.media] == [5000]
    assert "t=1 2" in again.lines


_LINES = st.sampled_from(
    [
        "m=audio 4000 RTP/AVP 0 101",
        "m=audio 4000 RTP/AVP 96 8",
        "m=audio 0 RTP/AVP 0",
        "m=video 1 RTP/AVP 31",
        "a=rtpmap:96 PCMA/8000",
        "a=rtpmap:0 telephone-event/8000",
        "a=rtpmap:101 PCMU/8000",
        "c=IN IP4 192.0.2.1",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=ptime:40",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES, max_size=8))
def test_any_answer_is_a_stream_or_a_reason(lines: list[str]) -> None:
    result = accept(OFFER, text("v=0", *lines))
    if isinstance(result, Refusal):
        assert result.reasons[0].text
    else:
        assert result.stream.codec in (PCMU, PCMA)
        assert result.stream.port
        assert 10 <= result.stream.ptime <= 60


def test_an_offer_of_somebody_elses_making_can_be_accepted_for() -> None:
    theirs = text("v=0", "m=audio 4000 RTP/AVP 97 0", "a=rtpmap:97 speex/8000", "a=ptime:30")
    result = accept(theirs, text(*HEAD, "m=audio 4000 RTP/AVP 97"))
    assert isinstance(result, Accepted)
    assert result.stream.codec == Codec("speex")
    assert result.stream.ptime == 30
