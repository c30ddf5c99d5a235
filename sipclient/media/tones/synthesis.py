"""Tones as sound, exact to the sample. Pure."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache

from sipclient.errors import MediaError
from sipclient.media.tones.script import LOUDEST, QUIETEST, ToneScript, ToneStep

_FULL_DBM0 = 6.16  # dBm0 of 0 dBov: 3.14, what the loudest sine of G.711 is, and 3.02 from sine to square
_PEAK = 32767 * math.sqrt(2)
_UNITS = 10  # frequencies are looked at in tenths of a hertz


class ToneReader:
    """A script, sample by sample, at `rate` (Hz). Raises MediaError for a tone that this rate cannot hold."""

    def __init__(self, script: ToneScript, rate: int) -> None:
        for step in script.steps:
            for frequency in step.frequencies:
                if 2 * frequency >= rate:
                    raise MediaError(f"a tone of {frequency:g} Hz needs more than {rate} samples a second")
        self.rate = rate
        self._script = script
        self._lengths = [(round(each.on * rate / 1000), round(each.off * rate / 1000)) for each in script.steps]
        if not any(on + off for on, off in self._lengths):
            raise MediaError("a tone shorter than a sample")
        self.rewind()

    def rewind(self) -> None:
        """From its beginning."""
        self._step = self._at = self._loop = 0

    def close(self) -> None:
        """There is nothing to give back."""

    def read(self, samples: int) -> bytes:
        """The next samples, mono; fewer where it ends, none after that."""
        out = bytearray()
        while (missing := samples - len(out) // 2) > 0 and self._script.loops != self._loop:
            on, off = self._lengths[self._step]
            if self._at < on:
                take = min(missing, on - self._at)
                out += _tone(self._script.steps[self._step], self.rate, self._at, take)
            else:
                take = min(missing, on + off - self._at)
                out += bytes(2 * take)
            self._at += take
            if self._at == on + off:
                self._next()
        return bytes(out)

    def _next(self) -> None:
        self._at = 0
        self._step += 1
        if self._step == len(self._lengths):
            self._step = 0
            self._loop += 1


def _tone(step: ToneStep, rate: int, start: int, samples: int) -> bytes:
    """`samples` of a step's tone from the one numbered `start`."""
    if not step.frequencies:
        return bytes(2 * samples)
    if not step.ramp:
        period = _period(step.frequencies, rate)
        if period:
            cycle = _cycle(step.frequencies, step.volume, rate, period)
            first = start % period
            turns = cycle * (1 + (first + samples) // period)
            return turns[2 * first : 2 * (first + samples)]
    every = max(1, round(step.ramp_every * rate / 1000))
    numbers = []
    for n in range(start, start + samples):
        volume = max(QUIETEST, min(LOUDEST, step.volume + step.ramp * ((n + 1) // every)))
        numbers.append(round(_peak(volume, len(step.frequencies)) * _wave(step.frequencies, rate, n)))
    return array("h", numbers).tobytes()


def _wave(frequencies: tuple[float, ...], rate: int, n: int) -> float:
    return sum(math.sin(2 * math.pi * frequency * n / rate) for frequency in frequencies)


def _peak(volume: float, frequencies: int) -> float:
    """The amplitude of each of so many frequencies, which together are as loud as one at its loudest."""
    return float(_PEAK * 10 ** ((volume - _FULL_DBM0) / 20) / frequencies)


def _period(frequencies: tuple[float, ...], rate: int) -> int:
    """After how many samples the sum repeats itself; 0: not within a second."""
    tenths = [round(_UNITS * frequency) for frequency in frequencies]
    if any(abs(_UNITS * frequency - tenth) > 1e-9 for frequency, tenth in zip(frequencies, tenths, strict=True)):
        return 0
    period = _UNITS * rate // math.gcd(_UNITS * rate, *tenths)
    return period if period <= rate else 0


@lru_cache(maxsize=64)
def _cycle(frequencies: tuple[float, ...], volume: float, rate: int, period: int) -> bytes:
    peak = _peak(volume, len(frequencies))
    return array("h", [round(peak * _wave(frequencies, rate, n)) for n in range(period)]).tobytes()
