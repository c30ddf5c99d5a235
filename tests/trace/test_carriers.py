"""What carries SIP in captures, beyond the usual: SCTP, older HEP, every packet block, deflated WebSocket, lost TCP."""

from __future__ import annotations

import random
import struct
import zlib
from ipaddress import ip_address
from pathlib import Path

import pytest

from sipclient.trace import Address, TraceError, hep, read
from sipclient.trace.tcp import Direction, Segment
from sipclient.trace.websocket import WebSocketReader, begins_frame
from tests.trace import build

SIP = build.message()


def data_of(trace: bytes) -> list[bytes]:
    return [record.data for record in read(trace).records]


def segments(data: bytes, size: int, start: int = 1000) -> list[bytes]:
    return [build.ipv4(build.tcp(data[at : at + size], start + at), 6) for at in range(0, len(data), size)]


# --- packets ----------------------------------------------------------------------------------------


def test_sctp() -> None:
    def chunk(kind: int, flags: int, data: bytes) -> bytes:
        head = struct.pack("!BBHIHHI", kind, flags, 16 + len(data), 1, 0, 0, 0)
        return head + data + bytes(-len(data) % 4)

    head = struct.pack("!HHII", 5060, 5062, 7, 0)
    packet = head + chunk(0, 3, SIP) + chunk(3, 0, b"sack") + chunk(0, 2, b"a part") + chunk(0, 3, SIP)
    records = read(build.pcap([build.ipv4(packet, 132)])).records
    assert [(record.data, record.transport) for record in records] == [(SIP, "SCTP")] * 2
    with pytest.raises(TraceError):
        read(build.pcap([build.ipv4(head + b"\0\3\0\1", 132)]))


def test_ip_in_ip_and_pppoe_and_options() -> None:
    inner = build.ipv4(build.udp(SIP))
    assert data_of(build.pcap([build.ipv4(inner, 4)])) == [SIP]
    assert data_of(build.pcap([build.ipv6(build.ipv6(build.udp(SIP)), 41)])) == [SIP]
    pppoe = bytes(12) + b"\x88\x64" + b"\x11\0\0\1" + (len(inner) + 2).to_bytes(2, "big") + b"\0\x21" + inner
    assert data_of(build.pcap([pppoe], 1)) == [SIP]
    options = struct.pack("!BB6x", 17, 0)
    assert data_of(build.pcap([build.ipv6(options + build.udp(SIP), 0)])) == [SIP]
    authenticated = struct.pack("!BB10x", 17, 1)
    assert data_of(build.pcap([build.ipv6(authenticated + build.udp(SIP), 51)])) == [SIP]
    atomic = struct.pack("!BBHI", 17, 0, 0, 5)
    assert data_of(build.pcap([build.ipv6(atomic + build.udp(SIP), 44)])) == [SIP]


def test_a_length_that_was_left_to_the_network_card() -> None:
    packet = bytearray(build.ipv4(build.udp(SIP)))
    packet[2:4] = b"\0\0"
    assert data_of(build.pcap([bytes(packet)])) == [SIP]


def test_fragments_that_overlap_come_twice_or_never_end() -> None:
    whole = build.udp(build.message(body=b"x" * 900))
    pieces = build.fragments4(whole, 512)
    assert data_of(build.pcap([pieces[0], pieces[0], pieces[1], pieces[2], pieces[2]])) == [whole[8:]]
    overlapping = build.ipv4(whole[504:1024], fragment=63 | 0x2000)
    assert data_of(build.pcap([pieces[0], overlapping, pieces[2]])) == [whole[8:]]
    endless = [build.ipv4(bytes(1024), fragment=(number * 128) | 0x2000) for number in range(64)]
    assert data_of(build.pcap([*endless, *endless, build.ipv4(build.udp(SIP))])) == [SIP]


