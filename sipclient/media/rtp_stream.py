"""The packets of one audio stream over any transport: silence out, counts in, reports both."""

from __future__ import annotations

from sipclient.errors import SipError
from sipclient.media import rtcp
from sipclient.media.engine import RtpEngine, Ticker
from sipclient.media.packets import PacketTransport
from sipclient.media.reception import Reception
from sipclient.media.rtp import Packetizer, parse_rtp
from sipclient.sdp import AudioStream

SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5"}  # one sample of each codec we can send

_CATCH_UP = 5  # packets sent at once after the process was held up; what is older is not worth sending
_REPORT_EVERY = 5.0  # seconds, give or take half (RFC 3550 §6.2)


class RtpStream:
    """One stream over a transport, which it closes with itself; idle until `agree` says what was negotiated.

    Counts: `received` packets of the peer's, `malformed` ones, `reports` of RTCP that came. `failure` says why
    nothing can come any more, if the transport said so.
    """

    def __init__(self, engine: RtpEngine, transport: PacketTransport) -> None:
        self.received = 0
        self.malformed = 0
        self.reports = 0
        self.failure = ""
        self.agreed: AudioStream | None = None
        self._engine = engine
        self._packetizer = Packetizer(engine.draw(32), engine.draw(15), engine.draw(32))
        self._cname = f"{engine.draw(96):024x}"  # says nothing of this machine (RFC 7022)
        self._unfit = 0
        self._expected: frozenset[int] = frozenset()
        self._silence = b""
        self._reception: Reception | None = None
        self._ticker: Ticker | None = None
        self._last_sent = 0.0
        self._reported_at_packet = 0
        self._next_report = 0.0
        self.transport = transport
        transport.start(self._take_rtp, self._take_rtcp, self._failed)

    @property
    def ignored(self) -> int:
        """Packets that were none of ours: from strangers, or of a payload type that was not agreed on."""
        return self._unfit + self.transport.dropped

    @property
    def unsent(self) -> int:
        """Packets of ours that could not be sent."""
        return self.transport.unsent

    @property
    def sent(self) -> int:
        """Packets of ours so far."""
        return self._packetizer.packets

    @property
    def lost(self) -> int:
        """Packets of the peer's current source that did not arrive."""
        return self._reception.lost if self._reception is not None else 0

    def agree(self, agreed: AudioStream) -> None:
        """Begin, or go on, as this agreement says."""
        before, self.agreed = self.agreed, agreed
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
        """Stop, with a BYE if anything was ever sent."""
        if self._ticker is not None:
            self._ticker.leave(self._tick)
            self._ticker = None
            if self._packetizer.packets:
                self._report(self._engine.loop.time(), goodbye=True)
        self.transport.close()

    # --- out ----------------------------------------------------------------------------------------

    def _tick(self, intervals: int, now: float) -> None:
        agreed = self.agreed
        if agreed is None:
            return
        packetizer, ticks = self._packetizer, agreed.samples
        if agreed.direction.sends:
            missed = intervals - _CATCH_UP
            if missed > 0:
                packetizer.pause(missed * ticks)
            for _ in range(min(intervals, _CATCH_UP)):
                self.transport.send_rtp(packetizer.packet(agreed.payload_type, self._silence, ticks))
            self._last_sent = now
        else:
            packetizer.pause(intervals * ticks)
        if now >= self._next_report:
            self._report(now)

    def _report(self, now: float, goodbye: bool = False) -> None:
        agreed, packetizer = self.agreed, self._packetizer
        self._schedule_report(now, 1.0)
        if agreed is None:
            return
        sent = None
        if packetizer.packets != self._reported_at_packet:
            since = int((now - self._last_sent) * agreed.codec.clock) - agreed.samples
            timestamp = (packetizer.timestamp + since) & 0xFFFFFFFF
            sent = rtcp.Sent(now, timestamp, packetizer.packets, packetizer.octets)
            self._reported_at_packet = packetizer.packets
        blocks = [self._reception.block()] if self._reception is not None else []
        self.transport.send_rtcp(rtcp.report(packetizer.ssrc, self._cname, sent, blocks, goodbye=goodbye))

    def _schedule_report(self, now: float, share: float) -> None:
        self._next_report = now + _REPORT_EVERY * share * (0.5 + self._engine.draw(16) / 0x10000)

    # --- in -----------------------------------------------------------------------------------------

    def _take_rtp(self, data: bytes, now: float) -> bool:
        try:
            packet = parse_rtp(data)
        except SipError:
            self.malformed += 1
            return False
        agreed = self.agreed
        if agreed is None or packet.payload_type not in self._expected:
            self._unfit += 1
            return False
        self.received += 1
        reception = self._reception
        if reception is None or reception.ssrc != packet.ssrc:
            reception = self._reception = Reception(packet.ssrc, packet.sequence)
        reception.arrived(packet.sequence, packet.timestamp, int(now * agreed.codec.clock))
        return True

    def _take_rtcp(self, data: bytes, now: float) -> bool:
        self.reports += 1
        return True

    def _failed(self, reason: str) -> None:
        self.failure = reason
