"""Sound as numbers: tones to feed in, and what is measured of what comes out."""

from __future__ import annotations

import math
from array import array


def sine(frequency: float, seconds: float, rate: int, level: float = -10.0) -> bytes:
    """A tone at `level` dBov (RFC 6465: 0 is the loudest square wave, so the loudest sine is -3)."""
    peak = 32768 * math.sqrt(2) * 10 ** (level / 20)
    return array(
        "h", [round(peak * math.sin(2 * math.pi * frequency * n / rate)) for n in range(round(seconds * rate))]
    ).tobytes()


def samples(pcm: bytes) -> array[int]:
    """PCM as numbers."""
    return array("h", pcm)


def level(pcm: bytes) -> float:
    """In dBov; silence is -inf."""
    numbers = samples(pcm)
    power = sum(n * n for n in numbers) / max(1, len(numbers))
    return 10 * math.log10(power / 32768**2) if power else -math.inf


def share(pcm: bytes, frequency: float, rate: int) -> float:
    """How much of the power is in this one frequency: 1 for a pure tone."""
    numbers = samples(pcm)
    real = sum(n * math.cos(2 * math.pi * frequency * i / rate) for i, n in enumerate(numbers))
    imaginary = sum(n * math.sin(2 * math.pi * frequency * i / rate) for i, n in enumerate(numbers))
    power = sum(n * n for n in numbers) * len(numbers) / 2
    return (real * real + imaginary * imaginary) / power if power else 0.0


def noise_ratio(original: bytes, copy: bytes) -> float:
    """The signal to noise ratio of a copy, in dB."""
    left, right = samples(original), samples(copy)
    noise = sum((a - b) ** 2 for a, b in zip(left, right, strict=True))
    return 10 * math.log10(sum(a * a for a in left) / noise) if noise else math.inf
