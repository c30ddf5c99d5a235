"""PCM: silence, level, mixing, noise. Signed 16-bit samples in the machine's byte order, as `bytes`. Pure."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterable
from functools import cache
from operator import add, mul

FULL = 32768
_NOISE_SAMPLES = 16384
_NOISE_LEVEL = -20.0  # dBov of the stored noise
_QUIETEST = 127  # -dBov: the least that RFC 3389 and RFC 6464 can say


def silence(samples: int) -> bytes:
    """So many samples of nothing."""
    return bytes(2 * samples)


def saturated(values: Iterable[int]) -> array[int]:
    """Numbers as samples; what is too loud is cut off."""
    numbers = list(values)
    if numbers and (max(numbers) >= FULL or min(numbers) < -FULL):
        numbers = [FULL - 1 if n >= FULL else -FULL if n < -FULL else n for n in numbers]
    return array("h", numbers)


def mix(one: bytes, other: bytes) -> bytes:
    """Both at once, saturated; as long as the longer."""
    if len(one) < len(other):
        one, other = other, one
    if not other:
        return one
    head, tail = one[: len(other)], one[len(other) :]
    return saturated(map(add, memoryview(head).cast("h"), memoryview(other).cast("h"))).tobytes() + tail


def gain(pcm: bytes, decibels: float) -> bytes:
    """Louder or quieter, saturated."""
    factor = 10 ** (decibels / 20)
    return saturated([round(factor * sample) for sample in memoryview(pcm).cast("h")]).tobytes()


def level(pcm: bytes) -> float:
    """In dBov (RFC 6464 §3): 0 is the loudest square wave there is, -3 the loudest sine; -127 is silence."""
    samples = array("h", pcm)
    power = sum(map(mul, samples, samples))
    return max(-float(_QUIETEST), 10 * math.log10(power / (len(samples) * FULL * FULL))) if power else -float(_QUIETEST)


def mono(pcm: bytes, channels: int) -> bytes:
    """Interleaved channels as one, their mean."""
    if channels == 1:
        return pcm
    view = array("h", pcm)
    sides = [view[channel::channels] for channel in range(channels)]
    return array("h", [sum(each) // channels for each in zip(*sides, strict=True)]).tobytes()


def interleaved(left: bytes, right: bytes) -> bytes:
    """Two channels as one stream of stereo; both of one length."""
    both = array("h", bytes(2 * len(left)))
    both[0::2], both[1::2] = array("h", left), array("h", right)
    return both.tobytes()


@cache
def _noise() -> array[int]:
    """White noise, always the same: comfort, not secrecy."""
    draw = random.Random(3389)
    deviation = FULL * 10 ** (_NOISE_LEVEL / 20)
    return saturated(round(draw.gauss(0, deviation)) for _ in range(_NOISE_SAMPLES))


class ComfortNoise:
    """What fills the silence of a peer that stopped sending: noise at the level its CN packet gives. RFC 3389.

    Only the level is used: the spectrum that may follow it is a hint (RFC 3389 §3), and white noise passes for a room.
    """

    def __init__(self) -> None:
        self.level: float = -_QUIETEST  # dBov
        self._at = 0

    def told(self, payload: bytes) -> None:
        """A CN packet came; an empty one changes nothing."""
        if payload:
            self.level = -(payload[0] & 0x7F)

    def made(self, samples: int) -> bytes:
        """So many samples of the noise."""
        factor = 10 ** ((self.level - _NOISE_LEVEL) / 20)
        noise, out = _noise(), array("h")
        while len(out) < samples:
            part = noise[self._at : self._at + samples - len(out)]
            self._at = (self._at + len(part)) % _NOISE_SAMPLES
            out.extend(part)
        return saturated([int(factor * sample) for sample in out]).tobytes()


def comfort_noise(pcm: bytes) -> bytes:
    """The CN payload that stands for such sound: its level. RFC 3389 §3.1."""
    return bytes([min(_QUIETEST, max(0, round(-level(pcm))))])
