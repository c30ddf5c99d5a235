"""Two numbers dialled and joined: `client.bridge(a, b)`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TypeAlias

from sipclient.bridging import Bridge
from sipclient.call import FAREWELL, Call, CallState
from sipclient.dialling import Failed, Leg, Place, Plan
from sipclient.errors import BridgeFailed, CallFailed, MediaError
from sipclient.face.dialler import Dialler
from sipclient.face.progress import BridgeProgress
from sipclient.face.voice import Playing, RecordingCall, Spawn
from sipclient.face.wishes import Settled, tone_for
from sipclient.media.sound import check_recording, open_source
from sipclient.protocol.causes import BY_Q850

TOLD_FOR = 4.0  # seconds of a tone that says why nobody answered
_NUMBERED = frozenset(BY_Q850.values())  # the causes that a Reason header can tell

# A leg, what its Call-ID begins with, and the variables of its side.
PlaceLeg: TypeAlias = Callable[[Leg, str, Mapping[str, str]], Awaitable[Call]]
Tell: TypeAlias = Callable[[BridgeProgress], None]


class Connecting:
    """What `client.bridge(...)` gives. Nothing is sent before it is awaited or entered.

    Awaited, it is the Bridge, standing; entered, leaving hangs up both calls. Cancelling whoever waits cancels the
    calls. `id` is in every Call-ID and every BridgeProgress, `recording` the recording, once A has answered.
    """

    def __init__(self, plans: tuple[Plan, Plan], wishes: Settled, place: PlaceLeg, tell: Tell, spawn: Spawn) -> None:
        self.id = wishes.id
        self.recording: RecordingCall | None = None
        self._plans = dict(zip("ab", plans, strict=True))
        self._variables = {side: MappingProxyType(dict(plan.variables)) for side, plan in self._plans.items()}
        self._variables[""] = MappingProxyType({**self._variables["b"], **self._variables["a"]})
        self._wishes = wishes
        self._place = place
        self._progress = tell
        self._spawn = spawn
        self._calls: dict[str, Call] = {}  # those that were answered
        self._playing: dict[str, Playing] = {}
        self._bridge: Bridge | None = None
        self._failure: BridgeFailed | None = None  # which is being told to who waits

    def __repr__(self) -> str:
        return f"<Connecting {self.id!r} {self._bridge or self._calls}>"

    def __await__(self) -> Generator[object, None, Bridge]:
        return self._connect().__await__()

    async def __aenter__(self) -> Bridge:
        return await self._connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._hang_up()

    async def _connect(self) -> Bridge:
        try:
            return await self._connected()
        except BridgeFailed as failure:
            await self._hang_up(failure.cause)
            self._say("", "failed", status=failure.status, cause=failure.cause, reason=str(failure))
            raise
        except BaseException as error:
            await self._hang_up()
            self._say("", "failed", cause="ORIGINATOR_CANCEL", reason=str(error) or "cancelled")
            raise

    async def _connected(self) -> Bridge:
        if self._wishes.record:
            await asyncio.to_thread(check_recording, Path(self._wishes.record))
        for what in (self._wishes.ringback, self._wishes.announcement):
            if what:  # what cannot be played is told before anybody's telephone rings
                (await asyncio.to_thread(open_source, what)).stop()
        try:
            async with asyncio.timeout(self._wishes.timeout):
                await (self._both() if self._wishes.at_once else self._one_after_the_other())
        except TimeoutError:
            raise self._failure or self._overdue() from None
        return self._join()

    def _overdue(self) -> BridgeFailed:
        waited_for = "b" if "a" in self._calls else "a"
        return BridgeFailed(waited_for, 0, "NO_ANSWER", f"not answered within {self._wishes.timeout:g} s")

    # --- one leg and the other ----------------------------------------------------------------------

    async def _one_after_the_other(self) -> None:
        await self._reach("a")
        try:
            await self._reach("b", "a")
        except BridgeFailed as failure:
            if failure.leg == "b":
                await self._say_why("a", failure)
            raise

    async def _both(self) -> None:
        """Both ring at once; whoever answers first hears ringback. Where one cannot be reached, the other is told."""
        dialling = {side: asyncio.create_task(self._reach(side)) for side in ("a", "b")}
        try:
            await asyncio.wait(dialling.values(), return_when=asyncio.FIRST_EXCEPTION)
            for side, other in (("a", "b"), ("b", "a")):
                task = dialling[side]
                if task.done() and (error := task.exception()) is not None:
                    if isinstance(error, BridgeFailed) and other in self._calls:
                        await self._say_why(other, error)
                    raise error
        finally:
            for task in dialling.values():
                task.cancel()
            await asyncio.gather(*dialling.values(), return_exceptions=True)

    async def _reach(self, side: str, waiting: str = "") -> None:
        """Dial one side until it is answered, while the one that waits, if any, stays. Raises BridgeFailed."""

        async def place(step: Place) -> Call:
            call = await self._place(step.leg, f"{self.id}-{side}{step.number}", self._variables[side])
            self._spawn(self._follow(side, call, step.attempt))
            return call

        def heard(step: Place, call: Call, state: CallState) -> None:
            if state is CallState.EARLY and waiting and dialler.alone and not self._plans[side].ignore_early_media:
                self._pass_early(self._calls[waiting], call)

        def waits(failed: Failed, seconds: float) -> None:
            self._say(side, "waiting", cause=failed.cause, status=failed.status, seconds=seconds)

        dialler = Dialler(self._plans[side], place, heard, waits)
        leaving = asyncio.create_task(self._leaves(waiting, dialler)) if waiting else None
        try:
            self._answered(side, await dialler.run())
        except CallFailed as failure:
            gone = self._calls.get(waiting)
            if gone is not None and gone.end is not None:
                reason = f"{waiting} hung up before {side} answered"
                raise BridgeFailed(waiting, gone.status, "ORIGINATOR_CANCEL", reason) from None
            raise BridgeFailed(side, failure.status, failure.cause, failure.reason) from None
        finally:
            if leaving is not None:
                leaving.cancel()

    async def _leaves(self, waiting: str, dialler: Dialler) -> None:
        await self._calls[waiting].ended()
        dialler.leave(f"{waiting} hung up")

    def _answered(self, side: str, call: Call) -> None:
        self._calls[side] = call
        if side == "a" and self._wishes.record:
            try:
                self.recording = call.record(self._wishes.record, stereo=self._wishes.stereo)
            except MediaError as error:  # the disk is full, or A has gone: nobody is hung up for that
                self._say("", "not-recorded", reason=str(error))
        if len(self._calls) == 1 and self._wishes.ringback:
            with suppress(MediaError):  # it hung up again already, which whoever dials the other one hears of
                self._playing[side] = call.play(self._wishes.ringback, loops=None)

    # --- what the one hears that waits --------------------------------------------------------------

    def _pass_early(self, waiting: Call, call: Call) -> None:
        """What the other side's network says before the answer is heard in the place of ringback."""
        with suppress(MediaError):  # one of them has no sound any more
            call.voice.bridge_to(waiting.voice)
            waiting.voice.bridge_to(call.voice)
            self._silence()

    def _silence(self) -> None:
        for playing in self._playing.values():
            playing.stop()
        self._playing.clear()

    async def _say_why(self, waiting: str, failure: BridgeFailed) -> None:
        """The announcement, or the busy or congestion tone of the ringback's country; then the call is hung up."""
        self._failure = failure
        call = self._calls[waiting]
        self._silence()
        call.voice.bridge_to(None)
        what = self._wishes.announcement or tone_for(self._wishes.ringback, failure.cause)
        with suppress(MediaError, TimeoutError):  # it hung up meanwhile, or the file broke off: the cause stands
            playing = call.play(what)
            async with asyncio.timeout(None if self._wishes.announcement else TOLD_FOR):
                await playing

    # --- both ---------------------------------------------------------------------------------------

    def _join(self) -> Bridge:
        self._silence()
        a, b = self._calls["a"], self._calls["b"]
        for side, call in self._calls.items():
            if call.end is not None:  # answered, and gone before the other one was there
                raise BridgeFailed(side, call.status, call.cause, f"{side} hung up before both had answered")
        self._bridge = bridge = Bridge(a, b, self._wishes.hangup)
        self._say("", "bridged")
        return bridge

    async def _follow(self, side: str, call: Call, attempt: int) -> None:
        """Tell every state of a call, of that which its transfer led to, and, after the last one, the bridge's end."""
        async for state in call:
            about = {"status": call.status, "cause": call.cause, "reason": call.reason}
            self._say(side, str(state), to=call.to, call_id=call.call_id, attempt=attempt, **about)
        if call is not self._calls.get(side) or self._bridge is None:
            return
        if call.successor is not None and call.successor.answered_at is not None:
            self._calls[side] = call.successor
            await self._follow(side, call.successor, attempt)
        elif all(each.end is not None for each in self._calls.values()):
            self._say("", "ended", status=call.status, cause=call.cause, reason=call.reason)

    async def _hang_up(self, cause: str = "") -> None:
        """Both calls end; the cause of a failure is told to whoever had answered, where it has a number."""
        self._silence()
        bridge = self._bridge  # after a transfer others talk than were called
        calls = (bridge.a, bridge.b) if bridge is not None else tuple(self._calls.values())
        for call in calls:
            call.hangup(cause if cause in _NUMBERED else None)
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                for call in calls:
                    await call.ended()

    def _say(self, side: str, state: str, **about: Any) -> None:
        self._progress(BridgeProgress(self.id, side, state, variables=self._variables[side], **about))
