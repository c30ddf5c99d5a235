"""Key presses: as telephone events, and in the body of a SIP INFO."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.errors import InvalidValue, MalformedBody
from sipclient.media.dtmf import EventReader, EventWriter, KeyPress, info_body, parse_info

FIVE, END = 5, 0x80


def event(code: int, ticks: int, end: bool = False) -> bytes:
    return bytes([code, END * end | 10]) + ticks.to_bytes(2, "big")


class Line:
    """A writer's packets as they go to a reader, interval by interval."""

    def __init__(self, clock: int = 8000, interval: float = 0.02) -> None:
        self.clock, self.interval = clock, interval
        self.writer, self.reader = EventWriter(), EventReader()
        self.now = 0.0
        self.start = 0
        self.packets: list[tuple[int, bytes, bool]] = []

    def run(self, seconds: float, lose: frozenset[int] = frozenset()) -> list[KeyPress]:
        heard: list[KeyPress] = []
        for _ in range(round(seconds / self.interval)):
            packet = self.writer.next(self.interval, self.clock)
            if packet is not None:
                if packet.first:
                    self.start = round(self.now * self.clock)
                timestamp = self.start + round(packet.offset * self.clock)
                if len(self.packets) not in lose:
                    heard += self.reader.packet(timestamp, packet.payload, self.clock, self.now)
                self.packets.append((timestamp, packet.payload, packet.first))
            heard += self.reader.silence(self.now)
            self.now += self.interval
        return heard


@pytest.mark.parametrize("clock", [8000, 16000, 48000])
def test_a_press_is_updates_and_three_ends(clock: int) -> None:
    """RFC 4733 §2.5.1: one timestamp, a rising duration, the marker on the first, the end three times."""
    line = Line(clock)
    line.writer.press("5", 0.1)
    assert line.run(0.4) == [KeyPress("5", 0.1)]
    step = clock // 50
    durations = [step, 2 * step, 3 * step, 4 * step, 5 * step, 5 * step, 5 * step]
    assert [int.from_bytes(payload[2:], "big") for _, payload, _ in line.packets] == durations
    assert [payload[1] & END for _, payload, _ in line.packets] == [0] * 4 + [END] * 3
    assert [first for _, _, first in line.packets] == [True] + [False] * 6
    assert {timestamp for timestamp, _, _ in line.packets} == {0}
    assert {payload[1] & 0x7F for _, payload, _ in line.packets} == {10}


def test_every_key_in_turn_with_its_gap() -> None:
    line = Line()
    line.writer.press("0123456789*#abcd!")
    assert line.writer.waiting == 17
    assert [press.key for press in line.run(5)] == list("0123456789*#ABCD!")
    assert line.writer.waiting == 0
    starts = [timestamp for timestamp, _, first in line.packets if first]
    assert {after - before for before, after in itertools.pairwise(starts)} == {(7 + 5) * 160}


@pytest.mark.parametrize(
    "lose", [{0}, {0, 1, 2, 3}, {4}, {5, 6}, {4, 5, 6}, {1, 3, 5}], ids=lambda lose: ",".join(map(str, sorted(lose)))
)
def test_any_packet_may_be_lost(lose: set[int]) -> None:
    """RFC 4733 §2.5.2.2: without any end, the key is up when its updates stop."""
    line = Line()
    line.writer.press("7", 0.1)
    (press,) = line.run(0.6, frozenset(lose))
    assert press == KeyPress("7", 0.08 if {4, 5, 6} <= lose else 0.1)


def test_a_key_whose_end_was_lost_is_up_when_the_next_goes_down() -> None:
    line = Line()
    line.writer.press("77", 0.1, gap=0)
    assert line.run(0.5, frozenset({4, 5, 6})) == [KeyPress("7", 0.08), KeyPress("7", 0.1)]


@pytest.mark.parametrize(("clock", "segments"), [(8000, 3), (16000, 5), (48000, 15)])
def test_a_press_longer_than_an_event_can_be_is_one_press(clock: int, segments: int) -> None:
    """RFC 4733 §2.5.1.3: segments that follow each other without an end, each from where the one before stopped."""
    line = Line(clock)
    line.writer.press("5", 20)
    assert line.run(21) == [KeyPress("5", pytest.approx(20))]  # type: ignore[arg-type]
    starts = sorted({timestamp for timestamp, _, _ in line.packets})
    assert starts == [0xFFFF * n for n in range(segments)]
    full = [payload for _, payload, _ in line.packets if payload[2:] == b"\xff\xff"]
    assert len(full) == segments - 1 and not any(payload[1] & END for payload in full)
    assert sum(first for _, _, first in line.packets) == 1


