"""HEP, the encapsulation of captured packets that Homer's agents speak. HEP3: chunks; HEP1 and 2: fixed headers."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import msgspec

from sipclient.trace.record import Address, known

MAGIC = b"HEP3"
SIP = 1
_MAX_PAYLOAD = 1 << 18
_PROTOCOLS = {17: "UDP", 6: "TCP", 132: "SCTP", 22: "TLS", 50: "TLS"}
_PROTOCOLS_OUT = {"UDP": 17, "TCP": 6, "SCTP": 132, "TLS": 6, "WS": 6, "WSS": 6}
_HEAD = struct.Struct("!HHH")


class Capture(msgspec.Struct):
    """One packet that an agent captured: `kind` 1 is SIP, 5 RTCP as JSON, 100 a log line."""

    source: Address
    destination: Address
    transport: str
    at: float
    kind: int
    payload: bytes


def size_of(head: bytes | bytearray) -> int:
    """How long the HEP3 packet is that begins with these six bytes; 0 where none begins."""
    return int.from_bytes(head[4:6], "big") if len(head) >= 6 and head[:4] == MAGIC else 0


def decode(packet: bytes) -> Capture | None:
    """A HEP packet of any version; None where it is none, or broken."""
    if packet[:4] == MAGIC:
        return _chunks(packet)
    if len(packet) > 2 and packet[0] in (1, 2) and packet[1] in (16, 20, 28, 40):
        return _fixed(packet)
    return None


def _chunks(packet: bytes) -> Capture | None:
    end, place = min(size_of(packet), len(packet)), 6
    values: dict[int, bytes] = {}
    while place + 6 <= end:
        vendor, kind, size = _HEAD.unpack_from(packet, place)
        if size < 6 or place + size > end:
            return None
        if vendor == 0:
            values.setdefault(kind, packet[place + 6 : place + size])
        place += size
    payload = values.get(0x0F, b"")
    if not payload and 0x10 in values:
        payload = _inflated(values[0x10])
    wide = values.get(1, b"\2") != b"\2" or 5 in values
    hosts = (values.get(5, b""), values.get(6, b"")) if wide else (values.get(3, b""), values.get(4, b""))
    ports = (_number(values, 7), _number(values, 8))
    return Capture(
        known(_host(hosts[0]), ports[0]),
        known(_host(hosts[1]), ports[1]),
        _PROTOCOLS.get(_number(values, 2), ""),
        _number(values, 9) + _number(values, 10) / 1e6,
        _number(values, 11) or SIP,
        payload,
    )


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(47).decompress(data, _MAX_PAYLOAD)
    except zlib.error:
        return b""


def _number(values: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(values.get(kind, b"")[:8], "big")


def _host(packed: bytes) -> str:
    if len(packed) == 4:
        return str(IPv4Address(packed))
    return str(IPv6Address(packed)) if len(packed) == 16 else ""


def _fixed(packet: bytes) -> Capture | None:
    """HEP1 and HEP2: version, length, family, protocol, ports, addresses; HEP2 adds a time and an agent."""
    version, size, family, protocol = packet[:4]
    wide = family == 10
    need = 8 + (32 if wide else 8)
    if family not in (2, 10) or len(packet) < size or size < need:
        return None
    source, destination = struct.unpack_from("!HH", packet, 4)
    middle = 8 + (16 if wide else 4)
    at, body = 0.0, size
    if version == 2 and len(packet) >= size + 12:
        seconds, micro = struct.unpack_from("<II", packet, size)
        at, body = seconds + micro / 1e6, size + 12
    first, second = _host(packet[8:middle]), _host(packet[middle:need])
    return Capture(
        known(first, source), known(second, destination), _PROTOCOLS.get(protocol, ""), at, SIP, packet[body:]
    )


def encode(capture: Capture, agent: int = 1, key: bytes = b"", correlation: bytes = b"") -> bytes:
    """A HEP3 packet. Addresses that are names or unknown are written as 0.0.0.0.

    `key` is what the collector knows the agent by; `correlation` joins what belongs together: for SIP, the Call-ID.
    """
    first, second = _packed(capture.source.host), _packed(capture.destination.host)
    wide = len(first) == 16 or len(second) == 16
    if wide:
        first, second = first.rjust(16, b"\0"), second.rjust(16, b"\0")
    seconds = max(0, int(capture.at))
    micro = min(999_999, max(0, round((capture.at - seconds) * 1e6)))
    chunks = [
        (1, bytes((10 if wide else 2,))),
        (2, bytes((_PROTOCOLS_OUT.get(capture.transport, 17),))),
        (5 if wide else 3, first),
        (6 if wide else 4, second),
        (7, capture.source.port.to_bytes(2, "big")),
        (8, capture.destination.port.to_bytes(2, "big")),
        (9, (seconds & 0xFFFFFFFF).to_bytes(4, "big")),
        (10, micro.to_bytes(4, "big")),
        (11, bytes((capture.kind,))),
        (12, agent.to_bytes(4, "big")),
        *([(14, key)] if key else []),
        (15, capture.payload),
        *([(17, correlation)] if correlation else []),
    ]
    body = b"".join(_HEAD.pack(0, kind, len(value) + 6) + value for kind, value in chunks)
    return MAGIC + (len(body) + 6).to_bytes(2, "big") + body


@lru_cache(256)
def _packed(host: str) -> bytes:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(host).packed
        except ValueError:
            continue
    return bytes(4)
