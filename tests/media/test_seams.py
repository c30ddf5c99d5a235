"""Sinks and sources of a user's own: what they do wrong harms nobody else."""

from __future__ import annotations

import logging

import pytest

from sipclient.media import noise
from sipclient.media.engine import RtpEngine
from sipclient.media.noise import Noise
from sipclient.sdp import PCMU
from tests.media.virtual import VirtualLoop, numbers
from tests.media.wire import End, Tone, agreement


class Bad:
    """Raises, whatever is asked of it, its name included."""

    calls = 0

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        self.calls += 1
        raise RuntimeError("no ears")

    def frame(self, samples: int, rate: int) -> bytes | None:
        self.calls += 1
        raise RuntimeError("no voice")

    def __repr__(self) -> str:
        raise RuntimeError("no name")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equal")


class Gives:
    """A source of anything."""

    def __init__(self, what: object) -> None:
        self.what = what

    def frame(self, samples: int, rate: int) -> object:
        return self.what


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


@pytest.fixture
def ends(loop: VirtualLoop) -> tuple[End, End]:
    """Two streams of two calls, on one ticker."""
    engine = RtpEngine(loop, numbers)
    made = End(engine), End(engine)
    for each in made:
        each.stream.agree(agreement())
    return made


def test_a_sink_that_raises_hears_no_more_and_nobody_else_suffers(
    loop: VirtualLoop, ends: tuple[End, End], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = ends
    bad, worse = Bad(), Bad()
    first.stream.listen(bad)
    first.stream.source = Tone(440)
    first.stream.listen_to_ourselves(worse)
    for each in ends:
        each.stream.listen(each.ear)
    with caplog.at_level(logging.ERROR):
        loop.run_for(0.21)
    assert (bad.calls, worse.calls) == (1, 1)
    assert len(first.wire.rtp) == len(second.wire.rtp) == 10
    assert len(first.ear.pcm) == len(second.ear.pcm) == 10 * 320
    assert [record.getMessage().partition(" raised")[0].rpartition(".")[2] for record in caplog.records] == ["Bad"] * 2


@pytest.mark.parametrize(
    "source", [Bad(), Gives("words"), Gives(5), Gives([1, 2])], ids=["raises", "str", "int", "list"]
)
def test_a_source_that_cannot_be_sent_is_silence(
    loop: VirtualLoop, ends: tuple[End, End], caplog: pytest.LogCaptureFixture, source: object
) -> None:
    first, second = ends
    first.stream.source = source  # type: ignore[assignment]
    loop.run_for(0.21)
    assert len(first.wire.rtp) == len(second.wire.rtp) == 10
    assert first.stream.source is None
    assert len(caplog.records) == 1 and "silence in its place" in caplog.text


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_kind_of_bytes_can_be_sent(loop: VirtualLoop, ends: tuple[End, End], kind: type) -> None:
    ends[0].stream.source = Gives(kind(b"\x00\x10" * 160 + b"\x01"))  # type: ignore[arg-type]
    loop.run_for(0.21)
    assert len(ends[0].wire.rtp) == 10 and ends[0].stream.source is not None
    assert len({each[12:] for each in ends[0].wire.rtp}) == 1 and PCMU.name == "PCMU"


def test_noise_is_made_once_for_each_level() -> None:
    """A peer may tell another level in every packet (RFC 3389 §3.1)."""
    first, second = Noise(), Noise()
    for each in (first, second):
        each.level(b"\x28")
    assert first.next(160) == second.next(160) != bytes(320)
    built = noise._noise.cache_info().misses
    for level in (*range(128), *range(128)):
        first.level(bytes([level]))
    assert noise._noise.cache_info().misses - built <= 90
