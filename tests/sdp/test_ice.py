"""ICE in the description: candidates, credentials, what can never work. RFC 8839."""

from __future__ import annotations

import msgspec
import pytest

from sipclient.sdp import Candidate, Capabilities, Ice, MediaDescription, make_offer
from sipclient.sdp.ice import ice_of, read_candidate
from tests.sdp.able import OUR_ICE, WEBRTC
from tests.sdp.offers import answered, offer, refused


def media(*lines: str) -> MediaDescription:
    return offer("m=audio 9 RTP/AVP 0", *lines).media[0]


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("1 1 UDP 2130706431 192.0.2.1 9 typ host", Candidate("1", 1, "udp", 2130706431, "192.0.2.1", 9, "host")),
        ("H7f 2 udp 1 2001:db8::1 9 typ HOST", Candidate("H7f", 2, "udp", 1, "2001:db8::1", 9, "host")),
        ("candidate:1 1 udp 1 a-1.local 9 typ host", Candidate("1", 1, "udp", 1, "a-1.local", 9, "host")),
        (
            "2 1 udp 5 203.0.113.7 51230 typ srflx raddr 10.0.0.1 rport 8998 generation 0 network-id 1 odd",
            Candidate(
                "2", 1, "udp", 5, "203.0.113.7", 51230, "srflx", "10.0.0.1", 8998, "", "generation 0 network-id 1 odd"
            ),
        ),
        (
            "3 1 tcp 5 192.0.2.1 9 typ host tcptype Active ufrag x",
            Candidate("3", 1, "tcp", 5, "192.0.2.1", 9, "host", tcptype="active", rest="ufrag x"),
        ),
        (
            "4 1 udp 5 192.0.2.1 9 typ relay raddr 10.0.0.1 rport 99999x",
            Candidate("4", 1, "udp", 5, "192.0.2.1", 9, "relay", "10.0.0.1", 0),
        ),
        ("1 1 udp 5 52245 typ host", None),  # the address lost
        ("1 1 udp 5 192.0.2.1 70000 typ host", None),
        (
            "1 1 udp 5 192.0.2.999 9 typ host generation",
            Candidate("1", 1, "udp", 5, "192.0.2.999", 9, "host", rest="generation"),
        ),
        ("1 1 udp 5 -x- 9 typ host", None),
        ("1 1 udp 5 192.0.2.1 9", None),
        ("", None),
    ],
)
def test_a_candidate(text: str, candidate: Candidate | None) -> None:
    """RFC 8839 §5.1."""
    found = read_candidate(text)
    assert found == candidate
    assert found is None or read_candidate(str(found)) == found


@pytest.mark.parametrize(("host", "family"), [("192.0.2.1", "IP4"), ("::1", "IP6"), ("x.local", "")])
def test_the_family_of_a_candidate(host: str, family: str) -> None:
    assert Candidate("1", 1, "udp", 1, host, 9, "host").family == family


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("a=ice-ufrag:abcd",),
        ("a=ice-pwd:0123456789012345678901",),
        ("a=ice-ufrag:", "a=ice-pwd:0123456789012345678901"),
        ("a=ice-ufrag:a b", "a=ice-pwd:0123456789012345678901"),
        ("a=ice-ufrag:abcd", "a=ice-pwd:" + "x" * 257),
    ],
)
def test_without_credentials_there_is_no_ice(lines: tuple[str, ...]) -> None:
    """RFC 8839 §5.4."""
    assert ice_of(media(*lines)) is None


def test_everything_a_peer_says_of_ice() -> None:
    found = ice_of(
        media(
            "a=ice-ufrag:0123",
            "a=ice-pwd:33e0",
            "a=ice-options:ice2 trickle",
            "a=candidate:1 1 udp 1 192.0.2.1 9 typ host",
            "a=candidate:broken",
            "a=end-of-candidates",
            "a=remote-candidates:1 192.0.2.9 5000 2 192.0.2.9 5001 3 host 1 x 192.0.2.9 1 4 192.0.2.9",
        )
    )
    assert found == Ice(
        "0123",  # text stays text
        "33e0",
        (Candidate("1", 1, "udp", 1, "192.0.2.1", 9, "host"),),
        trickle=True,
        end_of_candidates=True,
        remote=((1, "192.0.2.9", 5000), (2, "192.0.2.9", 5001)),
    )
    assert found.complete


