"""488, 606 and 415, cause by cause: what is said of each offer, and what is not. RFC 3261 §21.4.26, §20.43."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipclient.trace import Record, Trace, TraceError, read
from sipclient.trace.explain import Finding, explain
from tests.trace.scene import audio, say, trace

TRACES = Path(__file__).parents[3] / "sip_traces"
FREESWITCH = 'Reason: Q.850;cause=88;text="INCOMPATIBLE_DESTINATION"'
ASTERISK = "Server: Asterisk PBX 22.1.0"
PLAIN = "Server: Some PBX"
ICE = ("a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=rtcp-mux", "a=setup:actpass",
       "a=fingerprint:sha-256 " + ":".join(["AB"] * 32))  # fmt: skip
WEBRTC = {"proto": "UDP/TLS/RTP/SAVPF", "formats": "111 0 8"}


def refused(sdp: str, server: str = PLAIN, status: str = "488 Not Acceptable Here", **more: str) -> Trace:
    """A call with this offer that somebody refused."""
    return trace(*two(sdp, server, status, **more))


def two(sdp: str, server: str = PLAIN, status: str = "488 Not Acceptable Here", call: str = "c1") -> list[Record]:
    return [
        say(1.0, "phone>pbx", "INVITE sip:7000@pbx.example.com", sdp=sdp, call=call),
        say(1.1, "pbx>phone", f"SIP/2.0 {status}", server, tags="f,t", call=call),
        say(1.2, "phone>pbx", "ACK sip:7000@pbx.example.com", cseq="1 ACK", call=call, branch=f"{call}.1INVITE"),
    ]


def first(given: Trace) -> Finding:
    found = explain(given).findings
    assert found
    return found[0]


def ids(given: Trace) -> list[str]:
    return [f"{each.id} {each.confidence}" for each in explain(given).findings]


def candidate(host: str, kind: str = "host", transport: str = "udp") -> str:
    return f"a=candidate:1 1 {transport} 2122260223 {host} 4000 typ {kind}"


CASES = {
    "only private candidates, FreeSWITCH": (
        audio(*ICE, candidate("192.168.1.20"), candidate("10.1.1.1", transport="tcp"), **WEBRTC), FREESWITCH,
        "ice-candidates-refused high", "192.168.1.20 is private"),
    "only private candidates, nobody knows whose": (
        audio(*ICE, candidate("10.0.0.5"), **WEBRTC), PLAIN, "ice-candidates-refused medium", "10.0.0.5 is private"),
    "behind a name": (
        audio(*ICE, candidate("9e1d.local"), **WEBRTC), FREESWITCH, "mdns-candidates-only high", "9e1d.local"),
    "before they were gathered": (
        audio(*ICE, **WEBRTC, port=9, connection="c=IN IP4 0.0.0.0"), FREESWITCH, "no-candidates high", "port is 9"),
    "G.729 and iLBC only": (
        audio(formats="18 97"), FREESWITCH, "codec-mismatch medium", "G729 (18), iLBC (97)"),
    "a Warning that names the codec": (
        audio(formats="0 8"), 'Warning: 305 pbx "Incompatible media format: no codec"', "codec-mismatch high",
        "says so"),
    "a browser calls a plain endpoint of Asterisk": (
        audio(*ICE, candidate("198.51.100.7"), **WEBRTC), ASTERISK, "profile-mismatch medium", "UDP/TLS/RTP/SAVPF"),
    "DTLS without a certificate": (
        audio(proto="UDP/TLS/RTP/SAVP", formats="0"), ASTERISK, "fingerprint-missing high", "no a=fingerprint"),
    "no rtcp-mux at a browser": (
        audio(*ICE[:2], *ICE[3:], candidate("198.51.100.7"), **WEBRTC), "User-Agent: JsSIP 3.10",
        "profile-mismatch medium", "UDP/TLS"),
    "keys under RTP/AVP": (
        audio("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40, formats="0"), FREESWITCH, "srtp-mismatch high",
        "a=crypto stands under RTP/AVP"),
    "SAVP without keys": (
        audio(proto="RTP/SAVP", formats="0"), PLAIN, "srtp-mismatch medium", "without a=crypto"),
    "suites of nobody": (
        audio("a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + "A" * 40, proto="RTP/SAVP", formats="0"), PLAIN,
        "srtp-mismatch medium", "F8_128"),
    "a Warning that speaks of SRTP": (
        audio(formats="0"), 'Warning: 399 pbx "SRTP is required (PJMEDIA_SRTP_ESDPREQCRYPTO)"', "srtp-mismatch high",
        "it says"),
    "fax alone": (
        "v=0\no=- 4711 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=image 4000 udptl t38", PLAIN,
        "extra-media medium", "image and no audio"),
    "IPv6 to a side that speaks IPv4": (
        audio(formats="0", address="2001:db8::1"), 'Warning: 300 pbx "Incompatible network protocol"',
        "address-family medium", "IP6"),
    "no address": (
        audio(formats="0", connection="i=none"), PLAIN, "no-media-address high", "no c= line"),
    "loopback": (
        audio(formats="0", address="127.0.0.1"), PLAIN, "no-media-address medium", "127.0.0.1"),
    "a name for an address": (
        audio(formats="0", connection="c=IN IP4 phone.example.com"), PLAIN, "no-media-address medium",
        "phone.example.com"),
    "a number that is too large": (
        audio(formats="0").replace("4711", "9" * 25), PLAIN, "malformed-description medium", "below 2**63"),
    "no SDP at all": (
        "v=0\nthis is none", PLAIN, "malformed-description high", "cannot be read"),
    "a bundle of nothing": (
        audio("a=group:BUNDLE 0", formats="0").replace("t=0 0", "t=0 0\na=group:BUNDLE 7"), PLAIN,
        "bundle-broken medium", "7"),
    "very large": (
        audio(*(f"a=x-{number}:something" for number in range(90)), formats="0"), ASTERISK,
        "description-too-large medium", "attributes"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_cause_is_named(name: str) -> None:
    sdp, server, expected, words = CASES[name]
    finding = first(refused(sdp, server))
    assert (f"{finding.id} {finding.confidence}", finding.message) == (expected, 1)
    assert words in finding.evidence
    assert finding.fix
    assert finding.disproved_by


def test_an_offer_with_a_public_candidate_is_not_blamed_for_its_candidates() -> None:
    sdp = audio(*ICE, candidate("192.168.1.20"), candidate("198.51.100.7", "srflx"), **WEBRTC)
    assert ids(refused(sdp, FREESWITCH)) == ["other-leg-refused low"]


def test_key_presses_by_another_clock_are_mentioned_and_not_blamed() -> None:
    assert ids(refused(audio(formats="111 101"))) == ["other-leg-refused low", "telephone-event-clock low"]


def test_an_invite_without_sdp_is_a_late_offer() -> None:
    assert ids(refused("", FREESWITCH, "480 Temporarily Unavailable")) == []
    cause = 'Reason: Q.850;cause=96;text="MANDATORY_IE_MISSING"'
    assert first(refused("", cause, "480 Temporarily Unavailable")).id == "no-offer"
    assert "enable-3pcc" in first(refused("", cause, "480 Temporarily Unavailable")).fix
    assert ids(refused("", PLAIN)) == ["no-offer high"]


def test_415_names_what_is_accepted() -> None:
    given = trace(
        say(1, "phone>pbx", "INVITE sip:7000@pbx.example.com", "Content-Type: text/plain", body="hello"),
        say(2, "pbx>phone", "SIP/2.0 415 Unsupported Media Type", "Accept: application/sdp", tags="f,t"),
    )
    finding = first(given)
    assert (finding.id, finding.confidence) == ("unsupported-body", "high")
    assert "application/sdp" in finding.evidence


def test_what_the_same_host_took_elsewhere_says_that_it_was_not_the_offer() -> None:
    sdp = audio(formats="0 8")
    taken = [
        say(5.0, "phone>pbx", "INVITE sip:8000@pbx.example.com", sdp=sdp, call="c2"),
        say(
            5.1,
            "pbx>phone",
            "SIP/2.0 200 OK",
            PLAIN,
            tags="f,t",
            call="c2",
            sdp=audio(formats="0", address="192.0.2.2"),
        ),
    ]
    finding = first(trace(*two(sdp), *taken))
    assert (finding.id, finding.confidence) == ("other-leg-refused", "medium")
    assert "message 5" in finding.evidence


def test_the_other_leg_that_was_refused_first_is_the_cause() -> None:
    sdp = audio(formats="0 8")
    given = trace(
        say(1.0, "phone>pbx", "INVITE sip:7000@pbx.example.com", sdp=sdp),
        say(1.1, "pbx>trunk", "INVITE sip:7000@trunk.example.com", "X-Call-ID: c1-of-the-phone", sdp=sdp, call="c2"),
        say(1.2, "trunk>pbx", "SIP/2.0 488 Not Acceptable Here", tags="f,t", call="c2"),
        say(1.3, "pbx>phone", "SIP/2.0 488 Not Acceptable Here", tags="f,t"),
    )
    found = {each.message: each for each in explain(given).findings if each.id == "other-leg-refused"}
    assert found[4].confidence == "medium"
    assert "message 3" in found[4].evidence


def test_a_change_of_a_call_that_is_refused_leaves_the_call_up() -> None:
    given = trace(
        say(1.0, "phone>pbx", "INVITE sip:7000@pbx.example.com", sdp=audio(formats="0"), tags="f,t", cseq="2 INVITE"),
        say(1.1, "pbx>phone", "SIP/2.0 488 Not Acceptable Here", tags="f,t", cseq="2 INVITE"),
    )
    assert ids(given) == ["reinvite-refused medium"]


def test_a_refusal_without_its_request_says_so() -> None:
    told = explain(trace(say(1.1, "pbx>phone", "SIP/2.0 488 Not Acceptable Here", tags="f,t")))
    assert [each.id for each in told.findings] == ["offer-refused"]
    assert "the request that message 1 (488 Not Acceptable Here) answers" in told.unseen


def test_what_a_plain_offer_may_be_refused_for_is_mentioned_last() -> None:
    plain = audio(formats="0 8")
    assert ids(refused(plain, ASTERISK)) == ["other-leg-refused low", "profile-mismatch low"]
    assert ids(refused(plain, FREESWITCH)) == ["other-leg-refused low", "srtp-mismatch low"]


def test_srtp_is_blamed_where_the_same_host_speaks_it_elsewhere() -> None:
    taken = say(0.5, "pbx>phone", "INVITE sip:1001@192.0.2.1", PLAIN, call="c0", sdp=audio(
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40, proto="RTP/SAVP", formats="0"))  # fmt: skip
    found = ids(trace(taken, *two(audio(formats="0"))))
    assert found[:2] == ["profile-mismatch medium", "srtp-mismatch medium"]


def test_a_thousand_refusals_are_looked_at_up_to_a_bound() -> None:
    given = trace(*(each for number in range(300) for each in two(audio(formats="0"), call=f"c{number}")))
    told = explain(given)
    assert len(told.findings) == 5
    assert "the causes of 100 more refusals: the first 200 are looked at" in told.unseen


# The three that issue 4 asks for.


def test_the_threads_paste() -> None:
    told = explain(read(TRACES / "damaged" / "forum-thread.txt"))
    assert (told.messages, len(told.repairs)) == (2, 2)
    one, other, *rest = told.findings
    assert (one.id, one.confidence, one.message) == ("ice-candidates-refused", "medium", 2)
    assert "PCMU and PCMA are offered" in one.evidence
    assert "wan.auto" in one.disproved_by
    assert (other.id, other.message) == ("other-leg-refused", 1)
    assert "codec-mismatch" not in {each.id for each in told.findings}
    missing = next(each for each in rest if each.id == "missing-lines")
    for text in (missing.evidence, " ".join(told.unseen)):
        for word in ("the addresses of the IPv4 candidates", "ice-ufrag", "ice-pwd", "a=setup", "a=rtcp-mux"):
            assert word in text


def test_freeswitch_without_a_candidate_acl() -> None:
    (finding,) = explain(read(TRACES / "freeswitch" / "04-488-example-private-candidate.txt")).findings
    assert (finding.id, finding.confidence) == ("ice-candidates-refused", "high")
    assert "192.168.1.20" in finding.evidence
    assert "2001:db8::10" in finding.evidence
    assert "apply-candidate-acl" in finding.fix


LOG = """recv 900 bytes from udp/[203.0.113.9]:5060 at 10:00:00.000000:
------------------------------------------------------------------------
INVITE sip:600@pbx.example.com SIP/2.0
Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK1
From: <sip:1001@pbx.example.com>;tag=a
To: <sip:600@pbx.example.com>
Call-ID: 1@203.0.113.9
CSeq: 1 INVITE
Content-Type: application/sdp
Content-Length: {length}

