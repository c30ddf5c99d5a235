"""Beyond 488: each way in which registrations, calls, sound and presence fail, told from its trace alone."""

from __future__ import annotations

import pytest

from sipclient.trace import Address, Record, Trace
from sipclient.trace.explain import explain
from sipclient.trace.record import MediaStream
from tests.trace.scene import again, audio, say, trace

CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="{}", algorithm=MD5, qop="auth"{}'
ANSWER = (
    'Authorization: Digest username="1001", realm="{}", nonce="{}", uri="sip:pbx", response="00", nc=00000001, '
    'cnonce="1", qop=auth'
)
REGISTER = "REGISTER sip:pbx.example.com"
INVITE = "INVITE sip:7000@pbx.example.com"
BYE = "BYE sip:7000@pbx.example.com"
OK = "SIP/2.0 200 OK"


def ids(given: Trace) -> list[str]:
    return [f"{each.id} {each.confidence}" for each in explain(given).findings]


def register(number: int, *headers: str, way: str = "phone>pbx", at: float = 0.0) -> Record:
    return say(at or number, way, REGISTER, *headers, cseq=f"{number} REGISTER")


def answer(number: int, start: str, *headers: str, way: str = "pbx>phone") -> Record:
    return say(number + 0.1, way, f"SIP/2.0 {start}", *headers, cseq=f"{number} REGISTER", tags="f,t")


def challenge(number: int, nonce: str, stale: bool = False) -> Record:
    return answer(number, "401 Unauthorized", CHALLENGE.format(nonce, ", stale=true" if stale else ""))


def call(*more: Record, to: str = "", offer: str = "", ok: tuple[str, ...] = (), ack: bool = True) -> Trace:
    """An answered call, at 1.0 to 1.2, and what follows."""
    given = [
        say(1.0, "phone>pbx", INVITE, sdp=offer or audio(formats="0")),
        say(1.1, "pbx>phone", OK, *ok, tags="f,t", sdp=to or audio(formats="0", address="192.0.2.2", port=5000)),
    ]
    if ack:
        given.append(say(1.2, "phone>pbx", "ACK sip:7000@pbx.example.com", cseq="1 ACK", tags="f,t", branch="a1"))
    return trace(*given, *more)


def bye(at: float, way: str = "phone>pbx") -> Record:
    return say(at, way, BYE, cseq="9 BYE", tags="f,t")


def test_a_call_that_works_has_no_finding() -> None:
    assert ids(call(bye(20.0), say(20.1, "pbx>phone", OK, cseq="9 BYE", tags="f,t"))) == []


def test_a_wrong_password() -> None:
    given = trace(register(1), challenge(1, "n1"), register(2, ANSWER.format("pbx", "n1")), challenge(2, "n2"))
    assert ids(given) == ["wrong-password high"]


def test_a_nonce_that_was_old_is_no_wrong_password() -> None:
    given = [register(1), challenge(1, "n1"), register(2, ANSWER.format("pbx", "n1")), challenge(2, "n2", stale=True),
             register(3, ANSWER.format("pbx", "n2")), answer(3, "200 OK")]  # fmt: skip
    assert ids(trace(*given)) == []


def test_a_second_challenge_by_a_proxy_further_on_is_no_wrong_password() -> None:
    proxy = 'Proxy-Authenticate: Digest realm="inner", nonce="m1", algorithm=MD5'
    both = (ANSWER.format("pbx", "n1"), "Proxy-" + ANSWER.format("inner", "m1"))
    given = trace(register(1), challenge(1, "n1"), register(2, both[0]),
                  answer(2, "407 Proxy Authentication Required", proxy), register(3, *both), answer(3, "200 OK"),
                  )  # fmt: skip
    assert ids(given) == []
    assert ids(trace(*given.records[:4])) == []


def test_nonces_that_are_always_old() -> None:
    given = [register(1), challenge(1, "n1")]
    for number in range(2, 6):
        given += [register(number, ANSWER.format("pbx", f"n{number - 1}")), challenge(number, f"n{number}", stale=True)]
    assert ids(trace(*given)) == ["stale-nonce-loop high"]


