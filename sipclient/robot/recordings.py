"""The folder of recordings: which are made, which are there, and what they look like."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import tempfile
import wave
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sipclient.errors import InvalidValue, MediaError
from sipclient.face.tasks import Tasks
from sipclient.media.sound.writers import check_format
from sipclient.robot import told
from sipclient.robot.labels import Label, read_label, write_label
from sipclient.robot.told import Told

if TYPE_CHECKING:
    from sipclient.face.voice import RecordingCall
    from sipclient.media.sound.waveform import Waveform

FORMS = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".opus": "audio/ogg", ".ogg": "audio/ogg"}
LONGEST_NAME = 120  # characters
LISTED = 1000  # files: the newest
KNOWN = 1000  # recordings of which it is known whose they are, and waveforms that are kept
_RATE = 8000  # Hz, at which every form can be written that can be written at all
_PROBE = b"\0" * 4096  # what a folder must take, or nobody is called in order to be recorded there
_CUT_SHORT = "sipclient ended while it was made"
_log = logging.getLogger(__name__)
_UNFIT = re.compile(r"[^A-Za-z0-9@._-]+")


class RecordingShape(msgspec.Struct, frozen=True):
    """One recording. `id` is its file's name; `call` and `bridge` are whose it is, empty where that is not known.
    `failed` says why it broke off; what is there can be heard. `seconds` and `channels` are null where only reading it
    through would tell."""

    id: str
    call: str
    bridge: str
    format: str
    bytes: int
    created: datetime
    complete: bool
    failed: str | None = None
    seconds: float | None = None
    channels: int | None = None


class FolderUnusable(MediaError):
    """The folder of recordings takes nothing now: the disk is full, or it cannot be made, or not be written."""


class Recordings:
    """What `recordings` names: a folder, made when it is first needed.

    `tell` hears of each recording that is complete, or that the disk would not take.
    """

    def __init__(
        self,
        folder: str | Path,
        tell: Callable[[Told], None],
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = Path(folder)
        self._tell = tell
        self._wall = wall
        self._labels: dict[str, Label] = {}  # of this run; those of earlier ones are beside their files
        self._waveforms: dict[tuple[str, int, int, int], Waveform] = {}
        self._reading = asyncio.Lock()
        self._tasks = Tasks()

    def place(self, wish: str, whose: str) -> Path:
        """Where to record: `wish` is a name, or only an ending such as `mp3`; empty, or without a name, it is named
        after `whose` it is. Raises InvalidValue for a name that is none, MediaError for a form that cannot be written
        here, and FolderUnusable where the folder takes nothing now."""
        name, dot, ending = wish.rpartition(".")
        if not dot and f".{wish.lower()}" in FORMS:
            name, ending = "", wish
        elif not wish:
            name, ending = "", "wav"
        name = name or _UNFIT.sub("-", whose).strip(".-")[:LONGEST_NAME] or "call"
        if f".{ending.lower()}" not in FORMS:
            raise InvalidValue(f'"{_shown(wish)}" is no recording: its name ends in {", ".join(FORMS)}')
        if len(name) > LONGEST_NAME or name.startswith(".") or _UNFIT.search(name):
            raise InvalidValue(
                f'"{_shown(wish)}" is no name of a recording: letters, digits and @ . _ - are, {LONGEST_NAME} at most'
            )
        check_format(f"{name}.{ending}", f".{ending.lower()}", _RATE)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder, prefix=".", buffering=0) as probe:
                if probe.write(_PROBE) < len(_PROBE):
                    probe.write(_PROBE)  # says why the rest was not taken
        except OSError as error:
            raise FolderUnusable(f"nothing can be recorded now: {self.folder.name}: {error.strerror}") from error
        return self.folder / f"{name}.{ending.lower()}"

    def begun(self, recording: RecordingCall, call: str = "", bridge: str = "") -> str:
        """A recording is made; its id. When it is complete, or has failed, that is told."""
        id = recording.path.name
        self._labels[id] = label = Label(call, bridge, self._wall())
        while len(self._labels) > KNOWN:
            del self._labels[next(iter(self._labels))]
        self._tell(told.RecordingBegan(id, call, bridge))
        self._tasks.spawn(self._follow(id, label, recording))
        return id

    def not_begun(self, path: Path, why: Exception | str, call: str = "", bridge: str = "") -> None:
        """One that was wanted at `path` could not be begun: that is told as one that failed."""
        self._tell(told.RecordingFailed(path.name, call, bridge, self._without_folder(why)))

    async def all(self) -> list[RecordingShape]:
        """The newest, newest first."""
        return await asyncio.to_thread(self._listed)

    async def get(self, id: str) -> RecordingShape | None:
        """One."""
        return await asyncio.to_thread(self._looked_up, id)

    def path(self, id: str) -> Path:
        """The file of an id that `get` knows."""
        return self.folder / id

    async def waveform(self, id: str, bars: int) -> Waveform:
        """What it looks like. One is drawn at a time. Raises MediaError for what is no sound."""
        from sipclient.media.sound.waveform import waveform  # only where somebody looks

        path = self.folder / id
        async with self._reading:
            try:
                state = await asyncio.to_thread(path.stat)
            except OSError as error:
                raise MediaError(f"{id} cannot be read: {error.strerror}") from error
            key = (id, state.st_mtime_ns, state.st_size, bars)
            found = self._waveforms.get(key)
            if found is None:
                found = self._waveforms[key] = await asyncio.to_thread(waveform, path, bars)
                while len(self._waveforms) > 32:
                    del self._waveforms[next(iter(self._waveforms))]
            return found

    async def aclose(self) -> None:
        """Wait a moment for what is being completed."""
        await self._tasks.close(2.0)

    async def _follow(self, id: str, label: Label, recording: RecordingCall) -> None:
        path = recording.path
        await self._written(path, label)
        try:
            made = await recording
        except MediaError as error:
            label.fail(self._without_folder(error))
            self._tell(told.RecordingFailed(id, label.call, label.bridge, str(label.failed)))
        else:
            label.complete, label.seconds = True, made.seconds
            self._tell(told.RecordingComplete(id, label.call, label.bridge, made.seconds, made.bytes, made.lost))
        await self._written(path, label)

    async def _written(self, path: Path, label: Label) -> None:
        try:
            await asyncio.to_thread(write_label, path, label)
        except OSError as error:
            _log.warning("whose the recording %s is cannot be written beside it: %s", path.name, error.strerror)

    def _without_folder(self, why: Exception | str) -> str:
        """What an error says, for people elsewhere: where the folder is on this machine is not theirs to know."""
        return str(why).replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), self.folder.name)

    # --- in a thread --------------------------------------------------------------------------------

    def _listed(self) -> list[RecordingShape]:
        try:
            with os.scandir(self.folder) as entries:
                names = [(entry.stat().st_mtime, entry.name) for entry in entries if _fits(entry.name)]
        except OSError:
            return []
        newest = sorted(names, reverse=True)[:LISTED]
        found = [shape for _, name in newest if (shape := self._looked_up(name)) is not None]
        return sorted(found, key=lambda shape: shape.created, reverse=True)

    def _looked_up(self, id: str) -> RecordingShape | None:
        if not _fits(id):
            return None
        path = self.folder / id
        try:
            state = path.lstat()
        except OSError:
            return None
        if not os.path.isfile(path) or path.is_symlink():
            return None
        label = self._labels.get(id) or _of_earlier(path, datetime.fromtimestamp(state.st_mtime, UTC))
        form = FORMS[path.suffix.lower()]
        seconds, channels = _length(path) if form == FORMS[".wav"] else (label.seconds, None)
        return RecordingShape(
            id=id,
            call=label.call,
            bridge=label.bridge,
            format=form,
            bytes=state.st_size,
            created=label.created,
            complete=label.complete,
            failed=label.failed,
            seconds=seconds,
            channels=channels,
        )


def _of_earlier(path: Path, changed: datetime) -> Label:
    """What is beside a recording that nobody makes any more; without that, what its file tells."""
    label = read_label(path)
    if label is None:
        return Label("", "", changed, complete=True)
    if not label.complete and label.failed is None:
        label.fail(_CUT_SHORT)
    return label


def _length(path: Path) -> tuple[float | None, int | None]:
    """Seconds and channels of a wav, as its head has them."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() / file.getframerate(), file.getnchannels()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return None, None


def _fits(id: str) -> bool:
    """Whether a name is one of ours: no way leads out of the folder."""
    return not id.startswith(".") and not _UNFIT.search(id) and Path(id).suffix.lower() in FORMS


def _shown(text: str) -> str:
    return repr(text[:80])[1:-1]
