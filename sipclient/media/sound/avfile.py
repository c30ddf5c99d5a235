"""Any other file: mp3, ogg, flac, m4a, video too, by PyAV; what is played is its first sound track, made mono."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.sound.resample import HIGHEST, LOWEST

if TYPE_CHECKING:
    from av.container import InputContainer

# A playlist must not lead to the network: what is played is what the caller named.
_OPTIONS = {"protocol_whitelist": "file"}
_MOST_FAULTS = 50  # packets in a row that do not decode: this is no longer a scratch


class AvReader:
    """One file, open. Raises MediaError where PyAV is missing, or finds no sound in it."""

    def __init__(self, path: Path) -> None:
        self._av = pyav.needed(f"playing {path.name}")
        self._path = path
        self._container: InputContainer | None = None
        self.rewind()

    def read(self, samples: int) -> bytes:
        """The next samples, mono; fewer where it ends, none after that. Raises MediaError where it is damaged."""
        while len(self._held) < 2 * samples:
            part = next(self._parts, None)
            if part is None:
                break
            self._held += part
        out = bytes(self._held[: 2 * samples])
        del self._held[: 2 * samples]
        return out

    def rewind(self) -> None:
        """From its beginning; the file is opened anew, for not every format can go back."""
        self.close()
        try:
            self._container = self._av.open(str(self._path), options=_OPTIONS)
        except self._av.error.FFmpegError as error:
            raise MediaError(f"{self._path} cannot be played: {error.strerror}") from error
        except OSError as error:
            raise MediaError(f"{self._path}: {error.strerror or error}") from error
        streams = self._container.streams.audio
        self.rate = streams[0].rate or 0 if streams else 0
        if not LOWEST <= self.rate <= HIGHEST:
            self.close()
            what = f"its sampling rate is {self.rate} Hz" if streams else "there is no sound in it"
            raise MediaError(f"{self._path} cannot be played: {what}")
        self._held = bytearray()
        self._parts = self._decoded(self._container)

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _decoded(self, container: InputContainer) -> Iterator[bytes]:
        track = container.streams.audio[0]
        resampler = self._av.AudioResampler(format="s16", layout="mono", rate=self.rate)
        faults = 0
        packets = container.demux(track)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except self._av.error.FFmpegError as error:
                faults += 1
                if faults > _MOST_FAULTS:
                    raise MediaError(f"{self._path} is damaged: {error.strerror}") from error
                continue
            for frame in frames:
                faults = 0
                for part in resampler.resample(frame):
                    yield bytes(part.planes[0])[: 2 * part.samples]
