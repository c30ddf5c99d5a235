"""Comfort noise: what is heard while the peer says that it sends nothing. RFC 3389. Pure."""

from __future__ import annotations

from array import array
from functools import cache

_TABLE = 16_000  # samples: two seconds at 8 kHz before they repeat
_FULL_SCALE = 32_768  # 0 dBov
_QUIETEST = 90  # -dBov from which on it is silence


class Noise:
    """White noise of any level, in samples as `bytes`. It sounds the same each time: it is not random but a
    fixed table, read on from where it stopped. The spectrum a sender may describe (RFC 3389 §3.2) is not kept.
    """

    __slots__ = ("_at", "_pcm")

    def __init__(self) -> None:
        self._pcm = b""
        self._at = 0

    def level(self, payload: bytes) -> None:
        """A comfort noise packet came: its first byte is the level in -dBov (RFC 3389 §3.1), none is silence."""
        loudness = payload[0] & 0x7F if payload else 127
        self._pcm = _noise(loudness) if loudness < _QUIETEST else b""

    def next(self, samples: int) -> bytes:
        """So many samples of it."""
        if not self._pcm:
            return bytes(2 * samples)
        size, at = 2 * samples, self._at
        found = (self._pcm[at:] + self._pcm * (1 + size // len(self._pcm)))[:size]
        self._at = (at + size) % len(self._pcm)
        return found


@cache  # at most 90 of 32 KB, and a peer that changes its mind with every packet costs nothing
def _noise(loudness: int) -> bytes:
    """Samples of noise so many dB below full scale."""
    # A uniform distribution has an RMS of its peak by the square root of three.
    peak = min(32_767.0, _FULL_SCALE * 10 ** (-loudness / 20) * 3**0.5)
    return array("h", [int(peak * each) for each in _uniform(_TABLE)]).tobytes()


@cache
def _uniform(count: int) -> tuple[float, ...]:
    """Numbers between -1 and 1 without a pattern one could hear: a linear congruential generator."""
    state, found = 1, []
    for _ in range(count):
        state = (1_664_525 * state + 1_013_904_223) & 0xFFFFFFFF
        found.append(state / 2**31 - 1)
    return tuple(found)