def test_the_wrong_realm() -> None:
    given = trace(register(1), challenge(1, "n1"), register(2, ANSWER.format("other", "n1")), challenge(2, "n2"))
    assert ids(given) == ["wrong-realm high"]


def test_403_over_and_over() -> None:
    given = [each for number in (1, 2, 3) for each in (register(number), answer(number, "403 Forbidden"))]
    (finding,) = explain(trace(*given)).findings
    assert (finding.id, finding.title) == ("registration-refused", "The registration is refused over and over")
    assert "3 times" in finding.evidence


def test_a_contact_behind_nat() -> None:
    given = trace(register(1, "Contact: <sip:1001@192.168.1.20:5060>", way="nat:1024>pbx"),
                  answer(1, "200 OK", "Expires: 300", way="pbx>nat:1024"))  # fmt: skip
    assert ids(given) == ["contact-behind-nat medium"]


def test_too_short_a_registration() -> None:
    given = [each for number in (1, 2) for each in (register(number, "Expires: 10"),
             answer(number, "423 Interval Too Brief", "Min-Expires: 60"))]  # fmt: skip
    assert ids(trace(*given)) == ["expiry-too-short high"]
    brief = trace(register(1, "Contact: <sip:1001@192.0.2.1>"),
                  answer(1, "200 OK", "Contact: <sip:1001@192.0.2.1>;expires=20"))  # fmt: skip
    assert ids(brief) == ["expiry-too-short low"]


def test_no_answer_at_all() -> None:
    invite = say(1.0, "phone>pbx", INVITE)
    (finding,) = explain(trace(invite, *(again(invite, 1.0 + each) for each in (0.5, 1.5, 3.5, 7.5)))).findings
    assert (finding.id, finding.confidence) == ("no-response", "medium")
    assert "5 times in 7.5 s" in finding.evidence


def test_a_packet_captured_twice_is_no_retransmission() -> None:
    invite = say(1.0, "phone>pbx", INVITE)
    assert ids(trace(invite, again(invite, 1.0001), again(invite, 1.0002), again(invite, 1.0003))) == []


def test_408_came_from_somebody_who_waited() -> None:
    given = trace(say(1.0, "phone>pbx", INVITE), say(33.0, "pbx>phone", "SIP/2.0 408 Request Timeout", tags="f,t"))
    assert ids(given) == ["request-timeout medium"]


def test_an_answer_to_the_port_that_via_names() -> None:
    given = trace(
        say(1.0, "nat:1024>pbx", INVITE, via="192.168.1.20:5060"),
        say(1.1, "pbx>nat:5060", "SIP/2.0 100 Trying", via="192.168.1.20:5060"),
    )
    assert ids(given) == ["no-rport high"]


def test_a_message_that_was_changed_on_its_way() -> None:
    changed = say(1.0, "phone>pbx", INVITE, sdp=audio())
    data = changed.data.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 203.0.113.200")
    wrong = Record(data, 1.0, "wall", "", "UDP", changed.source, changed.destination)
    assert ids(trace(wrong)) == ["alg-rewritten medium"]
    via = trace(
        say(1.0, "phone>pbx", INVITE, branch="b1"),
        say(1.1, "pbx>phone", "SIP/2.0 486 Busy Here", branch="b1", via="203.0.113.9:1024", tags="f,t"),
    )
    assert ids(via) == ["alg-rewritten medium"]
    usual = trace(
        say(1.0, "phone>pbx", INVITE, branch="b1", via="PHONE.example.com"),
        say(1.1, "pbx>phone", "SIP/2.0 486 Busy Here", branch="b1", via="phone.example.com:5060", tags="f,t"),
    )
    assert ids(usual) == []


@pytest.mark.parametrize("start", ["482 (Loop Detected)", "482 Request merged", "483 Too Many Hops"])
def test_loops(start: str) -> None:
    given = trace(say(1.0, "phone>pbx", INVITE), say(1.1, "pbx>phone", f"SIP/2.0 {start}", tags="f,t"))
    assert ids(given) == ["routing-loop high"]


