"""wav files, read as they are played: PCM of 8 to 32 bits and G.711, any rate, up to eight channels, made mono.

Written here rather than with the standard library's `wave`, which before Python 3.12 refuses the extensible header that
24-bit files have, knows no G.711, and takes the length in the header of a recording that was cut off for the truth.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sipclient.errors import MediaError
from sipclient.media.codecs.g711 import LAWS
from sipclient.media.sound.pcm import mono
from sipclient.media.sound.resample import HIGHEST, LOWEST

PCM, ALAW, ULAW, EXTENSIBLE = 1, 6, 7, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")  # kind, channels, rate, bytes a second, bytes of all channels, bits
_EXTENSIBLE_SIZE = 40
_MOST_CHUNKS = 1000
_MOST_CHANNELS = 8
_HIGH = 0 if sys.byteorder == "big" else 1  # where in a sample its more significant byte is


class UnknownWav(MediaError):
    """A wav file whose sound is coded in a way this reader has not."""


class WavReader:
    """One file, open. Raises MediaError where it cannot be opened or is no wav, UnknownWav for other codings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = self._at = self._end = 0  # of the sound, in the file
        self._block = self._channels = 1
        self.rate = 0
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise MediaError(f"{path}: {error.strerror or error}") from error
        try:
            self._header()
        except BaseException:
            self._file.close()
            raise

    def read(self, samples: int) -> bytes:
        """The next samples, mono; fewer where it ends, none after that. Raises MediaError where the disk fails."""
        wanted = min(samples * self._block, self._end - self._at)
        try:
            data = self._file.read(wanted)
        except OSError as error:
            raise MediaError(f"{self._path}: {error.strerror or error}") from error
        self._at += len(data)
        return mono(self._decoded(data[: len(data) - len(data) % self._block]), self._channels)

    def rewind(self) -> None:
        """From its beginning."""
        self._at = self._file.seek(self._start)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _header(self) -> None:
        size = self._path.stat().st_size
        head = self._file.read(12)
        if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            shown = "it is empty" if not head else f"it begins with {head!r}, not with RIFF and WAVE"
            raise MediaError(f"{self._path} is not a wav file: {shown}")
        known = False
        for _ in range(_MOST_CHUNKS):
            chunk = self._file.read(8)
            if len(chunk) < 8:
                break
            name, length = chunk[:4], int.from_bytes(chunk[4:], "little")
            if name == b"data":
                if not known:
                    raise self._broken("its sound comes before the chunk that says what it is")
                self._start = self._at = self._file.tell()
                here = size - self._start
                # Nought or all ones: whoever wrote it streams, or did not live to say. The rest is the sound then.
                self._end = self._start + (here if length in (0, 0xFFFFFFFF) else min(length, here))
                self._end -= (self._end - self._start) % self._block
                return
            if name == b"fmt ":
                self._format(self._file.read(min(length, _EXTENSIBLE_SIZE)))
                known = True
                length -= min(length, _EXTENSIBLE_SIZE)
            self._file.seek(length + (length & 1), 1)
        raise self._broken("it has no sound in it")

    def _format(self, chunk: bytes) -> None:
        if len(chunk) < _FORMAT.size:
            raise self._broken("its header is cut off")
        kind, self._channels, self.rate, _, self._block, bits = _FORMAT.unpack_from(chunk)
        if kind == EXTENSIBLE and len(chunk) >= _EXTENSIBLE_SIZE:
            kind = int.from_bytes(chunk[24:26], "little")
        if not LOWEST <= self.rate <= HIGHEST:
            raise self._broken(f"its sampling rate is {self.rate} Hz, and {LOWEST} to {HIGHEST} can be played")
        if not 1 <= self._channels <= _MOST_CHANNELS:
            raise self._broken(f"it has {self._channels} channels, and 1 to {_MOST_CHANNELS} can be played")
        width = (bits + 7) // 8
        decoded = _DECODED.get((kind, width))
        if decoded is None:
            raise UnknownWav(f"{self._path}: its sound is of format {kind:#06x} with {bits} bits, not PCM or G.711")
        if self._block != width * self._channels:
            raise self._broken(f"{self._channels} channels of {bits} bits do not take {self._block} bytes")
        self._decoded = decoded

    def _broken(self, what: str) -> MediaError:
        return MediaError(f"{self._path} is a broken wav file: {what}")


def _upper(data: bytes, width: int) -> bytes:
    """Little-endian samples of `width` bytes, their upper two."""
    out = bytearray(2 * (len(data) // width))
    out[1 - _HIGH :: 2], out[_HIGH::2] = data[width - 2 :: width], data[width - 1 :: width]
    return bytes(out)


_SIGNED = bytes(code ^ 0x80 for code in range(256))


def _of_bytes(data: bytes) -> bytes:
    """Eight bits are unsigned."""
    out = bytearray(2 * len(data))
    out[_HIGH::2] = data.translate(_SIGNED)
    return bytes(out)


def _of_law(name: str) -> Callable[[bytes], bytes]:
    law = LAWS[name]

    def decoded(data: bytes) -> bytes:
        out = bytearray(2 * len(data))
        out[0::2], out[1::2] = data.translate(law.first), data.translate(law.second)
        return bytes(out)

    return decoded


_DECODED: dict[tuple[int, int], Callable[[bytes], bytes]] = {
    (PCM, 1): _of_bytes,
    (PCM, 2): lambda data: data if _HIGH else _upper(data, 2),
    (PCM, 3): lambda data: _upper(data, 3),
    (PCM, 4): lambda data: _upper(data, 4),
    (ULAW, 1): _of_law("PCMU"),
    (ALAW, 1): _of_law("PCMA"),
}