def test_what_comes_late_is_not_pressed_again() -> None:
    reader = EventReader()
    assert reader.packet(1000, event(FIVE, 160), 8000, 0) == []
    assert reader.packet(1000, event(FIVE, 480, end=True), 8000, 0.04) == [KeyPress("5", 0.06)]
    assert reader.packet(1000, event(FIVE, 320), 8000, 0.05) == []
    assert reader.packet(1000, event(FIVE, 480, end=True), 8000, 0.06) == []
    assert reader.packet(5000, event(6, 160), 8000, 0.5) == []
    assert reader.packet(1000, event(FIVE, 480, end=True), 8000, 0.51) == []
    assert reader.down
    assert reader.packet(5000, event(6, 80), 8000, 0.52) == []  # updates in the wrong order
    assert reader.release() == [KeyPress("6", 0.02)]
    assert reader.release() == []


def test_timestamps_go_around() -> None:
    reader = EventReader()
    reader.packet(0xFFFFFF00, event(FIVE, 160, end=True), 8000, 0)
    assert reader.packet(0x100, event(6, 160, end=True), 8000, 1) == [KeyPress("6", 0.02)]


@pytest.mark.parametrize("payload", [b"", b"\5\x80\0", event(32, 160, end=True), event(255, 1)])
def test_what_is_no_key_says_nothing(payload: bytes) -> None:
    reader = EventReader()
    assert reader.packet(0, payload, 8000, 0) == []
    assert not reader.down


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=6))))
def test_any_packets_press_keys_or_none(packets: list[tuple[int, bytes]]) -> None:
    reader = EventReader()
    for n, (timestamp, payload) in enumerate(packets):
        for press in reader.packet(timestamp, payload, 8000, n * 0.02) + reader.silence(n * 0.02):
            assert press.key in "0123456789*#ABCD!" and press.seconds >= 0


@pytest.mark.parametrize(
    ("keys", "seconds", "gap", "words"),
    [("12x", 0.1, 0.1, "'X' is no key"), ("1", 0, 0.1, "is held"), ("1", 61, 0, "is held"), ("1", 1, -1, "is held")],
)
def test_what_cannot_be_pressed(keys: str, seconds: float, gap: float, words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        EventWriter().press(keys, seconds, gap)


def test_keys_wait_in_a_line_with_an_end() -> None:
    writer = EventWriter()
    writer.press("1" * 256)
    with pytest.raises(InvalidValue, match="more than 256 keys"):
        writer.press("2")


@pytest.mark.parametrize(
    ("kind", "body", "press"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", KeyPress("5", 0.16)),
        ("Application/DTMF-Relay; charset=x", b"signal = *\nduration = 250", KeyPress("*", 0.25)),
        ("application/dtmf-relay", b"Signal=11\r\nDuration=100", KeyPress("#", 0.1)),
        ("application/dtmf-relay", b"Signal=d\r\nDuration=soon", KeyPress("D", 0.1)),
        ("application/dtmf-relay", b"Signal= 16\r\n", KeyPress("!", 0.1)),
        ("application/dtmf", b"9", KeyPress("9", 0.1)),
        ("application/dtmf", b" 10 \r\n", KeyPress("*", 0.1)),
        ("application/dtmf", b"Signal=1\r\nDuration=80\r\n", KeyPress("1", 0.08)),
        ("application/media_control+xml", b"5", None),
        ("", b"5", None),
    ],
)
def test_keys_in_a_sip_info(kind: str, body: bytes, press: KeyPress | None) -> None:
    assert parse_info(kind, body) == press


@pytest.mark.parametrize(
    "body", [b"", b"Signal=\r\nDuration=160", b"Signal=xyz", b"55", b"\xff", b"Duration=100", b"x" * 99_999]
)
def test_a_sip_info_without_a_key(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="names no key"):
        parse_info("application/dtmf-relay", body)


@pytest.mark.parametrize("key", "0123456789*#ABCD!")
def test_an_info_both_ways(key: str) -> None:
    assert parse_info("application/dtmf-relay", info_body(KeyPress(key, 0.25))) == KeyPress(key, 0.25)
