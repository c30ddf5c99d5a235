"""G.711: PCMU and PCMA by table. ITU-T G.711; RFC 3551 §4.5.14. Pure."""

from __future__ import annotations

import struct
import sys

import msgspec

from sipclient.media.codecs.conceal import Concealed


class Law(msgspec.Struct, frozen=True):
    """One of the two laws as tables: the code of each sample read as unsigned, and the two bytes, in the
    machine's order, of the sample that each code stands for."""

    codes: bytes
    first: bytes
    second: bytes


def _law(positive: bytes, negative: bytes, linear: list[int]) -> Law:
    """The tables, of the codes of 0 to 32767, of those of -1 to -32768, and of the sample of each code."""
    pairs = [sample.to_bytes(2, sys.byteorder, signed=True) for sample in linear]
    return Law(positive + negative[::-1], bytes(pair[0] for pair in pairs), bytes(pair[1] for pair in pairs))


def _each(codes: bytes, times: int) -> bytes:
    """Every code so many times in a row."""
    out = bytearray(times * len(codes))
    for offset in range(times):
        out[offset::times] = codes
    return bytes(out)


def _inverted(codes: bytes, mask: int) -> bytes:
    return bytes(code ^ mask for code in codes)


def _ulaw() -> Law:
    # Fourteen bits and a bias of 33: eight segments of sixteen steps, each segment twice as wide as the one before.
    steps = b"".join(bytes([code]) * (2 << (code >> 4)) for code in range(128))
    magnitudes = (steps[1:] + b"\x7f" * 8192)[:8193]
    linear = []
    for code in range(255, -1, -1):
        magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
        linear.append(-magnitude if code & 0x80 else magnitude)
    return _law(
        _each(_inverted(magnitudes[:8192], 0xFF), 4),
        _each(_inverted(magnitudes[1:], 0x7F), 4),  # -1 to -4 are 1 on fourteen bits
        linear,
    )


def _alaw() -> Law:
    # Thirteen bits: the first two segments are equally wide, each further one twice as wide as the one before.
    magnitudes = b"".join(bytes([code]) * (1 << max(1, code >> 4)) for code in range(128))
    linear = []
    for code in (wire ^ 0x55 for wire in range(256)):
        segment = code >> 4 & 7
        magnitude = ((code & 0x0F) << 4) + 8
        if segment:
            magnitude = magnitude + 0x100 << segment - 1
        linear.append(magnitude if code & 0x80 else -magnitude)
    return _law(_each(_inverted(magnitudes, 0xD5), 8), _each(_inverted(magnitudes, 0x55), 8), linear)


LAWS = {"PCMU": _ulaw(), "PCMA": _alaw()}


class G711Encoder:
    """PCM at 8 kHz to PCMU or PCMA, a byte a sample."""

    rate = 8000

    def __init__(self, name: str) -> None:
        self._code = list(LAWS[name].codes).__getitem__  # a third faster than of bytes

    def encode(self, pcm: bytes) -> bytes:
        """The payload of these samples."""
        return bytes(map(self._code, struct.unpack(f"{len(pcm) // 2}H", pcm)))


class G711Decoder(Concealed):
    """PCMU or PCMA to PCM at 8 kHz. Every byte is a sample: there is no malformed payload."""

    def __init__(self, name: str) -> None:
        super().__init__(8000)
        law = LAWS[name]
        self._first, self._second = law.first, law.second

    def decode(self, payload: bytes) -> bytes:
        """The samples of this payload."""
        pcm = bytearray(2 * len(payload))
        pcm[0::2] = payload.translate(self._first)
        pcm[1::2] = payload.translate(self._second)
        return self.heard(bytes(pcm))
