"""`sipclient replay`: what it prints, and what it says of bad input."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sipclient.cli.main import main

TRACES = Path(__file__).parents[2] / "sip_traces"
CAPTURE = TRACES / "freeswitch" / "01-register-subscribe-call.pcap"
GOLDEN = TRACES / "replays" / "freeswitch-01-register-subscribe-call.txt"
FILE = """
[accounts.pbx]
address = "sip:1001@127.0.0.1"
password_env = "SET_NOWHERE"
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments])
    return int(ended.value.code or 0)


def test_the_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(CAPTURE)) == 0
    assert capsys.readouterr().out == GOLDEN.read_text()


def test_json_has_an_object_a_line_and_the_summary_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(CAPTURE), "--json") == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["kind"] for each in objects[:-1]} == {"received", "sent", "state"}
    assert all("at" in each for each in objects[:-1])
    assert objects[-1]["kind"] == "summary" and objects[-1]["received"] == 52


def test_a_file_whose_password_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "robot.toml"
    file.write_text(FILE)
    assert run(str(CAPTURE), "--config", str(file), "--as", "127.0.0.1:46166") == 0
    assert "# we are 127.0.0.1:46166\n" in capsys.readouterr().out


def test_two_processes_print_the_same_bytes() -> None:
    command = [sys.executable, "-m", "sipclient", "replay", str(CAPTURE)]
    one, other = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert one == other == GOLDEN.read_bytes()


BAD = {
    "empty": b"",
    "not-a-trace": b"dear diary\n" * 20,
    "truncated.pcap": CAPTURE.read_bytes()[:30],
    "random": bytes(range(256)) * 8,
    "gzip-of-nothing.gz": gzip.compress(b""),
    "cut-gzip.gz": gzip.compress(CAPTURE.read_bytes())[:40],
    "latin": "Grüße ohne SIP\n".encode("latin-1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / name
    file.write_bytes(BAD[name])
    assert run(str(file)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("sipclient: ") and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--as", "192.0.2.99"), "nobody in the trace is '192.0.2.99'"),
        (("--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
    ],
)
def test_wrong_use_is_one_sentence(more: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(CAPTURE), *more) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


def test_a_trace_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("/nowhere.pcap") == 2
    assert "cannot be opened" in capsys.readouterr().err


@pytest.mark.parametrize("cut", [100, 1_000, 20_000])
def test_a_capture_packed_and_cut_still_replays(cut: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wrong-extension.txt"
    file.write_bytes(gzip.compress(CAPTURE.read_bytes())[:-cut] if cut < 1_000 else CAPTURE.read_bytes()[:-cut])
    assert run(str(file)) == 0
    assert capsys.readouterr().out.startswith("# pcap, ")
