"""Messages as packets: pcapng that Wireshark opens, with checksums, TCP sequence numbers and WebSocket frames.

What the trace does not know is 0.0.0.0; hosts that are names get addresses of 198.18.0.0/15 (RFC 2544), and a Name
Resolution Block that says which is whose. draft-ietf-opsawg-pcapng §4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from sipclient.trace.record import Address, Record

_RAW = 101
_SECTION, _INTERFACE, _NAMES, _PACKET = 0x0A0D0D0A, 1, 4, 6
_STREAMS = frozenset({"TCP", "TLS", "WS", "WSS"})
_MAX_DATAGRAM = 65000
_SEGMENT = 32768  # bytes of a message in one TCP segment
_MADE_UP = int(IPv4Address("198.18.0.0"))
_ASKED = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
_GRANTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
_Host = IPv4Address | IPv6Address


def packets(records: Iterable[Record]) -> Iterator[bytes]:
    """A pcapng file in pieces."""
    yield _block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    yield _block(_INTERFACE, struct.pack("<HHI", _RAW, 0, 0))
    wire = _Wire()
    for record in records:
        for packet in wire.packets(record):
            yield from wire.names()
            yield _enhanced(packet, record)


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _enhanced(packet: bytes, record: Record) -> bytes:
    ticks = max(0, round(record.at * 1e6))
    head = struct.pack("<IIIII", 0, ticks >> 32 & 0xFFFFFFFF, ticks & 0xFFFFFFFF, len(packet), len(packet))
    comment = _comment(record).encode("utf-8", "surrogateescape")[:65000]
    options = b""
    if comment:
        options = struct.pack("<HH", 1, len(comment)) + comment + bytes(-len(comment) % 4) + bytes(4)
    return _block(_PACKET, head + packet + bytes(-len(packet) % 4) + options)


def _comment(record: Record) -> str:
    """What a packet cannot say of a record."""
    words: list[str] = [record.direction] if record.direction else []
    words += [f"over {record.transport}"] if record.transport in ("TLS", "WSS") else []
    words += [f"repaired: {repair}" for repair in record.repairs]
    return "; ".join(words)


class _Wire:
    """Hosts and connections of one file."""

    def __init__(self) -> None:
        self._made: dict[str, _Host] = {}
        self._new: list[tuple[str, _Host]] = []
        self._sequence: dict[tuple[Address, Address], int] = {}
        self._clients: set[tuple[Address, Address]] = set()  # WebSocket connections that have begun
        self._number = 0

    def names(self) -> Iterator[bytes]:
        """Name Resolution Blocks of hosts that were met since."""
        for name, host in self._new:
            value = host.packed + name.encode("utf-8", "surrogateescape")[:255] + b"\0"
            yield _block(_NAMES, struct.pack("<HH", 1, len(value)) + value + bytes(-len(value) % 4) + bytes(4))
        self._new.clear()

    def packets(self, record: Record) -> Iterator[bytes]:
        """The IP packets of one message."""
        source, destination = self._host(record.source.host), self._host(record.destination.host)
        if source.version != destination.version:  # one of them is not known: it takes the other's family
            source, destination = _wide(source), _wide(destination)
        if record.transport not in _STREAMS and len(record.data) <= _MAX_DATAGRAM:
            head = struct.pack("!HHHH", record.source.port, record.destination.port, len(record.data) + 8, 0)
            yield self._ip(source, destination, 17, head + record.data, 6)
            return
        key, back = (record.source, record.destination), (record.destination, record.source)
        chunks = [(key, record.data)]
        if record.transport in ("WS", "WSS"):
            chunks = [(key, _frame(record.data, masked=back not in self._clients))]
            if not {key, back} & self._clients:  # whoever speaks first is the client, and had asked for WebSocket
                self._clients.add(key)
                chunks = [(key, _ASKED), (back, _GRANTED), (key, _frame(record.data, masked=True))]
        for way, data in chunks:
            ends = (source, destination) if way == key else (destination, source)
            for place in range(0, len(data), _SEGMENT):
                yield self._ip(*ends, 6, self._segment(way, data[place : place + _SEGMENT]), 16)

    def _segment(self, way: tuple[Address, Address], part: bytes) -> bytes:
        """The next TCP segment of a direction."""
        source, destination = way
        sequence, acknowledged = self._sequence.get(way, 1), self._sequence.get((destination, source), 1)
        self._sequence[way] = sequence + len(part) & 0xFFFFFFFF
        head = struct.pack("!HHIIBBHHH", source.port, destination.port, sequence, acknowledged, 0x50, 0x18, 65535, 0, 0)
        return head + part

    def _host(self, name: str) -> _Host:
        try:
            return ip_address(name.partition("%")[0] or "0.0.0.0")
        except ValueError:
            if name not in self._made:
                self._made[name] = IPv4Address(_MADE_UP + (len(self._made) + 1) % (1 << 17))
                self._new.append((name, self._made[name]))
            return self._made[name]

    def _ip(self, source: _Host, destination: _Host, protocol: int, payload: bytes, place: int) -> bytes:
        """An IP packet whose payload's checksum stands at `place`."""
        addresses = source.packed + destination.packed
        pseudo = addresses + struct.pack("!IHBB", len(payload), 0, 0, protocol)
        total = _checksum(pseudo + payload) or 0xFFFF
        payload = payload[:place] + total.to_bytes(2, "big") + payload[place + 2 :]
        if source.version == 6:
            return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload
        self._number = self._number + 1 & 0xFFFF
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), self._number, 0, 64, protocol, 0) + addresses
        return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:] + payload


def _wide(host: _Host) -> IPv6Address:
    """As IPv6: what is unknown as ::, IPv4 as it is mapped."""
    if isinstance(host, IPv6Address):
        return host
    return IPv6Address((0xFFFF << 32) + int(host) if int(host) else 0)


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2 + len(data) % 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _frame(data: bytes, masked: bool) -> bytes:
    """One WebSocket text frame, with a mask of zeros where a client sends. RFC 6455 §5.2."""
    flag, size = 0x80 if masked else 0, len(data)
    if size < 126:
        length = bytes((flag | size,))
    elif size < 65536:
        length = bytes((flag | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((flag | 127,)) + size.to_bytes(8, "big")
    return b"\x81" + length + bytes(4 if masked else 0) + data
