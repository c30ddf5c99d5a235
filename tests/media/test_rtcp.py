"""Reports: what a receiver counts, and the bytes that tell it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.media.reception import Block, Reception
from sipclient.media.rtcp import Feedback, Goodbye, Names, Other, Report, Sent, middle, parse_rtcp, report, round_trip
from sipclient.media.rtp import MalformedPacket
from sipclient.media.xr import Delay, Extended, VoipMetrics


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
    data = report(0xDEADBEEF, "ab", None)
    assert data == bytes.fromhex("80c90001 deadbeef81ca0003 deadbeef 0102 6162 00000000")


def test_a_sender_report_with_a_block_and_goodbye() -> None:
    sent = Sent(elapsed=3.5, timestamp=160, packets=2, octets=320)
    data = report(1, "abc", sent, [Block(9, 64, -1, 65537, 8)], goodbye=True)
    assert data[:4] == bytes.fromhex("81c8000c")
    assert struct.unpack("!IIIIII", data[4:28]) == (1, 3, 1 << 31, 160, 2, 320)
    assert data[28:52] == bytes.fromhex("00000009 40ffffff 00010001 00000008 00000000 00000000")
    assert data[52:64] == bytes.fromhex("81ca0003 00000001 0103 6162")
    assert data[64:68] == b"c\0\0\0"
    assert data[68:] == bytes.fromhex("81cb0001 00000001")


@pytest.mark.parametrize("length", range(12))
def test_every_packet_of_a_compound_ends_on_a_word(length: int) -> None:
    data = report(1, "x" * length, None, [Block(9, 0, 2**30, 1, 0)])
    kinds = []
    while data:
        kind, words = data[1], struct.unpack("!H", data[2:4])[0]
        kinds.append(kind)
        data = data[4 * (words + 1) :]
    assert kinds == [201, 202]


def test_the_count_of_lost_packets_fits_its_field() -> None:
    block = report(1, "", None, [Block(9, 0, 2**30, 1, 0)])[8:32]
    assert block[4:8] == bytes.fromhex("007fffff")


VOIP = VoipMetrics(
    9,
    loss_rate=3,
    discard_rate=5,
    burst_density=7,
    gap_density=1,
    burst_duration=300,
    gap_duration=9000,
    round_trip_delay=42,
    end_system_delay=60,
    signal_level=-20,
    noise_level=-60,
    r_factor=88,
    mos_listening=41,
    mos_conversation=40,
    configuration=0xB0,
    buffer_nominal=40,
    buffer_maximum=60,
    buffer_absolute_maximum=500,
)


@pytest.mark.parametrize(
    ("sent", "blocks", "extended", "goodbye"),
    [
        (None, (), None, False),
        (Sent(3.5, 160, 2, 320), (Block(9, 64, -1, 65537, 8, 5, 6),), None, True),
        (Sent(2**31 + 0.25, 2**32 - 1, 2, 320), (Block(9, 0, 0x7FFFFF, 1, 0), Block(8, 1, 2, 3, 4, 5, 6)), None, False),
        (None, (), Extended(7, reference_time=1.5), False),
        (None, (), Extended(7, None, (Delay(9, 1, 2), Delay(8, 3, 4)), (VOIP,)), True),
    ],
)
def test_what_is_written_is_read(
    sent: Sent | None, blocks: tuple[Block, ...], extended: Extended | None, goodbye: bool
) -> None:
    expected = [Report(7, sent, blocks), Names(((7, 1, "name"),))]
    expected += [extended] * (extended is not None) + [Goodbye((7,))] * goodbye  # type: ignore[list-item]
    assert list(parse_rtcp(report(7, "name", sent, blocks, extended, goodbye))) == expected


def test_voip_metrics_byte_by_byte() -> None:
    """RFC 3611 §4.7."""
    data = bytes(Extended(1, metrics=(VOIP,)))
    assert data[:12] == bytes.fromhex("80cf000a 00000001 07000008")
    assert data[12:] == bytes.fromhex("00000009 03050701 012c2328 002a003c ecc47f10 587f2928 b0000028 003c01f4")


@pytest.mark.parametrize(
    ("data", "packets"),
    [
        # Feedback alone, as reduced-size RTCP allows (RFC 5506 §3.4.1): a generic NACK and a picture loss.
        ("81cd0003 00000001 00000002 00050000", (Feedback(205, 1, 1, 2, bytes.fromhex("00050000")),)),
        ("81ce0002 00000001 00000002", (Feedback(206, 1, 1, 2),)),
        ("80cc0002 00000001 74657374", (Other(204, bytes.fromhex("0000000174657374")),)),  # APP
        ("80d10000", (Other(209, b""),)),
        ("81cb0003 00000007 04 676f6e65 000000", (Goodbye((7,), "gone"),)),
        ("80cb0000", (Goodbye(()),)),
        ("82cb0002 00000007 00000008", (Goodbye((7, 8)),)),
        (
            "82ca0005 00000007 010161 02 0162 0000 00000008 01 01 63 00",
            (Names(((7, 1, "a"), (7, 2, "b"), (8, 1, "c"))),),
        ),
        ("80c90001 00000007 a0c90002 00000008 00000004", (Report(7), Report(8))),  # padded
        ("80cf0003 00000007 09000001 00000000", (Extended(7),)),  # a block of a type nobody knows
        ("80cf0002 00000007 04000002", (Extended(7),)),  # a block that is cut short
        ("80cf0003 00000007 04000001 00000000", (Extended(7),)),  # a reference time of a wrong length
    ],
)
def test_what_others_send(data: str, packets: tuple[object, ...]) -> None:
    assert parse_rtcp(bytes.fromhex(data)) == packets


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "at least 4 bytes, not 0"),
        ("80c9", "at least 4 bytes, not 2"),
        ("40c90001 00000007", "version 1"),
        ("80c90002 00000007", "reaches beyond"),
        ("80c90001 00000007 80c9", "left over"),
        ("81c90001 00000007", "report ends after 4 of 28"),
        ("80c80001 00000007", "report ends after 4 of 24"),
        ("80c90000", "report ends after 0 of 4"),
        ("81cb0000", "goodbye"),
        ("81ca0000", "source description"),
        ("81ca0002 00000007 01066162", "source description"),
        ("81cd0001 00000007", "feedback"),
        ("80cf0000", "extended report"),
        ("a0c90001 00000007", "padding"),
        ("a0c90001 00000000", "padding"),
        ("a0cb0000", "padding"),
    ],
)
def test_what_is_no_rtcp(data: str, words: str) -> None:
    with pytest.raises(MalformedPacket, match=words):
        parse_rtcp(bytes.fromhex(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_packets_or_a_documented_error(data: bytes) -> None:
    try:
        parse_rtcp(data)
    except MalformedPacket:
        return


@given(st.data())
def test_any_mutation_of_a_report_is_packets_or_a_documented_error(data: st.DataObject) -> None:
    whole = bytearray(
        report(7, "name", Sent(3.5, 160, 2, 320), [Block(9, 0, 0, 0, 0)], Extended(7, 1.0, (), (VOIP,)), True)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse_rtcp(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    except MalformedPacket:
        return


def test_a_compound_has_an_end() -> None:
    assert len(parse_rtcp(bytes.fromhex("80d10000") * 350)) == 32


def test_there_and_back() -> None:
    """RFC 3550 §6.4.1: the time now, less when the report left us, less how long the peer kept it."""
    assert round_trip(10.5, middle(10.0), middle(0.25)) == 0.25
    assert round_trip(0x10000 + 0.5, middle(0xFFFF + 0.75), middle(0.5)) == 0.25  # the clock went around
    assert round_trip(10.5, 0, middle(0.25)) is None
    assert round_trip(10.0, middle(10.0), middle(5.0)) is None
