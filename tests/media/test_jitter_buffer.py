"""Packets come as a network delivers them, and go as a clock asks for them: all in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.media.jitter_buffer import JitterBuffer, Missing

FRAME = 0.02


class Played:
    """What a buffer gave, moment by moment: the item's number, `made up` or `silence`."""

    def __init__(self) -> None:
        self.moments: list[int | str] = []
        self.delays: list[float] = []
        self.lengths: list[int] = []

    @property
    def items(self) -> list[int]:
        return [moment for moment in self.moments if isinstance(moment, int)]

    def count(self, what: str) -> int:
        return self.moments.count(what)


def play(
    arrivals: Iterable[tuple[float, int, int]],
    *,
    seconds: float,
    buffer: JitterBuffer[int] | None = None,
    clock: int = 8000,
    offset: int = 0,
    stamp: int = 0,
) -> tuple[JitterBuffer[int], Played]:
    """Packets (when, number, timestamp) into a buffer that is asked every 20 ms."""
    buffer = buffer or JitterBuffer[int](clock, clock // 50)
    waiting = sorted(arrivals, reverse=True)
    played = Played()
    for tick in range(round(seconds / FRAME)):
        now = 0.005 + tick * FRAME
        while waiting and waiting[-1][0] <= now:
            at, number, timestamp = waiting.pop()
            buffer.put((number + offset) & 0xFFFF, (timestamp + stamp) & 0xFFFFFFFF, number, at)
        pulled = buffer.pull(now)
        played.moments.append("made up" if isinstance(pulled, Missing) else "silence" if pulled is None else pulled)
        if isinstance(pulled, int):
            played.delays.append(now - pulled * FRAME)
        played.lengths.append(len(buffer))
    return buffer, played


def steady(
    count: int, late: Callable[[int], float] = lambda n: 0.0, drift: float = 1.0
) -> list[tuple[float, int, int]]:
    return [(n * FRAME * drift + late(n), n, n * 160) for n in range(count)]


@pytest.mark.parametrize("offset", [0, 65_500, 65_535])
@pytest.mark.parametrize("stamp", [0, 2**32 - 700, 2**31 - 700])
def test_a_good_network_is_heard_whole_and_soon(offset: int, stamp: int) -> None:
    buffer, played = play(steady(500), seconds=9.98, offset=offset, stamp=stamp)
    assert played.items[0] == 0
    assert played.items == sorted(played.items)
    assert len(played.items) >= 496
    assert (buffer.late, buffer.concealed, buffer.duplicates, buffer.overflowed) == (0, buffer.concealed, 0, 0)
    assert max(played.delays[100:]) <= 0.05  # two packets and what the ticks take


@pytest.mark.parametrize(
    ("order", "heard"),
    [
        ((0, 1, 2, 3, 4, 5), [0, 1, 2, 3, 4, 5]),
        ((0, 2, 1, 3, 5, 4), [0, 1, 2, 3, 4, 5]),
        ((1, 0, 2, 3, 4, 5), [0, 1, 2, 3, 4, 5]),
        ((0, 1, 1, 2, 2, 3), [0, 1, 2, 3]),
        ((0, 1, 3, 4, 5), [0, 1, 3, 4, 5]),
    ],
)
def test_order(order: tuple[int, ...], heard: list[int]) -> None:
    arrivals = [(n * FRAME, number, number * 160) for n, number in enumerate(order)]
    buffer, played = play(arrivals, seconds=0.4)
    assert played.items == heard
    assert buffer.duplicates == len(order) - len(set(order))


def test_a_lost_packet_is_made_up_in_its_place_out_of_the_next() -> None:
    buffer = JitterBuffer[int](8000, 160)
    for number in (0, 1, 3):
        buffer.put(number, number * 160, number, number * FRAME)
    pulled = [buffer.pull(0.04 + n * FRAME) for n in range(4)]
    assert pulled == [0, 1, Missing(3), 3]
    assert buffer.concealed == 1


def test_who_stops_talking_is_not_made_up_for_long() -> None:
    _, played = play(steady(9), seconds=1)
    assert played.items == list(range(9))
    assert played.count("made up") == 3
    assert played.moments[-1] == "silence"


def test_a_pause_of_the_sender_is_silence_of_the_same_length() -> None:
    """The sequence goes on and the timestamp jumps: silence suppression (RFC 3551 §4.1)."""
    spurts = [(n * FRAME, n, n * 160) for n in range(50)] + [(n * FRAME + 1, n, n * 160 + 8000) for n in range(50, 100)]
    buffer, played = play(spurts, seconds=4)
    assert len(played.items) + buffer.skipped == 100  # one, when it knew that there is no jitter
    first, second = played.moments.index(49), played.moments.index(50)
    assert (second - first) * FRAME == pytest.approx(1 + FRAME, abs=0.041)
    assert buffer.late == 0


@pytest.mark.parametrize("jitter", [0.01, 0.04, 0.1])
def test_the_delay_follows_the_jitter(jitter: float) -> None:
    chance = random.Random(1)
    noisy = steady(1500, lambda n: chance.uniform(0, jitter) if n < 750 else 0.0)
    buffer, played = play(noisy, seconds=30)
    assert buffer.late <= 20
    rough, calm = played.delays[400:700], played.delays[-50:]
    assert jitter * 0.5 < sum(rough) / len(rough) < jitter + 0.06
    assert sum(calm) / len(calm) < 0.055  # it comes down again
    assert len(played.items) + buffer.late + buffer.skipped + len(buffer) == 1500
    assert buffer.concealed < 75 and buffer.stretched < 20


@pytest.mark.parametrize("drift", [1 - 200e-6, 1 + 200e-6], ids=["fast sender", "slow sender"])
def test_ten_minutes_with_clocks_that_differ(drift: float) -> None:
    """Issue number 6: 200 ppm either way is 120 ms in ten minutes; the buffer neither runs dry nor grows."""
    chance = random.Random(2)
    arrivals = steady(30_000, lambda n: chance.uniform(0, 0.01), drift)
    buffer, played = play(arrivals, seconds=600 * min(drift, 1) - 0.1)
    delays = [delay - 600 * (drift - 1) * n / len(played.delays) for n, delay in enumerate(played.delays)]
    assert max(delays[100:]) < 0.075 and min(delays[100:]) > 0.0
    assert max(played.lengths) <= 4
    assert played.count("silence") < 10
    assert buffer.skipped + buffer.stretched + buffer.concealed < 30  # six packets, and what the ends take
    assert len(played.items) > 29_970


def test_loss_and_jitter_at_once() -> None:
    chance = random.Random(3)
    arrivals = [each for each in steady(3000, lambda n: chance.uniform(0, 0.04)) if chance.random() > 0.05]
    buffer, played = play(arrivals, seconds=60.2)
    assert len(played.items) + buffer.late + buffer.skipped + len(buffer) == len(arrivals)
    assert buffer.late < 45  # 1.5 %
    assert 100 < buffer.concealed < 240


def test_another_source_begins_at_once() -> None:
    """The numbers jump, in the sequence or in the timestamp alone: what follows is another run."""
    for jump, stamp in ((20_000, 0), (0, 10**6), (0, -(10**6)), (30_000, 10**9)):
        arrivals = steady(50) + [(n * FRAME, n + jump, n * 160 + stamp) for n in range(50, 100)]
        _, played = play(arrivals, seconds=2.4, stamp=2**30)
        after = [item for item in played.items if item >= 50 + jump]
        assert len(after) == 50, (jump, stamp)
        assert len(played.items) >= 97


def test_a_delay_that_changes_for_good_is_followed() -> None:
    _, played = play(steady(1500, lambda n: 0.3 if n > 300 else 0.0), seconds=30)
    assert 0.3 < sum(played.delays[-50:]) / 50 < 0.36
    _, played = play(steady(1500, lambda n: 0.0 if n > 300 else 0.3), seconds=30)
    assert sum(played.delays[-50:]) / 50 < 0.06


def test_what_nobody_asks_for_does_not_pile_up() -> None:
    buffer = JitterBuffer[int](8000, 160)
    for n in range(10_000):
        buffer.put(n & 0xFFFF, n * 160, n, n * FRAME)
    assert len(buffer) == 256
    assert buffer.overflowed == 10_000 - 256


def test_after_a_rest_nothing_is_missing() -> None:
    buffer = JitterBuffer[int](8000, 160)
    buffer.put(0, 0, 0, 0.0)
    assert buffer.pull(0.05) == 0
    buffer.rest()
    assert [buffer.pull(0.05 + n * FRAME) for n in range(1, 5)] == [None] * 4
    buffer.restart(48_000, 960)
    buffer.put(9, 5, 9, 1.0)
    assert (buffer.pull(1.0), buffer.pull(1.1)) == (None, 9)


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.floats(0, 0.2), st.booleans()), max_size=300
    )
)
def test_any_packets_at_any_time(packets: list[tuple[int, int, float, bool]]) -> None:
    buffer = JitterBuffer[int](8000, 160)
    now = 0.0
    for n, (sequence, timestamp, passed, ask) in enumerate(packets):
        now += passed
        buffer.put(sequence, timestamp, n, now)
        if ask:
            buffer.pull(now)
        assert len(buffer) <= 256
        assert 0 <= buffer.delay <= 0.5