def test_copies_without_end() -> None:
    options = say(1.0, "phone>pbx", "OPTIONS sip:pbx.example.com")
    given = [options, *(again(options, 1.0 + each) for each in range(1, 20))]
    assert ids(trace(*given)) == ["retransmission-storm medium", "no-response low"]


def test_a_large_request_whose_fragments_are_lost() -> None:
    large = say(5.0, "phone>pbx", INVITE, sdp=audio(*(f"a=x-{number}:{'y' * 40}" for number in range(40))), call="c2")
    small = [say(1.0, "phone>pbx", "OPTIONS sip:pbx.example.com"), say(1.1, "pbx>phone", OK, cseq="1 OPTIONS")]
    assert ids(trace(*small, large, again(large, 5.5), again(large, 6.5))) == ["udp-fragmentation high"]
    assert ids(trace(large, again(large, 5.5), again(large, 6.5))) == ["udp-fragmentation medium"]


def test_481_to_a_change_of_the_call() -> None:
    gone = say(61.0, "pbx>phone", "SIP/2.0 481 Call/Transaction Does Not Exist", cseq="2 INVITE", tags="f,t")
    assert ids(call(say(60.0, "phone>pbx", INVITE, cseq="2 INVITE", tags="f,t"), gone)) == ["dialog-lost high"]
    assert ids(call(bye(50.0, "pbx>phone"), say(60.0, "phone>pbx", INVITE, cseq="2 INVITE", tags="f,t"), gone)) == []


def test_491_over_and_over() -> None:
    given = []
    for number in (2, 3, 4):
        given += [say(number, "phone>pbx", INVITE, cseq=f"{number} INVITE", tags="f,t"),
                  say(number + 0.1, "pbx>phone", "SIP/2.0 491 Request Pending", cseq=f"{number} INVITE", tags="f,t"),
                  ]  # fmt: skip
    assert ids(call(*given)) == ["glare-storm medium"]
    assert ids(call(*given[:2])) == []


def test_an_ack_that_is_missing_and_the_drop_after_32_seconds() -> None:
    ok = call(ack=False).records[1]
    copies = [again(ok, 1.1 + each) for each in (0.5, 1.5, 3.5, 7.5)]
    (finding,) = explain(trace(*call(ack=False).records, *copies, bye(33.1, "pbx>phone"))).findings
    assert (finding.id, finding.confidence) == ("ack-missing", "high")
    assert "32 s later" in finding.evidence


def test_an_ack_that_does_not_arrive() -> None:
    ok = call().records[1]
    copies = [again(ok, 1.1 + each) for each in (0.5, 1.5, 3.5, 7.5)]
    assert ids(trace(*call().records, *copies, bye(33.1, "pbx>phone"))) == ["ack-missing medium"]


def test_hanging_up_after_32_seconds_is_no_fault() -> None:
    assert ids(call(bye(33.1, "pbx>phone"))) == []


def test_a_prack_that_is_missing() -> None:
    ringing = say(1.1, "pbx>phone", "SIP/2.0 180 Ringing", "Require: 100rel", "RSeq: 1", tags="f,t")
    given = trace(say(1.0, "phone>pbx", INVITE), ringing, again(ringing, 1.6), again(ringing, 2.6))
    assert ids(given) == ["prack-missing high"]


def test_a_session_that_nobody_refreshed() -> None:
    timer = ("Session-Expires: 90;refresher=uac",)
    assert ids(call(bye(60.0, "pbx>phone"), ok=timer)) == ["session-timer-drop medium"]
    refresh = [say(45.0, "phone>pbx", "UPDATE sip:7000@pbx.example.com", cseq="2 UPDATE", tags="f,t"),
               say(45.1, "pbx>phone", OK, cseq="2 UPDATE", tags="f,t")]  # fmt: skip
    assert ids(call(*refresh, bye(60.0, "pbx>phone"), ok=timer)) == []


def test_a_private_address_for_the_audio() -> None:
    given = trace(
        say(
            1.0,
            "nat:1024>pbx",
            INVITE,
            "Contact: <sip:1001@203.0.113.9>",
            sdp=audio(formats="0", address="192.168.1.20"),
        ),
        say(1.1, "pbx>nat:1024", OK, tags="f,t", sdp=audio(formats="0", address="192.0.2.2")),
    )
    (finding,) = explain(given).findings
    assert (finding.id, finding.quote) == ("private-media-address", "c=IN IP4 192.168.1.20")