{sdp}
------------------------------------------------------------------------
2026-11-26 10:00:00.100000 98.00% [DEBUG] switch_core_media.c:4155 NO candidate ACL defined, Defaulting to wan.auto
2026-11-26 10:00:00.100000 98.00% [DEBUG] switch_core_media.c:4309 sofia/wan/1001 no suitable candidates found.
send 300 bytes to udp/[203.0.113.9]:5060 at 10:00:00.200000:
------------------------------------------------------------------------
SIP/2.0 488 Not Acceptable Here
Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK1
From: <sip:1001@pbx.example.com>;tag=a
To: <sip:600@pbx.example.com>;tag=b
Call-ID: 1@203.0.113.9
CSeq: 1 INVITE
Server: Jio
Content-Length: 0

------------------------------------------------------------------------
"""


def test_what_the_log_says_between_the_messages_settles_it() -> None:
    sdp = audio(*ICE, candidate("192.168.1.20"), **WEBRTC)
    text = LOG.format(sdp=sdp, length=len(sdp.replace("\n", "\r\n")) + 2)
    finding = first(read(text.encode()))
    assert (finding.id, finding.confidence) == ("ice-candidates-refused", "high")
    assert "of the log says so" in finding.evidence
    quiet = first(read("\n".join(line for line in text.splitlines() if "[DEBUG]" not in line).encode()))
    assert (quiet.id, quiet.confidence) == ("ice-candidates-refused", "medium")


def test_a_log_without_sip_is_no_trace_but_what_it_says_is_told() -> None:
    with pytest.raises(TraceError, match=r"holds no SIP message; its line 3 says: .*Defaulting to wan\.auto"):
        read(TRACES / "freeswitch" / "04-488-freeswitch-log.txt")


def test_asterisk_without_the_codec() -> None:
    (finding,) = explain(read(TRACES / "asterisk" / "codec-mismatch-488.pcap")).findings
    assert (finding.id, finding.confidence, finding.quote) == ("codec-mismatch", "high", "a=rtpmap:18 G729/8000")
    assert "left g729 out" in finding.evidence


# What was read by eye in each capture, and is true.
SURE = {
    "codec-mismatch-488.pcap": ["codec-mismatch"],
    "register-digest.pcap": ["wrong-password", "wrong-password"],
    "subscribe-notify.pcap": ["subscription-refused"] * 2,
    "01-register-subscribe-1001.txt": ["subscription-refused"] * 2,
    "01-register-subscribe-call.pcap": ["subscription-refused"] * 2,
    "02-queue-echo-refer.pcap": ["no-offer", "registration-refused", "registration-refused"],
    "02-queue.txt": ["no-offer", "registration-refused", "registration-refused"],
    "04-488-example-private-candidate.txt": ["ice-candidates-refused"],
}


@pytest.mark.parametrize(
    "path",
    sorted(
        each
        for folder in ("asterisk", "freeswitch")
        for each in (TRACES / folder).iterdir()
        if each.suffix in (".pcap", ".txt") and ".sdp." not in each.name and not each.name.endswith("-log.txt")
    ),
    ids=lambda path: path.name,
)
def test_no_false_alarm_in_the_captures(path: Path) -> None:
    sure = [each.id for each in explain(read(path)).findings if each.confidence == "high"]
    assert sure == SURE.get(path.name, [])
