"""What a call can play: wav and other files, tones, silence, one after another, again and again."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.noise import Noise
from sipclient.media.sound.avfile import AvReader
from sipclient.media.sound.late import LateReader
from sipclient.media.sound.outcome import Outcome
from sipclient.media.sound.pcm import silence
from sipclient.media.sound.resample import Resampler
from sipclient.media.sound.wav import UnknownWav, WavReader
from sipclient.media.tones.countries import named_tone
from sipclient.media.tones.notation import SCHEME, parse_tones
from sipclient.media.tones.script import ToneScript, ToneStep
from sipclient.media.tones.synthesis import ToneReader

_SILENCE = "silence_stream://"
_FILE = "file://"
_SCRIPT_STARTS = ("%(", "$", "v=", "L=", "l=", "d=", "w=", "r=", "c=", ">=", "<=", "+=", SCHEME)
_SCRIPT_PATH = "path="
_LONGEST_SCRIPT = 65536
_LONGEST_PAUSE = 86_400.0  # seconds
_log = logging.getLogger(__name__)


class Reader(Protocol):
    """Where a player's sound comes from. `rate` is in Hz, and may change with `rewind`."""

    @property
    def rate(self) -> int:
        """Samples per second."""

    def read(self, samples: int) -> bytes:
        """The next samples, mono; fewer where it ends, none after that. May raise MediaError."""

    def rewind(self) -> None:
        """From the beginning. May raise MediaError."""

    def close(self) -> None:
        """Give everything back."""


