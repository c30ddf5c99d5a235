"""Where traces come from: files of every kind, folders of runs, streams, devices, archives, and what is too much."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from sipclient.trace import Scan, TraceError, read
from tests.trace.mutate import TRACES

RUN = TRACES / "runs" / "lab-one-call-0001.sipjournal"
CAPTURE = TRACES / "asterisk" / "codec-mismatch-488.pcap"


def test_a_folder_of_runs_is_read_as_its_last_run(tmp_path: Path) -> None:
    lines = RUN.read_bytes().splitlines(keepends=True)
    (tmp_path / "b-0001.sipjournal").write_bytes(b"".join(lines[:60]))
    (tmp_path / "b-0002.sipjournal").write_bytes(b"".join(lines[60:]))
    (tmp_path / "a-0001.sipjournal").write_bytes(b"older\n")
    whole = read(RUN)
    for given in (tmp_path, str(tmp_path), tmp_path / "b-0002.sipjournal"):
        assert read(given).records == whole.records
    assert read(tmp_path).format == whole.format


def test_a_run_whose_first_file_was_rotated_away(tmp_path: Path) -> None:
    lines = RUN.read_bytes().splitlines(keepends=True)
    (tmp_path / "b-0002.sipjournal").write_bytes(b"".join(lines[60:]))
    records = read(tmp_path).records
    assert [each.data for each in records] == [each.data for each in read(RUN).records][-len(records) :]


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="has no journal of a run in it"):
        read(tmp_path)


def test_a_line_that_is_too_long_for_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "a-0001.sipjournal"
    path.write_bytes(b'{"sipclient":1}\n' + b"x" * (9 << 20))
    with pytest.raises(TraceError, match=r"a-0001\.sipjournal:2: this line is too long for a journal"):
        read(path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null"])
def test_a_device_is_no_trace(device: str) -> None:
    with pytest.raises(TraceError, match=f"^{device} is a device, and no file with a trace in it$"):
        read(device)


def test_a_stream_is_read_as_it_comes() -> None:
    scan = Scan(io.BufferedReader(io.BytesIO(CAPTURE.read_bytes())))  # type: ignore[arg-type]
    assert tuple(scan) == read(CAPTURE).records


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"\xfd7zXZ", b"BZh9", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!"])
def test_an_archive_is_named(magic: bytes) -> None:
    with pytest.raises(TraceError, match=r"^the trace is (an?|packed with) .*: give the trace that is in it$"):
        read(magic + bytes(100))


def test_gzip_within_gzip() -> None:
    with pytest.raises(TraceError, match="packed with gzip twice"):
        read(gzip.compress(gzip.compress(CAPTURE.read_bytes())))


def test_a_gzip_bomb_is_not_unpacked_to_its_end() -> None:
    piece = gzip.compress((b"nothing to see " * 20 + b"\n") * 30_000, 9)  # 9 MB in 20 KB, member after member
    scan = Scan(piece * 60)
    with pytest.raises(TraceError, match="no SIP message"):
        list(scan)
    assert scan.notes == ["what is in the gzip file is more than 200 times as large: the rest is not read"]
