"""pcap and pcapng: every link type, fragments, TCP out of order, WebSocket, HEP, and files that end too early."""

from __future__ import annotations

import gzip
import struct
from itertools import permutations

import pytest

from sipclient.trace import Address, Record, TraceError, read
from tests.trace import build


def data_of(trace: bytes) -> list[bytes]:
    return [record.data for record in read(trace).records]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_both_orders_and_units(order: str, nano: bool) -> None:
    sip = build.message()
    trace = read(build.pcap([build.ipv4(build.udp(sip))] * 2, order=order, nano=nano))
    assert trace.format == "pcap, 2 messages"
    first, second = trace.records
    assert first == Record(
        sip, 1000.0, "wall", "", "UDP", Address("192.0.2.1", 5060), Address("192.0.2.2", 5062), line=1
    )
    assert second.at == pytest.approx(1000.1) and second.line == 2


@pytest.mark.parametrize("link", [0, 1, 101, 113, 276])
@pytest.mark.parametrize("make", [build.ipv4, build.ipv6])
def test_every_link_type(link: int, make: object) -> None:
    sip = build.message()
    packet = make(build.udp(sip))  # type: ignore[operator]
    assert data_of(build.pcap([build.framed(link, packet)], link)) == [sip]
    assert data_of(build.pcapng([build.framed(link, packet)], link)) == [sip]


def test_raw_links_of_one_family() -> None:
    sip = build.message()
    assert data_of(build.pcap([build.ipv4(build.udp(sip))], 228)) == [sip]
    assert data_of(build.pcap([build.ipv6(build.udp(sip))], 229)) == [sip]


def test_vlan_tags_one_and_two() -> None:
    sip = build.message()
    packet = build.ipv4(build.udp(sip))
    assert data_of(build.pcap([build.ethernet(packet, 0x8100), build.ethernet(packet, 0x88A8, 0x8100)], 1)) == [sip] * 2


def test_a_link_type_that_is_not_known_is_named() -> None:
    with pytest.raises(TraceError, match="link type 105 are not understood"):
        read(build.pcap([b"x" * 40], 105))


@pytest.mark.parametrize("make", [build.fragments4, build.fragments6])
def test_fragments_in_any_order(make: object) -> None:
    sip = build.message(body=b"x" * 900)
    pieces = make(build.udp(sip), 512)  # type: ignore[operator]
    assert len(pieces) == 3
    for order in permutations(pieces):
        assert data_of(build.pcap(list(order))) == [sip]


def segments(data: bytes, size: int, start: int = 1000, source: int = 40000) -> list[bytes]:
    return [
        build.ipv4(build.tcp(data[place : place + size], start + place, source=source), 6)
        for place in range(0, len(data), size)
    ]


def test_tcp_is_framed_wherever_it_is_cut() -> None:
    messages = [build.message("INVITE", "a", b"v" * 40), build.message("BYE", "b"), build.message("OPTIONS", "c")]
    stream = b"\r\n\r\n".join(messages)
    for size in (1, 7, 64, 400, 5000):
        assert data_of(build.pcap(segments(stream, size))) == messages, size


def test_tcp_out_of_order_and_twice() -> None:
    messages = [build.message("INVITE", "a", b"v" * 40), build.message("BYE", "b")]
    pieces = segments(b"".join(messages), 200)
    pieces = [pieces[0], pieces[2], pieces[1], pieces[1], *pieces[3:], pieces[0]]
    assert data_of(build.pcap(pieces)) == messages


def test_tcp_sequence_numbers_that_wrap() -> None:
    messages = [build.message("INVITE", "a", b"v" * 40), build.message("BYE", "b")]
    assert data_of(build.pcap(segments(b"".join(messages), 100, start=2**32 - 300))) == messages


