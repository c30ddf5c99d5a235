"""Scenes of a few messages: what somebody decided, and what becomes of what nobody expects."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sipclient.config import load
from sipclient.message import parse
from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.events import (
    AddAccount,
    ExtensionChanged,
    Flow,
    FlowOpened,
    Resolved,
    Send,
    Target,
)
from sipclient.rules import Requested, RequestExpired
from sipclient.trace import Address, Record, Replay, read, replay
from sipclient.trace.replaying.compare import differences
from sipclient.trace.replaying.exact import replay_run
from sipclient.trace.replaying.journal import Beginning, Decision, Entry, decode, encode
from sipclient.trace.replaying.rehearsal import Rehearsal, said
from tests.trace.replaying.golden import TRACES

WE, PBX = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
TAGS = {"ours": ";tag=ours", "theirs": ";tag=theirs"}


def request(
    method: str, *, sent: bool, tag: bool = False, call: str = "c1", cseq: int = 1, more: str = "", body: str = "",
    uri: str = "",
) -> bytes:  # fmt: skip
    """A request between robot (192.0.2.1) and 7000 (192.0.2.2), in or before a dialog that 7000 began."""
    here, there = ("sip:robot@192.0.2.1", "sip:7000@192.0.2.2")
    source, target = (here, there) if sent else (there, here)
    via = "192.0.2.1" if sent else "192.0.2.2"
    kind = "Content-Type: application/sdp\r\n" if body else ""
    branch = f"z9hG4bK{call}{cseq}{method}"
    return (
        f"{method} {uri or target} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch={branch}\r\n"
        f"Max-Forwards: 70\r\nFrom: <{source}>;tag={'ours' if sent else 'theirs'}\r\n"
        f"To: <{target}>{(';tag=theirs' if sent else ';tag=ours') if tag else ''}\r\nCall-ID: {call}\r\n"
        f"CSeq: {cseq} {method}\r\nContact: <{source}>\r\n{more}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def response(to: bytes, status: str, more: str = "", body: str = "") -> bytes:
    """The answer to a request, with the tag of whoever answers."""
    asked = parse(to)
    heads = "".join(f"{name}: {asked.headers.get(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    answered = asked.headers.get("To") or ""
    sent = b"From: <sip:7000" in to
    tag = "" if asked.to_tag or status.startswith("100") else TAGS["ours" if sent else "theirs"]
    return f"SIP/2.0 {status}\r\n{heads}To: {answered}{tag}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def scene(*messages: tuple[str, bytes] | tuple[str, bytes, float]) -> list[Record]:
    """Records; `>` is ours, `<` reached us; 100 ms apart, or as far as is said."""
    records: list[Record] = []
    at = 1000.0
    for sign, data, *gap in messages:
        at += gap[0] if gap else 0.1
        ends = (WE, PBX) if sign == ">" else (PBX, WE)
        records.append(Record(data, at, "relative", "sent" if sign == ">" else "received", "UDP", *ends))
    return records


def played(*messages: tuple[str, bytes] | tuple[str, bytes, float], us: str = "192.0.2.1") -> Replay:
    return replay(scene(*messages), us=us)


def lines(outcome: Replay, kind: str) -> list[str]:
    return [f"{line.text} {line.verdict}".strip() for line in outcome.lines if line.kind == kind]


INVITE = request("INVITE", sent=False, body=SDP)


def test_a_call_that_is_sent_elsewhere() -> None:
    moved = response(INVITE, "302 Moved Temporarily", "Contact: <sip:8000@192.0.2.9>\r\n")
    trying = response(INVITE, "100 Trying")
    outcome = played(("<", INVITE), (">", trying), (">", moved))
    assert lines(outcome, "sent")[1].startswith("SIP/2.0 302 Moved Temporarily")
    assert "only in the trace" not in str(outcome)


def test_ringing_that_must_arrive_takes_its_number_from_the_trace() -> None:
    invite = request("INVITE", sent=False, more="Supported: 100rel\r\n", body=SDP)
    ringing = response(invite, "180 Ringing", "Require: 100rel\r\nRSeq: 4711\r\nContact: <sip:robot@192.0.2.1>\r\n")
    prack = request("PRACK", sent=False, tag=True, cseq=2, more="RAck: 4711 1 INVITE\r\n")
    outcome = played(("<", invite), (">", ringing), ("<", prack), (">", response(prack, "200 OK")))
    sent = [line for line in outcome.lines if line.kind == "sent" and "180" in line.text]
    assert "RSeq" not in {each.name for each in sent[0].differences}
    assert lines(outcome, "sent")[-1].startswith("SIP/2.0 200 OK")


def test_a_call_that_is_answered_late_and_its_odd_ends() -> None:
    answer = response(INVITE, "200 OK", "Contact: <sip:robot@192.0.2.1>\r\nContent-Type: application/sdp\r\n", SDP)
    ack = request("ACK", sent=False, tag=True)
    odd = request("NOTIFY", sent=True, tag=True, cseq=2, more="Event: refer\r\nSubscription-State: active\r\n")
    prack = request("PRACK", sent=True, tag=True, cseq=3, more="RAck: 1 1 INVITE\r\n")
    refer = request("REFER", sent=True, tag=True, cseq=4, more="Refer-To: <sip:\r\n")
    outcome = played(("<", INVITE), (">", response(INVITE, "100 Trying")), (">", answer), ("<", ack), (">", odd),
                     (">", prack), (">", refer))  # fmt: skip
    assert "call -1 is answered" in lines(outcome, "state")
    for method in ("NOTIFY", "PRACK", "REFER"):
        assert any(text.startswith(method) and text.endswith("only in the trace") for text in lines(outcome, "sent"))


def test_a_call_that_is_redirected_and_follows() -> None:
    invite = request("INVITE", sent=True, body=SDP)
    moved = response(invite, "302 Moved Temporarily", "Contact: <sip:8000@192.0.2.2>\r\n")
    again = request("INVITE", sent=True, cseq=2, uri="sip:8000@192.0.2.2", body=SDP)
    outcome = played((">", invite), ("<", moved), (">", again))
    assert "call 1 is sent on to sip:8000@192.0.2.2" in lines(outcome, "state")
    assert any(text.startswith("INVITE sip:8000@192.0.2.2") for text in lines(outcome, "sent"))


def test_what_we_would_never_send_is_not_sent() -> None:
    invite = request("INVITE", sent=True, uri="sip:7000@192.0.2.2?Replaces=x", body=SDP)
    outcome = played((">", invite))
    assert any(text.startswith("this is not sent: ") for text in lines(outcome, "state"))


def test_a_question_that_cannot_be_read_is_refused_and_shown() -> None:
    outcome = played(
        ("<", request("OPTIONS", sent=False, call="c2")),
        ("<", request("OPTIONS", sent=False).replace(b"To: <sip:robot@192.0.2.1>", b"To: <sip:robot@192.0.2.1")),
    )
    assert lines(outcome, "sent") == ["SIP/2.0 200 OK only ours", "SIP/2.0 400 Bad Request only ours"] or (
        lines(outcome, "sent")[0] == "SIP/2.0 200 OK only ours"
    )


def test_who_asked_first_is_us_or_wrote_the_trace() -> None:
    assert replay(scene(("<", INVITE))).summary.inferred[0].endswith("it was asked first, and wrote the trace")
    assert replay(scene((">", request("INVITE", sent=True, body=SDP)))).summary.inferred[0].endswith("it asked first")


def test_an_identity_that_is_no_sip_address() -> None:
    odd = request("OPTIONS", sent=True).replace(b"From: <sip:robot@192.0.2.1>", b"From: <urn:service:sos>")
    assert "account unknown = sip:unknown@192.0.2.1" in str(played((">", odd)))


def test_keep_alives_are_the_timers_and_nobody_s() -> None:
    ping = request("OPTIONS", sent=True, uri="sip:192.0.2.2", call="p").replace(
        b"Contact: <sip:robot@192.0.2.1>\r\n", b""
    )
    other = ping.replace(b"CSeq: 1", b"CSeq: 2").replace(b"z9hG4bKp1", b"z9hG4bKp2")
    outcome = played((">", ping), (">", other, 30.0))
    assert lines(outcome, "sent") == ["OPTIONS sip:192.0.2.2 SIP/2.0 only in the trace"] * 2


def test_hours_without_a_date_are_said_to_be_guessed() -> None:
    config = load(
        '[accounts.a]\naddress = "sip:robot@192.0.2.1"\n[[watch]]\nextensions = ["7000"]\n[[rules]]\nname = "r"\n'
        'hours = { days = "mon-fri", from = "08:00", to = "18:00", timezone = "UTC" }\ncall = { to = "7000" }\n'
        '[dial]\nallow = ["7000"]\n'
    )
    told = replay(scene((">", request("OPTIONS", sent=True))), config).summary
    assert "the trace has no date: hours are judged as on the first of January 1970" in told.inferred


# --- the rules --------------------------------------------------------------------------------------

SETTLE = """
[accounts.pbx]
address = "sip:robot@b.example.com"
[[watch]]
extensions = ["1001", "1002"]
[[rules]]
name = "hook"
when = { extensions = ["1001"] }
settle = "2s"
run = "hooks.py:on_ready"
[[rules]]
name = "other"
when = { extensions = ["1002"] }
run = "hooks.py:on_ready"
"""


def test_rules_that_wait_and_run_hooks() -> None:
    told: list[str] = []
    rehearsal = Rehearsal(load(SETTLE), datetime(2026, 3, 2, tzinfo=UTC), 0.0, lambda now, text: told.append(text))
    change = ExtensionChanged(1, "x", "1001", State.ON_THE_PHONE, State.READY, episode=1, closed=True)
    rehearsal.changed(change, "pbx", 10.0)
    assert rehearsal.deadline == 12.0
    rehearsal.tick(12.0)
    why = "1001 went from on-the-phone to ready, closing episode 1, and stayed so for 2 s"
    assert told == ["rule hook waits 2 s for 1001: settle", f"rule hook runs hooks.py:on_ready: {why}"]
    assert rehearsal.verdicts() == (
        "hook: would have acted 1 time",
        "other: would have acted 0 times; no change of an extension it covers was seen",
    )
    expired = RequestExpired(Requested(id="r", account="pbx", extension="1001"))
    assert said(expired, 0.0) == "the request r for 1001 expires unheard"


def test_without_rules_nothing_is_decided() -> None:
    rehearsal = Rehearsal(None, datetime(2026, 3, 2, tzinfo=UTC), 0.0, print)
    rehearsal.tick(1.0)
    rehearsal.adopt(None)
    assert rehearsal.verdicts() == () and rehearsal.job_for("7000") is None


# --- comparing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("Accept: a/b, c/d", "Accept: c/d,a/b", 0),
        ('Allow: "', "Allow: INVITE", 1),
        ('Authorization: Digest a="', 'Authorization: Digest a="', 0),
        ('Authorization: Digest a="', "Authorization: Digest a=1", 1),
        ("Subject: a ; b", "Subject: a;b", 0),
        ("Contact: <sip:a@b>", "Contact: *", 1),
    ],
)
def test_spelling_is_no_difference_and_what_cannot_be_read_is_what_it_says(one: str, other: str, told: int) -> None:
    base = request("OPTIONS", sent=True).replace(b"Contact: <sip:robot@192.0.2.1>", b"%s")
    found = differences(parse(base % one.encode()), parse(base % other.encode()))
    assert len(found) == told


# --- journals ---------------------------------------------------------------------------------------


def test_a_ping_on_a_stream_is_compared_and_not_shown() -> None:
    flow = Flow("tcp", "192.0.2.1", 4000, "192.0.2.2", 5060, 1)
    account = Account("sip:robot@192.0.2.2", server="tcp:192.0.2.2", register=False, keepalive=30.0)
    entries = [
        Entry("begin", Beginning(now=1000.0)),
        Entry("do", AddAccount(account), 1000.0),
        Entry("receive", Resolved(1, (Target("tcp", "192.0.2.2", 5060),)), 1000.0),
        Entry("receive", FlowOpened(2, flow), 1000.0),
        Entry("tick", True, 1030.0),
        Entry("send", Send(flow, b"\r\n\r\n")),
    ]
    assert [line.text for line in replay_run(entries).lines if line.kind == "sent"] == ["OPTIONS sip:192.0.2.2 SIP/2.0"]


def test_the_beginning_of_a_journal_and_what_is_nested_come_back() -> None:
    (begin,) = decode([encode("begin", {"now": 1.0})], "here")
    assert begin == Entry("begin", Beginning(1, now=1.0))
    event = ExtensionChanged(1, "pbx", "1001", State.READY, State.RINGING)
    (decided,) = decode(
        [encode("decide", {"event": event, "wall": "2026-11-27T00:00:00+00:00", "said": []}, 2.0)], "here"
    )
    assert decided == Entry("decide", Decision(event, datetime(2026, 11, 27, tzinfo=UTC), []), 2.0)


def test_a_capture_over_tls_that_was_decrypted() -> None:
    trace = read(TRACES / "freeswitch" / "03-wss-opus.txt")
    assert replay(trace).summary.verdicts["identical"] == 1


PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:7000@192.0.2.2"><tuple id="1">'
    "<status><basic>open</basic></status><note>Ready</note></tuple></presence>"
)


@pytest.mark.parametrize(
    ("state", "package", "sent"),
    [
        ("active;expires=60", "presence", "200 OK"),
        ("active", "presence", "200 OK"),
        (";", "presence", "400"),
        ("active", "conference", "481"),
    ],
)
def test_what_was_watched_before_the_trace_began(state: str, package: str, sent: str) -> None:
    more = f"Event: {package}\r\nSubscription-State: {state}\r\nContent-Type: application/pidf+xml\r\n"
    notify = request("NOTIFY", sent=False, tag=True, more=more, body=PIDF)
    notify = notify.replace(b"Content-Type: application/sdp\r\n", b"")
    outcome = played(("<", notify))
    assert lines(outcome, "sent")[0].startswith(f"SIP/2.0 {sent}")
    assert ("7000: unknown -> ready" in lines(outcome, "state")) is (sent == "200 OK")
