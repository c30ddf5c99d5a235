"""What both sides tell each other of how a stream arrives: RTCP of one stream. No clock, no socket."""

from __future__ import annotations

from sipclient.media import rtcp
from sipclient.media.reception import Block
from sipclient.media.rtp import MalformedPacket, Packetizer
from sipclient.media.xr import Delay, Extended, VoipMetrics


class Reporter:
    """Writes our reports and reads the peer's.

    `round_trip` is seconds there and back, `block` the peer's last report on what it gets of us, `metrics` what
    it says of how that sounds; each None until it is known. `gone`: the peer said goodbye. `malformed` counts
    what was no RTCP.
    """

    def __init__(self, packetizer: Packetizer, cname: str) -> None:
        self.received = 0
        self.malformed = 0
        self.round_trip: float | None = None
        self.block: Block | None = None
        self.metrics: VoipMetrics | None = None
        self.gone = False
        self._packetizer = packetizer
        self.cname = cname
        self._told_packets = 0  # how many we had sent when we last said so
        self._heard: tuple[int, float] | None = None  # of the peer's last sender report: its time, and ours
        self._reference: tuple[int, int, float] | None = None  # of the peer's last reference time: SSRC too

    @property
    def extends(self) -> bool:
        """Whether the peer speaks RFC 3611, and so is spoken to."""
        return self._reference is not None

    # --- read ---------------------------------------------------------------------------------------

    def take(self, data: bytes, now: float) -> bool:
        """A packet of the peer's; whether it is one."""
        try:
            packets = rtcp.parse_rtcp(data)
        except MalformedPacket:
            self.malformed += 1
            return False
        self.received += 1
        for packet in packets:
            if isinstance(packet, rtcp.Report):
                self._report(packet, now)
            elif isinstance(packet, Extended):
                self._extended(packet, now)
            elif isinstance(packet, rtcp.Goodbye):
                self.gone = True
        return True

    def _report(self, report: rtcp.Report, now: float) -> None:
        self.gone = False
        if report.sent is not None:
            self._heard = rtcp.middle(report.sent.elapsed), now
        for block in report.blocks:
            if block.ssrc == self._packetizer.ssrc:
                self.block = block
                self._measure(now, block.last_report, block.delay)

    def _extended(self, report: Extended, now: float) -> None:
        if report.reference_time is not None:
            self._reference = report.ssrc, rtcp.middle(report.reference_time), now
        for delay in report.delays:
            if delay.ssrc == self._packetizer.ssrc:
                self._measure(now, delay.last, delay.delay)
        for metrics in report.metrics:
            if metrics.ssrc == self._packetizer.ssrc:
                self.metrics = metrics

    def _measure(self, now: float, last: int, delay: int) -> None:
        taken = rtcp.round_trip(now, last, delay)
        if taken is not None:
            self.round_trip = taken

    # --- written ------------------------------------------------------------------------------------

    def report(
        self, now: float, clock: int, block: Block | None, metrics: VoipMetrics | None = None, goodbye: bool = False
    ) -> bytes:
        """Our report of this moment: what we sent, if we did since the last; the `block` on what came, and, for
        those who send extended reports themselves, how it sounds."""
        packetizer = self._packetizer
        sent = None
        if packetizer.packets != self._told_packets:
            timestamp = packetizer.moment(now, clock)
            sent = rtcp.Sent(now, timestamp, packetizer.packets, packetizer.octets)
            self._told_packets = packetizer.packets
        return rtcp.report(
            packetizer.ssrc,
            self.cname,
            sent,
            () if block is None else (block,),
            self._extension(now, sent is None, metrics),
            goodbye,
        )

    def last_report(self, now: float) -> tuple[int, int]:
        """Of the peer's last sender report: its time and how long ago it came, for a block. RFC 3550 §6.4.1."""
        if self._heard is None:
            return 0, 0
        return self._heard[0], rtcp.middle(now - self._heard[1])

    def _extension(self, now: float, listening: bool, metrics: VoipMetrics | None) -> Extended | None:
        if self._reference is None:
            return None
        ssrc, last, at = self._reference
        delays = (Delay(ssrc, last, rtcp.middle(now - at)),)
        return Extended(
            self._packetizer.ssrc, now if listening else None, delays, () if metrics is None else (metrics,)
        )
