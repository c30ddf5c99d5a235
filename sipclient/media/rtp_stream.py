"""The packets of one audio stream over a pair of UDP sockets: silence out, counts in, reports both."""

from __future__ import annotations

import socket

from sipclient.errors import SipError
from sipclient.media import rtcp
from sipclient.media.engine import RtpEngine, Ticker
from sipclient.media.peer import Peer
from sipclient.media.ports import PortPair
from sipclient.media.reception import Reception
from sipclient.media.rtp import Packetizer, RtpPacket, parse_rtp
from sipclient.sdp import AudioStream

SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5"}  # one sample of each codec we can send

_DATAGRAM = 2048  # bytes read of one: more than any audio packet has
_BATCH = 32  # datagrams read at one wake-up; the loop comes back for the rest
_CATCH_UP = 5  # packets sent at once after the process was held up; what is older is not worth sending
_REPORT_EVERY = 5.0  # seconds, give or take half (RFC 3550 §6.2)


class RtpStream:
    """One stream, idle until `agree` says what was negotiated.

    Counts: `received` packets of the peer's, `malformed` ones, `ignored` ones (from strangers, or of a payload
    type that was not agreed on), `reports` of RTCP that came, and `unsent` packets the system would not take.
    """

    def __init__(self, engine: RtpEngine, pair: PortPair) -> None:
        self.received = 0
        self.malformed = 0
        self.ignored = 0
        self.reports = 0
        self.unsent = 0
        self.agreed: AudioStream | None = None
        self._engine = engine
        self._pair = pair
        self._packetizer = Packetizer(engine.draw(32), engine.draw(15), engine.draw(32))
        self._cname = f"{engine.draw(96):024x}"  # says nothing of this machine (RFC 7022)
        self._peer: Peer | None = None
        self._expected: frozenset[int] = frozenset()
        self._silence = b""
        self._reception: Reception | None = None
        self._ticker: Ticker | None = None
        self._last_sent = 0.0
        self._reported_at_packet = 0
        self._next_report = 0.0
        engine.loop.add_reader(pair.rtp.fileno(), self._rtp_readable)
        engine.loop.add_reader(pair.rtcp.fileno(), self._rtcp_readable)

    @property
    def sent(self) -> int:
        """Packets of ours so far."""
        return self._packetizer.packets

    @property
    def lost(self) -> int:
        """Packets of the peer's current source that did not arrive."""
        return self._reception.lost if self._reception is not None else 0

    @property
    def peer(self) -> Peer | None:
        """Whom we talk to, once it is agreed."""
        return self._peer

    def agree(self, agreed: AudioStream) -> None:
        """Begin, or go on, as this agreement says."""
        before, self.agreed = self.agreed, agreed
        if before is None or (before.host, before.port) != (agreed.host, agreed.port):
            self._peer = Peer(agreed.host, agreed.port)
        self._expected = frozenset(number for number, _ in agreed.receives)
        self._silence = SILENCE[agreed.codec.name] * agreed.samples
        if before is None:
            self._schedule_report(self._engine.loop.time(), 0.5)
        ticker = self._engine.ticker(agreed.ptime / 1000)
        if ticker is not self._ticker:
            if self._ticker is not None:
                self._ticker.leave(self._tick)
            self._ticker = ticker
            ticker.join(self._tick)

    def close(self) -> None:
        """Stop, with a BYE if anything was ever sent; the sockets are their owner's to close."""
        if self._ticker is not None:
            self._ticker.leave(self._tick)
            self._ticker = None
            if self._packetizer.packets:
                self._report(self._engine.loop.time(), goodbye=True)
        self._engine.loop.remove_reader(self._pair.rtp.fileno())
        self._engine.loop.remove_reader(self._pair.rtcp.fileno())

    # --- out ----------------------------------------------------------------------------------------

    def _tick(self, intervals: int, now: float) -> None:
        agreed, peer = self.agreed, self._peer
        if agreed is None or peer is None:
            return
        packetizer, ticks = self._packetizer, agreed.samples
        if agreed.direction.sends:
            missed = intervals - _CATCH_UP
            if missed > 0:
                packetizer.pause(missed * ticks)
            for _ in range(min(intervals, _CATCH_UP)):
                packet = packetizer.packet(agreed.payload_type, self._silence, ticks)
                self._send(self._pair.rtp, packet, peer.destination)
            self._last_sent = now
        else:
            packetizer.pause(intervals * ticks)
        if now >= self._next_report:
            self._report(now)

    def _send(self, via: socket.socket, data: bytes, to: tuple[str, int]) -> None:
        try:
            via.sendto(data, to)
        except OSError:  # a full buffer, or no way there at the moment: sound is not sent twice
            self.unsent += 1

    def _report(self, now: float, goodbye: bool = False) -> None:
        agreed, packetizer = self.agreed, self._packetizer
        self._schedule_report(now, 1.0)
        if agreed is None or not agreed.rtcp_port:
            return
        sent = None
        if packetizer.packets != self._reported_at_packet:
            since = int((now - self._last_sent) * agreed.codec.clock) - agreed.samples
            timestamp = (packetizer.timestamp + since) & 0xFFFFFFFF
            sent = rtcp.Sent(now, timestamp, packetizer.packets, packetizer.octets)
            self._reported_at_packet = packetizer.packets
        block = self._reception.block() if self._reception is not None else None
        data = rtcp.report(packetizer.ssrc, self._cname, sent, block, goodbye)
        self._send(self._pair.rtcp, data, (agreed.rtcp_host, agreed.rtcp_port))

    def _schedule_report(self, now: float, share: float) -> None:
        self._next_report = now + _REPORT_EVERY * share * (0.5 + self._engine.draw(16) / 0x10000)

    # --- in -----------------------------------------------------------------------------------------

    def _rtp_readable(self) -> None:
        now = self._engine.loop.time()
        for _ in range(_BATCH):
            try:
                data, source = self._pair.rtp.recvfrom(_DATAGRAM)
            except OSError:  # nothing more, or an ICMP error of an earlier packet
                return
            try:
                packet = parse_rtp(data)
            except SipError:
                self.malformed += 1
                continue
            self._take(packet, source[:2], now)

    def _take(self, packet: RtpPacket, source: tuple[str, int], now: float) -> None:
        agreed, peer = self.agreed, self._peer
        if agreed is None or peer is None or packet.payload_type not in self._expected or not peer.hears(source):
            self.ignored += 1
            return
        self.received += 1
        reception = self._reception
        if reception is None or reception.ssrc != packet.ssrc:
            reception = self._reception = Reception(packet.ssrc, packet.sequence)
        reception.arrived(packet.sequence, packet.timestamp, int(now * agreed.codec.clock))

    def _rtcp_readable(self) -> None:
        for _ in range(_BATCH):
            try:
                self._pair.rtcp.recv(_DATAGRAM)
            except OSError:
                return
            self.reports += 1
