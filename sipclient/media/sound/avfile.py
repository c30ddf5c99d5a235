"""Any other file: mp3, ogg, flac, m4a, video too, by PyAV; of it the first sound track, made mono or stereo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.sound.resample import HIGHEST, LOWEST

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler
    from av.container import InputContainer

# A playlist must not lead to the network: what is played is what the caller named.
_OPTIONS = {"protocol_whitelist": "file"}
_MOST_FAULTS = 50  # packets in a row that do not decode: this is no longer a scratch


class AvReader:
    """One file, open. Raises MediaError where PyAV is missing, or finds no sound in it.

    `stereo`: two interleaved channels where the file has as many; `channels` says what came of it.
    """

    def __init__(self, path: Path, stereo: bool = False) -> None:
        self._av = pyav.needed(f"playing {path.name}")
        self._path = path
        self._stereo = stereo
        self._container: InputContainer | None = None
        self._resampler: AudioResampler
        self._kind: tuple[str, str, int] | None = None  # of the frames that it takes
        self.rewind()

    def read(self, samples: int) -> bytes:
        """The next samples of each channel; fewer where it ends, then none. Raises MediaError where it is damaged."""
        wanted = 2 * self.channels * samples
        while len(self._held) < wanted:
            part = next(self._parts, None)
            if part is None:
                break
            self._held += part
        out = bytes(self._held[:wanted])
        del self._held[:wanted]
        return out

    def rewind(self) -> None:
        """From its beginning; the file is opened anew, for not every format can go back."""
        self.close()
        try:
            # Titles are often in some older coding of text. Nobody reads them here; from PyAV 19 on, neither does it.
            older = {"metadata_errors": "ignore"} if int(self._av.__version__.partition(".")[0]) < 19 else {}
            self._container = self._av.open(str(self._path), options=_OPTIONS, **older)
        except self._av.error.FFmpegError as error:
            raise MediaError(f"{self._path} cannot be played: {error.strerror}") from error
        tracks = self._container.streams.audio
        context = tracks[0].codec_context if tracks else None
        self.rate = context.rate or 0 if context is not None else 0
        if not LOWEST <= self.rate <= HIGHEST:
            self.close()
            what = f"its sampling rate is {self.rate} Hz" if context is not None else "there is no sound in it"
            what = "its sound is coded in a way nobody here knows" if tracks and context is None else what
            raise MediaError(f"{self._path} cannot be played: {what}")
        self.channels = 2 if self._stereo and context is not None and context.channels > 1 else 1
        self._kind = None
        self._held = bytearray()
        self._parts = self._decoded(self._container)

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _decoded(self, container: InputContainer) -> Iterator[bytes]:
        """Its sound as far as it can be read, part by part. Raises MediaError where nothing of it can any more."""
        faults = 0
        packets = container.demux(container.streams.audio[0])
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                part = b"".join(map(self._resampled, packet.decode()))
            except (self._av.error.FFmpegError, ValueError) as error:
                faults += 1
                if faults > _MOST_FAULTS:
                    raise MediaError(f"{self._path} is damaged: {error}") from error
                continue
            if part:
                faults = 0
                yield part

    def _resampled(self, frame: AudioFrame) -> bytes:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:  # files that were joined may change in the middle
            self._kind = kind
            layout = "stereo" if self.channels == 2 else "mono"
            self._resampler = self._av.AudioResampler(format="s16", layout=layout, rate=self.rate)
        width = 2 * self.channels
        return b"".join(bytes(part.planes[0])[: width * part.samples] for part in self._resampler.resample(frame))
