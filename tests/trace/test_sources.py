"""Where traces come from: files of every kind, folders of runs, streams, devices, archives, and what is too much."""

from __future__ import annotations

import errno
import gzip
import io
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from sipclient.trace import Address, Scan, TraceError, hep, read
from sipclient.trace.replaying.journal import is_journal
from tests.trace import build
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


class Torn(io.RawIOBase):
    """A file on a disk that fails after so many bytes."""

    def __init__(self, good: bytes) -> None:
        self.good = good

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if not self.good:
            raise OSError(errno.EIO, "Input/output error")
        view = memoryview(buffer)  # type: ignore[arg-type]
        count = min(len(view), len(self.good))
        view[:count], self.good = self.good[:count], self.good[count:]
        return count


@pytest.mark.parametrize("good", [b"", b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"])
def test_a_disk_that_fails_is_said_in_a_sentence(good: bytes) -> None:
    with pytest.raises(TraceError, match=r"cannot be read: input/output error$"):
        list(Scan(io.BufferedReader(Torn(good), 16)))  # type: ignore[arg-type]


def test_a_dump_whose_statement_never_ends() -> None:
    dump = b"INSERT INTO sip_trace VALUES ('" + (b"x" * 1023 + b"\n") * (33 << 10)
    with pytest.raises(TraceError, match="one statement of more than 32 MB: it is no dump of a table"):
        read(dump)


def test_what_cannot_be_looked_at_is_no_journal(tmp_path: Path) -> None:
    locked = tmp_path / "not\0there"
    assert not is_journal(locked)


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


# --- much of what is small, and little of what claims to be much ------------------------------------

SIP = build.message("INVITE", "a", b"v" * 40)
HEP = hep.encode(hep.Capture(Address("192.0.2.1", 5060), Address("192.0.2.2", 5062), "UDP", 12.5, 1, SIP))


def tiny_segments() -> bytes:
    stream = SIP * (20_000 // len(SIP))
    return build.pcap([build.ipv4(build.tcp(stream[n : n + 1], 1000 + n), 6) for n in range(len(stream))])


def nothing_but_gaps() -> bytes:
    return build.pcap([build.ipv4(build.tcp(b"x" * 10, 1000 + 20 * n), 6) for n in range(3_000)])


def fragments_without_end() -> bytes:
    return build.pcap([build.ipv4(b"y" * 1400, fragment=0x2000 | n % 8000, ident=n % 65536) for n in range(20_000)])


def a_block_of_four_gigabytes() -> bytes:
    return build.pcapng([build.ipv4(build.udp(SIP))]) + struct.pack("<II", 6, 0xFFFFFFF0) + bytes(100)


def all_packets_damaged() -> bytes:
    return build.pcapng([]) + build.block(6, b"short") * 10_000


ATTACKS: dict[str, tuple[Callable[[], bytes], int, str]] = {  # what, messages in it, what is said of it
    "tiny segments": (tiny_segments, 20_000 // len(SIP), ""),
    "nothing but gaps": (nothing_but_gaps, 0, "there is no SIP message in it"),
    "fragments without end": (fragments_without_end, 0, "there is no SIP message in it"),
    "a block of 4 GB": (a_block_of_four_gigabytes, 1, "cut or damaged after packet 1"),
    "damaged packets": (all_packets_damaged, 0, "10000 packets are damaged, and left out: the first is packet 1"),
    "a flood of HEP": (lambda: HEP * 5_000, 5_000, ""),
    "deep JSON": (lambda: b'{"a":' * 200_000, 0, "nested too deeply"),
    "one line": (lambda: b"INVITE sip:a@b SIP/2.0 " + b"Via: x SIP/2.0 " * 50_000, 1, ""),
    "empty lines": (lambda: b"\n" * 300_000, 0, "holds no SIP message"),
    "headers without end": (lambda: SIP[:80] + b"\r\n" + b"X-A: b\r\n" * 50_000, 0, "holds no SIP message"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_read_in_bounded_time_and_memory(attack: str) -> None:
    made, count, words = ATTACKS[attack]
    data = made()
    tracemalloc.start()
    begun = time.process_time()
    try:
        scan = Scan(data)
        assert sum(1 for _ in scan) == count
        told = "; ".join(scan.notes)
    except TraceError as error:
        assert not count
        told = str(error)
    spent, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert words in told
    assert spent < 30 and most < 8 * len(data) + (40 << 20)  # JSON is asked for 32 MB at once
