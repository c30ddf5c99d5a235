"""Every capture replays, and says the same each time: the transcripts are in sip_traces/replays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sipclient.config import load
from sipclient.trace import Record, TraceError, read, replay
from tests.trace.replaying.golden import CAPTURES, TRACES, golden_of, transcript_of
from tests.trace.replaying.hour import hour
from tests.trace.replaying.judged import JUDGED, differences, judgement

WITHOUT_MESSAGES = {"04-488-freeswitch-log.txt"}
WHOLE = [path for path in CAPTURES if path.name not in WITHOUT_MESSAGES]
ASTERISK, FREESWITCH = TRACES / "asterisk", TRACES / "freeswitch"
RULES = """
[accounts.pbx]
address = "sip:1001@127.0.0.1"
server = "udp:127.0.0.1:25060"
password = "{password}"
[[watch]]
extensions = ["1002"]
[[rules]]
name = "queue"
call = {{ to = "7000" }}
[[rules]]
name = "redial"
call = {{ to = "1002", timeout = "10s", retry = {{ on = ["USER_BUSY"], times = 1 }} }}
[[rules]]
name = "never"
when = {{ extensions = ["100?"], from = "on-hold" }}
call = {{ to = "7000" }}
[dial]
allow = ["7000", "1002"]
"""


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_transcript_is_the_golden_one_and_twice_the_same(path: Path) -> None:
    first = transcript_of(path)
    assert first == transcript_of(path)
    assert first == golden_of(path).read_text()


def test_a_log_without_messages_is_said_to_be_one() -> None:
    with pytest.raises(TraceError, match="holds no SIP message"):
        transcript_of(FREESWITCH / "04-488-freeswitch-log.txt")


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_the_pbx_accepted_of_others_it_would_accept_of_us(path: Path) -> None:
    """Bodies, targets and dialogs are the same; what differs is judged, difference by difference (docs/replays.md)."""
    outcome = replay(read(path))
    for difference in differences(outcome):
        assert judgement(difference)
    bodies = [each for line in outcome.lines for each in line.differences if each.kind == "body"]
    assert not bodies


def test_nothing_is_judged_that_is_not_met() -> None:
    met = {each for path in WHOLE for each in differences(replay(read(path)))}
    assert {each for each in JUDGED if each[1]} <= met
    assert {name for name, _ in JUDGED} == {name for name, _ in met}


def test_the_rules_are_asked_and_say_why_not() -> None:
    config = load(RULES.format(password=""))
    outcome = replay(read(FREESWITCH / "01-register-subscribe-call.pcap"), config)
    rules = [line.text for line in outcome.lines if line.kind == "rule"]
    assert rules[:2] == [
        "rule queue calls 7000: 1002 went from on-the-phone to ready, closing episode 1",
        "rule redial calls 1002: 1002 went from on-the-phone to ready, closing episode 1",
    ]
    assert "rule redial waits 10 s for 1002: retry" in rules
    assert outcome.summary.calls == (
        "to 1002: NORMAL_CLEARING, answered",
        "to 1002: USER_BUSY",
        "to 7000 by rule queue for 1002 is not in the trace",
    )
    told = "would have acted 1 time; not the last time, for 1002: edge: ready to offline is not on-the-phone to ready"
    assert outcome.summary.rules[0] == f"queue: {told}"
    assert outcome.summary.rules[2].startswith("never: would have acted 0 times; not the last time, for 1002: edge:")
    assert not outcome.equal


def test_a_password_is_held_against_the_digests_of_the_trace() -> None:
    path = FREESWITCH / "01-register-subscribe-call.pcap"
    wrong = replay(read(path), load(RULES.format(password="guessed")))
    told = [str(each) for line in wrong.lines for each in line.differences if "password" in each.trace]
    assert set(told) == {'Authorization: "another password or user" in the trace, "that of pbx" of ours'}


def test_as_says_which_side_we_are() -> None:
    trace = read(ASTERISK / "codec-mismatch-488.pcap")
    assert replay(trace, us="sip:robot@127.0.0.1").summary.we == ("127.0.0.1:16124",)
    assert replay(trace, us="127.0.0.1:15060").summary.we == ("127.0.0.1:15060",)
    with pytest.raises(TraceError, match=r"nobody in the trace is '192\.0\.2\.9': there are 127\.0\.0\.1:15060"):
        replay(trace, us="192.0.2.9")


def test_nothing_to_replay() -> None:
    with pytest.raises(TraceError, match="no message in the trace"):
        replay([])


def test_rubbish_is_shown_and_nothing_comes_of_it() -> None:
    outcome = replay([Record(b"rubbish")])
    assert [(line.kind, line.text, line.verdict) for line in outcome.lines] == [
        ("sent", "rubbish", "only in the trace")
    ]


def test_an_hour_of_ten_thousand_messages_of_ours_replays_to_the_byte() -> None:
    records = hour(10_000)
    assert len(records) > 10_000 and records[-1].at - records[0].at == 3600.0
    began = time.process_time()
    first = replay(records)
    assert time.process_time() - began < 20  # about 3 seconds; the rest is for machines that are slow or busy
    assert set(first.summary.verdicts) == {"identical"} and not first.summary.differences
    assert str(replay(records)) == str(first)


def test_bodies_between_rules_keep_their_line_ends_and_what_was_watched_before_is_understood() -> None:
    for name in ("notify-pidf.txt", "notify-xpidf.txt", "notify-cpim.txt"):
        outcome = replay(read(ASTERISK / name))
        assert "1001 was watched before the trace began (presence)" in outcome.summary.inferred
        assert not any("refused" in line.text for line in outcome.lines)
        assert all(line.text == "SIP/2.0 200 OK" for line in outcome.lines if line.kind == "sent")
    states = [line.text for line in replay(read(ASTERISK / "notify-pidf.txt")).lines if line.kind == "state"]
    assert states[0] == "1001: unknown -> ready" and "1001: ready -> ringing" in states
