"""Captures give exactly the SIP messages that tshark finds in them, frame by frame; and what we write, tshark reads."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import msgspec
import pytest
from interop.processes import need

from sipclient.message import parse
from sipclient.trace import Address, read, write
from tests.trace import build

pytestmark = pytest.mark.interop
TRACES = Path(__file__).parents[2] / "sip_traces"
CAPTURES = sorted([*TRACES.glob("*/*.pcap"), *TRACES.glob("*/*.pcapng")])


@pytest.fixture(autouse=True)
def tshark() -> None:
    need("tshark")


def found_by_tshark(path: Path) -> list[tuple[int, str, str]]:
    """Frame, Call-ID and CSeq of every message."""
    fields = ["frame.number", "sip.Call-ID", "sip.CSeq"]
    options = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(path), "-Y", "sip", "-T", "fields", "-E", "aggregator=|", *options]
    output = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    messages = []
    for line in output.splitlines():
        frame, calls, cseqs = line.split("\t")
        messages += [(int(frame), *pair) for pair in zip(calls.split("|"), cseqs.split("|"), strict=True)]
    return messages


def found_by_us(path: Path) -> list[tuple[int, str, str]]:
    messages = ((record.line, parse(record.data)) for record in read(path).records)
    return [(line, message.call_id, message.headers.get("CSeq") or "") for line, message in messages]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_captures_of_real_peers(path: Path) -> None:
    ours = found_by_us(path)
    assert ours == found_by_tshark(path)
    assert ours


def segments(data: bytes, size: int) -> list[bytes]:
    return [build.ipv4(build.tcp(data[at : at + size], 1000 + at), 6) for at in range(0, len(data), size)]


def upgraded() -> list[bytes]:
    """A WebSocket connection with its handshake, masks, a fragmented message and a ping."""
    asked = (
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    )
    granted = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    )
    long = build.message("INVITE", "b", b"v" * 300)
    frames = [
        build.websocket(build.message("REGISTER", "a"), mask=b"abcd"),
        build.websocket(b"", mask=b"abcd", opcode=9),
        build.websocket(long[:99], mask=b"wxyz", fin=False),
        build.websocket(long[99:], mask=b"1234", opcode=0),
    ]
    back = build.ipv4(build.tcp(granted, 1, source=8088, destination=40000), 6, src="192.0.2.2", dst="192.0.2.1")
    packets, at = [build.ipv4(build.tcp(asked, 1000, destination=8088), 6), back], 1000 + len(asked)
    for frame in frames:
        packets.append(build.ipv4(build.tcp(frame, at, destination=8088), 6))
        at += len(frame)
    return packets


MESSAGES = [build.message("INVITE", "a", b"v" * 40), build.message("INFO", "b"), build.message("BYE", "c", b"x" * 700)]
STREAM = b"".join(MESSAGES)
CASES = {
    "fragments of IPv4": build.fragments4(build.udp(build.message(body=b"x" * 2000)), 512),
    "fragments of IPv4, backwards": build.fragments4(build.udp(build.message(body=b"x" * 2000)), 512)[::-1],
    "fragments of IPv6": build.fragments6(build.udp(build.message(body=b"x" * 2000)), 512),
    "TCP, three messages in a segment": segments(STREAM, 5000),
    "TCP, small segments": segments(STREAM, 64),
    "TCP, segments twice": [segment for segment in segments(STREAM, 300) for _ in (0, 1)],
    "WebSocket": upgraded(),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("link", [1, 101, 113, 276])
def test_captures_built_by_hand(tmp_path: Path, name: str, link: int) -> None:
    path = tmp_path / "built.pcap"
    path.write_bytes(build.pcap([build.framed(link, packet) for packet in CASES[name]], link))
    ours = found_by_us(path)
    assert ours == found_by_tshark(path)
    assert ours


def test_vlan_tags(tmp_path: Path) -> None:
    path = tmp_path / "vlan.pcapng"
    packet = build.ipv4(build.udp(build.message()))
    frames = [build.ethernet(packet), build.ethernet(packet, 0x8100), build.ethernet(packet, 0x88A8, 0x8100)]
    path.write_bytes(build.pcapng(frames, 1, options=struct.pack("<HHB3x", 9, 1, 9), ticks=1e9))
    assert found_by_us(path) == found_by_tshark(path)


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
def test_what_we_write_is_what_tshark_reads(tmp_path: Path, transport: str) -> None:
    path = tmp_path / "written.pcapng"
    plain = read(TRACES / "formats" / "call.pcap").records
    call = [msgspec.structs.replace(record, transport=transport) for record in plain]
    if transport == "WS":  # on port 5060 tshark takes every byte for SIP
        ends = {"192.0.2.10": Address("192.0.2.10", 40000), "203.0.113.5": Address("203.0.113.5", 8088)}
        call = [
            msgspec.structs.replace(each, source=ends[each.source.host], destination=ends[each.destination.host])
            for each in call
        ]
    path.write_bytes(b"".join(write(call, "pcapng")))
    there = found_by_tshark(path)
    assert there == found_by_us(path)
    assert [(call_id, cseq) for _, call_id, cseq in there] == [
        (message.call_id, message.headers.get("CSeq")) for message in map(parse, (each.data for each in call))
    ]


@pytest.mark.parametrize("name", ["codec-mismatch-488", "subscribe-notify", "webrtc-incoming"])
def test_what_tshark_prints_reads_to_the_same_messages(tmp_path: Path, name: str) -> None:
    capture = TRACES / "asterisk" / f"{name}.pcap"
    records = read(capture).records
    for option in ("-V", "-Tjson"):
        printed = subprocess.run(["tshark", "-r", str(capture), option], capture_output=True, check=True, timeout=60)
        trace = read(printed.stdout)
        assert len(trace.records) == len(records)
        for one, other in zip(records, trace.records, strict=True):
            assert (one.source, one.destination, one.transport) == (other.source, other.destination, other.transport)
            assert one.at == pytest.approx(other.at, abs=1e-5)
            assert one.data == other.data or other.repaired
        assert option == "-V" or not any(record.repaired for record in trace.records)
