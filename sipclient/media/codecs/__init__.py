"""Codecs: PCM to the payload of a packet and back.

PCM is signed 16-bit samples in the machine's byte order, mono, as `bytes`. What goes in or comes out of one
call is one packet's worth. Nothing here knows a clock or a packet number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from sipclient.errors import MediaError
from sipclient.media.codecs.g711 import G711Decoder, G711Encoder
from sipclient.media.codecs.l16 import L16Decoder, L16Encoder
from sipclient.sdp.codecs import Codec

_Made = TypeVar("_Made")
Fmtp = Mapping[str, str] | Iterable[tuple[str, str]]


class Encoder(Protocol):
    """PCM into payloads, in order. `rate` is the sampling rate it wants, in Hz."""

    @property
    def rate(self) -> int:
        """Samples per second of the PCM."""

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one packet; `b""` where nothing need be sent now (discontinuous transmission)."""


class Decoder(Protocol):
    """Payloads into PCM, in the order of their sequence numbers. `rate` is the sampling rate it gives, in Hz."""

    @property
    def rate(self) -> int:
        """Samples per second of the PCM."""

    def decode(self, payload: bytes) -> bytes:
        """The sound of one packet. Raises MalformedPacket where the payload is not of this codec; the
        decoder goes on as if that packet were lost."""

    def conceal(self, samples: int) -> bytes:
        """That many samples in the place of a packet that never came."""

    def recover(self, following: bytes) -> bytes | None:
        """The sound of a lost packet out of the one that came after it, where that carries it (forward error
        correction): call it before `decode(following)`. None: it does not, `conceal` instead."""


def encoder(codec: Codec, fmtp: Fmtp = ()) -> Encoder:
    """An encoder for what was negotiated; `fmtp` are the parameters the peer gave of it. Raises MediaError."""
    return _made(codec, fmtp, _ENCODERS, "encoder")


def decoder(codec: Codec, fmtp: Fmtp = ()) -> Decoder:
    """A decoder for what was negotiated; `fmtp` are the parameters the peer gave of it. Raises MediaError."""
    return _made(codec, fmtp, _DECODERS, "decoder")


def _made(codec: Codec, fmtp: Fmtp, known: Mapping[str, Callable[[Codec, dict[str, str]], _Made]], what: str) -> _Made:
    make = known.get(codec.name.upper())
    if make is None or (codec.channels != 1 and codec.name.upper() != "OPUS"):
        raise MediaError(f"there is no {what} for {codec.name}/{codec.clock}/{codec.channels}")
    return make(codec, {name.lower(): value for name, value in dict(fmtp).items()})


_ENCODERS: dict[str, Callable[[Codec, dict[str, str]], Encoder]] = {
    "PCMU": lambda codec, fmtp: G711Encoder("PCMU"),
    "PCMA": lambda codec, fmtp: G711Encoder("PCMA"),
    "L16": lambda codec, fmtp: L16Encoder(codec.clock),
}
_DECODERS: dict[str, Callable[[Codec, dict[str, str]], Decoder]] = {
    "PCMU": lambda codec, fmtp: G711Decoder("PCMU"),
    "PCMA": lambda codec, fmtp: G711Decoder("PCMA"),
    "L16": lambda codec, fmtp: L16Decoder(codec.clock),
}
