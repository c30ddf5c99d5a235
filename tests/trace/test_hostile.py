"""Any bytes give a reading or one clear sentence, soon, and in bounded memory.

`make soak` (SIPCLIENT_SOAK=1) mutates each sample ten thousand times.
"""

from __future__ import annotations

import gzip
import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from robustness.mutations import mutate

from sipclient.trace import Record, TraceError, read, redacted, write
from tests.trace import build

TRACES = Path(__file__).parents[2] / "sip_traces"
SAMPLES = sorted([*TRACES.glob("formats/*"), *TRACES.glob("damaged/*"), *TRACES.glob("asterisk/codec*.pcap")])
ROUNDS = 10_000 if os.environ.get("SIPCLIENT_SOAK") == "1" else 25
SECONDS = 2.0
BYTES = 500 << 20
SIP = build.message("INVITE").decode().replace("\r", "")


def peak() -> int:
    """The most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def attempt(data: bytes) -> tuple[Record, ...]:
    """What a reading gives; nothing where it is refused, in one sentence."""
    began = time.process_time()
    try:
        records = read(data).records
    except TraceError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 400
        records = ()
    assert time.process_time() - began < SECONDS
    return records


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_mutations_of_each_sample(path: Path) -> None:
    rng, seed, before = random.Random(path.name), path.read_bytes(), peak()
    for _ in range(ROUNDS):
        data = mutate(rng, [seed])
        try:
            attempt(data)
        except Exception as error:
            raise AssertionError(f"it breaks on {data!r}") from error
    assert peak() - before < BYTES


def test_what_was_read_of_broken_samples_can_be_redacted_and_written() -> None:
    rng = random.Random(4)
    for path in SAMPLES:
        records = attempt(mutate(rng, [path.read_bytes()]))
        for form in ("pcapng", "text", "hep", "mermaid", "json"):
            try:
                b"".join(write(redacted(records), form))
            except TraceError as error:
                assert "too long for HEP3" in str(error)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_cut_anywhere(path: Path) -> None:
    whole = path.read_bytes()
    for share in range(1, 20):
        attempt(whole[: len(whole) * share // 20])


def hostile() -> Iterator[tuple[str, str]]:
    many = 1 << 19
    head = "INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nCall-ID: 1\n"
    sdp = f"{head}Content-Type: application/sdp\n\nv=0\no=1\n"
    yield "blanks", " " * many
    yield "empty lines", "\n" * many
    yield "one word", "a" * many
    yield "dots", "U 2019/07/17 11:08:42.785139 1.1.1.1:1 -> 2.2.2.2:2 INVITE sip:a@b SIP/2.0.." + "a.." * (many // 3)
    yield "messages in one line", "x SIP/2.0 200 OK " * (many // 17)
    yield "messages in quotes", '"x SIP/2.0 200 OK ' * (many // 18)
    yield "blanks in a header", f"{head}Via: a{' ' * 120_000}b\n"
    yield "blanks in a Contact", f"{head}Contact: a{' ' * 120_000}b sip:x;transport=ws\n"
    yield "semicolons", f"{head}Via:{' ;' * (many // 2)}\n"
    yield "folded lines", f"{head}X: a\n" + " a\n" * (many // 3)
    inside = f"{head}Content-Type: message/sipfrag\nContent-Length: 9999999\n\n"
    yield "start lines in a body", inside + "SIP/2.0 200 OK\n" * (many // 15)
    yield "start lines", "SIP/2.0 200 OK\n" * (many // 15)
    yield "brackets", "SIP/2.0 200 OK " + "[" * many
    yield "asterisks", "SIP/2.0 200 OK " + "**" * (many // 2)
    yield "equals", f"{head}X: {'=a' * 50_000} INVITE sip:a@b SIP/2.0\n"
    yield "escapes", "SIP/2.0 200 OK " + "#012" * (many // 4)
    yield "names", "INVITE sip:a@b SIP/2.0" + " Via: a" * (many // 7)
    yield "deep JSON", "[" * many
    yield "deeper JSON", '{"a":' * (many // 5)
    yield "parentheses in SQL", "INSERT INTO sip_trace VALUES " + "(" * many
    yield "values in SQL", "INSERT INTO sip_trace VALUES " + "('a'," * (many // 5)
    yield "columns", "msg," * (many // 4)
    yield "times", "12:00:00 " * 50_000 + "ccsipDisplayMsg"
    yield "glued SDP", sdp + "a=mid:1" * (many // 7)
    yield "SDP lines", sdp + "a=x\n" * (many // 4)
    yield "tags", f"{head}Content-Type: a/xml\n\n" + "<a>\n" * (many // 4)
    yield "quoting", "> " * (many // 2) + "SIP/2.0 200 OK"
    yield "colours", "\x1b[" * (many // 2)
    yield "surrogates of UTF-16", "\ud800" * (many // 2)


@pytest.mark.parametrize(("name", "text"), list(hostile()), ids=[name for name, _ in hostile()])
def test_hostile_shapes_cost_no_more_than_their_length(name: str, text: str) -> None:
    before = peak()
    coding = "utf-16" if "UTF-16" in name else "utf-8"
    attempt(text.encode(coding, "surrogatepass"))
    assert peak() - before < BYTES


def test_a_gzip_bomb_is_read_in_bounded_memory() -> None:
    before = peak()
    attempt(gzip.compress(b"\0" * (64 << 20)))
    assert peak() - before < 100 << 20


def test_noise() -> None:
    rng = random.Random(25)
    pcap, section = b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a"
    for magic in (b"", pcap, pcap[::-1], section, b"HEP3", b"\x1f\x8b\x08"):
        for _ in range(50):
            attempt(magic + rng.randbytes(rng.randrange(4000)))


def test_a_stream_of_any_size_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """40 MB of RTP, TLS and unfinished TCP with a few messages in between: what is kept does not grow."""
    sip = build.ipv4(build.udp(build.message()))
    rtp = build.ipv4(build.udp(b"\x80\x00" + bytes(170), 4000, 4002))
    garbage = [build.tcp(b"GARBAGE " * 160, number * 1280, source=50_000 + number % 200) for number in range(300)]
    frames = [rtp] * 500 + [sip] + [build.ipv4(segment, 6) for segment in garbage]
    body = build.pcap(frames)[24:]
    path = tmp_path / "large.pcap"
    with open(path, "wb") as file:
        file.write(build.pcap([]))
        for _ in range(80):
            file.write(body)
    before, told = peak(), list[tuple[int, int]]()
    trace = read(path, lambda done, size: told.append((done, size)))
    assert len(trace.records) == 80
    assert peak() - before < 100 << 20
    size = path.stat().st_size
    assert told[-1] == (size, size) and 20 < len(told) < 1000


def test_non_utf8_bytes_come_through() -> None:
    sip = build.message(body=b"\xff\xfe\x80 caf\xe9\r\n")
    (record,) = read(b"2026/08/17 10:03:31.123456 1.1.1.1:1 -> 2.2.2.2:2\n" + sip + b"\n\n").records
    assert record.data == sip
