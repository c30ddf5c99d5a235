"""Sampling rates, one into another: by PyAV where it is at hand (some 11 µs a frame), else by a filter of our own."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from operator import mul
from typing import TYPE_CHECKING, Protocol

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.sound.pcm import saturated, silence

if TYPE_CHECKING:
    from av import AudioResampler

LOWEST, HIGHEST = 4000, 192000
_LOBES = 14  # zero crossings of the filter on each side: what it costs, and how steep it is
_PASS = 0.9  # of the lower of the two bandwidths, where the filter is 6 dB down
_PHASES = 512  # at most; finer would not be heard


class _Converter(Protocol):
    def convert(self, pcm: bytes) -> bytes: ...


class Resampler:
    """A stream of PCM from one rate (Hz) to another, 4000 to 192000. What comes out is as long as what went in, to
    the sample, in all and at each call; it is late by a few milliseconds. Raises MediaError for other rates."""

    def __init__(self, source: int, target: int) -> None:
        for rate in (source, target):
            if not LOWEST <= rate <= HIGHEST:
                raise MediaError(f"a sampling rate of {rate} Hz: it must be from {LOWEST} to {HIGHEST}")
        self.source = source
        self.target = target
        self._taken = self._given = 0
        self._ready = bytearray()
        self._converter: _Converter | None = None
        if source != target:
            self._converter = _Swr(source, target) if pyav.at_hand() else _Filter(source, target)
        self._makeshift = isinstance(self._converter, _Filter) and pyav.installed()

    def resample(self, pcm: bytes) -> bytes:
        """The next stretch of it."""
        if self._converter is None:
            return pcm
        if self._makeshift and pyav.loaded():
            self._converter, self._makeshift = _Swr(self.source, self.target), False
        self._taken += len(pcm) // 2
        due = self._taken * self.target // self.source - self._given
        self._ready += self._converter.convert(pcm)
        missing = 2 * due - len(self._ready)
        if missing > 0:  # at the beginning, while the filter fills
            self._ready[:0] = silence(missing // 2)
        self._given += due
        out = bytes(self._ready[: 2 * due])
        del self._ready[: 2 * due]
        return out


class _Swr:
    """libswresample."""

    def __init__(self, source: int, target: int) -> None:
        self._av = pyav.needed("resampling")
        self._rate = source
        self._resampler: AudioResampler = self._av.AudioResampler(format="s16", layout="mono", rate=target)

    def convert(self, pcm: bytes) -> bytes:
        if not pcm:
            return b""
        frame = self._av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = self._rate
        frame.planes[0].update(pcm)
        return b"".join(bytes(each.planes[0])[: 2 * each.samples] for each in self._resampler.resample(frame))


class _Filter:
    """A windowed sinc, one set of weights for each phase between two samples."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target
        self._weights = _weights(source, target)
        taps = len(self._weights[0])
        self._line = [0.0] * (taps - 1)
        self._made = 0  # samples given, since the last time both clocks met
        self._first = 0  # of the input, that `_line` will hold next, since then

    def convert(self, pcm: bytes) -> bytes:
        weights, line = self._weights, self._line
        phases, taps = len(weights), len(weights[0])
        source, target, first = self._source, self._target, self._first
        line.extend(array("h", pcm))
        there = first + len(pcm) // 2
        out = []
        position = self._made * source  # in units of 1/target of an input sample
        while position < there * target:
            at, rest = divmod(position, target)
            start = at - first
            out.append(round(sum(map(mul, weights[rest * phases // target], line[start : start + taps]))))
            position += source
        self._made += len(out)
        del line[: there - first]
        self._first = there
        if self._first >= source:  # both counts, less a second
            self._first -= source
            self._made -= target
        return saturated(out).tobytes()


@lru_cache(maxsize=16)
def _weights(source: int, target: int) -> tuple[tuple[float, ...], ...]:
    """For each phase the weight of each sample of the window; the window ends with the newest sample."""
    band = _PASS * min(1.0, target / source)
    half = math.ceil(_LOBES * max(1.0, source / target))
    phases = min(_PHASES, target // math.gcd(source, target))
    return tuple(_phase(phase / phases, band, half) for phase in range(phases))


def _phase(between: float, band: float, half: int) -> tuple[float, ...]:
    weights = []
    for tap in range(2 * half):
        away = tap + 1 - half - between
        x = math.pi * band * away
        window = 0.54 + 0.46 * math.cos(math.pi * away / half)  # Hamming
        weights.append(window * (math.sin(x) / x if x else 1.0))
    total = sum(weights)
    return tuple(weight / total for weight in weights)
