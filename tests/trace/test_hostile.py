"""Traces that mean harm: whatever they hold, there is an explanation and a ladder, in bounded time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sipclient.trace import Record
from sipclient.trace.explain import explain
from sipclient.trace.ladder import sheet
from tests.trace.mutate import FULL, SAMPLES, tried
from tests.trace.scene import again, audio, say, trace

INVITE = "INVITE sip:7000@pbx.example.com"
COUNT = FULL if os.environ.get("SIPCLIENT_SOAK") == "1" else 20


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_damaged_trace_is_read_or_refused_in_a_sentence(sample: Path) -> None:
    tally = tried(sample, 0, COUNT)
    assert not tally.faults
    assert tally.read + tally.refused == COUNT


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
