"""TCP segments to the bytes of each direction in their order. RFC 9293 §3.4.

What was captured twice is given once, what came out of order is put back, and what the capture never saw is
told as a gap, once so much has come after it that it will not be filled.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

_WAITING = 256  # segments kept beyond a gap
_WAITING_BYTES = 1 << 20
_HALF = 1 << 31
_MASK = 0xFFFFFFFF
_FIN, _SYN, _RST = 1, 2, 4


class Segment(msgspec.Struct):
    """A TCP segment: ports, sequence number of its first byte, flags, and its bytes."""

    source: int
    destination: int
    sequence: int
    flags: int
    data: bytes

    @property
    def opens(self) -> bool:
        """Whether it is a SYN: what was before is another connection."""
        return bool(self.flags & _SYN)

    @property
    def closes(self) -> bool:
        """Whether nothing follows it."""
        return bool(self.flags & (_FIN | _RST))


def segment(payload: bytes) -> Segment | None:
    """A segment from what an IP packet carries; None where it is cut within its header."""
    if len(payload) < 20:
        return None
    size = (payload[12] >> 4) * 4
    if size < 20 or len(payload) < size:
        return None
    source, destination = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
    return Segment(source, destination, int.from_bytes(payload[4:8], "big"), payload[13], payload[size:])


class Direction:
    """One direction of a connection."""

    __slots__ = ("_bytes", "_next", "_waiting")

    def __init__(self) -> None:
        self._next = -1
        self._waiting: dict[int, bytes] = {}
        self._bytes = 0

    def take(self, arrived: Segment) -> Iterator[bytes | None]:
        """The bytes that a segment brings in order; None stands for a gap."""
        sequence = arrived.sequence
        if arrived.opens:
            sequence = sequence + 1 & _MASK
            self._next = sequence
            self._waiting.clear()
            self._bytes = 0
        if self._next < 0:
            self._next = sequence
        if arrived.data:
            yield from self._arrived(sequence, arrived.data)
        if arrived.closes:
            yield from self.rest()

    def _arrived(self, sequence: int, data: bytes) -> Iterator[bytes | None]:
        ahead = (sequence - self._next) & _MASK
        if ahead >= _HALF:  # it begins before what is expected next
            data = data[_MASK + 1 - ahead :]
            ahead = 0
        if not data:
            return
        if ahead:
            if len(data) > len(self._waiting.get(sequence, b"")):
                self._bytes += len(data) - len(self._waiting.get(sequence, b""))
                self._waiting[sequence] = data
            if len(self._waiting) > _WAITING or self._bytes > _WAITING_BYTES:
                yield from self.rest()
            return
        yield data
        self._next = self._next + len(data) & _MASK
        if self._waiting:
            yield from self._filled()

    def _filled(self) -> Iterator[bytes | None]:
        """What waited and now follows."""
        waiting = self._ordered()
        for sequence in waiting:
            ahead = (sequence - self._next) & _MASK
            if 0 < ahead < _HALF:
                return
            data = self._waiting.pop(sequence)
            self._bytes -= len(data)
            data = data[(_MASK + 1 - ahead) & _MASK :]
            if data:
                yield data
                self._next = self._next + len(data) & _MASK

    def rest(self) -> Iterator[bytes | None]:
        """All that waits, with its gaps: nothing before it is coming any more."""
        while self._waiting:
            self._next = self._ordered()[0]
            yield None
            yield from self._filled()

    def _ordered(self) -> list[int]:
        return sorted(self._waiting, key=lambda sequence: (sequence - self._next + _HALF) & _MASK)
