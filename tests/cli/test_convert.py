"""`sipclient convert`, as a user meets it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from sipclient.cli.main import main
from sipclient.trace import NOWHERE, hep, read

TRACES = Path(__file__).parents[2] / "sip_traces"
CALL = str(TRACES / "formats" / "freeswitch-siptrace.txt")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["convert", *arguments])
    return int(left.value.code or 0)


def test_it_says_what_it_read_and_wrote(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "call.pcapng"
    assert run(CALL, str(out)) == 0
    assert capsys.readouterr().err == "FreeSWITCH siptrace, 10 messages; written as pcapng\n"
    assert [record.data for record in read(out).records] == [record.data for record in read(CALL).records]


def test_redaction_as_said_and_as_the_form_wants(tmp_path: Path, capsys: Any) -> None:
    for arguments, hidden in (([], False), (["--redact"], True)):
        assert run(CALL, str(tmp_path / "a.txt"), *arguments) == 0
        assert (b"203.0.113.5" not in (tmp_path / "a.txt").read_bytes()) == hidden
    assert run(CALL, str(tmp_path / "a.mmd")) == 0
    assert b"pbx.example.com" not in (tmp_path / "a.mmd").read_bytes()
    assert capsys.readouterr().err.endswith("written as mermaid, redacted\n")
    assert run(CALL, str(tmp_path / "a.mmd"), "--no-redact") == 0
    assert b"pbx.example.com" in (tmp_path / "a.mmd").read_bytes()


def test_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(CALL).read_bytes())))
    assert run("-", str(tmp_path / "a.json")) == 0
    assert len(read(tmp_path / "a.json").records) == 10


def test_a_pipe_is_waited_for_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr("sipclient.cli.convert._PATIENCE", 0.05)
    assert run(str(pipe), str(tmp_path / "a.json")) == 2
    assert f"{pipe} is a pipe into which nobody has written for 0.05 seconds" in capsys.readouterr().err
    monkeypatch.setattr("sipclient.cli.convert._PATIENCE", 10)
    writer = threading.Thread(target=lambda: pipe.write_bytes(Path(CALL).read_bytes()))
    writer.start()
    assert run(str(pipe), str(tmp_path / "a.json")) == 0
    writer.join()
    assert len(read(tmp_path / "a.json").records) == 10


def test_hep_from_the_network(tmp_path: Path) -> None:
    """Until it is told to stop; what had arrived by then is written."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        port = agent.getsockname()[1]  # free, but for a moment
    out = tmp_path / "heard.pcapng"
    command = [sys.executable, "-m", "sipclient", "convert", f"hep:127.0.0.1:{port}", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"listening for HEP on UDP port {port}, until Ctrl-C\n"
        sent = read(CALL).records
        packets = [hep.encode(hep.Capture(NOWHERE, NOWHERE, "UDP", 1.5, hep.SIP, record.data)) for record in sent]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
            for packet in [*packets, b"no HEP"]:
                agent.sendto(packet, ("127.0.0.1", port))
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(30) == 0
    assert said == (
        "HEP3 from the network, 10 messages; written as pcapng\nnote: 1 of 11 packets were no HEP with SIP in it\n"
    )
    assert [record.data for record in read(out).records] == [record.data for record in sent]


def test_what_cannot_be_listened_on(tmp_path: Path, capsys: Any) -> None:
    out = str(tmp_path / "out.txt")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        assert run(f"hep:127.0.0.1:{taken.getsockname()[1]}", out) == 2
    assert "cannot be listened on: address already in use" in capsys.readouterr().err
    assert run("hep:", out) == 2
    assert "what to listen on is written hep:ADDRESS:PORT" in capsys.readouterr().err


BAD: list[tuple[str, bytes | None, str]] = [
    ("nothing.txt", b"", "is empty: there is no trace in it"),
    ("gone.txt", None, "cannot be opened: no such file or directory"),
    ("prose.txt", b"Dear all,\nnothing works.\n", "is no trace of a form that is known here, and holds no SIP message"),
    (
        "3cx.log",
        b"10:00:00 [CM503025]: Call(C:34): Calling T:Extension:100\n",
        "a log of 3CX, which holds no SIP messages",
    ),
    ("noise.bin", bytes(range(256)) * 40, "holds no SIP message"),
    ("cut.pcap", b"\xd4\xc3\xb2\xa1\x02\x00", "ends within its header"),
    ("cut.json", b'{"log": {"entries": [', "begins like JSON and is none: it is cut or damaged (line 1)"),
    ("cut.gz", b"\x1f\x8b\x08\x00\x00", "the gzip file is cut or damaged"),
]


@pytest.mark.parametrize(("name", "data", "words"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_is_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: Any, name: str, data: bytes | None, words: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    out = tmp_path / "out.pcapng"
    assert run(str(tmp_path / name), str(out)) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and "Traceback" not in err
    assert not out.exists() and not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([CALL, "out.docx"], "the name out.docx does not tell its form: end it in .pcapng"),
        ([CALL, "out", "--to", "docx"], "--to docx: there are pcapng, text, hep, mermaid, json"),
        ([CALL, CALL], "is the trace itself: write to another file"),
        ([CALL, "/nowhere/at/all.txt"], "/nowhere/at/all.txt cannot be written: no such file or directory"),
    ],
)
def test_wrong_use_is_one_sentence(capsys: Any, arguments: list[str], words: str) -> None:
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err