def test_ours_is_written_so_that_it_reads_the_same() -> None:
    ours = msgspec.structs.replace(OUR_ICE, trickle=True, remote=((1, "192.0.2.1", 49170), (2, "192.0.2.1", 49171)))
    description = make_offer(msgspec.structs.replace(WEBRTC, ice=ours))
    assert ice_of(description.media[0]) == ours


CREDENTIALS = ("a=ice-ufrag:8hhY", "a=ice-pwd:asd88fgpdd777uzjYhagZg")
PLAIN_ICE = msgspec.structs.replace(WEBRTC, dtls=None)
NO_ICE = Capabilities("192.0.2.9", 5000)
HOST = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"
OTHER = "a=candidate:1 1 udp 1 2001:db8::1 9 typ host"


def taken(able: Capabilities, *lines: str) -> tuple[str, str, bool]:
    """The host, the direction, and whether ICE is to be used."""
    stream = answered(offer(*lines), able).stream
    return stream.host, stream.direction.value, stream.ice is not None


def test_where_ice_is_used_0_0_0_0_is_no_hold() -> None:
    """RFC 8839 §4.2.1 over RFC 3264 §8.4."""
    lines = ("m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0", *CREDENTIALS, HOST)
    assert taken(PLAIN_ICE, *lines) == ("0.0.0.0", "sendrecv", True)


def test_who_can_be_reached_by_ice_only_is_not_taken_without() -> None:
    lines = ("m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0", *CREDENTIALS, HOST)
    (reason,) = refused(offer(*lines), NO_ICE).reasons[:1]
    assert (reason.text, reason.code) == ("the audio can be reached by ICE only, and this side has none", 306)


@pytest.mark.parametrize(
    ("lines", "ice"),
    [
        (("m=audio 4000 RTP/AVP 0", *CREDENTIALS, HOST), True),  # c= is the candidate
        (("m=audio 4000 RTP/AVP 0", *CREDENTIALS), True),  # none yet: their checks will tell
        (("m=audio 4000 RTP/AVP 0", *CREDENTIALS, OTHER.replace("2001:db8::1", "x.local")), True),
        (("m=audio 4000 RTP/AVP 0", *CREDENTIALS, HOST.replace("2.1", "2.77")), False),  # c= is none of them
        (("m=audio 4000 RTP/AVP 0", *CREDENTIALS, HOST.replace("udp", "tcp")), False),  # none for us, c= will do
        (("m=audio 4000 RTP/AVP 0", HOST), False),  # no credentials
        (("m=audio 9 RTP/AVP 0", *CREDENTIALS, HOST.replace("2.1", "2.77")), True),
    ],
)
def test_plain_rtp_goes_by_ice_where_it_can(lines: tuple[str, ...], ice: bool) -> None:
    """RFC 8839 §4.2.5."""
    assert taken(PLAIN_ICE, *lines)[2] is ice
    assert taken(NO_ICE, *lines)[2] is False


DTLS = ("a=fingerprint:sha-256 " + ":".join(["1F"] * 32), "a=setup:actpass", "a=rtcp-mux")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("a=ice-options:trickle", OTHER), None),  # more may come
        (("a=ice-options:trickle", OTHER, "a=end-of-candidates"), "IPv4 only"),
        ((OTHER, HOST), None),
        ((OTHER.replace("2001:db8::1", "x.local"),), None),
        ((), None),
        ((HOST.replace("1 1 udp", "1 2 udp"),), "for UDP"),
    ],
)
def test_a_pair_of_candidates_must_be_possible(lines: tuple[str, ...], words: str | None) -> None:
    description = offer("m=audio 9 UDP/TLS/RTP/SAVPF 0", *DTLS, *CREDENTIALS, *lines)
    if words is None:
        assert answered(description, WEBRTC).stream.ice is not None
    else:
        assert words in str(refused(description, WEBRTC))


def test_who_does_not_know_its_own_candidates_yet_takes_any() -> None:
    able = msgspec.structs.replace(WEBRTC, ice=msgspec.structs.replace(OUR_ICE, candidates=()))
    description = offer("m=audio 9 UDP/TLS/RTP/SAVPF 0", *DTLS, *CREDENTIALS, OTHER)
    assert answered(description, able).stream.ice is not None