def test_hold_that_is_left_on() -> None:
    resumed = [
        say(20.0, "phone>pbx", INVITE, cseq="2 INVITE", tags="f,t", sdp=audio("a=sendrecv", formats="0")),
        say(
            20.1,
            "pbx>phone",
            OK,
            cseq="2 INVITE",
            tags="f,t",
            sdp=audio("a=recvonly", formats="0", address="192.0.2.2"),
        ),
    ]
    (finding,) = explain(call(*resumed)).findings
    assert (finding.id, finding.quote) == ("held", "a=recvonly")


def test_200_without_the_audio() -> None:
    secure = audio(*("a=fingerprint:sha-256 " + ":".join(["AB"] * 32),), proto="RTP/SAVPF", formats="0")
    silent = audio(proto="RTP/SAVPF", formats="0", port=0)
    assert ids(call(offer=secure, to=silent)) == ["srtp-mismatch high"]
    assert ids(call(to=audio(formats="0", port=0))) == ["media-refused high"]
    assert ids(call(offer=secure, to=audio(formats="0", address="192.0.2.2"))) == ["srtp-mismatch high"]


def test_keys_that_do_not_fit() -> None:
    keys = {name: f"{name} inline:{'A' * 40}" for name in ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")}
    offer, other = (audio(f"a=crypto:1 {each}", proto="RTP/SAVP", formats="0") for each in keys.values())
    assert ids(call(offer=offer, to=offer.replace("192.0.2.1", "192.0.2.2"))) == []
    (finding,) = explain(call(offer=offer, to=other.replace("192.0.2.1", "192.0.2.2"))).findings
    assert (finding.id, finding.confidence) == ("srtp-mismatch", "high")


def test_a_prack_that_is_refused() -> None:
    given = call(say(2.0, "phone>pbx", "PRACK sip:7000@192.0.2.2", cseq="2 PRACK", tags="f,t"),
                 say(2.1, "pbx>phone", "SIP/2.0 481 No", cseq="2 PRACK", tags="f,t"))  # fmt: skip
    assert ids(given) == ["prack-missing medium"]


def test_a_session_interval_that_is_refused_twice() -> None:
    given = [each for number in (1, 2) for each in (
        say(number, "phone>pbx", INVITE, cseq=f"{number} INVITE"),
        say(number + 0.1, "pbx>phone", "SIP/2.0 422 Session Interval Too Small", "Min-SE: 90", cseq=f"{number} INVITE"),
    )]  # fmt: skip
    assert ids(trace(*given)) == ["session-timer-drop high"]


def test_a_drop_after_32_seconds_though_an_ack_was_seen() -> None:
    ok = call().records[1]
    assert ids(trace(*call().records, again(ok, 1.6), bye(33.1, "pbx>phone"))) == ["ack-missing medium"]


def test_a_lossy_link() -> None:
    given = []
    for number in range(30):
        options = say(number, "phone>pbx", "OPTIONS sip:pbx.example.com", cseq=f"{number} OPTIONS")
        given += [options, again(options, number + 0.5),
                  say(number + 0.6, "pbx>phone", OK, cseq=f"{number} OPTIONS", tags="f,t")]  # fmt: skip
    assert ids(trace(*given)) == ["retransmission-storm medium"]


def test_no_sound_at_all_while_others_have_it() -> None:
    others = stream("198.51.100.1:7000", "198.51.100.2:7002")
    assert ids(trace(*call(bye(11.0)).records, streams=(others,))) == ["one-way-audio low"]


def stream(source: str, destination: str, packets: int = 500, lost: int = 0, jitter: float = 0.001) -> MediaStream:
    (one, two), (three, four) = (each.split(":") for each in (source, destination))
    return MediaStream(
        Address(one, int(two)), Address(three, int(four)), 1, 0, "PCMU", packets, lost, jitter, 1.2, 11.0
    )


def test_sound_that_flows_one_way() -> None:
    there, back = stream("192.0.2.1:4000", "192.0.2.2:5000"), stream("192.0.2.2:5000", "192.0.2.1:4000")
    both = trace(*call(bye(11.0)).records, streams=(there, back))
    assert ids(both) == []
    (finding,) = explain(trace(*call(bye(11.0)).records, streams=(there,))).findings
    assert (finding.id, finding.confidence) == ("one-way-audio", "medium")
    assert "none to the caller" in finding.evidence


def test_sound_that_suffers() -> None:
    bad = stream("192.0.2.1:4000", "192.0.2.2:5000", packets=900, lost=100)
    (finding,) = explain(trace(say(1.0, "phone>pbx", "OPTIONS sip:pbx"), streams=(bad,))).findings
    assert (finding.id, finding.evidence.split(": ")[1]) == ("media-quality", "10.0% of 1000 packets lost, jitter 1 ms")


def notify(at: float, number: int, body: str, kind: str, state: str = "active", call: str = "s1") -> Record:
    return say(at, "pbx>phone", "NOTIFY sip:1001@192.0.2.1", f"Event: {kind}", f"Subscription-State: {state}",
               f"Content-Type: {TYPES[kind]}", body=body, cseq=f"{number} NOTIFY", call=call)  # fmt: skip


TYPES = {"presence": "application/pidf+xml", "dialog": "application/dialog-info+xml"}
PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1002@pbx"><tuple id="t"><status>'
    "<basic>open</basic></status><note>{}</note></tuple></presence>"
)
DIALOG = (
    '<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{}" state="full" '
    'entity="sip:1002@pbx"><dialog id="d"><state>{}</state></dialog></dialog-info>'
)


