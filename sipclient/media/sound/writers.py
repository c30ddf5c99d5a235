"""Recordings on disk, written while they are made: a wav whose header is always true, mp3, Opus in Ogg."""

from __future__ import annotations

import struct
import sys
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.codecs.libopus import RATES as OPUS_RATES
from sipclient.media.sound.resample import HIGHEST, LOWEST

if TYPE_CHECKING:
    from io import FileIO

    from av import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MOST = 0xFFFFFFFF - _HEADER.size  # bytes of sound: the header counts with 32 bits
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# What is written at once, and never again: no index at the beginning of mp3, short pages of Ogg.
_OPTIONS = {
    "mp3": {"flush_packets": "1", "write_xing": "0", "id3v2_version": "0"},
    "ogg": {"flush_packets": "1", "page_duration": "200000"},
}
_BUFFER = 1024
_MP3_BITRATE, _OPUS_BITRATE = 32000, 24000  # a channel


class Writer(Protocol):
    """Interleaved PCM into a file. Every method may raise OSError or MediaError."""

    def write(self, pcm: bytes) -> None:
        """More of it."""

    def close(self) -> None:
        """The end: after it the file is whole."""

    def abandon(self) -> None:
        """The end after an error: save what is there. Never raises."""


class WavWriter:
    """PCM, 16 bits."""

    def __init__(self, file: FileIO, rate: int, channels: int) -> None:
        self._file = file
        self._frame = 2 * channels
        self._written = 0
        block = self._frame
        self._head = (b"WAVE", b"fmt ", 16, 1, channels, rate, rate * block, block, 16, b"data")
        self._header()

    def write(self, pcm: bytes) -> None:
        """More of it. The disk has it when this returns, as far as the system can say."""
        if self._written + len(pcm) > _MOST:
            raise MediaError("a wav file holds no more than 4 GiB")
        _whole(self._file, _little(pcm), self)
        self._header()

    def close(self) -> None:
        """Its header is true already."""
        self._file.close()

    def abandon(self) -> None:
        """The length of what did get on the disk."""
        with suppress(OSError):
            self._header()
        with suppress(OSError):
            self._file.close()

    def wrote(self, count: int) -> None:
        """So many more bytes are in the file."""
        self._written += count

    def _header(self) -> None:
        size = self._written - self._written % self._frame
        self._file.seek(0)
        self._file.write(_HEADER.pack(b"RIFF", _HEADER.size - 8 + size, *self._head, size))
        self._file.seek(_HEADER.size + self._written)


def _little(pcm: bytes) -> bytes:
    if sys.byteorder == "little":
        return pcm
    samples = array("h", pcm)
    samples.byteswap()
    return samples.tobytes()


def _whole(file: FileIO, data: bytes, counter: WavWriter | None = None) -> None:
    """All of it: an unbuffered file may take a part, as when the disk is nearly full."""
    view = memoryview(data)
    while view:
        count = file.write(view)
        if counter is not None:
            counter.wrote(count)
        view = view[count:]


class _Out:
    """What libavformat writes to. It cannot seek, so that nothing need be written again at the end."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                _whole(self._file, data)
            except OSError as error:  # libavformat would make it a number, and forget it
                self.error = error
        return len(data)


class AvWriter:
    """mp3 and Opus, by PyAV; both can be read as far as they were written."""

    def __init__(self, file: FileIO, rate: int, channels: int, container: str, codec: str, bitrate: int) -> None:
        self._av = pyav.needed(f"recording {Path(str(file.name)).name}")
        self._file = file
        self._out = _Out(file)
        self._rate, self._layout, self._channels = rate, "stereo" if channels == 2 else "mono", channels
        self._container: OutputContainer = self._av.open(
            self._out, "w", format=container, options=_OPTIONS[container], buffer_size=_BUFFER
        )
        self._stream: AudioStream = self._container.add_stream(codec, rate=rate)
        self._stream.layout = self._layout
        self._stream.bit_rate = bitrate * channels
        self._resampler: AudioResampler | None = None

    def write(self, pcm: bytes) -> None:
        """More of it."""
        frame = self._av.AudioFrame(format="s16", layout=self._layout, samples=len(pcm) // (2 * self._channels))
        frame.sample_rate = self._rate
        frame.planes[0].update(pcm)
        if self._resampler is None:  # opens the codec, which then knows how many samples it wants at a time
            self._container.start_encoding()
            self._resampler = self._av.AudioResampler(
                format=self._stream.format,
                layout=self._layout,
                rate=self._rate,
                frame_size=self._stream.frame_size or None,
            )
        for part in self._resampler.resample(frame):
            self._mux(part)

    def close(self) -> None:
        """Write what the codec still holds."""
        if self._resampler is not None:
            for part in self._resampler.resample(None):
                self._mux(part)
            self._mux(None)
        self._container.close()
        self._file.close()
        self._failed()

    def abandon(self) -> None:
        """Let go of the file; what it holds can be played."""
        with suppress(OSError, self._av.error.FFmpegError):
            self._container.close()
        with suppress(OSError):
            self._file.close()

    def _mux(self, part: object) -> None:
        for packet in self._stream.encode(part):  # type: ignore[arg-type]
            self._container.mux(packet)
        self._failed()

    def _failed(self) -> None:
        if self._out.error is not None:
            raise self._out.error


_RATES = {".wav": range(LOWEST, HIGHEST + 1), ".mp3": _MP3_RATES, ".opus": OPUS_RATES, ".ogg": OPUS_RATES}


def check_format(name: str, suffix: str, rate: int) -> None:
    """Raises MediaError where a file of this suffix cannot be written at this rate, or needs the extra."""
    rates = _RATES.get(suffix)
    if rates is None:
        raise MediaError(f"{name}: a recording is one of {', '.join(_RATES)}")
    if rate not in rates:
        known = f"{rates[0]} to {rates[-1]}" if isinstance(rates, range) else ", ".join(map(str, rates))
        raise MediaError(f"{name}: {rate} samples a second cannot be written as {suffix}; {known} can")
    if suffix != ".wav":
        pyav.required(f"recording {name}")


def make_writer(file: FileIO, suffix: str, rate: int, channels: int) -> Writer:
    """The writer of this suffix into a new file, open without a buffer. May raise OSError and MediaError."""
    if suffix == ".wav":
        return WavWriter(file, rate, channels)
    if suffix == ".mp3":
        return AvWriter(file, rate, channels, "mp3", "libmp3lame", _MP3_BITRATE)
    return AvWriter(file, rate, channels, "ogg", "libopus", _OPUS_BITRATE)
