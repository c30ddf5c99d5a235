"""`sipclient explain`: a trace in, words or JSON out, and an exit status that scripts can use."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from sipclient.cli.main import main

TRACES = Path(__file__).parents[2] / "sip_traces"
PASTE = str(TRACES / "damaged" / "forum-thread.txt")
FINE = str(TRACES / "asterisk" / "webrtc-incoming.pcap")


def status(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_findings_are_words_and_status_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert status("explain", PASTE) == 1
    text = capsys.readouterr().out
    assert text.startswith("bare SIP messages, 2 messages, 2 repaired\n")
    assert (
        "1. None of the ICE candidates is one the server may use  [ice-candidates-refused, medium confidence]" in text
    )
    assert "message 2, line 21" in text
    assert max(map(len, text.splitlines())) <= 100


def test_nothing_wrong_is_said_and_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", FINE) == 0
    assert "Nothing is wrong in what this trace shows." in capsys.readouterr().out


def test_json_has_the_shape_that_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", "--json", PASTE) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["messages"], told["repaired"]) == ("bare SIP messages", 2, 2)
    assert {"id", "title", "confidence", "message", "line", "evidence", "fix", "disproved_by"} <= set(
        told["findings"][0]
    )
    assert [each["message"] for each in told["repairs"]] == [1, 2]
    assert told["unseen"]


def test_a_paste_may_be_piped_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(PASTE).read_bytes())))
    assert status("explain", "-", "--json") == 1
    assert json.loads(capsys.readouterr().out)["messages"] == 2


@pytest.mark.parametrize(("content", "words"), [
    (b"", "is empty"), (b"hello world\n", "is no trace"), (b"\xd4\xc3\xb2\xa1" + bytes(20), "no SIP message in it"),
    (b"\x1f\x8b\x08broken", "gzip"),
])  # fmt: skip
def test_bad_input_is_one_sentence_and_status_2(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").write_bytes(content)
    assert status("explain", str(tmp_path / "x")) == 2
    told = capsys.readouterr().err
    assert told.startswith("sipclient: ")
    assert words in told
    assert len(told.splitlines()) == 1


def test_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("explain", "/nowhere/at/all") == 2
    assert "cannot be opened" in capsys.readouterr().err
    assert status("explain", str(TRACES)) == 2


CALL = str(TRACES / "asterisk" / "webrtc-incoming.pcap")


def test_a_ladder_in_the_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    assert status("ladder", CALL) == 0
    text = capsys.readouterr().out
    assert "180 Ringing" in text
    assert "299 packets, 0 lost" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 90


def test_colours_where_they_are_wanted_and_not_where_they_are_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert status("ladder", CALL) == 0
    assert "\x1b[32m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert status("ladder", CALL) == 0
    assert "\x1b[3" not in capsys.readouterr().out


@pytest.mark.parametrize(("form", "begins"), [
    ("svg", "<svg "), ("html", "<!DOCTYPE html>"), ("mermaid", "sequenceDiagram"),
])  # fmt: skip
def test_files_are_redacted_unless_somebody_says_otherwise(
    form: str, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status("ladder", CALL, "--format", form) == 0
    text = capsys.readouterr().out
    assert text.startswith(begins)
    assert "webrtc1" not in text
    assert status("ladder", CALL, "--format", form, "--no-redact") == 0
    assert "webrtc1" in capsys.readouterr().out


def test_a_form_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert status("ladder", CALL, "--format", "pdf") == 2
    assert "there are text, svg, html, mermaid" in capsys.readouterr().err
