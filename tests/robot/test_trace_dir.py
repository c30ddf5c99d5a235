"""`run --trace-dir`: files that rotate, are bounded, and never stop the robot."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sipclient.errors import InvalidValue
from sipclient.protocol.events import AddAccount, Command, Effect, Hangup, Input
from sipclient.robot.tape import Tape, TapedEngine
from sipclient.robot.trace_dir import TraceDir, taped
from sipclient.trace.replaying.journal import decode, read_journal

BEGAN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def no_trouble(text: str) -> None:
    raise AssertionError(text)


def test_files_rotate_and_the_oldest_go(tmp_path: Path) -> None:
    folder = TraceDir(str(tmp_path / "t"), BEGAN, no_trouble, file=100, most=300)
    for number in range(50):
        folder.write(b"%048d\n" % number)
    folder.close()
    folder.write(b"after the end\n")
    files = sorted((tmp_path / "t").iterdir())
    assert sum(path.stat().st_size for path in files) <= 300 + 98
    assert files[-1].read_bytes().endswith(b"49\n")
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o700
    assert files[0].name.startswith("20260302T120000.000000Z-")


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidValue, match=r"--trace-dir .*: nothing can be written there: "):
        TraceDir(str(tmp_path / "file"), BEGAN, no_trouble)


def test_a_full_disk_ends_the_trace_and_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    folder = TraceDir(str(tmp_path), BEGAN, told.append)

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    folder.write(b"line\n")
    folder.write(b"line\n")
    assert told == [f"the trace ends here: {tmp_path}: No space left on device"]


def test_without_a_folder_there_is_no_tape() -> None:
    with taped("", "", no_trouble) as tape:
        assert tape is None


def test_the_tape_of_a_run(tmp_path: Path) -> None:
    with taped(str(tmp_path), "[dial]\nallow = ['7000']\n", no_trouble) as tape:
        assert tape is not None
        tape.begin(10.0, BEGAN)
        engine = tape.engine()
        assert engine.deadline is None
        assert engine.tick(11.0) == []
        tape.observed("pbx", "1001", "ready")
        tape.reread("[dial]\nallow = ['8000']\n")
        tape.adopted()
    entries = read_journal(tmp_path)
    assert [each.what for each in entries] == ["begin", "tick", "observe", "rules"]
    assert entries[0].value.wall == BEGAN.timestamp()
    assert "7000" in entries[0].value.config and "8000" in entries[3].value


class Broken:
    deadline = None

    def receive(self, packet: Input, now: float, /) -> list[Effect]:
        raise RuntimeError

    def tick(self, now: float, /) -> list[Effect]:
        raise RuntimeError

    def do(self, command: Command, now: float, /) -> list[Effect]:
        raise RuntimeError


def test_what_broke_the_engine_is_written_before() -> None:
    written: list[bytes] = []
    engine = TapedEngine(Broken(), Tape(written.append, ""))
    with pytest.raises(RuntimeError):
        engine.tick(1.0)
    with pytest.raises(RuntimeError):
        engine.do(Hangup(1), 2.0)
    assert [each.at for each in decode(written, "here")] == [1.0, 2.0]
    assert AddAccount.__name__ not in str(written)
