"""Framing of streams: whole, byte by byte, glued, with keep-alives in between, and lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sipclient.message import PING, PONG, Framer, FramingLost, Limits, MalformedMessage

A = b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
B = b"SIP/2.0 200 OK\r\nX: 1\r\nl :\r\n 0\r\n\r\n"
C = b"INFO sip:a@h SIP/2.0\r\nX-Content-Length: 9\r\nCONTENT-LENGTH:\t3 \r\nContent-Length: 3\r\nY: z\r\n\r\n\r\n\r"

STREAMS = [
    ([A], A),
    ([A, B, C], A + B + C),
    ([PING, A], PING + A),
    ([A, PONG, B], A + PONG + B),
    ([A, PING, B, PING], A + PING + B + PING),
    ([PING, PONG, C], PING + PONG + C),
    ([PING, PING], PING + PING),
]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize(("frames", "data"), STREAMS)
def test_whole(frames: list[bytes], data: bytes) -> None:
    framer = Framer()
    assert framer.feed(data) == frames
    assert framer.pending == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(("frames", "data"), STREAMS)
def test_in_pieces(frames: list[bytes], data: bytes, size: int) -> None:
    framer = Framer()
    found = [frame for piece in pieces(data, size) for frame in framer.feed(piece)]
    assert [frame for frame in found if frame not in (PING, PONG)] == [f for f in frames if f not in (PING, PONG)]
    assert found.count(PING) == frames.count(PING)
    assert framer.pending == 0


@pytest.mark.parametrize(("frames", "data"), STREAMS)
def test_with_the_beginning_of_the_next(frames: list[bytes], data: bytes) -> None:
    framer = Framer()
    assert framer.feed(data + A[:-1]) == frames
    assert framer.pending == len(A) - 1
    assert framer.feed(A[-1:]) == [A]


def test_a_ping_in_halves_is_a_pong_and_a_ping() -> None:
    framer = Framer()
    assert [framer.feed(piece) for piece in (b"\r", b"\n", b"\r", b"\n")] == [[], [PONG], [], [PING]]
    assert framer.feed(PONG) == [PONG]
    assert framer.feed(A + PONG) == [A, PONG]


@pytest.mark.timing
def test_of_a_million_pings_a_few_are_given() -> None:
    framer = Framer()
    begun = time.process_time()
    for _ in range(16):
        assert framer.feed(PING * 65_536) == [PING] * 4
    assert framer.feed(PING * 1_000 + PONG + A) == [PING] * 4 + [PONG, A]
    assert time.process_time() - begun < 1.0
    assert framer.pending == 0


def test_a_pong_is_given_at_once() -> None:
    framer = Framer()
    assert framer.feed(PONG) == [PONG]
    assert framer.feed(A) == [A]
    assert framer.feed(PONG) == [PONG]
    assert framer.feed(b"\r") == []
    assert framer.pending == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"OPTIONS sip:a@h SIP/2.0\r\n\r\n", 400),
        (b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: -1\r\n\r\n", 400),
        (b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 1x\r\n\r\n", 400),
        (b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length:\r\n\r\n", 400),
        (b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n", 400),
        (b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n", 400),
        (b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 70000\r\n\r\n", 413),
        (b"x" * 65536, 413),
        (b"\rOPTIONS", 400),
        (b"\r\r\n", 400),
    ],
)
@pytest.mark.parametrize("size", [1, 100000])
def test_lost(data: bytes, status: int, size: int) -> None:
    framer = Framer()
    frames: list[bytes] = []
    with pytest.raises(MalformedMessage) as caught:
        for piece in pieces(A + data + A, size):
            frames += framer.feed(piece)
    assert isinstance(caught.value, FramingLost)
    assert caught.value.status == status
    assert frames + caught.value.frames == [A]
    assert framer.pending == 0
    with pytest.raises(FramingLost) as again:
        framer.feed(A)
    assert (again.value.status, again.value.frames) == (status, [])


def test_limits() -> None:
    assert Framer(Limits(message=len(A))).feed(A) == [A]
    with pytest.raises(FramingLost):
        Framer(Limits(message=len(A) - 1)).feed(A)


@pytest.mark.timing
def test_byte_by_byte_is_linear() -> None:
    head = b"OPTIONS sip:a@h SIP/2.0\r\nContent-Length: 30000\r\nX: " + b"\r\nY: " * 6000 + b"\r\n\r\n"

    def cost(data: bytes) -> float:
        best = float("inf")
        for _ in range(3):
            framer = Framer()
            begin = time.process_time()
            for piece in pieces(data, 1):
                framer.feed(piece)
            best = min(best, time.process_time() - begin)
        return best

    data = head + b"z" * 30000
    quarter = cost(data[: len(data) // 4])
    assert cost(data) < 10 * quarter  # linear: 4 times; quadratic: 16 times
