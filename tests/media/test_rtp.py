"""RTP packets, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.media.rtp import MalformedPacket, Packetizer, RtpPacket, parse_rtp

PLAIN = bytes.fromhex("80 00 0001 000000a0 deadbeef") + b"\xff" * 160


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        (PLAIN, RtpPacket(0, 1, 160, 0xDEADBEEF, b"\xff" * 160)),
        (bytes.fromhex("80 88 ffff ffffffff 00000001"), RtpPacket(8, 0xFFFF, 0xFFFFFFFF, 1, marker=True)),
        (
            bytes.fromhex("82 65 0002 00000003 00000004 0000000a 0000000b 7f"),
            RtpPacket(101, 2, 3, 4, b"\x7f", csrcs=(10, 11)),
        ),
        (
            bytes.fromhex("90 6f 0002 00000003 00000004 bede0001 10aabbcc 7f"),
            RtpPacket(111, 2, 3, 4, b"\x7f", extension=(0xBEDE, bytes.fromhex("10aabbcc"))),
        ),
        (
            bytes.fromhex("91 6f 0002 00000003 00000004 0000000a bede0000 7f"),
            RtpPacket(111, 2, 3, 4, b"\x7f", csrcs=(10,), extension=(0xBEDE, b"")),
        ),
    ],
)
def test_packets_both_ways(data: bytes, packet: RtpPacket) -> None:
    assert parse_rtp(data) == packet
    assert bytes(packet) == data


def test_padding_is_no_payload() -> None:
    assert parse_rtp(bytes.fromhex("a0 00 0001 00000000 00000001 7f 00 00 03")).payload == b"\x7f"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "12 bytes"),
        (PLAIN[:11], "12 bytes"),
        (b"\x00" + PLAIN[1:], "version 0"),
        (b"\xc0" + PLAIN[1:], "version 3"),
        (b"\x8f" + PLAIN[1:30], "contributing sources"),
        (b"\x90" + PLAIN[1:14], "header extension"),
        (b"\x90" + PLAIN[1:12] + bytes.fromhex("bede0002 00000000"), "header extension"),
        (b"\xa0" + PLAIN[1:12] + b"\x00", "padding"),
        (b"\xa0" + PLAIN[1:12] + b"\x02", "padding"),
    ],
)
def test_what_is_no_packet(data: bytes, words: str) -> None:
    with pytest.raises(MalformedPacket, match=words):
        parse_rtp(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_a_documented_error(data: bytes) -> None:
    try:
        packet = parse_rtp(data)
    except MalformedPacket:
        return
    assert parse_rtp(bytes(packet)) == packet


def test_the_numbers_of_a_stream() -> None:
    packetizer = Packetizer(0xDEADBEEF, 0xFFFF, 0xFFFFFFFF)
    first, second = (parse_rtp(packetizer.packet(8, b"\xd5" * 160, 160, 1.0)) for _ in range(2))
    assert (first.sequence, first.timestamp, first.marker) == (0xFFFF, 0xFFFFFFFF, True)
    assert (second.sequence, second.timestamp, second.marker) == (0, 159, False)
    assert second.payload_type == 8
    assert second.ssrc == 0xDEADBEEF
    assert (packetizer.packets, packetizer.octets) == (2, 320)


def test_after_a_pause_time_has_passed_and_a_new_spurt_begins() -> None:
    packetizer = Packetizer(1, 10, 0)
    packetizer.packet(0, b"", 160, 1.0)
    packetizer.pause(800)
    packet = parse_rtp(packetizer.packet(0, b"", 160, 1.0))
    assert (packet.sequence, packet.timestamp, packet.marker) == (11, 960, True)
