"""One call, as the user of the library sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from sipclient.errors import CallFailed, InvalidValue, SipError
from sipclient.face.asking import transfer
from sipclient.face.causes import unsent
from sipclient.face.course import CallState, Course
from sipclient.face.voice import Playing, RecordingCall, Voice
from sipclient.media import MediaSession
from sipclient.media.stats import StreamStats
from sipclient.protocol.events import CallEnded, Invite

FAREWELL = 2.0  # seconds that leaving a call waits for its end; the engine goes on without us


class Call(Course):
    """A call, placed by us or answered by us.

    `async for state in call` gives every state from the first on, however late it is begun, and ends with
    `ended`. `status` is the last SIP status heard, `cause` the hangup cause by FreeSWITCH name once it ended. `name`
    and `variables` are what whoever placed it gave it.
    """

    successor: Call | None = None  # the call that a transfer of the far end led to
    _error: SipError | None = None  # what kept it from being placed

    # --- for the user -------------------------------------------------------------------------------

    async def answered(self) -> Call:
        """Wait for the answer. Raises CallFailed where none came, or what kept it from being placed."""
        await self._until(CallState.ANSWERED)
        if self.answered_at is not None:
            return self
        raise self._error or CallFailed(self.status, self.cause, self.reason)

    async def ended(self) -> CallEnded:
        """Wait for the end, answered or not: its status, cause, Q.850 number, and who ended it."""
        while self.end is None:
            await self._until(CallState.ENDED)
        return self.end

    # --- sound and keys -----------------------------------------------------------------------------

    @property
    def voice(self) -> Voice:
        """What it says, hears and records."""
        return self._within.voice

    @property
    def media(self) -> MediaSession | None:
        """What carries the sound; None before it was needed, and for a call without any."""
        return self._made.descriptions.media if self._made is not None else None

    @property
    def held(self) -> bool:
        """Whether we put the far end on hold."""
        return self._made is not None and self._made.descriptions.held

    @property
    def stats(self) -> StreamStats | None:
        """How the sound travels: packets, loss, jitter, round trip, and how it sounds; None without sound."""
        stream = self.media.stream if self.media is not None else None
        return stream.stats if stream is not None else None

    def play(self, *what: str | Path, loops: int | None = 1, pause: float = 0.0) -> Playing:
        """Play files (wav; with the extra `media` mp3 and more), tones (`%(2000,4000,440,480)`, `us-ring`) or silence
        (`silence_stream://1000`), one after the other, `loops` times (None: without end), `pause` seconds apart.

        It begins at once, in the place of what was played before; await the result to wait for its end, or `stop`
        it. Raises MediaError for what cannot be played, and for a call without sound. The first file that needs
        PyAV begins once that is loaded; what is wrong with it is told to whoever awaits.
        """
        return self.voice.play(*what, loops=loops, pause=pause)

    def record(self, path: str | Path, *, stereo: bool = False) -> RecordingCall:
        """Record both sides from now on, as the file's suffix says: `.wav`, with the extra `media` `.mp3`, `.opus`.

        Mono is a mix; `stereo` has the far end on the left, and on the right what it hears: us, or the call it is
        bridged to. It ends with the call, or when stopped; await the result for the complete file. An existing
        file is never written over. Raises MediaError where the file cannot be made.
        """
        return self.voice.record(Path(path), stereo)

    async def dtmf(self, keys: str, *, method: str = "auto", seconds: float = 0.1, gap: float = 0.1) -> None:
        """Press keys of `0-9 * # A-D`, each for so many seconds; `,` waits half a second. Returns once they are sent.

        `method`: `rtp` (RFC 4733), `info` (SIP INFO, `application/dtmf-relay`), or `auto`: by RTP where the peer takes
        that, else by INFO. Raises InvalidValue for what is no key, MediaError for `rtp` where the peer takes none.
        """
        await self._within.descriptions.settled()
        await self._within.keypad.press(keys, method, seconds, gap)

    def keys(self) -> AsyncIterator[str]:
        """Each key the far end presses, by RTP or INFO, from those nobody asked for yet, until the call ends."""
        return self.voice.keys()

    def carry_keys_to(self, other: Call | None) -> None:
        """Press in another call what the far end of this one presses by INFO; None: no more. What it presses by
        RTP goes with the sound, where that goes."""
        self._within.keypad.carried = other.dtmf if other is not None else None

    def carry_identity_to(self, other: Call | None) -> None:
        """Tell the far end of another call whenever that of this one says who talks there now; None: no more."""
        self.connected_line.carried = other.connected_line if other is not None else None

    @property
    def bridged(self) -> bool:
        """Whether it is joined to another call."""
        return self._made is not None and self._made.connected_line.carried is not None

    async def digits(
        self, count: int | None = None, *, timeout: float = 10.0, between: float = 4.0, terminator: str = "#"
    ) -> str:
        """Collect keys: `count` of them, or those before `terminator`, or those that came in time (`timeout` seconds
        for the first, `between` for each further one). Empty where none came."""
        return await self.voice.digits(count, timeout, between, terminator)

    # --- hold and transfer --------------------------------------------------------------------------

    async def hold(self) -> None:
        """Put the far end on hold: it hears what is played, and is not heard (RFC 3264 §8.4).

        Raises CallFailed where it refuses; the call goes on as it was.
        """
        await self._within.descriptions.hold(True)

    async def resume(self) -> None:
        """Take the far end back. Raises CallFailed where it refuses."""
        await self._within.descriptions.hold(False)

    async def transfer(self, to: str | Call, *, timeout: float = 60.0) -> None:
        """Have the far end call somebody else (RFC 3515): a number or URI, or the far end of another answered call,
        whose place it then takes (RFC 3891). Ours end once it has.

        Raises CallFailed where it refuses, or does not get through within `timeout` seconds: the calls go on.
        """
        await transfer(self, self._line, self._within.news, to, timeout)

    def __aiter__(self) -> AsyncIterator[CallState]:
        return _States(self)

    async def state_after(self, told: int) -> CallState:
        """The state after so many others, as soon as there is one. Raises StopAsyncIteration where none will be."""
        while told >= len(self._history):
            if self.end is not None:
                raise StopAsyncIteration
            await self._until(self.state, 1)
        return self._history[told]

    async def __aenter__(self) -> Call:
        try:
            return await self.answered()
        except BaseException:
            self.hangup()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hangup()
        if self.end is None:  # the alarm alone costs 5 µs
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await self.ended()

    # --- for the client -----------------------------------------------------------------------------

    def place(self, invite: Invite) -> None:
        """Send the INVITE, at once or as soon as the media have an offer for it; InvalidValue where that is at once."""
        if self._open_media is None or invite.late_offer:
            self._placed = True
            self._line.do(invite)
        else:
            self._line.spawn(self._offer(invite))

    async def describe(self, offer: bytes) -> bytes:
        """Our answer to an offer, or our offer where that is empty; b"" without media. Raises MediaError."""
        return await self._within.descriptions.describe(offer)

    async def _offer(self, invite: Invite) -> None:
        try:
            body = await self.describe(b"")
            if self.end is None:
                self._placed = True
                self._line.do(msgspec.structs.replace(invite, body=body))
        except SipError as error:
            self._error = error
            cause = "INVALID_NUMBER_FORMAT" if isinstance(error, InvalidValue) else "REQUESTED_CHAN_UNAVAIL"
            if self.end is None:
                self._line.tell(unsent(self.id, cause, str(error)))


class _States:
    """The states of a call, from the first on."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._told = 0

    def __aiter__(self) -> _States:
        return self

    async def __anext__(self) -> CallState:
        state = await self._call.state_after(self._told)
        self._told += 1
        return state


class Dialling:
    """What `client.call(...)` gives. Nothing is sent before it is awaited or entered.

    Awaited, it is the answered Call; entered, leaving hangs up. Cancelling whoever waits cancels the call.
    """

    def __init__(self, place: Callable[[], Awaitable[Call]]) -> None:
        self._place = place
        self._call: Call | None = None

    def __await__(self) -> Generator[Any, None, Call]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Call:
        call = self._call = await self._place()
        try:
            return await call.answered()
        except BaseException:
            call.hangup()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._call is not None and self._call.end is None:
            await self._call.__aexit__(kind, error, trace)
