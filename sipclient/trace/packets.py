"""Captured packets to SIP messages and counted media: UDP, TCP, SCTP, WebSocket, and HEP within them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sipclient.trace import hep, ip, tcp
from sipclient.trace.link import LINKS, ip_of
from sipclient.trace.pcap import Frame
from sipclient.trace.record import Address, Record, known
from sipclient.trace.rtp import MediaCounter
from sipclient.trace.streams import StreamReader, is_sip

_DIRECTIONS = 1024  # of TCP connections followed at a time; the one silent for longest is let go
_SCTP_DATA = 0


class _Followed(msgspec.Struct):
    order: tcp.Direction
    reader: StreamReader
    source: Address
    destination: Address
    gaps: int = 0


class PacketReader:
    """Takes frames in their order, gives records. What a user should know is in `notes()` at the end."""

    def __init__(self) -> None:
        self.media = MediaCounter()
        self._fragments = ip.Reassembly()
        self._flows: dict[tuple[Address, Address], _Followed] = {}
        self._encrypted = 0
        self._gaps = 0
        self._cut = 0
        self._links: set[int] = set()

    def take(self, frame: Frame) -> Iterator[Record]:
        """The messages that this frame holds or completes."""
        if frame.link not in LINKS:
            if len(self._links) < 16:
                self._links.add(frame.link)
            return
        found = self._fragments.take(ip_of(frame.link, frame.data))
        if found is None:
            return
        if found.protocol == ip.UDP:
            yield from self._udp(found, frame)
        elif found.protocol == ip.TCP:
            yield from self._tcp(found, frame)
        elif found.protocol == ip.SCTP:
            yield from self._sctp(found, frame)

    def finish(self, last: Frame | None) -> Iterator[Record]:
        """What waited behind gaps that were never filled."""
        for flow in self._flows.values():
            if last is not None:
                yield from self._ordered(flow, flow.order.rest(), last)

    def notes(self) -> list[str]:
        """In sentences' halves, for the user."""
        notes = []
        if self._encrypted:
            notes.append(
                f"{self._encrypted} TLS connection{'s are' if self._encrypted > 1 else ' is'} encrypted: "
                "what was said on them cannot be read here"
            )
        if self._gaps:
            notes.append(f"TCP bytes are missing from the capture at {self._gaps} place{'s' if self._gaps > 1 else ''}")
        if self._cut:
            notes.append(f"{self._cut} packet{'s were' if self._cut > 1 else ' was'} cut when captured (snap length)")
        if self._links:
            kinds = ", ".join(map(str, sorted(self._links)))
            notes.append(f"packets of link type {kinds} are not understood, and left out")
        return notes

    def _udp(self, found: ip.Datagram, frame: Frame) -> Iterator[Record]:
        packet = found.payload
        if len(packet) < 8:
            return
        source = known(found.source, int.from_bytes(packet[:2], "big"))
        destination = known(found.destination, int.from_bytes(packet[2:4], "big"))
        size = int.from_bytes(packet[4:6], "big")
        data = packet[8:size] if size >= 8 else packet[8:]
        if is_sip(data):
            self._cut += size > len(packet)
            yield self._record(data, "UDP", source, destination, frame)
        elif (capture := hep.decode(data)) is not None:
            yield from self._capture(capture, frame)
        elif data:
            self.media.add(source, destination, data, frame.at)

    def _capture(self, capture: hep.Capture, frame: Frame) -> Iterator[Record]:
        record = record_of(capture, frame.number)
        if record is not None:
            self.media.learn(record.data)
            yield record

    def _tcp(self, found: ip.Datagram, frame: Frame) -> Iterator[Record]:
        segment = tcp.segment(found.payload)
        if segment is None:
            return
        key = (known(found.source, segment.source), known(found.destination, segment.destination))
        flow = self._flows.pop(key, None)
        if flow is None or segment.opens:
            flow = _Followed(tcp.Direction(), StreamReader(), *key)
        self._flows[key] = flow
        if len(self._flows) > _DIRECTIONS:
            del self._flows[next(iter(self._flows))]
        before = flow.reader.kind
        yield from self._ordered(flow, flow.order.take(segment), frame)
        if flow.reader.kind == "tls" != before and (key[1], key[0]) not in self._flows:
            self._encrypted += 1

    def _ordered(self, flow: _Followed, chunks: Iterator[bytes | None], frame: Frame) -> Iterator[Record]:
        for chunk in chunks:
            if chunk is None:
                self._gaps += bool(flow.reader.kind and flow.reader.kind != "tls")
                flow.reader.gap()
                continue
            for message in flow.reader.feed(chunk):
                if message.startswith(hep.MAGIC):
                    capture = hep.decode(message)
                    yield from self._capture(capture, frame) if capture is not None else ()
                else:
                    transport = "WS" if flow.reader.kind == "websocket" else "TCP"
                    yield self._record(message, transport, flow.source, flow.destination, frame)

    def _sctp(self, found: ip.Datagram, frame: Frame) -> Iterator[Record]:
        """Whole messages in DATA chunks. RFC 9260 §3.3.1, RFC 4168."""
        packet, place = found.payload, 12
        source = known(found.source, int.from_bytes(packet[:2], "big"))
        destination = known(found.destination, int.from_bytes(packet[2:4], "big"))
        while place + 4 <= len(packet):
            kind, flags = packet[place], packet[place + 1]
            size = int.from_bytes(packet[place + 2 : place + 4], "big")
            if size < 4:
                return
            data = packet[place + 16 : place + size]
            if kind == _SCTP_DATA and flags & 3 == 3 and is_sip(data):
                yield self._record(data, "SCTP", source, destination, frame)
            place += size + 3 & ~3

    def _record(self, data: bytes, transport: str, source: Address, destination: Address, frame: Frame) -> Record:
        self.media.learn(data)
        return Record(
            data, frame.at, "wall", transport=transport, source=source, destination=destination, line=frame.number
        )


def record_of(capture: hep.Capture, number: int) -> Record | None:
    """What an agent captured as a record; None where it is no SIP."""
    if capture.kind != hep.SIP or not is_sip(capture.payload):
        return None
    return Record(
        capture.payload, capture.at, "wall" if capture.at else "", transport=capture.transport,
        source=capture.source, destination=capture.destination, line=number,
    )  # fmt: skip
