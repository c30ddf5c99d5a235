"""Packets out of pcap and pcapng files, one after the other.

pcap: draft-ietf-opsawg-pcap. pcapng: draft-ietf-opsawg-pcapng. Both byte orders, micro- and nanoseconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from sipclient.errors import TraceError
from sipclient.trace.source import Source

_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_MAX_PACKET = 1 << 20  # bytes; the largest snap length in use is 256 KiB
_MAX_BLOCK = 1 << 24
_MAX_INTERFACES = 4096
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6


class Frame(msgspec.Struct):
    """One captured packet: `number` from 1 as Wireshark counts, `at` seconds since 1970, and its link type."""

    number: int
    at: float
    link: int
    data: bytes


def is_capture(head: bytes) -> bool:
    """Whether a file begins as pcap or pcapng does."""
    return head[:4] in _PCAP or head[:4] == _PCAPNG


def name_of(head: bytes) -> str:
    """The form's name."""
    return "pcapng" if head[:4] == _PCAPNG else "pcap"


def frames(source: Source, notes: list[str]) -> Iterator[Frame]:
    """Every packet. What ends the file early goes to `notes`. Raises TraceError for a broken head."""
    magic = source.peek(4)
    return _pcapng(source, notes) if magic == _PCAPNG else _pcap(source, notes)


def _pcap(source: Source, notes: list[str]) -> Iterator[Frame]:
    order, unit = _PCAP[source.read(4)]
    head = source.read(20)
    if len(head) < 20:
        raise TraceError(f"{source.name} is a pcap file that ends within its header: there are no packets in it")
    link = int(struct.unpack(f"{order}I", head[16:])[0]) & 0x0FFFFFFF
    record = struct.Struct(f"{order}IIII")
    number = 0
    while head := source.read(16):
        number += 1
        if len(head) < 16:
            notes.append(f"the file ends within packet {number}")
            return
        seconds, fraction, size, _ = record.unpack(head)
        if size > _MAX_PACKET:
            notes.append(f"packet {number} claims {size} bytes: the file is damaged there, the rest is not read")
            return
        data = source.read(size)
        if len(data) < size:
            notes.append(f"the file ends within packet {number}")
        yield Frame(number, seconds + fraction * unit, link, data)


class _Interface(msgspec.Struct):
    link: int
    unit: float = 1e-6
    offset: int = 0


def _pcapng(source: Source, notes: list[str]) -> Iterator[Frame]:
    first = count = 0
    for number, frame in enumerate(_packets(source, notes), 1):
        if frame is not None:
            yield frame
        else:
            first, count = first or number, count + 1
    if count:
        words = f"{count} packets are damaged, and left out: the first is packet {first}"
        notes.append(words if count > 1 else f"packet {first} is damaged, and left out")


def _packets(source: Source, notes: list[str]) -> Iterator[Frame | None]:
    """The packets in their order, None for a damaged one."""
    order = "<"
    interfaces: list[_Interface] = []
    number = 0
    while head := source.read(8):
        if head[:4] == _PCAPNG:
            mark = source.peek(4)
            order = ">" if mark == b"\x1a\x2b\x3c\x4d" else "<"
            interfaces = []
        kind, size = struct.unpack(f"{order}II", head.ljust(8, b"\0"))
        if len(head) < 8 or size < 12 or size > _MAX_BLOCK:
            notes.append(f"the file is cut or damaged after packet {number}: the rest is not read")
            return
        body = source.read((size + 3 & ~3) - 8)
        if len(body) < size - 8:
            notes.append(f"the file is cut after packet {number}")
            body += bytes(4)
        content = body[:-4]
        if kind == _INTERFACE and len(interfaces) < _MAX_INTERFACES and len(content) >= 8:
            interfaces.append(_interface(order, content))
        elif kind in (_OLD_PACKET, _SIMPLE, _ENHANCED):
            number += 1
            yield _packet(order, kind, content, interfaces, number)


def _interface(order: str, content: bytes) -> _Interface:
    made = _Interface(struct.unpack_from(f"{order}H", content)[0])
    place = 8
    while place + 4 <= len(content):
        code, size = struct.unpack_from(f"{order}HH", content, place)
        value = content[place + 4 : place + 4 + size]
        if code == 9 and len(value) == 1:  # if_tsresol
            made.unit = 2.0 ** -(value[0] & 0x7F) if value[0] & 0x80 else 10.0 ** -min(value[0], 30)
        elif code == 14 and len(value) == 8:  # if_tsoffset
            made.offset = struct.unpack(f"{order}q", value)[0]
        elif code == 0:
            break
        place += 4 + (size + 3 & ~3)
    return made


def _packet(order: str, kind: int, content: bytes, interfaces: list[_Interface], number: int) -> Frame | None:
    """A packet block's frame; None where it is damaged."""
    index, ticks = 0, 0
    if kind == _SIMPLE:
        if len(content) < 4:
            return None
        size = min(struct.unpack_from(f"{order}I", content)[0], len(content) - 4)
        data = content[4 : 4 + size]
    else:
        if len(content) < 20:
            return None
        shape = f"{order}IIIII" if kind == _ENHANCED else f"{order}HHIIII"
        fields = struct.unpack_from(shape, content)
        index, high, low, size = fields[0], fields[-4], fields[-3], fields[-2]
        ticks = (high << 32) + low
        data = content[20 : 20 + size]
    if index >= len(interfaces):
        return None
    interface = interfaces[index]
    return Frame(number, ticks * interface.unit + interface.offset, interface.link, data)
