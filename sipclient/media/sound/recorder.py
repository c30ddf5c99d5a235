"""A recording of a call: two sides in, one file out, written by a thread of its own: no disk holds up a call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from sipclient.errors import MediaError
from sipclient.media.sound.outcome import Outcome
from sipclient.media.sound.pcm import interleaved, mix, silence
from sipclient.media.sound.timeline import Timeline
from sipclient.media.sound.writers import Writer, check_format, make_writer

if TYPE_CHECKING:
    from io import FileIO

_BATCH = 0.5  # seconds of sound that go to the thread at once
_MOST_WAITING = 40  # batches: 20 seconds, for which a disk may stand still before sound is lost
_USUAL_RATE = 8000
_MOST_NAMES = 10_000  # of one recording
_Heard = tuple[int, bytes, int, float]
_log = logging.getLogger(__name__)


class Recording(msgspec.Struct, frozen=True):
    """A recording that is complete. `seconds` is its length, `bytes` its size, `lost` the seconds of sound that a slow
    disk could not take, which are silent in it."""

    path: Path
    seconds: float
    bytes: int
    lost: float = 0.0


class RecorderSide:
    """One voice of a recording: a Sink for whoever hears it."""

    def __init__(self, take: Callable[[int, bytes, int, float], None], side: int) -> None:
        self._take = take
        self._side = side

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        """Sound at `rate` Hz, heard at `at` seconds of a clock that both sides share. Never raises, never waits."""
        self._take(self._side, pcm, rate, at)


class Recorder:
    """Records from now on into `directory`, under `name`: `.wav`, and with the extra `media` `.mp3`, `.opus` or `.ogg`.

    Mono is a mix of both sides; `stereo` has `left` on the left and `right` on the right. Both are on one line of time,
    by when they were heard: who is silent, late, paused or sends nothing leaves silence. `rate` is that of the file,
    whatever the codecs' are. An existing file is never written over: the name gets a number, and `path` says which.

    Awaiting `finished` gives the Recording, or raises MediaError: the disk is full, or gone. The call does not notice.
    Raises MediaError at once where the file cannot be made, or would be outside of `directory`.
    """

    def __init__(self, directory: str | Path, name: str, *, rate: int = 8000, stereo: bool = False) -> None:
        suffix = Path(name).suffix.lower()
        check_format(name, suffix, rate)
        self.path, file = _created(Path(directory), name)
        self.stereo = stereo
        self.rate = rate
        self.left, self.right = RecorderSide(self._heard, 0), RecorderSide(self._heard, 1)
        self.finished: Outcome[Recording] = Outcome()
        self._paused = self._closed = False
        self._batch: list[_Heard] = []
        self._queue: SimpleQueue[list[_Heard] | None] = SimpleQueue()
        self._lost = 0.0
        # A daemon: a disk that does not answer must not keep the process from ending.
        threading.Thread(target=self._write, args=(file, suffix), name=f"recorder {name}", daemon=True).start()

    def __repr__(self) -> str:
        state = "finished" if self.finished.done else "paused" if self._paused else "recording"
        return f"<Recorder {state}: {self.path}>"

    def pause(self) -> None:
        """What is heard until `resume` is silence in the recording; its time goes on."""
        self._paused = True

    def resume(self) -> None:
        """Record again what is heard."""
        self._paused = False

    def close(self) -> None:
        """The end. The file is complete when `finished` says so. Twice is harmless."""
        if not self._closed:
            self._closed = True
            self._queue.put(self._batch)
            self._queue.put(None)
            self._batch = []

    def _heard(self, side: int, pcm: bytes, rate: int, at: float) -> None:
        if self._closed:
            return
        if self._paused:
            pcm = silence(len(pcm) // 2)
        batch = self._batch
        batch.append((side, pcm, rate, at))
        if at - batch[0][3] >= _BATCH:
            self._batch = []
            if self._queue.qsize() < _MOST_WAITING:
                self._queue.put(batch)
            else:
                if not self._lost:
                    _log.warning("the disk is too slow for the recording %s: parts of it are lost", self.path)
                self._lost += at - batch[0][3]

    def _write(self, file: FileIO, suffix: str) -> None:
        """The thread."""
        timeline = Timeline(self.rate)
        writer: Writer | None = None
        try:
            writer = make_writer(file, suffix, self.rate, 2 if self.stereo else 1)
            while (batch := self._queue.get()) is not None:
                for side, pcm, rate, at in batch:
                    timeline.heard(side, pcm, rate, at)
                for left, right in timeline.ready():
                    writer.write(self._joined(left, right))
            for left, right in timeline.rest():
                writer.write(self._joined(left, right))
            writer.close()
            size = self.path.stat().st_size
        except Exception as error:  # the border of the thread: what is not told here is told nowhere
            self._closed = True
            if writer is not None and not file.closed:  # complete, and gone: its folder was taken away
                writer.abandon()
            file.close()
            self._fail(error, timeline.given / self.rate)
        else:
            self.finished.set(Recording(self.path, timeline.given / self.rate, size, self._lost))

    def _joined(self, left: bytes, right: bytes) -> bytes:
        return interleaved(left, right) if self.stereo else mix(left, right)

    def _fail(self, error: Exception, seconds: float) -> None:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        failure = MediaError(f"the recording {self.path} ended after {seconds:.1f} s: {why}")
        failure.__cause__ = error
        if not isinstance(error, OSError | MediaError):
            _log.error("%s", failure, exc_info=error)
        else:
            _log.error("%s", failure)
        self.finished.fail(failure)


def check_recording(path: Path) -> None:
    """Raises MediaError for a recording that can never be: of no form we write, or in no directory."""
    check_format(path.name, path.suffix.lower(), _USUAL_RATE)
    _check_directory(path.parent)


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise MediaError(f"recordings cannot be kept in {directory}: there is no such directory")


def _created(directory: Path, name: str) -> tuple[Path, FileIO]:
    """A new file of this name or one with a number, inside of the directory. Raises MediaError."""
    wanted = Path(name)
    if wanted.is_absolute() or ".." in wanted.parts or "\0" in name or not wanted.stem:
        raise MediaError(f"{name!r} is no name for a recording in {directory}: it would be outside of it")
    _check_directory(directory)
    path = directory / wanted
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(directory.resolve()):
            raise MediaError(f"{name!r} is no name for a recording in {directory}: it would be outside of it")
        for number in range(_MOST_NAMES):
            free = path.with_stem(f"{path.stem}-{number}") if number else path
            try:
                return free, free.open("xb", buffering=0)
            except FileExistsError:
                continue
    except OSError as error:
        raise MediaError(f"the recording {path} cannot be made: {error.strerror or error}") from error
    raise MediaError(f"the recording {path} cannot be made: there are {_MOST_NAMES} of that name")
