"""Traces that mean harm: whatever they hold, there is an explanation and a ladder, in bounded time."""

from __future__ import annotations

import random
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sipclient.errors import TraceError
from sipclient.trace import Record, Trace, read
from sipclient.trace.explain import explain
from sipclient.trace.explain.report import report
from sipclient.trace.ladder import page, picture, sequence, sheet, terminal
from sipclient.trace.ladder.sheet import hidden
from tests.trace.scene import again, audio, say, trace

TRACES = Path(__file__).parents[2] / "sip_traces"
SAMPLES = sorted(each for each in TRACES.glob("*/*") if each.is_file() and each.stat().st_size < 60_000)
INVITE = "INVITE sip:7000@pbx.example.com"
PIECES = (
    b"SIP/2.0 488 Not Acceptable Here\r\n", b"a=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n", b"\r\n\r\n", b"\xff\xfe",
    b"m=audio 0 RTP/SAVP 0\r\n", b"c=IN IP6 ::1\r\n", b"CSeq: 99999999999 INVITE\r\n", b"Via: SIP/2.0/UDP [::1\r\n",
    b"Session-Expires: x\r\n", b"Contact: <>\r\n", b"To: ;tag=\r\n", b"o=- 99999999999999999999 1 IN IP4 x\r\n",
    b"\xd9\xa3",
)  # fmt: skip


def look_at(given: Trace) -> None:
    """Everything that is made of a trace."""
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


def damaged(data: bytes, chance: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 40))):
        place = chance.randrange(len(out) + 1)
        match chance.randrange(5):
            case 0:
                out[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del out[place : place + chance.randrange(1, 80)]
            case 2:
                out[place:place] = chance.choice(PIECES)
            case 3:
                start = chance.randrange(len(out) + 1)
                out[place:place] = out[start : start + chance.randrange(300)]
            case _:
                line = out.find(b"\n", place) + 1
                out[line:line] = chance.choice(PIECES)
    return bytes(out)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_damaged_trace_is_explained_and_drawn(path: Path) -> None:
    chance = random.Random(path.name)  # the same damage each time
    for _ in range(12):
        try:
            given = read(damaged(path.read_bytes(), chance))
        except TraceError:
            continue
        look_at(given)


def one_call(count: int) -> list[Record]:
    """Refused over and over in one call."""
    return [
        each
        for number in range(count)
        for each in (
            say(number, "phone>pbx", INVITE, sdp=audio(), cseq=f"{number} INVITE", tags="f,t"),
            say(number + 0.1, "pbx>phone", "SIP/2.0 488 No", cseq=f"{number} INVITE", tags=f"f,t{number}"),
        )
    ]


def unanswered(count: int) -> list[Record]:
    large = audio(*(f"a=x-{number}:{'y' * 60}" for number in range(20)))
    first = [say(each * 0.01, f"phone>10.0.{each // 256}.{each % 256}", INVITE, call=f"c{each}", sdp=large)
             for each in range(count)]  # fmt: skip
    return [copy for each in first for copy in (each, again(each, each.at + 0.5), again(each, each.at + 1.5))]


def at_once(count: int) -> list[Record]:
    ways = ("phone>pbx", "pbx>trunk")
    return [say(1 + each * 1e-5, ways[each % 2], INVITE, call=f"c{each}", sdp=audio()) for each in range(count)]


def strange_acks(count: int) -> list[Record]:
    return [say(each, "phone>pbx", "ACK sip:x@y", cseq=f"{each} ACK", branch=f"b{each}") for each in range(count)]


@pytest.mark.parametrize("made", [one_call, unanswered, at_once, strange_acks], ids=lambda made: made.__name__)
def test_ten_times_as_much_takes_about_ten_times_as_long(made: object) -> None:
    def seconds(count: int) -> float:
        given = trace(*made(count))  # type: ignore[operator]
        begun = time.perf_counter()
        explain(given)
        sheet(given)
        return time.perf_counter() - begun

    seconds(50)
    assert seconds(3000) < 40 * seconds(300) + 0.5
