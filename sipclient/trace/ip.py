"""IP packets to what they carry, fragments put together. RFC 791, RFC 8200."""

from __future__ import annotations

from ipaddress import IPv6Address

import msgspec

UDP, TCP, SCTP = 17, 6, 132
_IN_IP = frozenset({4, 41})
_SKIPPED = frozenset({0, 43, 60, 135})  # hop-by-hop, routing, destination options, mobility
_FRAGMENT, _AUTH = 44, 51
_PENDING = 512  # datagrams whose fragments are waited for
_MAX_DATAGRAM = 65535 + 64


class Datagram(msgspec.Struct):
    """What an IP packet carries, whole."""

    source: str
    destination: str
    protocol: int
    payload: bytes


class _Pieces(msgspec.Struct):
    parts: dict[int, bytes]
    total: int = -1
    size: int = 0


class Reassembly:
    """Takes IP packets, gives datagrams. Of more than a bounded number of unfinished ones the oldest is dropped."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str, int, int], _Pieces] = {}

    def take(self, packet: bytes, depth: int = 0) -> Datagram | None:
        """The datagram that this packet is or completes; None for a fragment, and for what is no IP."""
        version = packet[0] >> 4 if packet else 0
        found = self._v4(packet) if version == 4 else self._v6(packet) if version == 6 else None
        if found is not None and found.protocol in _IN_IP and depth < 2:
            return self.take(found.payload, depth + 1)
        return found

    def _v4(self, packet: bytes) -> Datagram | None:
        size = (packet[0] & 15) * 4
        if size < 20 or len(packet) < size:
            return None
        total = int.from_bytes(packet[2:4], "big") or len(packet)  # 0: left to the network card
        payload = packet[size:total]
        source, destination = ".".join(map(str, packet[12:16])), ".".join(map(str, packet[16:20]))
        flags = int.from_bytes(packet[6:8], "big")
        protocol = packet[9]
        if not flags & 0x3FFF:
            return Datagram(source, destination, protocol, payload)
        key = (source, destination, int.from_bytes(packet[4:6], "big"), protocol)
        return self._fragment(key, (flags & 0x1FFF) * 8, bool(flags & 0x2000), payload)

    def _v6(self, packet: bytes) -> Datagram | None:
        if len(packet) < 40:
            return None
        source, destination = str(IPv6Address(packet[8:24])), str(IPv6Address(packet[24:40]))
        end = 40 + (int.from_bytes(packet[4:6], "big") or len(packet))
        protocol, place = packet[6], 40
        while protocol in _SKIPPED or protocol == _AUTH:
            if len(packet) < place + 8:
                return None
            length = (packet[place + 1] + 2) * 4 if protocol == _AUTH else (packet[place + 1] + 1) * 8
            protocol, place = packet[place], place + length
        if protocol != _FRAGMENT:
            return Datagram(source, destination, protocol, packet[place:end])
        if len(packet) < place + 8:
            return None
        head = packet[place : place + 8]
        offset = int.from_bytes(head[2:4], "big")
        key = (source, destination, int.from_bytes(head[4:8], "big"), 256 + head[0])
        return self._fragment(key, offset & 0xFFF8, bool(offset & 1), packet[place + 8 : end])

    def _fragment(self, key: tuple[str, str, int, int], offset: int, more: bool, payload: bytes) -> Datagram | None:
        if offset == 0 and not more:
            return Datagram(key[0], key[1], key[3] & 255, payload)
        pieces = self._pending.setdefault(key, _Pieces({}))
        if len(self._pending) > _PENDING:
            del self._pending[next(iter(self._pending))]
        pieces.size += len(payload)
        if pieces.size > _MAX_DATAGRAM:
            self._pending.pop(key, None)
            return None
        pieces.parts.setdefault(offset, payload)
        if not more:
            pieces.total = offset + len(payload)
        whole = _joined(pieces) if 0 <= pieces.total <= pieces.size else None
        if whole is None:
            return None
        self._pending.pop(key, None)
        return Datagram(key[0], key[1], key[3] & 255, whole)


def _joined(pieces: _Pieces) -> bytes | None:
    """The datagram, when no byte of it is missing."""
    whole = bytearray()
    for offset in sorted(pieces.parts):
        if offset > len(whole):
            return None
        whole += pieces.parts[offset][len(whole) - offset :]
    return bytes(whole[: pieces.total]) if len(whole) >= pieces.total else None
