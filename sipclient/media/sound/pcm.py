"""PCM: silence, level, mixing, channels. Signed 16-bit samples in the machine's byte order, as `bytes`. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from operator import add, mul

FULL = 32768
_QUIETEST = -127.0  # dBov: the least that RFC 6464 can say


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
    return max(_QUIETEST, 10 * math.log10(power / (len(samples) * FULL * FULL))) if power else _QUIETEST


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
