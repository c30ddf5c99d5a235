"""What a stream sends, packet by packet: sound of a source, keys, or silence. No clock, no socket."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.errors import MediaError
from sipclient.media.codecs import Encoder, encoder
from sipclient.media.dtmf import EventWriter
from sipclient.media.rtp import Packetizer
from sipclient.media.seams import Broken, Sink, Source, frame_of, let_hear
from sipclient.sdp import AudioStream

CATCH_UP = 5  # packets sent at once after the process was held up; what is older is not worth sending
_SETTLED = 5  # packets of silence after which an encoder says nothing new


class Sender:
    """Makes the packets of one stream and hands them to `send`.

    Keys go before everything, then `source`, then `pipe` (the sound of a stream that is bridged to this one);
    without any of them it is silence, packet for packet. `relayed`: another stream's packets go out in its
    place, numbered by the same `packetizer`, and only keys and `source` are ours to send.
    `trouble` says why there is no sound, where the codec cannot be had.
    """

    __slots__ = (
        "_agreed",
        "_encoder",
        "_event",
        "_pressed",
        "_send",
        "_silence",
        "_wanted",
        "carried_until",
        "heard_by",
        "keys",
        "packetizer",
        "pipe",
        "relayed",
        "source",
        "trouble",
    )

    def __init__(self, packetizer: Packetizer, send: Callable[[bytes], None]) -> None:
        self.packetizer = packetizer
        self.keys = EventWriter()
        self.source: Source | None = None
        self.heard_by: tuple[Sink, ...] = ()  # who else hears what `source` says
        self.pipe: Source | None = None
        self.relayed = False
        self.trouble = ""
        self.carried_until = 0.0  # an event of a bridged stream goes on until then: no sound meanwhile
        self._send = send
        self._agreed: AudioStream | None = None
        self._event: tuple[int, int] | None = None
        self._pressed = 0
        self._encoder: Encoder | None = None
        self._wanted = 0
        self._silence: bytes | None = None

    def agree(self, agreed: AudioStream) -> None:
        """Go on as this agreement says."""
        before, self._agreed = self._agreed, agreed
        self._event = event_of(agreed)
        if before is None or (before.codec, before.fmtp, before.ptime) != (agreed.codec, agreed.fmtp, agreed.ptime):
            self._encoder = self._silence = None
            self.trouble = ""

    def want(self, rate: int) -> None:
        """Sound will come at this sampling rate, if nothing is said against it; 0: at any."""
        if rate != self._wanted:
            self._wanted, self._encoder = rate, None

    @property
    def busy(self) -> bool:
        """Whether there is something of ours to send, rather than what is relayed."""
        return self.source is not None or self.keys.waiting > 0

    def press(self, keys: str, seconds: float = 0.1, gap: float = 0.1) -> None:
        """Send these keys as telephone events (RFC 4733), one after the other. Raises InvalidValue for what is no
        key, MediaError where the peer agreed on none."""
        if self._event is None:
            raise MediaError("the peer takes no telephone-event: send keys by SIP INFO instead")
        self.keys.press(keys, seconds, gap)

    def tick(self, intervals: int, now: float) -> None:
        """So many packets' time passed: one, unless the process was held up."""
        agreed, packetizer = self._agreed, self.packetizer
        if agreed is None:
            return
        if not agreed.direction.sends:
            packetizer.pause(intervals * agreed.samples)
            return
        if intervals > CATCH_UP:
            packetizer.pause((intervals - CATCH_UP) * agreed.samples)
        for _ in range(min(intervals, CATCH_UP)):
            self._interval(agreed, now)

    def silence(self, now: float) -> None:
        """One packet of silence, to keep the way open."""
        if self._agreed is not None and self._agreed.direction.sends:
            self.packetizer.resume(now, self._agreed.codec.clock)
            self._packet(self._agreed, self._still(self._agreed), now)

    def _interval(self, agreed: AudioStream, now: float) -> None:
        if self._key(agreed, now) or now < self.carried_until:
            self.packetizer.pass_time(agreed.samples)
        elif self.source is not None:
            self._packet(agreed, self._encoded(agreed, self.source, self.heard_by, now), now)
        elif self.pipe is not None:
            self._packet(agreed, self._encoded(agreed, self.pipe), now)
        elif not self.relayed:
            self._packet(agreed, self._still(agreed), now)

    def _key(self, agreed: AudioStream, now: float) -> bool:
        """Whether a packet of a key was sent."""
        if self._event is None:
            return False
        payload_type, clock = self._event
        key = self.keys.next(agreed.ptime / 1000, clock)
        if key is None:
            return False
        if key.first:
            self._pressed = self.packetizer.timestamp
        timestamp = self._pressed + round(key.offset * agreed.codec.clock)
        self._send(self.packetizer.event(payload_type, key.payload, timestamp, key.first, now))
        return True

    def _packet(self, agreed: AudioStream, payload: bytes, now: float) -> None:
        if payload:
            self._send(self.packetizer.packet(agreed.payload_type, payload, agreed.samples, now))
        else:  # discontinuous transmission
            self.packetizer.pause(agreed.samples)

    def _encoded(self, agreed: AudioStream, source: Source, sinks: tuple[Sink, ...] = (), now: float = 0.0) -> bytes:
        coder = self._coder(agreed)
        if coder is None:
            return b""
        samples = coder.rate * agreed.ptime // 1000
        try:
            pcm = frame_of(source, samples, coder.rate)
        except Broken:
            self.source = None
            pcm = None
        if pcm is None:
            return self._still(agreed)
        if sinks and (broken := let_hear(sinks, pcm, coder.rate, now)):
            self.heard_by = tuple(each for each in self.heard_by if not any(each is one for one in broken))
        return self._coded(coder, pcm if len(pcm) == 2 * samples else pcm[: 2 * samples].ljust(2 * samples, b"\0"))

    def _coded(self, coder: Encoder, pcm: bytes) -> bytes:
        try:
            return coder.encode(pcm)
        except MediaError as error:  # not every codec has packets of every length
            self.trouble = str(error)
            return b""

    def _still(self, agreed: AudioStream) -> bytes:
        """The payload of silence."""
        if self._silence is None:
            coder = None if self._coder(agreed) is None else encoder(agreed.codec, agreed.fmtp)
            self._silence = b""
            if coder is not None:
                pcm = bytes(2 * (coder.rate * agreed.ptime // 1000))
                for _ in range(_SETTLED):
                    self._silence = self._coded(coder, pcm)
        return self._silence

    def _coder(self, agreed: AudioStream) -> Encoder | None:
        if self._encoder is None and not self.trouble:
            try:
                self._encoder = encoder(agreed.codec, agreed.fmtp, self._wanted)
            except MediaError as error:
                self.trouble = str(error)
        return self._encoder


def event_of(agreed: AudioStream) -> tuple[int, int] | None:
    """The payload type and clock for our key presses: that at the codec's own clock, else any."""
    if agreed.event_type is not None:
        return agreed.event_type, agreed.codec.clock
    return agreed.events[0] if agreed.events else None
