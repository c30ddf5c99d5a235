"""Audio on the transport of another m-line: what a video call of a browser offers under max-bundle. RFC 9143."""

from __future__ import annotations

import msgspec
import pytest

from sipclient.sdp import (
    Accepted,
    Answer,
    Direction,
    Refusal,
    SessionDescription,
    accept,
    make_offer,
    negotiate,
    parse,
    revise,
    wants,
)
from sipclient.sdp.bundle import carrier_of, carriers
from tests.sdp.able import WEBRTC
from tests.sdp.legal import assert_legal
from tests.sdp.rows import rows

CANDIDATES = ("a=candidate:1 1 udp 2130706431 192.0.2.2 51385 typ host", "a=end-of-candidates")
OWN = ("a=ice-ufrag:theirs", "a=ice-pwd:theirpasswordtheirpassword")
KEYS = (*OWN, f"a=fingerprint:sha-256 {':'.join(['0C'] * 32)}", "a=setup:actpass", "a=rtcp-mux")
SOUND = ("a=rtpmap:111 opus/48000/2",)


def offer(first: str, *audio: str, lines: tuple[str, ...] = (*KEYS, *CANDIDATES), port: int = 9) -> SessionDescription:
    """Two m-lines in a group: `first` has the address, `audio` is what is said of the second."""
    session = ("v=0", "o=- 1 1 IN IP4 192.0.2.2", "s=-", "t=0 0", "c=IN IP4 0.0.0.0", "a=group:BUNDLE 0 1")
    audio_line = f"m=audio {port} UDP/TLS/RTP/SAVPF 111"
    return SessionDescription((*session, f"m={first}", "a=mid:0", *lines, audio_line, "a=mid:1", *SOUND, *audio))


VIDEO = offer("video 9 UDP/TLS/RTP/SAVPF 96", *KEYS)


def answered(offered: SessionDescription, **able: object) -> Answer:
    result = negotiate(offered, msgspec.structs.replace(WEBRTC, **able))
    assert isinstance(result, Answer), result
    assert_legal(offered, result.description)
    return result


def test_the_audio_is_reached_where_the_video_is_which_stays_idle() -> None:
    answer = answered(VIDEO)
    assert answer.stream.ice is not None
    assert [each.host for each in answer.stream.ice.candidates] == ["192.0.2.2"]
    assert (answer.stream.mid, answer.stream.direction) == ("1", Direction.SENDRECV)
    video, audio = answer.description.media
    assert (video.kind, video.direction, video.formats) == ("video", Direction.INACTIVE, ("96",))
    assert len(video.all("candidate")) == 1 and not audio.all("candidate")
    assert answer.description.bundles == (("0", "1"),)


def test_what_must_be_made_ready_is_said_by_the_line_that_carries() -> None:
    """Also where the audio says nothing of it (`a=bundle-only`): RFC 9143 §6."""
    only = offer("video 9 UDP/TLS/RTP/SAVPF 96", "a=bundle-only", port=0)
    for offered in (VIDEO, only):
        asked = wants(offered)
        assert (asked.ice, asked.dtls, asked.rtcp_mux, asked.family) == (True, True, True, "IP4")
        assert carriers(offered) == [offered.media[0]]
        assert answered(offered).description.media[1].port


def test_of_several_videos_only_the_one_that_carries_is_taken() -> None:
    (row,) = [row for row in rows() if "video before audio, on one transport from the start" in row.name]
    text = row.offer.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 2 1")
    more = "\nm=video 9 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=mid:2\na=rtpmap:96 VP8/90000\na=sendrecv\n"
    description = answered(parse(text.rstrip() + more)).description
    assert [bool(media.port) for media in description.media] == [True, True, False]
    assert description.bundles == (("0", "1"),)


