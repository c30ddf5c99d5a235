"""Packets and capture files, built by hand: what the readers are read against."""

from __future__ import annotations

import struct
from ipaddress import ip_address


def message(method: str = "OPTIONS", call: str = "a1", body: bytes = b"") -> bytes:
    """A small request."""
    kind = b"Content-Type: text/plain\r\n" if body else b""
    return (
        b"%s sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\n"
        b"From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.2>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n"
        b"%sContent-Length: %d\r\n\r\n%s"
        % (method.encode(), call.encode(), call.encode(), method.encode(), kind, len(body), body)
    )


def udp(data: bytes, source: int = 5060, destination: int = 5062) -> bytes:
    return struct.pack("!HHHH", source, destination, len(data) + 8, 0) + data


def tcp(data: bytes, sequence: int, flags: int = 0x18, source: int = 40000, destination: int = 5060) -> bytes:
    return struct.pack("!HHIIBBHHH", source, destination, sequence & 0xFFFFFFFF, 0, 0x50, flags, 8192, 0, 0) + data


def ipv4(
    payload: bytes,
    protocol: int = 17,
    *,
    fragment: int = 0,
    ident: int = 7,
    src: str = "192.0.2.1",
    dst: str = "192.0.2.2",
) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0)
    return head + ip_address(src).packed + ip_address(dst).packed + payload


def ipv6(payload: bytes, protocol: int = 17, src: str = "2001:db8::1", dst: str = "2001:db8::2") -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64)
    return head + ip_address(src).packed + ip_address(dst).packed + payload


def fragments4(payload: bytes, size: int) -> list[bytes]:
    """IPv4 fragments of `size` bytes, a multiple of 8."""
    pieces = [payload[place : place + size] for place in range(0, len(payload), size)]
    return [
        ipv4(piece, fragment=(number * size // 8) | (0x2000 if number < len(pieces) - 1 else 0))
        for number, piece in enumerate(pieces)
    ]


def fragments6(payload: bytes, size: int) -> list[bytes]:
    pieces = [payload[place : place + size] for place in range(0, len(payload), size)]
    return [
        ipv6(struct.pack("!BBHI", 17, 0, (number * size) | (number < len(pieces) - 1), 99) + piece, 44)
        for number, piece in enumerate(pieces)
    ]


def ethernet(packet: bytes, *tags: int) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    vlans = b"".join(struct.pack("!HH", tag, 5) for tag in tags)
    return bytes(12) + vlans + kind.to_bytes(2, "big") + packet


def framed(link: int, packet: bytes) -> bytes:
    """The packet as a frame of that link type."""
    kind = (0x86DD if packet[0] >> 4 == 6 else 0x0800).to_bytes(2, "big")
    heads = {0: b"\2\0\0\0", 1: bytes(12) + kind, 113: bytes(14) + kind, 276: kind + bytes(18)}
    return heads.get(link, b"") + packet


def pcap(frames: list[bytes], link: int = 101, order: str = "<", nano: bool = False, start: float = 1000.0) -> bytes:
    """A pcap file with a packet each tenth of a second."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    unit = 1e9 if nano else 1e6
    for number, frame in enumerate(frames):
        at = start + number / 10
        whole = int(at)
        out.append(struct.pack(f"{order}IIII", whole, round((at - whole) * unit), len(frame), len(frame)) + frame)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(f"{order}II", kind, size) + body + struct.pack(f"{order}I", size)


def pcapng(frames: list[bytes], link: int = 101, order: str = "<", options: bytes = b"", ticks: float = 1e6) -> bytes:
    """A pcapng file with one interface."""
    out = [block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)]
    out.append(block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order))
    for number, frame in enumerate(frames):
        at = round((1000 + number / 10) * ticks)
        head = struct.pack(f"{order}IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(frame), len(frame))
        out.append(block(6, head + frame, order))
    return b"".join(out)


def websocket(payload: bytes, *, mask: bytes = b"", opcode: int = 1, fin: bool = True) -> bytes:
    """One frame."""
    size = len(payload)
    flag = 0x80 if mask else 0
    length = bytes((flag | size,)) if size < 126 else bytes((flag | 126,)) + size.to_bytes(2, "big")
    if mask:
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes((opcode | (0x80 if fin else 0),)) + length + mask + payload
