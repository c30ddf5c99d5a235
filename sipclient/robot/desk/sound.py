"""What is played to calls and recorded of them, as long as they are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sipclient.call import Call
from sipclient.errors import InvalidValue, MediaError
from sipclient.face.connecting import Connecting
from sipclient.face.voice import Playing, RecordingCall
from sipclient.robot.recordings import Recordings
from sipclient.robot.views import Views


class Sound:
    """The playing and the recording of each call, so that somebody can stop it later."""

    def __init__(self, recordings: Callable[[], Recordings | None], views: Views) -> None:
        self._recordings = recordings
        self._views = views
        self._playing: dict[str, Playing] = {}
        self._recorders: dict[str, RecordingCall] = {}

    def place_for(self, wish: bool | str, whose: str) -> Path | None:
        """The file of a recording, None where none is wished. Raises InvalidValue, MediaError."""
        if not wish:
            return None
        recordings = self._recordings()
        if recordings is None:
            raise MediaError("nothing is recorded: name a folder for it, `recordings` in robot.toml")
        path = recordings.place(wish if isinstance(wish, str) else "", whose)
        if path.exists():
            raise InvalidValue(f"record: there is a recording {path.name} already")
        return path

    def record(self, id: str, call: Call, path: Path, stereo: bool) -> str:
        """Record a call from now on into a file of `place_for`; the recording's id. Raises MediaError."""
        recordings = self._recordings()
        assert recordings is not None
        self._recorders[id] = recorder = call.record(path, stereo=stereo)
        self._forget_old()
        name = recordings.begun(recorder, call=id)
        shape = self._views.calls.get(id)
        if shape is not None:
            shape.recordings.append(name)
        return name

    def begin(self, id: str, call: Call, path: Path, stereo: bool) -> None:
        """`record`, for what was asked for before the call: what cannot be done is told, and the call goes on."""
        try:
            self.record(id, call, path, stereo)
        except MediaError as error:
            recordings = self._recordings()
            assert recordings is not None
            recordings.not_begun(path, error, call=id)

    def not_recorded(self, id: str, path: Path, reason: str) -> None:
        """A bridge goes on without the recording that was asked for: tell."""
        recordings = self._recordings()
        assert recordings is not None
        recordings.not_begun(path, reason, bridge=id)

    def recorded(self, id: str, connecting: Connecting) -> None:
        """Show the recording of a bridge, once it has one."""
        recordings, shape = self._recordings(), self._views.bridges.get(id)
        if connecting.recording is not None and recordings is not None and shape and shape.recording is None:
            shape.recording = recordings.begun(connecting.recording, bridge=id)

    async def stop_recording(self, id: str) -> bool:
        """Stop what was begun last, and wait until it is complete. False where nothing was."""
        recorder = self._recorders.pop(id, None)
        if recorder is None:
            return False
        recorder.stop()
        await recorder
        return True

    def playing(self, id: str, playing: Playing) -> None:
        """This is played to a call now."""
        self._playing[id] = playing
        self._forget_old()

    def stop_playing(self, id: str) -> None:
        """Nothing is, any more."""
        playing = self._playing.pop(id, None)
        if playing is not None:
            playing.stop()

    def _forget_old(self) -> None:
        """What belongs to calls that are no longer shown."""
        for kept in (self._playing, self._recorders):
            for id in [id for id in kept if self._views.calls.get(id) is None]:
                del kept[id]