def test_tcp_met_half_way_and_with_a_gap() -> None:
    messages = [build.message("INVITE", "a"), build.message("INFO", "b"), build.message("BYE", "c")]
    pieces = segments(b"".join(messages)[100:], 50)
    assert data_of(build.pcap(pieces)) == messages[1:]
    trace = read(build.pcap(pieces[:4] + pieces[5:]))
    assert [record.data for record in trace.records] == messages[2:]
    assert trace.notes == ("TCP bytes are missing from the capture at 1 place",)


def test_tls_is_said_to_be_unreadable() -> None:
    hello = b"\x16\x03\x01\x00\x40" + bytes(64)
    with pytest.raises(TraceError, match="1 TLS connection is encrypted"):
        read(build.pcap(segments(hello, 100)))


def test_websocket_with_its_upgrade_masks_and_fragments() -> None:
    asked = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    first, second = build.message("REGISTER", "a"), build.message("INVITE", "b", b"v" * 300)
    stream = asked + build.websocket(first, mask=b"abcd") + build.websocket(b"", opcode=9)
    stream += build.websocket(second[:99], mask=b"wxyz", fin=False) + build.websocket(b"hi", opcode=10)
    stream += build.websocket(second[99:], mask=b"1234", opcode=0)
    for size in (1, 50, 5000):
        trace = read(build.pcap(segments(stream, size)))
        assert [(record.data, record.transport) for record in trace.records] == [(first, "WS"), (second, "WS")]


def test_websocket_met_half_way() -> None:
    sip = build.message("REGISTER", "a")
    assert data_of(build.pcap(segments(build.websocket(sip), 5000))) == [sip]


def test_media_is_counted_with_loss_and_jitter() -> None:
    offer = build.message(
        "INVITE", "a", b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
    )
    packets = [build.ipv4(build.udp(offer))]
    for number in [*range(65530, 65536), *range(10)]:
        if number in (65533, 4):
            continue
        rtp = struct.pack("!BBHII", 0x80, 96, number, (number * 960) & 0xFFFFFFFF, 0xABCD) + bytes(20)
        packets.append(build.ipv4(build.udp(rtp, 6000, 4000), dst="192.0.2.9"))
    (stream,) = read(build.pcap(packets)).streams
    assert (stream.codec, stream.packets, stream.lost, stream.ssrc) == ("opus", 14, 2, 0xABCD)
    assert stream.destination == Address("192.0.2.9", 4000) and stream.jitter is not None and stream.jitter > 0


def test_a_capture_that_was_cut_gives_what_it_has() -> None:
    sip = build.message()
    for make in (build.pcap, build.pcapng):
        whole = make([build.ipv4(build.udp(sip))] * 2)
        trace = read(whole[:-30])
        assert trace.records[0].data == sip
        assert "ends within packet 2" in trace.notes[0] or "cut" in trace.notes[0]


def test_gzip_whole_and_cut() -> None:
    sip = build.message()
    packed = gzip.compress(build.pcap([build.ipv4(build.udp(sip))] * 2000))
    assert len(read(packed).records) == 2000
    cut = read(packed[:-400])
    assert 0 < len(cut.records) < 2000
    assert any("gzip" in note for note in cut.notes)


def test_hep_file_and_hep_within_packets() -> None:
    from sipclient.trace import hep

    sip = build.message()
    made = hep.encode(hep.Capture(Address("192.0.2.1", 5060), Address("2001:db8::2", 5062), "TCP", 12.5, 1, sip))
    log = hep.encode(hep.Capture(Address("192.0.2.1", 5060), Address("", 0), "UDP", 12.5, 100, b"a log line"))
    trace = read(made + log + made)
    assert trace.format == "HEP3, 2 messages"
    assert (trace.records[1].data, trace.records[1].at, trace.records[1].transport) == (sip, 12.5, "TCP")
    assert data_of(build.pcap([build.ipv4(build.udp(made))])) == [sip]
    assert data_of(build.pcap(segments(made + made, 100))) == [sip, sip]
