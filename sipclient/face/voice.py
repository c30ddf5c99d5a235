"""What a call says, hears and records, and the keys that are pressed in it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

from sipclient.errors import MediaError
from sipclient.media.dtmf import KeyPress
from sipclient.media.rtp_stream import RtpStream
from sipclient.media.sound import Player, Recorder, Recording, open_source

KEYS_KEPT = 256  # that nobody asked for yet; then the oldest are forgotten
_WIDE = 16_000  # Hz of a recording where the codec has more than a telephone's band
_NARROW = 8_000

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Playing:
    """Something that is played in a call. It began already; awaiting it waits for its end."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def __repr__(self) -> str:
        return f"<Playing {self._player!r}>"

    def __await__(self) -> Generator[Any, None, None]:
        """Until it was played to its end, was stopped, or the call ended. Raises MediaError where a file broke off;
        cancelling whoever waits stops it."""
        return self._finished().__await__()

    async def _finished(self) -> None:
        try:
            await self._player.finished
        except asyncio.CancelledError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it now. Twice is harmless."""
        self._player.stop()

    def pause(self) -> None:
        """Silence, until `resume`; nothing is skipped."""
        self._player.pause()

    def resume(self) -> None:
        """Go on where it was paused."""
        self._player.resume()


class RecordingCall:
    """A recording that began. Awaiting it waits until the file is complete, and gives the Recording."""

    def __init__(self, recorder: Recorder, leave: Callable[[RecordingCall], None]) -> None:
        self._recorder = recorder
        self._leave = leave

    def __repr__(self) -> str:
        return f"<RecordingCall {self._recorder!r}>"

    def __await__(self) -> Generator[Any, None, Recording]:
        """Until the recording was stopped or the call ended, and the file is complete: its path, seconds and bytes.
        Raises MediaError where the disk would not take it; the call went on all the same."""
        return self._recorder.finished.__await__()

    @property
    def path(self) -> Path:
        """Where it is written; the name has a number where there was such a file already."""
        return self._recorder.path

    def stop(self) -> None:
        """The end of it. Twice is harmless."""
        self._leave(self)
        self._recorder.close()

    def pause(self) -> None:
        """Silence in the recording, until `resume`; its time goes on."""
        self._recorder.pause()

    def resume(self) -> None:
        """Record again."""
        self._recorder.resume()


class Voice:
    """The sound of one call, over whatever stream its media have."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._stream: RtpStream | None = None
        self._player: Player | None = None
        self._recordings: dict[RecordingCall, Recorder] = {}
        self._other: RtpStream | None = None  # of the call this one is bridged to
        self._keys: deque[str] = deque(maxlen=KEYS_KEPT)
        self._pressed = asyncio.Event()
        self._ended = False

    @property
    def stream(self) -> RtpStream:
        """The stream. Raises MediaError where the call has no sound, not yet or not any more."""
        if self._stream is None or self._ended:
            raise MediaError("the call has ended" if self._ended else "the call has no sound (yet)")
        return self._stream

    def attach(self, stream: RtpStream | None) -> None:
        """The media are there. Nothing changes where they were before."""
        if stream is not None and stream is not self._stream:
            self._stream = stream
            stream.on_key = self._key

    def close(self) -> None:
        """The call ended: so does all that is played and recorded, and whoever waits for keys."""
        self._ended = True
        if self._player is not None:
            self._player.stop()
        for recording in tuple(self._recordings):
            recording.stop()
        self._pressed.set()

    # --- out ----------------------------------------------------------------------------------------

    def play(self, *what: str | Path, loops: int | None, pause: float) -> Playing:
        """Play in the place of silence, and of whatever was played before."""
        stream = self.stream
        player = open_source(*what, loops=loops, pause=pause)
        if self._player is not None:
            self._player.stop()
        self._player = stream.source = player
        self._spawn(self._played(stream, player))
        return Playing(player)

    async def _played(self, stream: RtpStream, player: Player) -> None:
        try:
            await player.finished
        except MediaError:
            pass  # whoever awaits the Playing hears of it; the player has logged it
        finally:
            if self._player is player:
                self._player = stream.source = None

    # --- recording ----------------------------------------------------------------------------------

    def record(self, path: Path, stereo: bool) -> RecordingCall:
        """Record both sides: what the peer says, and what it hears."""
        stream = self.stream
        agreed = stream.agreed
        wide = agreed is not None and (agreed.codec.clock > _NARROW or agreed.codec.name == "G722")
        recorder = Recorder(path.parent, path.name, rate=_WIDE if wide else _NARROW, stereo=stereo)
        recording = RecordingCall(recorder, self._leave)
        self._recordings[recording] = recorder
        stream.listen(recorder.left)
        stream.listen_to_ourselves(recorder.right)
        if self._other is not None:
            self._other.listen(recorder.right)
        return recording

    def _leave(self, recording: RecordingCall) -> None:
        recorder = self._recordings.pop(recording, None)
        if recorder is None or self._stream is None:
            return
        self._stream.leave(recorder.left)
        self._stream.leave(recorder.right)
        if self._other is not None:
            self._other.leave(recorder.right)

    # --- bridged to another call --------------------------------------------------------------------

    def bridge_to(self, other: Voice | None) -> None:
        """What the peer says goes to another call; None: no more. A recording has that call's peer on the right."""
        if self._other is not None:
            for recorder in self._recordings.values():
                self._other.leave(recorder.right)
        self._other = other.stream if other is not None else None
        if self._stream is not None:
            self._stream.relay_to(self._other)
        if self._other is not None:
            for recorder in self._recordings.values():
                self._other.listen(recorder.right)

    def takes_keys(self, *, required: bool = False) -> bool:
        """Whether the peer takes keys by RTP. Raises MediaError where that is `required` and it does not."""
        agreed = self._stream.agreed if self._stream is not None else None
        takes = agreed is not None and bool(agreed.events)
        if required and not takes:
            raise MediaError("the peer takes no keys by RTP (telephone-event): send them by SIP INFO")
        return takes

    # --- keys ---------------------------------------------------------------------------------------

    def _key(self, press: KeyPress) -> None:
        self.pressed(press.key)

    def pressed(self, key: str) -> None:
        """The peer pressed a key, however we learnt of it."""
        self._keys.append(key)
        self._pressed.set()

    async def keys(self) -> AsyncIterator[str]:
        """Each key the peer presses, from those nobody asked for yet, until the call ends."""
        while True:
            while self._keys:
                yield self._keys.popleft()
            if self._ended:
                return
            self._pressed.clear()
            await self._pressed.wait()

    async def digits(self, count: int | None, patience: float, between: float, terminator: str) -> str:
        """So many keys, or those before `terminator`, or those that came in time."""
        collected = ""
        keys = self.keys()
        while count is None or len(collected) < count:
            try:
                async with asyncio.timeout(patience):
                    key = await anext(keys, "")
            except TimeoutError:
                break
            if not key or key in terminator:
                break
            collected += key
            patience = between
        return collected
