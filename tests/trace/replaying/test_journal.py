"""Journals of runs: written and read without loss, without secrets, and replayed to the byte."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sipclient.config import load
from sipclient.errors import TraceError
from sipclient.protocol.account import Account
from sipclient.protocol.events import AddAccount, Answer, Flow, FlowOpened, Invite, Packet, Send, Watch
from sipclient.rules import Job
from sipclient.trace import read, replay
from sipclient.trace.replaying.exact import replay_run
from sipclient.trace.replaying.journal import (
    Beginning,
    Entry,
    decode,
    encode,
    files_of,
    is_journal,
    masked,
    masked_config,
    read_journal,
    records_of,
)
from tests.trace.replaying.golden import GOLDEN, RUNS, TRACES, golden_of_run

RUN = TRACES / "runs" / "lab-one-call-0001.sipjournal"
FLOW = Flow("udp", "192.0.2.1", 5060, "192.0.2.2", 5060)
JOB = Job(id="q/pbx/1001/1", rule="q", account="pbx", to="7000", watched="pbx", extension="1001", episode=1)


def there_and_back(what: str, value: Any, at: float | None = None) -> Entry:
    (entry,) = decode([encode(what, value, at)], "here")
    return entry


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("receive", Packet(FLOW, b"OPTIONS sip:a SIP/2.0\r\n\r\n")),
        ("receive", Packet(FLOW, b"\xff\xfe not UTF-8")),
        ("receive", FlowOpened(3, FLOW)),
        ("send", Send(FLOW, "Grüße".encode())),
        ("do", Watch(1, "pbx", "1001")),
        ("do", Invite(2, "pbx", "7000", headers=(("X-Ext", "1001"),), body=b"v=0\r\n")),
        ("do", Answer(2, body=b"")),
        ("draw", ("branch", "abc")),
        ("remember", ["q/pbx/1001/1"]),
    ],
)
def test_there_and_back(what: str, value: object) -> None:
    assert there_and_back(what, value, 5.5) == Entry(what, value, 5.5)


def test_an_account_loses_its_passwords_and_nothing_else() -> None:
    account = Account("sip:a@b", password="hush", turn_password="hush", handles=frozenset({"MESSAGE"}))
    line = encode("do", AddAccount(account), 1.0)
    assert b"hush" not in line
    back = there_and_back("do", AddAccount(account)).value.account
    assert back == msgspec.structs.replace(account, password="***", turn_password="***")


def test_a_job_comes_back() -> None:
    assert there_and_back("resume", JOB, 1.0).value == JOB


def test_what_only_a_password_or_a_key_makes_is_masked() -> None:
    digest = b'Authorization: Digest nonce="n", response="%s"\r\n\r\n'
    sdp = b"a=crypto:1 X inline:%s|2^20\r\na=ice-pwd:%s\r\n"
    shown = digest % b"..." + sdp % (b"AAAAAAAA", b"AAAA")
    assert masked(digest % b"0123" + sdp % (b"c2VjcmV0", b"word")) == shown
    assert len(masked(b"a=ice-pwd:abc")) == len(b"a=ice-pwd:abc")


def test_a_configuration_keeps_its_rules_and_loses_its_secrets() -> None:
    text = """
    [accounts.pbx]
    address = "sip:robot@b.example.com"
    password = "hush"
    turn = { url = "turn:t.example.com", password = "hush" }
    register = false
    expires = 90
    [[watch]]
    extensions = ["1001"]
    [[rules]]
    name = "q\\u007f\\"\\\\"
    call = { to = "7000", caller_id = '"Ext {extension}" <{extension}>', headers = { X-Ext = "{extension}" } }
    [dial]
    allow = ["7000"]
    calls_per_second = 1.5
    [web]
    listen = "127.0.0.1:8080"
    [store]
    url = "sqlite:hush.db"
    """.replace("\\u007f", "")
    kept = masked_config(text)
    assert "hush" not in kept
    one, other = load(kept, secrets=False), load(text, secrets=False)
    assert (one.rules, one.watch, one.dial) == (other.rules, other.watch, other.dial)
    assert one.accounts["pbx"].register is False and one.web is None


def test_a_run_replays_to_the_byte_and_twice_the_same() -> None:
    first, second = replay_run(read_journal(RUN)), replay_run(read_journal(RUN))
    assert first == second
    assert set(first.summary.verdicts) == {"identical"} and first.equal
    assert first.summary.rules == ("q: would have acted 1 time",)
    assert str(first) == (GOLDEN / "run-lab-one-call.txt").read_text()


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_every_run_that_is_kept_replays_to_the_byte(path: Path) -> None:
    outcome = replay_run(read_journal(path))
    assert set(outcome.summary.verdicts) == {"identical"} and not outcome.summary.inferred
    assert str(outcome) == golden_of_run(path).read_text()


def test_other_rules_are_asked_about_the_same_run() -> None:
    config = load(
        '[accounts.pbx]\naddress = "sip:robot@127.0.0.1"\n[[watch]]\nextensions = ["1001"]\n'
        '[[rules]]\nname = "late"\nsettle = "60s"\ncall = { to = "7000" }\n[dial]\nallow = ["7000"]\n'
    )
    outcome = replay_run(read_journal(RUN), config)
    assert outcome.summary.rules == (
        "late: would have acted 0 times; not the last time, for 1001: settle: it must stay ready for 60 s",
    )
    assert set(outcome.summary.verdicts) == {"identical"}


def changed(entries: list[Entry], place: int, value: Any) -> list[Entry]:
    return [*entries[:place], msgspec.structs.replace(entries[place], value=value), *entries[place + 1 :]]


def test_what_was_tampered_with_shows() -> None:
    entries = read_journal(RUN)
    place = next(number for number, each in enumerate(entries) if each.what == "send")
    send = entries[place].value
    other = Send(send.flow, send.data.replace(b"Max-Forwards: 70", b"Max-Forwards: 69"))
    told = replay_run(changed(entries, place, other))
    assert told.summary.verdicts["differs"] == 1 and told.summary.differences == {"Max-Forwards": 1}
    elsewhere = Send(msgspec.structs.replace(send.flow, remote_port=9), send.data)
    assert replay_run(changed(entries, place, elsewhere)).summary.verdicts["differs"] == 1
    assert replay_run(changed(entries, place, Send(send.flow, b"\r\n\r\n"))).summary.verdicts["differs"] == 1
    assert replay_run(changed(entries, place, Send(send.flow, b"rubbish"))).summary.verdicts["differs"] == 1
    missing = [*entries[:place], *entries[place + 1 :]]
    assert replay_run(missing).summary.verdicts["only ours"] == 1
    twice = [*entries[: place + 1], *entries[place:]]
    assert replay_run(twice).summary.verdicts["only in the trace"] == 1


def test_other_decisions_than_in_the_run_are_said() -> None:
    entries = read_journal(RUN)
    place = next(number for number, each in enumerate(entries) if each.what == "decide" and each.value.said)
    told = replay_run(changed(entries, place, msgspec.structs.replace(entries[place].value, said=[])))
    assert told.summary.inferred == ("the rules decide otherwise than in the run",)
    assert any(line.text == "but in the run it was: nothing" for line in told.lines)


def test_draws_that_are_missing_are_made_up_the_same_each_time() -> None:
    entries = [each for each in read_journal(RUN) if each.what != "draw"]
    first, second = replay_run(entries), replay_run(entries)
    assert first == second and not first.equal


def test_what_the_store_knew_comes_first() -> None:
    entries = read_journal(RUN)
    known = [Entry("observe", ("pbx", "1001", "ready")), Entry("resume", JOB, entries[2].at)]
    rules = [Entry("rules", entries[0].value.config), Entry("rules", ""), *decode([b'{"unheard-of":1}'], "here")]
    assert replay_run([entries[0], *known, *rules]).lines == ()


def test_a_command_that_is_refused_is_refused_again() -> None:
    entries = read_journal(RUN)
    told = replay_run([entries[0], Entry("do", Invite(9, "nobody", "7000"), entries[1].at)])
    assert [line.text for line in told.lines] == ["this is not sent: there is no account 'nobody'"]


def test_its_messages_are_a_trace_like_any_other() -> None:
    records = list(records_of(read_journal(RUN)))
    assert {record.direction for record in records} == {"sent", "received"}
    assert records[0].transport == "UDP" and records[0].clock == "wall" and records[0].data.startswith(b"REGISTER")
    outcome = replay(records)
    assert outcome.summary.calls == ("to 7000: NORMAL_CLEARING, answered",)
    assert set(outcome.summary.verdicts) == {"identical"}
    assert read(RUN).records == tuple(records)
    assert read(RUN).format == f"sipclient journal, {len(records)} messages"
    assert read(RUN.read_bytes().rstrip(b"\n")).records == tuple(records)


def test_a_run_whose_beginning_is_gone_begins_where_its_time_is_known() -> None:
    entries = read_journal(RUN)
    place = next(number for number, each in enumerate(entries) if each.what == "send")
    records = list(records_of(entries[place:]))
    assert records[0].at > 1.0 and max(b.at - a.at for a, b in pairwise(records)) < 60.0


# --- files ------------------------------------------------------------------------------------------


def test_the_files_of_the_last_run(tmp_path: Path) -> None:
    lines = RUN.read_bytes().splitlines(keepends=True)
    (tmp_path / "a-0001.sipjournal").write_bytes(b"older\n")
    (tmp_path / "b-0001.sipjournal").write_bytes(b"".join(lines[:50]))
    (tmp_path / "b-0002.sipjournal").write_bytes(b"".join(lines[50:]))
    assert [path.name for path in files_of(tmp_path)] == ["b-0001.sipjournal", "b-0002.sipjournal"]
    assert read_journal(tmp_path) == read_journal(tmp_path / "b-0002.sipjournal") == read_journal(RUN)
    other = tmp_path / "renamed.txt"
    other.write_bytes(RUN.read_bytes())
    assert is_journal(other) and is_journal(tmp_path) and is_journal(RUN)
    assert read_journal(other) == read_journal(RUN)
    assert not is_journal(tmp_path / "nowhere") and not is_journal(GOLDEN / "run-lab-one-call.txt")


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="has no journal of a run in it"):
        read_journal(tmp_path)
    with pytest.raises(TraceError, match="cannot be opened: no such file"):
        read_journal(tmp_path / "gone.json")


def test_a_last_line_that_was_cut_is_left_out() -> None:
    data = RUN.read_bytes()
    entries = list(decode(data[:-20].splitlines(), "cut"))
    assert entries == read_journal(RUN)[:-1]
    assert replay_run(entries).lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"rubbish", "Expecting value"),
        (b"[]", "it is no object"),
        (b"{}", "not enough values"),
        (b'{"sipclient":99}', "version 99 of the form is not known here"),
        (b'{"sipclient":1,"now":"soon"}', r"Expected `float`, got `str` - at `\$.now`"),
        (b'{"sipclient":1,"wall":[]}', r"Expected `float`, got `array` - at `\$.wall`"),
        (b'{"at":NaN,"tick":true}', "NaN is no number"),
        (b'{"at":1e300,"tick":true}', "Expected `float` < 1000000000000.0"),
        (b'{"tick":1}', "Expected `bool`, got `int`"),
        (b'{"draw":5}', "Expected `array`, got `int`"),
        (b'{"draw":["spread"]}', "Expected `array` of length 2, got 1"),
        (b'{"receive":{"text":[]}}', "'receive' holds no such thing"),
        (b'{"receive":{"type":"Watch","id":1,"account":"a","extension":"1"}}', "'receive' holds no such thing"),
        (b'{"do":"nothing"}', "'do' holds no such thing"),
        (b'{"send":{"data":{"text":"x"}}}', "'send' holds no such thing"),
        (b'{"decide":{}}', "missing required field `event`"),
        (b'{"decide":{"event":1,"wall":"2026-01-01T00:00:00","said":[]}}', "'event' holds no such thing"),
        (b'{"resume":{}}', "missing required field"),
        (b'{"do":{"type":"Watch"}}', "missing required field `id`"),
        (b'{"receive":{"base64":"!"}}', "base64|padding|Incorrect"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_a_damaged_line_is_named(line: bytes, words: str) -> None:
    with pytest.raises(TraceError, match=rf"(?s)^here:2: this is no line of a journal: .*{words}"):
        list(decode([encode("remember", []), line, encode("remember", [])], "here"))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [Entry("tick", True, 1.0)],
        [Entry("begin", Beginning(config="no toml"))],
    ],
)
def test_what_is_no_run_is_one_sentence(entries: list[Entry]) -> None:
    with pytest.raises(TraceError, match=r"^[^\n]+$"):
        replay_run(entries)


def test_every_line_is_json() -> None:
    for line in RUN.read_text().splitlines():
        assert isinstance(json.loads(line), dict)
