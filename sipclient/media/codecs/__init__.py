"""Codecs: PCM to the payload of a packet and back.

PCM is signed 16-bit samples in the machine's byte order, mono, as `bytes`. What goes in or comes out of one
call is one packet's worth. Nothing here knows a clock or a packet number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sipclient.errors import MediaError
from sipclient.media.codecs.g711 import G711Decoder, G711Encoder
from sipclient.media.codecs.g722 import G722Decoder, G722Encoder
from sipclient.media.codecs.l16 import L16Decoder, L16Encoder
from sipclient.media.codecs.libopus import RATES
from sipclient.media.codecs.opus import OpusDecoder, OpusEncoder
from sipclient.sdp.codecs import Codec

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


def encoder(codec: Codec, fmtp: Fmtp = (), rate: int = 0) -> Encoder:
    """An encoder for what was negotiated. `fmtp` are the parameters the peer gave of it; `rate` is the sampling
    rate, in Hz, that would save the caller a conversion: heeded where the codec can. Raises MediaError."""
    name = codec.name.upper()
    made = _ENCODERS.get(name)
    if made is None or codec.channels != _channels(name):
        raise MediaError(f"there is no encoder for {codec.name}/{codec.clock}/{codec.channels}")
    return made(codec, _parameters(fmtp), rate)


def decoder(codec: Codec, fmtp: Fmtp = (), rate: int = 0) -> Decoder:
    """A decoder for what was negotiated; the arguments are those of `encoder`. Raises MediaError."""
    name = codec.name.upper()
    made = _DECODERS.get(name)
    if made is None or codec.channels != _channels(name):
        raise MediaError(f"there is no decoder for {codec.name}/{codec.clock}/{codec.channels}")
    return made(codec, _parameters(fmtp), rate)


def _channels(name: str) -> int:
    """Opus always says two (RFC 7587 §7), and may then be one."""
    return 2 if name == "OPUS" else 1


def _parameters(fmtp: Fmtp) -> dict[str, str]:
    return {name.lower(): value for name, value in dict(fmtp).items()}


def _opus_rate(rate: int) -> int:
    return rate if rate in RATES else max(RATES)


_ENCODERS: dict[str, Callable[[Codec, dict[str, str], int], Encoder]] = {
    "PCMU": lambda codec, fmtp, rate: G711Encoder("PCMU"),
    "PCMA": lambda codec, fmtp, rate: G711Encoder("PCMA"),
    "L16": lambda codec, fmtp, rate: L16Encoder(codec.clock),
    "G722": lambda codec, fmtp, rate: G722Encoder(),
    "OPUS": lambda codec, fmtp, rate: OpusEncoder(fmtp, _opus_rate(rate)),
}
_DECODERS: dict[str, Callable[[Codec, dict[str, str], int], Decoder]] = {
    "PCMU": lambda codec, fmtp, rate: G711Decoder("PCMU"),
    "PCMA": lambda codec, fmtp, rate: G711Decoder("PCMA"),
    "L16": lambda codec, fmtp, rate: L16Decoder(codec.clock),
    "G722": lambda codec, fmtp, rate: G722Decoder(),
    "OPUS": lambda codec, fmtp, rate: OpusDecoder(_opus_rate(rate)),
}