def test_packages_that_contradict_each_other() -> None:
    given = [
        notify(1, 1, PIDF.format("Ready"), "presence"),
        notify(2, 1, DIALOG.format(0, "confirmed"), "dialog", call="s2"),
    ]
    assert ids(trace(*given, notify(9, 2, PIDF.format("Ready"), "presence"))) == ["presence-contradiction medium"]
    assert ids(trace(*given, notify(3, 2, PIDF.format("On the phone"), "presence"), bye(60))) == []


def test_subscriptions_that_are_ended_at_once() -> None:
    given = [notify(number, 1, "", "presence", "terminated;reason=deactivated", f"s{number}") for number in range(1, 5)]
    assert ids(trace(*given)) == ["subscription-flapping medium"]


def test_a_subscription_that_is_refused() -> None:
    given = trace(
        say(1.0, "phone>pbx", "SUBSCRIBE sip:1002@pbx.example.com", "Event: foo"),
        say(1.1, "pbx>phone", "SIP/2.0 489 Bad Event", cseq="1 SUBSCRIBE", tags="f,t"),
    )
    assert ids(given) == ["subscription-refused high"]


@pytest.mark.parametrize(("start", "expected"), [
    ("420 Bad Extension", "extension-required high"), ("503 Service Unavailable", "call-refused low"),
    ("486 Busy Here", ""), ("487 Request Terminated", ""), ("603 Decline", ""),
])  # fmt: skip
def test_calls_that_are_refused(start: str, expected: str) -> None:
    given = trace(say(1.0, "phone>pbx", INVITE), say(1.1, "pbx>phone", f"SIP/2.0 {start}", tags="f,t"))
    assert ids(given) == ([expected] if expected else [])


def test_what_cannot_be_seen_is_said() -> None:
    told = explain(Trace("bare SIP messages", (Record(say(0, "phone>pbx", INVITE).data),)))
    assert [each.partition(":")[0] for each in told.unseen] == [
        "when anything happened", "the addresses that packets came from", "the sound"
    ]  # fmt: skip


def test_many_of_one_kind_are_told_once_and_counted() -> None:
    given = []
    for number in range(20):
        given += [say(number, "phone>pbx", INVITE, call=f"c{number}"),
                  say(number + 0.1, "pbx>phone", "SIP/2.0 503 Service Unavailable", tags="f,t", call=f"c{number}"),
                  ]  # fmt: skip
    found = explain(trace(*given)).findings
    assert len(found) == 5
    assert "the same in 15 more messages" in found[-1].evidence
    assert len(found[-1].also) == 15
