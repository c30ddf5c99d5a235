"""Reports: what a receiver counts, and the bytes that tell it."""

from __future__ import annotations

import struct

import pytest

from sipclient.media.reception import Block, Reception
from sipclient.media.rtcp import Sent, report


def heard(*sequences: int, ticks: int = 160) -> Reception:
    reception = Reception(7, sequences[0])
    for n, sequence in enumerate(sequences):
        reception.arrived(sequence, n * ticks, n * ticks)
    return reception


@pytest.mark.parametrize(
    ("sequences", "received", "lost", "highest", "fraction"),
    [
        ((1, 2, 3, 4), 4, 0, 4, 0),
        ((1, 2, 4), 3, 1, 4, 64),
        ((1, 3, 2, 4), 4, 0, 4, 0),  # late is not lost
        ((1, 2, 2, 3), 4, -1, 3, 0),
        ((65534, 65535, 0, 1), 4, 0, 65537, 0),
        ((65535, 2), 2, 2, 65538, 128),
        ((1, 2, 30000, 30001), 2, 0, 30001, 0),  # too far: the source began anew
        ((30000, 30001, 1, 2), 2, 0, 2, 0),
    ],
)
def test_what_was_lost(sequences: tuple[int, ...], received: int, lost: int, highest: int, fraction: int) -> None:
    reception = heard(*sequences)
    assert (reception.received, reception.lost) == (received, lost)
    block = reception.block()
    assert (block.ssrc, block.lost, block.highest, block.fraction) == (7, lost, highest, fraction)


def test_the_fraction_is_of_the_time_since_the_last_report() -> None:
    reception = heard(1, 2, 4)
    assert reception.block().fraction == 64
    reception.arrived(5, 480, 480)
    assert reception.block().fraction == 0
    assert reception.block() == Block(7, 0, 1, 5, 0)


def test_jitter_is_smoothed() -> None:
    reception = Reception(7, 1)
    for n, now in enumerate((0, 160, 400, 480, 640)):  # the third is 80 ticks late, the fourth on time again
        reception.arrived(n + 1, n * 160, now)
    expected = 0.0
    for moved in (0, 80, 80, 0):
        expected += (moved - expected) / 16
    assert reception.block().jitter == int(expected) == 9


def test_jitter_does_not_mind_where_the_clocks_begin() -> None:
    reception = Reception(7, 1)
    reception.arrived(1, 2**32 - 80, 5)
    reception.arrived(2, 80, 165)
    assert reception.block().jitter == 0


def test_a_receiver_report_with_nothing_to_report() -> None:
    data = report(0xDEADBEEF, "ab", None, None)
    assert data == bytes.fromhex("80c90001 deadbeef81ca0003 deadbeef 0102 6162 00000000")


def test_a_sender_report_with_a_block_and_goodbye() -> None:
    sent = Sent(elapsed=3.5, timestamp=160, packets=2, octets=320)
    data = report(1, "abc", sent, Block(9, 64, -1, 65537, 8), goodbye=True)
    assert data[:4] == bytes.fromhex("81c8000c")
    assert struct.unpack("!IIIIII", data[4:28]) == (1, 3, 1 << 31, 160, 2, 320)
    assert data[28:52] == bytes.fromhex("00000009 40ffffff 00010001 00000008 00000000 00000000")
    assert data[52:64] == bytes.fromhex("81ca0003 00000001 0103 6162")
    assert data[64:68] == b"c\0\0\0"
    assert data[68:] == bytes.fromhex("81cb0001 00000001")


@pytest.mark.parametrize("length", range(12))
def test_every_packet_of_a_compound_ends_on_a_word(length: int) -> None:
    data = report(1, "x" * length, None, Block(9, 0, 2**30, 1, 0))
    kinds = []
    while data:
        kind, words = data[1], struct.unpack("!H", data[2:4])[0]
        kinds.append(kind)
        data = data[4 * (words + 1) :]
    assert kinds == [201, 202]


def test_the_count_of_lost_packets_fits_its_field() -> None:
    block = report(1, "", None, Block(9, 0, 2**30, 1, 0))[8:32]
    assert block[4:8] == bytes.fromhex("007fffff")