def test_packets_that_were_cut_when_captured() -> None:
    packet = build.ipv4(build.udp(build.message(body=b"x" * 500)))
    trace = read(build.pcap([packet[:400], build.ipv4(build.udp(SIP))]))
    assert trace.notes == ("1 packet was cut when captured (snap length)",)
    assert len(trace.records) == 2


def test_every_packet_block_of_pcapng() -> None:
    packet = build.ipv4(build.udp(SIP))
    for order in ("<", ">"):
        section = build.block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)
        options = struct.pack(f"{order}HHB3x", 9, 1, 0x8A) + struct.pack(f"{order}HHq", 14, 8, 100) + bytes(4)
        interface = build.block(1, struct.pack(f"{order}HHI", 101, 0, 0) + options, order)
        simple = build.block(3, struct.pack(f"{order}I", len(packet)) + packet, order)
        ticks = 5 << 10
        old = struct.pack(f"{order}HHIIII", 0, 0, 0, ticks, len(packet), len(packet)) + packet
        broken = build.block(6, b"short", order)
        nowhere = build.block(6, struct.pack(f"{order}IIIII", 9, 0, 0, 4, 4) + b"abcd", order)
        unknown = build.block(0x0BAD, b"whatever", order)
        trace = read(section + interface + simple + build.block(2, old, order) + broken + nowhere + unknown)
        assert [record.data for record in trace.records] == [SIP, SIP]
        assert [record.at for record in trace.records] == [100.0, 105.0]  # 2^-10 s, and 100 s on top
        assert trace.notes == ("2 packets are damaged, and left out: the first is packet 3",)
        with pytest.raises(TraceError, match="packet 1 is damaged"):
            read(section + interface + build.block(3, b"", order))


@pytest.mark.parametrize(("size", "what"), [(0, "within its header"), (10, "within its header")])
def test_a_file_that_ends_before_its_first_packet(size: int, what: str) -> None:
    with pytest.raises(TraceError, match=what):
        read(build.pcap([])[: 4 + size])


def test_a_file_that_ends_within_the_head_of_a_packet() -> None:
    whole = build.pcap([build.ipv4(build.udp(SIP))])
    trace = read(whole + whole[24:34])
    assert [record.data for record in trace.records] == [SIP]
    assert any("ends within packet 2" in note for note in trace.notes)


def test_options_of_an_interface_that_are_of_another_size_are_passed_over() -> None:
    """A clock's unit takes one byte; the options after it count all the same."""
    options = struct.pack("<HH4sHHB3x", 9, 4, b"abcd", 9, 1, 3)
    (record,) = read(build.pcapng([build.ipv4(build.udp(SIP))], options=options, ticks=1e3)).records
    assert record.at == pytest.approx(1000.0, abs=100)


