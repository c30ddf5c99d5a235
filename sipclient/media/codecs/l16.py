"""L16: samples as they are, most significant byte first. RFC 3551 §4.5.11. Pure."""

from __future__ import annotations

import sys
from array import array

from sipclient.media.codecs.conceal import Concealed

_SWAP = sys.byteorder == "little"


def _swapped(pcm: bytes) -> bytes:
    samples = array("h")
    samples.frombytes(pcm)
    if _SWAP:
        samples.byteswap()
    return samples.tobytes()


class L16Encoder:
    """PCM to L16 at the same rate."""

    def __init__(self, rate: int) -> None:
        self.rate = rate

    def encode(self, pcm: bytes) -> bytes:
        """The payload of these samples."""
        return _swapped(pcm)


class L16Decoder(Concealed):
    """L16, mono, to PCM at the same rate."""

    def decode(self, payload: bytes) -> bytes:
        """The samples of this payload; half a sample at its end is dropped."""
        return self.heard(_swapped(payload[: len(payload) & ~1]))
