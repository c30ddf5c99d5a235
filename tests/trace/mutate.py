"""Each sample of sip_traces, damaged at random: read it, or say in one sentence why not; soon, and in little memory.

    python tests/trace/mutate.py [--count 10000] [--jobs 2] [--from 0] [SAMPLE ...]

Every reading counts against two seconds and 500 MB; of one in ten, what is made of it is looked at too: the
findings, the ladders, and a replay. A mutation is known by its sample and number, so a finding is met again with
`--from NUMBER --count 1 SAMPLE`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import msgspec

from sipclient.errors import TraceError
from sipclient.trace import Trace, read, replay
from sipclient.trace.explain import explain
from sipclient.trace.explain.report import report
from sipclient.trace.ladder import page, picture, sequence, sheet, terminal
from sipclient.trace.ladder.sheet import hidden
from sipclient.trace.replaying import journal
from sipclient.trace.replaying.exact import replay_run

TRACES = Path(__file__).parents[2] / "sip_traces"
SAMPLES = sorted(
    path for path in TRACES.glob("*/*") if path.is_file() and path.parent.name != "replays" and path.name != "README.md"
)
FULL = 10_000  # mutations of each sample, when all are tried
SECONDS, BYTES = 2.0, 500 << 20  # that one reading may take
LOOKED_AT = 20  # of so many mutations two are made into everything, one of each kind
PIECES = (
    b"SIP/2.0 488 Not Acceptable Here\r\n", b"a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n", b"\r\n\r\n", b"\xff\xfe",
    b"m=audio 0 RTP/SAVP 0\r\n", b"c=IN IP6 ::1\r\n", b"CSeq: 99999999999 INVITE\r\n", b"Via: SIP/2.0/UDP [::1\r\n",
    b"Session-Expires: x\r\n", b"Contact: <>\r\n", b"To: ;tag=\r\n", b"o=- 99999999999999999999 1 IN IP4 x\r\n",
    b"\xd9\xa3", b"\0", b"\n", b"\r", b"Content-Length: 9999999\r\n", b"&lt;", b"[", b"{", b'"', b"\x1b[31m",
    b"----------------------------------------", b"HEP3\xff\xff", b"\x1f\x8b\x08", b"\xd4\xc3\xb2\xa1",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**25,
    "",
    [],
    {},
    [[]],
    {"type": "Packet"},
    "sip:a@b",
    "udp",
    5060,
    0.5,
)
_JSON = (".json", ".har", ".sipjournal")
_NUMBERS = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def damaged(data: bytes, chance: Random) -> bytes:
    """The bytes with one to forty places damaged: changed, taken out, put in, doubled, swapped, or cut at the end."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 40))):
        place = chance.randrange(len(out) + 1)
        match chance.randrange(9):
            case 0:
                out[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del out[place : place + chance.randrange(1, 80)]
            case 2:
                out[place:place] = chance.choice(PIECES)
            case 3:
                start = chance.randrange(len(out) + 1)
                out[place:place] = out[start : start + chance.randrange(300)]
            case 4:
                line = out.find(b"\n", place) + 1
                out[line:line] = chance.choice(PIECES)
            case 5:  # a number of a binary form, its length kept
                form = chance.choice(("<H", ">H", "<I", ">I"))
                packed = struct.pack(form, chance.choice(_NUMBERS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
                out[place : place + len(packed)] = packed
            case 6:
                size, other = chance.randrange(1, 200), chance.randrange(len(out) + 1)
                out[place : place + size], out[other : other + size] = (
                    out[other : other + size],
                    out[place : place + size],
                )
            case 7 if len(out) > 1:
                out[place : place + 1] = bytes([out[min(place, len(out) - 1)] ^ 1 << chance.randrange(8)])
            case _:
                if chance.random() < 0.1:
                    del out[place:]
    return bytes(out)


def twisted(data: bytes, chance: Random) -> bytes:
    """JSON, or lines of it, still JSON: some of its values are others, of another kind, gone, or damaged as text."""
    lines = data.split(b"\n") if data.startswith(b'{"sipclient":') else [data]
    for _ in range(chance.choice((1, 3, 10))):
        number = chance.randrange(len(lines))
        try:
            document = json.loads(lines[number])
        except ValueError:
            continue
        _twist(document, chance, 1 / chance.choice((3, 10, 50, 300)))
        lines[number] = json.dumps(document).encode()
    return b"\n".join(lines)


def _twist(node: Any, chance: Random, share: float) -> None:
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        if chance.random() < share:
            text = node[key].encode() if isinstance(node[key], str) else b"x"
            node[key] = chance.choice((*_VALUES, damaged(text, chance).decode("utf-8", "replace")))
        elif isinstance(node[key], dict | list):
            _twist(node[key], chance, share)
    if isinstance(node, dict) and node and chance.random() < share / 10:
        del node[chance.choice(list(node))]


def mutation(sample: Path, number: int) -> bytes:
    """The mutation of that number: the same each time."""
    chance, data = Random(f"{sample.parent.name}/{sample.name}:{number}"), sample.read_bytes()
    return twisted(data, chance) if sample.suffix in _JSON and number % 2 else damaged(data, chance)


def look_at(given: Trace) -> None:
    """Make everything that is made of a trace."""
    told = explain(given)
    for width in (40, 100):
        assert all(len(line) <= width for line, _ in report(told, width))
    drawn = sheet(given)
    for width in (40, 100):
        assert all(sum(len(text) for text, _ in line) <= width for line in terminal(drawn, width))
    ElementTree.fromstring(picture(drawn))
    assert page(drawn, given, told.findings).endswith("</html>")
    assert sequence(drawn).startswith("sequenceDiagram")
    hidden(given)
    with contextlib.suppress(TraceError):  # of RTP alone there is nothing to replay
        str(replay(given))


def run_again(data: bytes) -> None:
    """Replay the journal of a run; a TraceError is an answer."""
    with contextlib.suppress(TraceError):
        str(replay_run(list(journal.decode(data.splitlines(), "the journal")), None, form="a journal"))


class Tally(msgspec.Struct):
    """What became of the mutations of one sample."""

    name: str
    read: int = 0
    refused: int = 0
    worst: float = 0.0  # seconds of CPU for one reading
    worst_look: float = 0.0
    faults: dict[str, list[int]] = msgspec.field(default_factory=dict)  # in words, each with its mutations

    def fault(self, number: int, words: str) -> None:
        """Something that must not be."""
        self.faults.setdefault(words, []).append(number)


def tried(sample: Path, first: int, count: int) -> Tally:
    """The mutations of a sample from `first` on."""
    tally = Tally(f"{sample.parent.name}/{sample.name}")
    highest, held = _peak(), _resident()
    for number in range(first, first + count):
        data = mutation(sample, number)
        begun = time.process_time()
        given: Trace | None = None
        try:
            given = read(data)
            tally.read += 1
        except TraceError as error:
            tally.refused += 1
            if "\n" in str(error) or len(str(error)) > 400:
                tally.fault(number, f"not one sentence: {str(error)[:500]!r}")
        except Exception:
            tally.fault(number, traceback.format_exc())
        seconds = time.process_time() - begun
        tally.worst = max(tally.worst, seconds)
        if seconds > SECONDS:
            tally.fault(number, f"more than {SECONDS} s to read")
        if number % LOOKED_AT not in (0, 1):
            continue
        begun = time.process_time()
        try:
            if given is not None:
                look_at(given)
            if sample.suffix == journal.ENDING:
                run_again(data)
        except Exception:
            tally.fault(number, traceback.format_exc())
        tally.worst_look = max(tally.worst_look, time.process_time() - begun)
    # What other tests of this process took before is none of it.
    if (peak := _peak()) > highest and peak - held > BYTES:
        tally.fault(first, f"the process took {(peak - held) >> 20} MB more")
    return tally


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def tallies(samples: list[Path], first: int, count: int, jobs: int) -> Iterator[Tally]:
    """Of each sample, as they are done."""
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(tried, sample, first, count) for sample in samples]):
            yield done.result()


def main() -> int:
    """Run, saying of each sample what became of it. 1 where there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("samples", nargs="*", type=Path, help="files; default: all of sip_traces")
    parser.add_argument("--count", type=int, default=FULL, help="mutations of each")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the number of the first")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    samples = [path.resolve() for path in given.samples] or SAMPLES
    sums, faults, begun = Counter[str](), 0, time.monotonic()
    for number, tally in enumerate(tallies(samples, given.first, given.count, given.jobs), 1):
        sums.update(read=tally.read, refused=tally.refused)
        faults += len(tally.faults)
        print(
            f"{number:3}/{len(samples)} {tally.name:50} {tally.read:6} read, {tally.refused:6} refused; "
            f"worst {tally.worst * 1e3:5.0f} ms, with all that is made of it {tally.worst_look * 1e3:5.0f} ms",
            flush=True,
        )
        for words, numbers in tally.faults.items():
            print(f"    FAULT at {', '.join(map(str, numbers[:5]))} ({len(numbers)} in all): {words}", flush=True)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        f"{len(samples)} samples, {sums['read']} mutations read, {sums['refused']} refused in a sentence, "
        f"{faults} faults; "
        f"at most {peak >> 10} MB; {time.monotonic() - begun:.0f} s"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