def test_a_fragment_that_is_missing_in_the_middle() -> None:
    pieces = build.fragments4(build.udp(build.message(body=b"x" * 2000)), 512)
    filler = build.ipv4(bytes(1024), fragment=(1024 // 8) | 0x2000)  # as many bytes as are missing, elsewhere
    with pytest.raises(TraceError):
        read(build.pcap([pieces[0], pieces[2], filler, pieces[3], pieces[-1]]))


def test_lengths_that_cannot_be() -> None:
    whole = build.pcap([build.ipv4(build.udp(SIP))])
    trace = read(whole + struct.pack("<IIII", 1, 1, 1 << 30, 1))
    assert trace.notes == (f"packet 2 claims {1 << 30} bytes: the file is damaged there, the rest is not read",)


# --- TCP --------------------------------------------------------------------------------------------


def test_many_segments_lost_and_shuffled() -> None:
    rng = random.Random(7)
    messages = [build.message("INFO", f"c{number}", b"y" * rng.randrange(600)) for number in range(40)]
    pieces = segments(b"".join(messages), 111, start=2**32 - 5000)
    for _ in range(20):
        order = sorted(range(len(pieces)), key=lambda place: place + rng.random() * 12)
        first = order.index(0)
        order[0], order[first] = order[first], order[0]
        assert data_of(build.pcap([pieces[place] for place in order])) == messages


def test_a_gap_is_passed_when_enough_has_come_after_it() -> None:
    direction = Direction()
    assert list(direction.take(Segment(1, 2, 100, 2, b""))) == []
    assert list(direction.take(Segment(1, 2, 101, 0, b"ab"))) == [b"ab"]
    got = [chunk for number in range(300) for chunk in direction.take(Segment(1, 2, 110 + number * 4, 0, b"wxyz"))]
    assert got[0] is None and b"".join(chunk for chunk in got if chunk) == b"wxyz" * 300
    assert list(direction.take(Segment(1, 2, 5000, 1, b"end"))) == [None, b"end"]


def test_segments_that_overlap() -> None:
    direction = Direction()
    chunks = [
        *direction.take(Segment(1, 2, 100, 0, b"abcd")),
        *direction.take(Segment(1, 2, 102, 0, b"cdef")),
        *direction.take(Segment(1, 2, 110, 0, b"kl")),
        *direction.take(Segment(1, 2, 108, 0, b"ijkl")),
        *direction.take(Segment(1, 2, 106, 0, b"ghi")),
    ]
    assert b"".join(chunk for chunk in chunks if chunk) == b"abcdefghijkl"


def test_a_new_connection_on_the_same_ports() -> None:
    again = [build.ipv4(build.tcp(b"", 77, 2), 6), *segments(SIP, 50, start=78)]
    assert data_of(build.pcap([*segments(SIP[:100], 50), *again])) == [SIP]


def test_sip_after_something_else_on_a_connection() -> None:
    other = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    assert data_of(build.pcap(segments(other + SIP, 60))) == [SIP]
    assert data_of(build.pcap(segments(SIP + b"junk that is no SIP\r\n" + SIP, 60))) == [SIP, SIP]


def test_an_endless_head_is_given_up() -> None:
    endless = b"INVITE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 60_000
    after = segments(b"\r\n" + SIP, 999, 1000 + len(endless))
    assert data_of(build.pcap([*segments(endless, 30_000), *after])) == [SIP]
    huge = SIP.replace(b"Content-Length: 0", b"Content-Length: 999999")
    assert data_of(build.pcap(segments(huge + SIP, 5000))) == [SIP]


# --- WebSocket --------------------------------------------------------------------------------------


def deflated(messages: list[bytes]) -> bytes:
    packer, stream = zlib.compressobj(wbits=-15), b""
    for message in messages:
        payload = (packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        frame = bytearray(build.websocket(payload, mask=b"mask"))
        frame[0] |= 0x40
        stream += bytes(frame)
    return stream


ASKED = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"


def test_deflated_messages_with_their_context() -> None:
    messages = [build.message("INFO", f"c{number}") for number in range(5)]
    assert data_of(build.pcap(segments(ASKED + deflated(messages), 70))) == messages


def test_messages_that_do_not_inflate_and_frames_that_are_none() -> None:
    broken = bytearray(build.websocket(b"\xff" * 40, mask=b"mask"))
    broken[0] |= 0x40
    good = build.websocket(SIP, mask=b"abcd")
    assert data_of(build.pcap(segments(ASKED + bytes(broken) + good, 70))) == [SIP]


def test_frames_of_every_length_and_one_too_long() -> None:
    long = build.message("INFO", "long", b"z" * 70_000)
    huge = b"\x82\x7f" + (300_000).to_bytes(8, "big") + bytes(300_000)
    wide = b"\x82\x7f" + len(long).to_bytes(8, "big") + long
    packets = segments(ASKED + wide + huge + build.websocket(SIP), 30_000)
    assert data_of(build.pcap(packets)) == [long, SIP]


def test_http_that_is_no_websocket() -> None:
    asked = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
    assert data_of(build.pcap(segments(asked + SIP, 1000))) == [SIP]
    endless = b"GET /page HTTP/1.1\r\n" + b"X: y\r\n" * 4000
    assert data_of(build.pcap([*segments(endless, 2000), build.ipv4(build.udp(SIP))])) == [SIP]


def test_a_websocket_message_in_more_pieces_than_are_kept() -> None:
    """Its end is no message; the next one is read again."""
    pieces = [build.websocket(b"x" * 60_000, opcode=0 if at else 1, fin=at == 5) for at in range(6)]
    reader = WebSocketReader()
    assert reader.feed(b"".join(pieces)) == []
    assert reader.feed(build.websocket(SIP)) == [SIP]
    assert not begins_frame(b"\x00" * 8)


# --- HEP --------------------------------------------------------------------------------------------


def test_hep_1_and_2() -> None:
    ends = Address("192.0.2.1", 5060), Address("192.0.2.2", 5062)
    wide = Address("2001:db8::1", 5060), Address("2001:db8::2", 5062)
    for version, family, hosts in ((1, 2, ends), (2, 2, ends), (1, 10, wide), (2, 10, wide)):
        packed = b"".join(ip_address(host.host).packed for host in hosts)
        size = 8 + len(packed)
        packet = struct.pack("!BBBBHH", version, size, family, 17, 5060, 5062) + packed
        if version == 2:
            packet += struct.pack("<IIHH", 99, 500_000, 7, 0)
        (record,) = read(build.pcap([build.ipv4(build.udp(packet + SIP, 9060, 9060))])).records
        assert (record.data, record.source, record.destination) == (SIP, *hosts)
        assert record.at == (99.5 if version == 2 else 0.0)


def test_compressed_payload_and_foreign_chunks() -> None:
    whole = hep.encode(hep.Capture(Address("192.0.2.1", 1), Address("192.0.2.2", 2), "UDP", 1.5, 1, SIP))
    packed = zlib.compress(SIP)
    body = whole[6:].replace(struct.pack("!HHH", 0, 15, len(SIP) + 6) + SIP, b"")
    body += struct.pack("!HHH", 0, 16, len(packed) + 6) + packed + struct.pack("!HHH", 7, 3, 10) + b"1234"
    assert data_of(b"HEP3" + (len(body) + 6).to_bytes(2, "big") + body) == [SIP]
    spoilt = body.replace(packed, b"\0" * len(packed))
    with pytest.raises(TraceError):
        read(b"HEP3" + (len(spoilt) + 6).to_bytes(2, "big") + spoilt)
    cut = read(whole + whole[:100])
    assert cut.notes == ("the file is cut or damaged at HEP packet 2: the rest is not read",)


@pytest.mark.parametrize(
    "packet", [b"", b"\1", b"\1\x10\2\x11", b"\2\x10\7\x11" + bytes(40), b"HEP3\0\x0c\0\0\0\1\0\1"]
)
def test_what_is_no_hep(packet: bytes) -> None:
    assert hep.decode(packet) is None


# --- what is cut, foreign or too much ---------------------------------------------------------------

IP4 = build.ipv4(build.udp(SIP))
IP6 = build.ipv6(build.udp(SIP))
STUMPS = [
    b"",
    b"\x00" * 30,
    b"\x41" + IP4[1:],  # a header of four bytes
    IP4[:15],
    IP6[:30],
    build.ipv6(b"\x11", 0),
    build.ipv6(b"\x11\0\0", 44),
    build.ipv4(b"\0\1\0", 17),
    build.ipv4(b"\0\1\0", 6),
    build.ipv4(build.tcp(SIP, 1)[:12] + b"\x10" + build.tcp(SIP, 1)[13:], 6),
    build.ipv4(build.udp(b"")),
    build.ipv4(b"icmp", 1),
]


@pytest.mark.parametrize("stump", STUMPS, ids=[str(number) for number in range(len(STUMPS))])
def test_packets_that_are_cut_or_foreign_are_passed_over(stump: bytes) -> None:
    assert data_of(build.pcap([stump, IP4])) == [SIP]


def test_frames_that_hold_no_ip() -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    assert data_of(build.pcap([arp, bytes(12) + b"\x81\x00", build.ethernet(IP4)], 1)) == [SIP]


def test_more_unfinished_datagrams_and_connections_than_are_kept() -> None:
    halves = [build.ipv4(b"x" * 8, fragment=0x2000, src=f"10.{number >> 8}.{number & 255}.1") for number in range(600)]
    opened = [build.ipv4(build.tcp(SIP[:50], 1, source=1024 + number), 6) for number in range(1100)]
    last = build.ipv4(build.tcp(SIP[50:], 51, source=1024 + 1099), 6)
    assert data_of(build.pcap([*halves, *opened, last])) == [SIP]


def test_logs_and_reports_in_hep_are_passed_over() -> None:
    log = hep.encode(hep.Capture(Address("192.0.2.1", 1), Address(), "UDP", 1.0, 100, b"a line of a log"))
    broken = b"HEP3\0\x0c\0\0\0\1\0\1"
    assert data_of(build.pcap([build.ipv4(build.udp(log)), *segments(log + broken + SIP, 40), IP4])) == [SIP, SIP]


def test_too_many_link_types_are_counted_up_to_a_bound() -> None:
    frames = build.pcapng([IP4])
    for link in range(200, 240):
        frames += build.block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        frames += build.block(1, struct.pack("<HHI", link, 0, 0))
        frames += build.block(6, struct.pack("<IIIII", 0, 0, 0, 4, 4) + b"abcd")
    (note,) = read(frames).notes
    assert note.startswith("packets of link type 200, 201,") and note.count(",") == 16


def test_tshark_text_with_xml_and_websocket() -> None:
    text = (
        "Frame 7: 100 bytes on wire\n    Arrival Time: Nov 23, 2026 01:39:23.174931000 UTC\n"
        "    Epoch Time: 1795397963.174931000 seconds\n"
        "Internet Protocol Version 6, Src: 2001:db8::1, Dst: 2001:db8::2\n"
        "Transmission Control Protocol, Src Port: 5060, Dst Port: 40000, Seq: 1\nWebSocket\n"
        "Session Initiation Protocol (NOTIFY)\n    Request-Line: NOTIFY sip:a@b SIP/2.0\n        Method: NOTIFY\n"
        "    Message Header\n        Via: SIP/2.0/WS a;branch=z9hG4bK1\n            Transport: WS\n        Call-ID: 1\n"
        "        Content-Type: application/pidf+xml\n        Content-Length: 71\n    Message Body\n"
        '        eXtensible Markup Language\n            <presence\n                entity="sip:a@b"\n'
        '                xmlns="urn:x">\n                <note>\n'
        "                    Ready\n                    </note>\n"
        "            [Generated Call-ID: 1]\n                </presence>\n\n"
        "Frame 8: 60 bytes on wire\nSession Initiation Protocol\n"
    )
    (record,) = read(text.encode()).records
    assert record.data.endswith(b'<presence entity="sip:a@b" xmlns="urn:x"><note>Ready</note></presence>\n')
    assert b"Method" not in record.data.partition(b"\r\n\r\n")[0].partition(b"\r\n")[2]
    assert (record.transport, record.source) == ("WS", Address("2001:db8::1", 5060))
    assert record.at == pytest.approx(1795397963.174931)
    assert any("put together from its tree" in words for words in record.repairs)


def test_times_that_cannot_be_are_none() -> None:
    (record,) = read(f"25:99:99.000#\nUDP 1.1.1.1:1 -> 2.2.2.2:2\n{SIP.decode()}".encode()).records
    assert (record.at, record.clock) == (0.0, "")
    (record,) = read(f"2026/13/45 99:00:00.000000 1.1.1.1:1 -> 2.2.2.2:2\n{SIP.decode()}".encode()).records
    assert (record.at, record.clock) == (0.0, "")


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="has no journal of a run in it"):
        read(tmp_path)
    with pytest.raises(TraceError, match="cannot be opened: embedded null byte"):
        read("a\0b")
