"""A file that is opened beside the loop: the first that needs PyAV has it loaded, which takes tenths of a second."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

from sipclient.errors import MediaError
from sipclient.media.sound.avfile import AvReader
from sipclient.media.sound.pcm import silence

_RATE = 8000  # Hz of the silence until it is there


class LateReader:
    """An AvReader once a thread has opened it, and silence before; what is wrong with the file is told by `read`."""

    def __init__(self, path: Path) -> None:
        self._opened: Future[AvReader] = Future()
        self._reader: AvReader | None = None
        # A daemon: a disk that does not answer must not keep the process from ending.
        threading.Thread(target=self._open, args=(path,), name=f"opening {path.name}", daemon=True).start()

    @property
    def rate(self) -> int:
        """Samples per second."""
        return _RATE if self._reader is None else self._reader.rate

    def read(self, samples: int) -> bytes:
        """The next samples, mono. Raises MediaError where it cannot be played."""
        if self._reader is None:
            if not self._opened.done():
                return silence(samples)
            self._reader = self._opened.result()
        return self._reader.read(samples)

    def rewind(self) -> None:
        """From its beginning; a file that is not there yet is there."""
        if self._reader is not None:
            self._reader.rewind()

    def close(self) -> None:
        """Close the file, as soon as it is open."""
        self._opened.add_done_callback(_close)

    def _open(self, path: Path) -> None:
        """The thread."""
        try:
            self._opened.set_result(AvReader(path))
        except MediaError as error:
            self._opened.set_exception(error)
        except Exception as error:  # the border of the thread: what is not told here is told nowhere
            self._opened.set_exception(MediaError(f"{path} cannot be played: {type(error).__name__}: {error}"))


def _close(opened: Future[AvReader]) -> None:
    if opened.exception() is None:
        opened.result().close()
