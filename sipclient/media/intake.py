"""What comes of one stream: checked, counted, and given to whoever wants it. No clock, no socket."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from sipclient.media.codecs import Fmtp
from sipclient.media.dtmf import EventReader, KeyPress
from sipclient.media.playout import Playout
from sipclient.media.reception import Reception
from sipclient.media.relay import Relay
from sipclient.media.rtp import MalformedPacket, parse_rtp, unpack_header
from sipclient.sdp import Codec


class Intake:
    """Takes the RTP of one stream.

    Sound goes to the `relay`, if there is one, and to the playout while it is listened to; keys that were pressed
    to `on_key`. `on_source` is called with an SSRC that is new. `on_untaken` is called when the relay's other side
    cannot take packets as they come (True), and when it can again.

    `heard_at` is when the last packet came. `unfit` counts packets of payload types that were not agreed on.
    """

    __slots__ = (
        "_expected_before",
        "_fmtp",
        "_keys",
        "_listened",
        "_lost_before",
        "_on_source",
        "_on_untaken",
        "_receives",
        "broken",
        "heard_at",
        "on_key",
        "playout",
        "received",
        "reception",
        "relay",
        "relay_decodes",
        "unfit",
    )

    def __init__(self, on_source: Callable[[int, float], None], on_untaken: Callable[[bool], None]) -> None:
        self.received = 0
        self.unfit = 0
        self.broken = 0
        self.heard_at: float | None = None
        self.reception: Reception | None = None
        self.playout: Playout | None = None
        self.relay: Relay | None = None
        self.relay_decodes = False
        self.on_key: Callable[[KeyPress], None] | None = None
        self._on_source = on_source
        self._on_untaken = on_untaken
        self._receives: dict[int, Codec] = {}
        self._fmtp: Fmtp = ()
        self._listened = False
        self._keys = EventReader()
        self._lost_before = self._expected_before = 0  # of sources that are gone

    @property
    def malformed(self) -> int:
        """Packets that were no RTP, or whose payload was none of its codec."""
        return self.broken + (self.playout.malformed if self.playout is not None else 0)

    @property
    def lost(self) -> int:
        """Packets that did not arrive, below 0 where some came twice."""
        return self._lost_before + (self.reception.lost if self.reception is not None else 0)

    @property
    def expected(self) -> int:
        """Packets that should have come."""
        return self._expected_before + (self.reception.expected if self.reception is not None else 0)

    def agree(self, receives: Iterable[tuple[int, Codec]], fmtp: Fmtp) -> None:
        """What may come, by payload type, and what the peer says of its codec."""
        self._receives, self._fmtp = dict(receives), fmtp
        if self.playout is not None:
            self.playout.agree(self._receives, fmtp)

    def listen(self, listened: bool) -> None:
        """Whether anybody wants to hear it."""
        if listened and not self._listened:
            if self.playout is None:
                self.playout = Playout(self._receives, self._fmtp)
            else:
                self.playout.restart()
        self._listened = listened

    def want(self, rate: int) -> None:
        """The sampling rate that whoever listens would like; 0: whichever."""
        if self.playout is not None:
            self.playout.want(rate)

    def hear(self, seconds: float, now: float) -> tuple[bytes, int]:
        """The next piece of sound, so long, and its rate; only while it is listened to."""
        if self.playout is None:
            return b"", 0
        pcm = self.playout.hear(seconds, now, self._keys.down)
        return pcm, self.playout.rate

    def take(self, data: bytes, now: float) -> bool:
        """A packet came; whether it is one of this stream."""
        try:
            flags, kind, sequence, timestamp, ssrc = unpack_header(data)
            # Rare: padding, contributing sources, a header extension, or no RTP at all.
            payload = data[12:] if flags == 0x80 else parse_rtp(data).payload
        except (struct.error, MalformedPacket):
            self.broken += 1
            return False
        codec = self._receives.get(kind & 0x7F)
        if codec is None:
            self.unfit += 1
            return False
        self.received += 1
        self.heard_at = now
        reception = self.reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._another(ssrc, sequence, now)
        relay = self.relay
        if codec.is_event:
            reception.arrived(sequence, None, 0)
            if relay is not None:
                relay.event(kind, sequence, timestamp, ssrc, payload, codec.clock, now, self.relay_decodes)
            self._pressed(self._keys.packet(timestamp, payload, codec.clock, now))
            return True
        reception.arrived(sequence, timestamp, int(now * codec.clock))
        if relay is not None:
            untaken = not relay.sound(kind, sequence, timestamp, ssrc, payload, now)
            if untaken != self.relay_decodes and codec.is_sound:
                self._on_untaken(untaken)
        if self._listened and self.playout is not None:
            self.playout.put(kind & 0x7F, sequence, timestamp, payload, now)
        return True

    def look_after(self, now: float) -> None:
        """Time passed: a key may be up without having said so."""
        if self._keys.down:
            self._pressed(self._keys.silence(now))

    def _another(self, ssrc: int, sequence: int, now: float) -> Reception:
        """Another source speaks: nothing it says has to do with what came before."""
        if self.reception is not None:
            self._lost_before += self.reception.lost
            self._expected_before += self.reception.expected
        self._pressed(self._keys.release())
        self._keys = EventReader()
        if self.playout is not None:
            self.playout.restart()
        self.reception = Reception(ssrc, sequence)
        self._on_source(ssrc, now)
        return self.reception

    def _pressed(self, presses: list[KeyPress]) -> None:
        if self.on_key is not None:
            for press in presses:
                self.on_key(press)
