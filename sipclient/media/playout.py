"""From packets to sound: put in order, decoded, and made up where one is lost. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sipclient.errors import MediaError
from sipclient.media.codecs import Decoder, Fmtp, decoder
from sipclient.media.jitter_buffer import JitterBuffer, Missing
from sipclient.media.noise import Noise
from sipclient.media.rtp import MalformedPacket
from sipclient.sdp import Codec

_FRAME = 0.02  # seconds of a packet until one shows it

Packet: TypeAlias = tuple[Codec, bytes]


class Playout:
    """The sound of one stream. `receives` says what each payload type means, comfort noise included; `fmtp` are
    the peer's parameters of its codec.

    It gives sound for every moment it is asked about: silence where nothing came, noise where the peer said so.
    `malformed` counts payloads that were none of their codec; `trouble` says why there is only silence, where a
    codec cannot be had.
    """

    def __init__(self, receives: Mapping[int, Codec], fmtp: Fmtp = ()) -> None:
        self.malformed = 0
        self.receives = receives
        self._fmtp = fmtp
        self._wanted = 0
        sound = next(codec for codec in receives.values() if codec.is_sound)
        self._codec = sound
        self.trouble = ""
        self._decoder = self._decoder_of(sound)
        self.buffer: JitterBuffer[Packet] = JitterBuffer(sound.clock, int(_FRAME * sound.clock))
        self._noise = Noise()
        self._comfort = False
        self._rest = bytearray()
        self._last = int(_FRAME * self._decoder.rate)  # samples in a packet

    @property
    def rate(self) -> int:
        """Samples a second of what is heard now."""
        return self._decoder.rate

    def put(self, payload_type: int, sequence: int, timestamp: int, payload: bytes, at: float) -> None:
        """A packet of sound or comfort noise came."""
        codec = self.receives[payload_type]
        if codec.clock != self._codec.clock:
            if not codec.is_sound:
                return
            self._use(codec)  # timestamps of two clocks cannot be put in one order (RFC 7160)
        self.buffer.put(sequence, timestamp, (codec, payload), at)

    def hear(self, seconds: float, now: float, quiet: bool = False) -> bytes:
        """The next piece of sound, that long; `quiet`: a key is down, so nothing is missing."""
        need = 2 * round(seconds * self._decoder.rate)
        rest = self._rest
        if quiet:
            self.buffer.rest()
        while len(rest) < need:
            pulled = self.buffer.pull(now)
            if pulled is None:
                missing = (need - len(rest)) // 2
                rest += self._noise.next(missing) if self._comfort else bytes(2 * missing)
                break
            rest += self._made_up(pulled) if isinstance(pulled, Missing) else self._decoded(*pulled)
            need = 2 * round(seconds * self._decoder.rate)  # another codec may have another rate
        piece = bytes(rest[:need])
        del rest[:need]
        return piece

    def agree(self, receives: Mapping[int, Codec], fmtp: Fmtp = ()) -> None:
        """Other payload types, or other parameters of the codec."""
        self.receives = receives
        if dict(fmtp) != dict(self._fmtp):
            self._fmtp = fmtp
            self._decoder = self._decoder_of(self._codec)

    def want(self, rate: int) -> None:
        """This sampling rate would save whoever listens a conversion; 0: whichever."""
        if rate != self._wanted:
            self._wanted = rate
            self._change_decoder(self._codec)

    def restart(self) -> None:
        """What comes next is of another source."""
        self._comfort = False
        self.buffer.restart(self._codec.clock, int(_FRAME * self._codec.clock))

    def _decoded(self, codec: Codec, payload: bytes) -> bytes:
        if not codec.is_sound:
            self._comfort = True
            self.buffer.rest()
            self._noise.level(payload)
            return b""
        self._comfort = False
        if codec != self._codec:
            self._use(codec)
        try:
            pcm = self._decoder.decode(payload)
        except MalformedPacket:
            self.malformed += 1
            return self._decoder.conceal(self._last)
        self._last = len(pcm) // 2 or self._last
        return pcm

    def _made_up(self, missing: Missing[Packet]) -> bytes:
        if missing.following is not None and missing.following[0] == self._codec:
            recovered = self._decoder.recover(missing.following[1])
            if recovered is not None:
                return recovered
        return self._decoder.conceal(self._last)

    def _use(self, codec: Codec) -> None:
        """The peer changed the codec."""
        if codec.clock != self._codec.clock:
            self.buffer.restart(codec.clock, int(_FRAME * codec.clock))
        self._codec = codec
        self._change_decoder(codec)

    def _change_decoder(self, codec: Codec) -> None:
        before = self._decoder.rate
        self._decoder = self._decoder_of(codec)
        if self._decoder.rate != before:
            self._rest.clear()
            self._last = int(_FRAME * self._decoder.rate)

    def _decoder_of(self, codec: Codec) -> Decoder:
        try:
            return decoder(codec, self._fmtp, self._wanted)
        except MediaError as error:
            self.trouble = str(error)
            return _Deaf()


class _Deaf:
    """In the place of a decoder that cannot be had."""

    rate = 8000

    def decode(self, payload: bytes) -> bytes:
        return self.conceal(int(_FRAME * self.rate))

    def conceal(self, samples: int) -> bytes:
        return bytes(2 * samples)

    def recover(self, following: bytes) -> bytes | None:
        return None