def test_an_audio_line_that_is_not_taken_carries_the_one_that_is() -> None:
    """Without a codec in common on the first."""
    answer = answered(offer("audio 9 UDP/TLS/RTP/SAVPF 18", *KEYS))
    assert [media.direction for media in answer.description.media] == [Direction.INACTIVE, Direction.SENDRECV]
    assert answer.description.media[0].formats == ("18",)


@pytest.mark.parametrize(
    ("offered", "line", "words"),
    [
        (offer("application 9 UDP/DTLS/SCTP webrtc-datachannel", *KEYS), 16, "uses the address of the application"),
        (offer("video 0 UDP/TLS/RTP/SAVPF 96", "a=bundle-only", port=0), 16, "a=bundle-only"),
        (offer("video 9 UDP/TLS/RTP/SAVPF 96", port=0), 16, "switched off"),
        (offer("video 9 RTP/FOO 96", *KEYS), 7, "travel as RTP/FOO"),
        (offer("video 9 UDP/TLS/RTP/SAVPF 96", *OWN, lines=(*OWN, *CANDIDATES)), 7, "a=fingerprint"),
    ],
)
def test_what_cannot_carry_it_is_named(offered: SessionDescription, line: int, words: str) -> None:
    result = negotiate(offered, WEBRTC)
    assert isinstance(result, Refusal)
    assert any(reason.line == line and words in reason.text for reason in result.reasons), result


@pytest.mark.parametrize(
    "audio",
    [
        (*KEYS, *CANDIDATES),
        ("a=ice-ufrag:another", *KEYS[1:]),
        ("a=bundle-only", *KEYS),  # with an address, the word means nothing
    ],
)
def test_audio_with_an_address_of_its_own_needs_no_other(audio: tuple[str, ...]) -> None:
    offered = offer("video 9 UDP/TLS/RTP/SAVPF 96", *audio)
    own = audio[0] != "a=bundle-only"
    assert (carrier_of(offered.media[1], offered) is offered.media[1]) == own


def test_our_next_offer_has_the_same_lines_and_the_answer_the_same_address() -> None:
    """RFC 9143 §7.4: hold, resume, and our own move, by whoever answered."""
    answer = answered(VIDEO)
    moved = msgspec.structs.replace(WEBRTC, address="192.0.2.77", direction=Direction.SENDONLY)
    again = make_offer(moved, answer.description)
    video, audio = again.media
    assert again.bundles == (("0", "1"),)
    assert (video.direction, audio.direction) == (Direction.INACTIVE, Direction.SENDONLY)
    assert video.value("setup") == audio.value("setup") == "actpass"
    assert len(video.all("candidate")) == 1 and not audio.all("candidate")
    assert again.origin is not None and (again.origin.version, again.origin.address) == ("2", "192.0.2.77")
    theirs = negotiate(again, msgspec.structs.replace(WEBRTC, address="192.0.2.3"))
    assert isinstance(theirs, Answer)
    assert_legal(again, theirs.description)
    ours = accept(again, theirs.description)
    assert isinstance(ours, Accepted)
    assert ours.stream.ice is not None and len(ours.stream.ice.candidates) == 1
    assert make_offer(moved, again) == again


def test_their_next_offer_is_answered_in_the_same_session() -> None:
    first = answered(VIDEO).description
    held = SessionDescription(tuple(line.replace("sendrecv", "sendonly") for line in (*VIDEO.lines, "a=sendonly")))
    second = revise(first, answered(held).description)
    assert second.media[1].direction is Direction.RECVONLY
    assert second.origin is not None and second.origin.version == "2"


def test_what_is_missing_is_looked_for_where_it_belongs() -> None:
    """A refusal for want of a codec does not miss the keys in the line that has none of its own."""
    lines = offer("video 9 UDP/TLS/RTP/SAVPF 96", "a=bundle-only", port=0).lines
    result = negotiate(parse("\n".join(lines).replace("opus", "silk")), WEBRTC)
    assert isinstance(result, Refusal)
    assert [reason.text.partition(":")[0] for reason in result.reasons] == ["no codec in common"]
