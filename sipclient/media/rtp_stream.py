"""One audio stream over any transport: what it sends, who hears it, and what both sides tell each other of it."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.media.dtmf import KeyPress
from sipclient.media.engine import RtpEngine, Ticker
from sipclient.media.intake import Intake
from sipclient.media.packets import PacketTransport
from sipclient.media.pipe import Pipe
from sipclient.media.relay import Relay
from sipclient.media.reporter import Reporter
from sipclient.media.rtp import Packetizer
from sipclient.media.seams import Sink, Source, let_hear
from sipclient.media.sender import CATCH_UP, Sender
from sipclient.media.stats import Dropped, StreamStats, metrics_of, stats_of
from sipclient.sdp import OPUS, AudioStream, Codec

_REPORT_EVERY = 5.0  # seconds, give or take half (RFC 3550 §6.2)
_HOUSEKEEPING = 0.1  # seconds between looks at keys whose end was lost, and at what is to be reported
_KEEP_OPEN = 15.0  # seconds without a packet after which one goes out, for the NATs between (RFC 6263 §4.1)
_COLLISION = 10.0  # seconds in which a second collision of SSRCs is a loop (RFC 3550 §8.2)


class RtpStream:
    """One stream over a transport, which it closes with itself; idle until `agree` says what was negotiated.

    `source` is what it sends, None for silence. Whoever is told to `listen` hears it: packets are put in order and
    decoded only while somebody does. `relay_to` hands its packets to another stream. `on_key` is called with each
    key that was pressed, `on_failure` with the reason if nothing can come any more; `failure` keeps that.
    """

    def __init__(self, engine: RtpEngine, transport: PacketTransport) -> None:
        self.failure = ""
        self.on_failure: Callable[[str], None] | None = None
        self.agreed: AudioStream | None = None
        self.transport = transport
        self._engine = engine
        self._packetizer = Packetizer(engine.draw(32), engine.draw(15), engine.draw(32))
        self._sender = Sender(self._packetizer, self._send)
        self._intake = Intake(self._another_source, self._transcode)
        # The name says nothing of this machine (RFC 7022).
        self._reporter = Reporter(self._packetizer, f"{engine.draw(96):024x}")
        self._sinks: tuple[Sink, ...] = ()
        self._target: RtpStream | None = None  # where our packets are relayed to
        self._origin: RtpStream | None = None  # whose packets are relayed here
        self._ticker: Ticker | None = None
        self._next_report = 0.0
        self._collided_at = -_COLLISION
        self._dropped = Dropped()  # by transports that were used before
        self._closed = False
        transport.start(self._intake.take, self._reporter.take, self._failed)

    @property
    def ssrc(self) -> int:
        """Our name in its packets; another one after a collision."""
        return self._packetizer.ssrc

    @property
    def cname(self) -> str:
        """Our name in its reports (RFC 7022)."""
        return self._reporter.cname

    @property
    def stats(self) -> StreamStats:
        """All that is known of it, at this moment."""
        transport, before = self.transport, self._dropped
        dropped = Dropped(before.came + transport.dropped, before.went + transport.unsent)
        now = self._engine.loop.time()
        return stats_of(self.agreed, self._packetizer, self._intake, self._reporter, dropped, now)

    @property
    def trouble(self) -> str:
        """Why there is only silence, where the codec that was agreed on cannot be had here."""
        playout = self._intake.playout
        return self._sender.trouble or (playout.trouble if playout is not None else "")

    @property
    def on_key(self) -> Callable[[KeyPress], None] | None:
        """Who is told of each key the peer pressed."""
        return self._intake.on_key

    @on_key.setter
    def on_key(self, callback: Callable[[KeyPress], None] | None) -> None:
        self._intake.on_key = callback

    @property
    def source(self) -> Source | None:
        """What it sends."""
        return self._sender.source

    @source.setter
    def source(self, source: Source | None) -> None:
        self._sender.source = source
        self._arrange()

    def agree(self, agreed: AudioStream) -> None:
        """Begin, or go on, as this agreement says."""
        before, self.agreed = self.agreed, agreed
        self._intake.agree(agreed.receives, agreed.fmtp)
        self._sender.agree(agreed)
        self._connect()
        if self._origin is not None:
            self._origin._connect()
        self._arrange()
        if before is None:
            self._schedule_report(self._engine.loop.time(), 0.5)
            self._engine.ticker(_HOUSEKEEPING).join(self._look_after)

    def use(self, transport: PacketTransport) -> None:
        """Go on over another transport; the one before is for whoever made it to close."""
        before = self._dropped
        self._dropped = Dropped(before.came + self.transport.dropped, before.went + self.transport.unsent)
        self.transport = transport
        transport.start(self._intake.take, self._reporter.take, self._failed)

    def listen(self, sink: Sink) -> None:
        """Let it hear all that comes from now on."""
        self._sinks += (sink,)
        self._arrange()

    def listen_to_ourselves(self, sink: Sink) -> None:
        """Let it hear what `source` says from now on; silence and what is relayed it does not hear."""
        self._sender.heard_by += (sink,)

    def leave(self, sink: Sink) -> None:
        """No more, in either way; not having listened is no error."""
        self._sinks = tuple(each for each in self._sinks if each is not sink)
        self._sender.heard_by = tuple(each for each in self._sender.heard_by if each is not sink)
        self._arrange()

    def press(self, keys: str, seconds: float = 0.1, gap: float = 0.1) -> None:
        """Press keys of `0-9 * # A-D !` one after the other, as RFC 4733 events. Raises InvalidValue for what is no
        key, MediaError where the peer agreed on no telephone-event."""
        self._sender.press(keys, seconds, gap)
        self._arrange()

    def relay_to(self, target: RtpStream | None) -> None:
        """Hand what comes to another stream from now on, in the place of its silence; None: no more.

        Packets go through untouched where both sides speak one codec, else what they sound like does.
        """
        if self._target is not None:
            self._transcode(False)
            self._target._origin = None
            self._target._sender.relayed = False
            self._target._arrange()
        self._target, self._intake.relay = target, None
        if target is not None:
            if target._origin is not None:
                target._origin.relay_to(None)
            target._origin = self
            target._sender.relayed = True
            self._intake.relay = Relay(target._sender, target._send)
            self._connect()

    def close(self) -> None:
        """Stop, with a BYE if anything was ever sent. Twice is harmless."""
        if self._closed:
            return
        self.relay_to(None)
        if self._origin is not None:
            self._origin.relay_to(None)
        self._closed = True
        if self._ticker is not None:
            self._ticker.leave(self._tick)
            self._ticker = None
        if self.agreed is not None:
            self._engine.ticker(_HOUSEKEEPING).leave(self._look_after)
        if self._packetizer.packets:
            self._report(self._engine.loop.time(), goodbye=True)
        self.transport.close()

    # --- bridged to another -------------------------------------------------------------------------

    def _connect(self) -> None:
        """Say to the relay what was agreed on both sides."""
        target, relay = self._target, self._intake.relay
        if target is None or relay is None or self.agreed is None or target.agreed is None:
            return
        self._transcode(False)  # until a packet comes that cannot go through
        relay.agree(dict(self.agreed.receives), target.agreed)
        target._arrange()

    def _transcode(self, needed: bool) -> None:
        """Whether what comes goes to the other side as sound, or packet by packet."""
        target = self._target
        if target is None or needed == self._intake.relay_decodes:
            return
        self._intake.relay_decodes = needed
        if needed:
            self.listen(pipe := Pipe())
            target._sender.pipe = pipe
            if self.agreed is not None and target.agreed is not None:
                target._sender.want(_rate_of(self.agreed.codec))
                self._intake.want(_rate_of(target.agreed.codec))
        else:
            gone, target._sender.pipe = target._sender.pipe, None
            if isinstance(gone, Pipe):
                self.leave(gone)
            target._sender.want(0)
            self._intake.want(0)
        target._arrange()

    # --- in time ------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Tick as often as packets go while anything depends on it; a stream whose packets are only passed on
        needs no clock."""
        agreed, sender = self.agreed, self._sender
        if agreed is None or self._closed:
            return
        self._intake.listen(bool(self._sinks))
        needed = self._sinks or sender.busy or sender.pipe is not None or not sender.relayed
        ticker = self._engine.ticker(agreed.ptime / 1000) if needed else None
        if ticker is self._ticker:
            return
        if self._ticker is not None:
            self._ticker.leave(self._tick)
        elif self._packetizer.sent_at:
            self._packetizer.resume(self._engine.loop.time(), agreed.codec.clock)
        self._ticker = ticker
        if ticker is not None:
            ticker.join(self._tick)

    def _tick(self, intervals: int, now: float) -> None:
        agreed = self.agreed
        if agreed is None:
            return
        if self._sinks:
            for _ in range(min(intervals, CATCH_UP)):
                pcm, rate = self._intake.hear(agreed.ptime / 1000, now)
                for sink in let_hear(self._sinks, pcm, rate, now):
                    self.leave(sink)
        self._sender.tick(intervals, now)
        if self._sender.relayed and not (self._sinks or self._sender.busy or self._sender.pipe):
            self._arrange()

    def _look_after(self, intervals: int, now: float) -> None:
        self._intake.look_after(now)
        if self._sender.relayed and now - self._packetizer.sent_at >= _KEEP_OPEN:
            self._sender.silence(now)
        if now >= self._next_report:
            self._report(now)

    def _report(self, now: float, goodbye: bool = False) -> None:
        self._schedule_report(now, 1.0)
        if self.agreed is None:
            return
        reception = self._intake.reception
        block = None if reception is None else reception.block(*self._reporter.last_report(now))
        metrics = metrics_of(self.stats) if self._reporter.extends else None
        clock = self.agreed.codec.clock
        self.transport.send_rtcp(self._reporter.report(now, clock, block, metrics, goodbye))

    def _schedule_report(self, now: float, share: float) -> None:
        self._next_report = now + _REPORT_EVERY * share * (0.5 + self._engine.draw(16) / 0x10000)

    # --- in and out ---------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        self.transport.send_rtp(data)

    def _another_source(self, ssrc: int, now: float) -> None:
        """The peer speaks as somebody new. If as us, one of both must take another name (RFC 3550 §8.2), unless it
        is what we sent that comes back."""
        if ssrc != self._packetizer.ssrc or now - self._collided_at < _COLLISION:
            return
        self._collided_at = now
        self._report(now, goodbye=True)
        self._packetizer.ssrc = self._engine.draw(32) ^ 1
        self._packetizer.fresh = True

    def _failed(self, reason: str) -> None:
        self.failure = reason
        if self.on_failure is not None:
            self.on_failure(reason)


def _rate_of(codec: Codec) -> int:
    """The sampling rate of its sound; 0 for opus, which takes any."""
    if codec.name == OPUS.name:
        return 0
    return 2 * codec.clock if codec.name == "G722" else codec.clock  # RFC 3551 §4.5.2
