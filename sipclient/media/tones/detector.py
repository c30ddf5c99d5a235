"""Which tones are in a sound: for tests, for answering machines and fax tones, for keys in the band of the voice. Pure.

What Goertzel's recursion gives, one frequency's share of the power, is computed as the product with a stored sine and
cosine: the same number, and Python sums products faster than it runs a recursion.
"""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from operator import mul

from sipclient.media.tones.script import KEYS

_FULL = 32768.0
_BLOCK = 0.02  # seconds
_ROWS = tuple(sorted({row for row, _ in KEYS.values()}))
_COLUMNS = tuple(sorted({column for _, column in KEYS.values()}))
_KEY_OF = {pair: key for key, pair in KEYS.items()}
_QUIETEST_KEY = -40.0  # dBov of each of the two tones
_TWIST = 9.0  # dB by which one may be louder: ITU-T Q.24 allows 4 to 8
_KEY_SHARE = 0.75  # of the block's power that both tones have: speech has less


@lru_cache(maxsize=256)
def _waves(frequency: float, rate: int, samples: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    turn = 2 * math.pi * frequency / rate
    return tuple(math.cos(turn * n) for n in range(samples)), tuple(math.sin(turn * n) for n in range(samples))


def tone_power(pcm: bytes, frequency: float, rate: int) -> float:
    """The power of one frequency (Hz), as a part of the loudest there is: a full square wave has 1 in all."""
    samples = array("h", pcm)
    if not samples:
        return 0.0
    cosine, sine = _waves(frequency, rate, len(samples))
    real, imaginary = sum(map(mul, samples, cosine)), sum(map(mul, samples, sine))
    return float(2 * (real * real + imaginary * imaginary) / (len(samples) * _FULL) ** 2)


def tone_level(pcm: bytes, frequency: float, rate: int) -> float:
    """The level of one frequency, in dBov; -127 for none of it."""
    power = tone_power(pcm, frequency, rate)
    return max(-127.0, 10 * math.log10(power)) if power else -127.0


def _power(pcm: bytes) -> float:
    samples = array("h", pcm)
    return sum(map(mul, samples, samples)) / (len(samples) * _FULL * _FULL) if samples else 0.0


class _Blocks:
    """PCM of any lengths in, equal blocks out, one every `hop` seconds."""

    def __init__(self, rate: int, seconds: float, hop: float) -> None:
        self._size, self._hop = 2 * round(rate * seconds), 2 * round(rate * hop)
        self._held = b""

    def cut(self, pcm: bytes) -> list[bytes]:
        held = self._held + pcm
        starts = range(0, len(held) - self._size + 1, self._hop)
        self._held = held[len(starts) * self._hop :]
        return [held[at : at + self._size] for at in starts]


class ToneDetector:
    """How much of a sound is the tone it listens for: frequencies (Hz) that sound together.

    A block counts as heard when the tone has at least `share` of its power and at least `level` dBov. Blocks of 20 ms
    tell frequencies 50 Hz apart; twice as long, half as far apart.
    """

    def __init__(
        self, *frequencies: float, rate: int, share: float = 0.5, level: float = -45.0, block: float = _BLOCK
    ) -> None:
        self._frequencies = frequencies
        self._rate = rate
        self._share = share
        self._least = 10 ** (level / 10)
        self._blocks = _Blocks(rate, block, block)
        self.blocks = 0
        self.heard = 0
        self.now = False

    def feed(self, pcm: bytes) -> bool:
        """The next stretch of the sound; whether its last whole block is the tone."""
        for block in self._blocks.cut(pcm):
            power = sum(tone_power(block, frequency, self._rate) for frequency in self._frequencies)
            self.now = power >= self._least and power >= self._share * _power(block)
            self.blocks += 1
            self.heard += self.now
        return self.now

    @property
    def score(self) -> float:
        """The part of all blocks so far that were the tone, 0 to 1."""
        return self.heard / self.blocks if self.blocks else 0.0


class DtmfDetector:
    """Keys pressed in the band of the voice, at 8 kHz or more: what lasts 40 ms counts (ITU-T Q.23, Q.24)."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._blocks = _Blocks(rate, _BLOCK, _BLOCK / 2)
        self._before = ""  # what the last block held
        self._pressed = ""

    def feed(self, pcm: bytes) -> str:
        """The next stretch of the sound; the keys that were pressed in it, in order."""
        keys = ""
        for block in self._blocks.cut(pcm):
            key = self._key(block)
            if key and key == self._before and key != self._pressed:
                keys += key
                self._pressed = key
            elif key != self._pressed and key == self._before:
                self._pressed = ""
            self._before = key
        return keys

    def _key(self, block: bytes) -> str:
        whole = _power(block)
        if whole < 10 ** (_QUIETEST_KEY / 10):
            return ""
        row, low = max(((each, tone_power(block, each, self._rate)) for each in _ROWS), key=lambda pair: pair[1])
        column, high = max(((each, tone_power(block, each, self._rate)) for each in _COLUMNS), key=lambda pair: pair[1])
        if low + high < _KEY_SHARE * whole or abs(10 * math.log10((low or 1e-13) / (high or 1e-13))) > _TWIST:
            return ""
        return _KEY_OF[row, column]
