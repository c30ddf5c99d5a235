"""What a recording looks like: how loud each channel is from its beginning to its end."""

from __future__ import annotations

import wave
from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from sipclient.errors import MediaError
from sipclient.media.sound.avfile import AvReader

MOST_BARS = 4000
_CHUNK = 0.01  # seconds, while the bars are few
_HELD = 2 * MOST_BARS  # bars; then each two become one, so that an hour takes no more memory than a minute
_EACH = 4  # every fourth sample is looked at: no bar would look different, and it takes a quarter of the time
_FULL = 32768.0


class Waveform(msgspec.Struct, frozen=True):
    """`peaks` from 0 to 1: a bar for each part of the time, with a number for each channel. `seconds` is its length."""

    seconds: float
    rate: int
    channels: int
    peaks: list[list[float]]


def waveform(path: Path, bars: int) -> Waveform:
    """Read a sound file through. Takes about a second for an hour of telephone sound: it belongs into a thread.

    `bars` is taken within 1 to MOST_BARS. Raises MediaError for what is no sound.
    """
    rate, channels, parts = _opened(path)
    held: list[list[int]] = []
    size = max(1, int(_CHUNK * rate))  # samples a bar
    waiting = array("h")
    total = 0
    for part in parts:
        waiting.frombytes(part)
        while len(waiting) >= size * channels:
            held.append(_peaks(waiting[: size * channels], channels))
            del waiting[: size * channels]
            total += size
        if len(held) >= _HELD:
            held = _merged(held, len(held) // 2)
            size *= 2
    if waiting:
        held.append(_peaks(waiting, channels))
        total += len(waiting) // channels
    merged = _merged(held, max(1, min(bars, MOST_BARS)))
    return Waveform(total / rate, rate, channels, [[round(peak / _FULL, 3) for peak in bar] for bar in merged])


def _opened(path: Path) -> tuple[int, int, Iterator[bytes]]:
    """The rate, the channels, and the sound in parts of whole samples."""
    try:
        file = wave.open(str(path), "rb")  # noqa: SIM115 - closed when it is read to its end
    except (wave.Error, EOFError):
        reader = AvReader(path, stereo=True)
        return reader.rate, reader.channels, _read(reader)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror}") from error
    if file.getsampwidth() != 2 or not 1 <= file.getnchannels() <= 2:
        file.close()
        reader = AvReader(path, stereo=True)
        return reader.rate, reader.channels, _read(reader)
    return file.getframerate(), file.getnchannels(), _read_wav(file)


def _read_wav(file: wave.Wave_read) -> Iterator[bytes]:
    width = 2 * file.getnchannels()
    with file:
        while part := file.readframes(16_384):
            yield part[: len(part) - len(part) % width]


def _read(reader: AvReader) -> Iterator[bytes]:
    try:
        while part := reader.read(16_384):
            yield part
    finally:
        reader.close()


def _peaks(samples: array[int], channels: int) -> list[int]:
    sides = (samples[side :: channels * _EACH] for side in range(channels))
    return [max(max(side, default=0), -min(side, default=0)) for side in sides]


def _merged(bars: list[list[int]], most: int) -> list[list[int]]:
    """So many bars at most, each as loud as the loudest it is made of."""
    if len(bars) <= most:
        return bars
    edges = [len(bars) * n // most for n in range(most + 1)]
    return [[max(side) for side in zip(*bars[a:b], strict=True)] for a, b in pairwise(edges)]