class Player:
    """Readers, one after the other, `loops` times (None: without end), with `pause` seconds of silence in between: a
    Source of any call. Awaiting `finished` waits for the end, or raises MediaError where a file broke off."""

    def __init__(self, readers: Sequence[Reader], loops: int | None = 1, pause: float = 0.0) -> None:
        self.finished: Outcome[None] = Outcome()
        self.paused = False
        self._readers = list(readers)
        self._resamplers: dict[int, Resampler] = {}
        self._loops = loops
        self._pause = pause
        self._index = self._passes = self._silent = 0
        self._anything = False  # heard in this pass
        self._rate = 0
        self._ready = bytearray()  # at that rate

    def __repr__(self) -> str:
        state = "finished" if self.finished.done else "paused" if self.paused else "playing"
        return f"<Player {state}: {self._index + 1} of {len(self._readers)}, pass {self._passes + 1}>"

    def frame(self, samples: int, rate: int) -> bytes | None:
        """The next `samples` at `rate`; None while paused and after the end. Never raises."""
        if self.paused or self.finished.done:
            return None
        try:
            out = self._filled(samples, rate)
        except MediaError as error:
            _log.warning("%s", error)
            self._close()
            self.finished.fail(error)
            return None
        except Exception as error:  # of a library that a file has surprised: whoever waits for the end must hear of it
            _log.exception("what was played broke off")
            self._close()
            self.finished.fail(MediaError(f"what was played broke off: {type(error).__name__}: {error}"))
            return None
        if len(out) < 2 * samples:
            self.stop()
            return out + silence(samples - len(out) // 2) if out else None
        return out

    def pause(self) -> None:
        """Send nothing until `resume`; nothing is skipped."""
        self.paused = True

    def resume(self) -> None:
        """Go on where it was paused."""
        self.paused = False

    def stop(self) -> None:
        """The end, now. Twice is harmless."""
        self._close()
        self.finished.set(None)

    def _close(self) -> None:
        for reader in self._readers:
            reader.close()

    def _filled(self, samples: int, rate: int) -> bytes:
        """The next `samples`, fewer at the end. May raise MediaError."""
        if rate != self._rate:
            self._rate = rate
            self._ready.clear()
        while (missing := samples - len(self._ready) // 2) > 0:
            if self._silent:
                take = min(missing, self._silent)
                self._silent -= take
                self._ready += silence(take)
                continue
            reader = self._readers[self._index]
            heard = reader.read(-(-missing * reader.rate // rate))
            if heard:
                self._anything = True
                self._ready += self._resampler(reader.rate, rate).resample(heard)
            elif not self._next(rate):
                break
        out = bytes(self._ready[: 2 * samples])
        del self._ready[: 2 * samples]
        return out

    def _resampler(self, source: int, target: int) -> Resampler:
        """The one of the current reader: it goes on from pass to pass, so that what loops has no seam."""
        made = self._resamplers.get(self._index)
        if made is None or (made.source, made.target) != (source, target):
            made = self._resamplers[self._index] = Resampler(source, target)
        return made

    def _next(self, rate: int) -> bool:
        """To the next reader, or the next pass. False: that was all."""
        self._index += 1
        if self._index < len(self._readers):
            return True
        self._index = 0
        self._passes += 1
        self._silent = round(self._pause * rate)
        if self._passes == self._loops or not (self._anything or self._silent):
            return False
        self._anything = False
        for reader in self._readers:
            reader.rewind()
        return True


class _NoiseReader:
    """So many samples of soft noise."""

    rate = 8000

    def __init__(self, seconds: float, level: float) -> None:
        self._noise = Noise()
        self._noise.level(bytes([max(0, min(127, round(-level)))]))
        self._length = round(seconds * self.rate)
        self._left = self._length

    def read(self, samples: int) -> bytes:
        take = min(samples, self._left)
        self._left -= take
        return self._noise.next(take)

    def rewind(self) -> None:
        self._left = self._length

    def close(self) -> None:
        pass


def open_source(*what: str | Path, rate: int = 8000, loops: int | None = 1, pause: float = 0.0) -> Player:
    """What these words name, one after the other, ready to be played at `rate` (Hz) or any other.

    A file's path (wav; with the extra `media` whatever PyAV reads), a tone (`%(2000,4000,440,480)`,
    `tone_stream://...;loops=-1`, `tone_stream://path=FILE`, `us-ring`), or `silence_stream://MS`, where a second
    number, as in FreeSWITCH, asks for noise that is the softer the greater it is. `loops` None: without end.
    `pause`: seconds of silence before each repetition. Raises MediaError that names what cannot be played, and why;
    in a running loop the player tells it of the first file for which PyAV has to be loaded.
    """
    if not what:
        raise MediaError("nothing was named to be played")
    if loops is not None and loops < 1:
        raise MediaError(f"loops = {loops}: once or more, or None for no end")
    if not 0 <= pause <= _LONGEST_PAUSE:
        raise MediaError(f"pause = {pause}: 0 to {_LONGEST_PAUSE:g} seconds of silence before each repetition")
    readers: list[Reader] = []
    try:
        for each in what:
            readers.append(_reader(each, rate))
    except MediaError:
        for reader in readers:
            reader.close()
        raise
    return Player(readers, loops, pause)


def _reader(what: str | Path, rate: int) -> Reader:
    if isinstance(what, Path):
        return _file(what)
    text = what.strip()
    if text.startswith(_SILENCE):
        return _silence_named(text, rate)
    if text.startswith(SCHEME + _SCRIPT_PATH):
        return ToneReader(_script_file(text.removeprefix(SCHEME + _SCRIPT_PATH)), rate)
    if text.startswith(_SCRIPT_STARTS) or named_tone(text.partition(";")[0].strip()):
        return ToneReader(parse_tones(text), rate)
    return _file(Path(text.removeprefix(_FILE)))


def _silence_named(text: str, rate: int) -> Reader:
    written, _, divisor = text.removeprefix(_SILENCE).partition(",")
    try:
        length, softness = int(written), int(divisor or -1)
    except ValueError:
        length = softness = -2
    if length < -1 or not (softness == -1 or softness > 0):
        raise MediaError(f"{text}: write {_SILENCE}MS, milliseconds of silence, or -1 for no end")
    if softness > 0:  # what FreeSWITCH adds up and divides has this level, in dBov
        seconds = length / 1000 if length >= 0 else math.inf
        return _NoiseReader(min(seconds, 86400.0), 3.0 - 20 * math.log10(softness))
    if not length:
        raise MediaError(f"{text}: that is no time at all")
    loops, step = (None, 1000.0) if length < 0 else (1, float(length))
    return ToneReader(ToneScript((ToneStep(0.0, step),), loops), rate)


def _script_file(written: str) -> ToneScript:
    """A script kept in a file, with `;loops=N` after its name."""
    name, *settings = written.split(";")
    try:
        with Path(name).open(encoding="utf-8") as file:
            script = file.read(_LONGEST_SCRIPT + 1)
    except UnicodeDecodeError as error:
        raise MediaError(f"{name} is not a tone script: it is no text") from error
    except (OSError, ValueError) as error:
        raise MediaError(f"{_shown(name)}: {getattr(error, 'strerror', None) or error}") from error
    return parse_tones(";".join((script, *settings)))


def _shown(name: str | Path) -> str:
    """A name as it fits into an error of one line."""
    text = str(name)
    return ascii(text[:80])[1:-1] + "..." * (len(text) > 80) if len(text) > 80 or not text.isprintable() else text


def _file(path: Path) -> Reader:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise MediaError(f"{path}: that is no file")
        with path.open("rb") as file:
            head = file.read(12)
    except (OSError, ValueError) as error:  # a name no file can have is a ValueError
        raise MediaError(f"{_shown(path)}: {getattr(error, 'strerror', None) or error}") from error
    if path.suffix.lower() not in (".wav", ".wave") and head[8:] != b"WAVE":
        return _by_pyav(path)
    try:
        return WavReader(path)
    except UnknownWav as error:
        if pyav.installed():
            return _by_pyav(path)
        raise MediaError(f"{error}; that needs the extra: pip install 'sipclient[media]'") from error


def _by_pyav(path: Path) -> Reader:
    """Opened beside the loop, if there is one, where PyAV has to be loaded for it."""
    return AvReader(path) if pyav.at_hand() or not pyav.installed() else LateReader(path)
