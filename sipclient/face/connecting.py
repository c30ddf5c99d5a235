"""Two numbers dialled and joined: `client.bridge(a, b)`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, TypeAlias

from sipclient.bridging import Bridge
from sipclient.call import FAREWELL, Call
from sipclient.dialling import Failed, Leg, Place, Plan
from sipclient.errors import BridgeFailed, CallFailed, MediaError
from sipclient.face.causes import TELLABLE
from sipclient.face.clock import until
from sipclient.face.course import CallState
from sipclient.face.dialler import Dialler
from sipclient.face.progress import BridgeProgress
from sipclient.face.roster import Which
from sipclient.face.shell import Clock
from sipclient.face.voice import Playing, RecordingCall, Spawn
from sipclient.face.wishes import Settled, tone_for
from sipclient.media.sound import check_recording, open_source

TOLD_FOR = 4.0  # seconds of a tone that says why nobody answered

Tell: TypeAlias = Callable[[BridgeProgress], None]


class PlaceLeg(Protocol):
    """Client.place."""

    def __call__(
        self,
        leg: Leg,
        *,
        call_id: str,
        name: str,
        variables: Mapping[str, str],
        account: Which,
    ) -> Coroutine[Any, Any, Call]:
        """Place the call of one leg."""


class _Side:
    """One of both: how it is called, and the call that was answered."""

    __slots__ = ("answered", "call", "name", "plan", "variables")

    def __init__(self, name: str, plan: Plan) -> None:
        self.name = name
        self.plan = plan
        self.variables = MappingProxyType(dict(plan.variables))
        self.call: Call | None = None
        self.answered = asyncio.Event()


class Connecting:
    """What `client.bridge(...)` gives. Nothing is sent before it is awaited or entered.

    Awaited, it is the Bridge, standing; entered, leaving hangs up both calls. Cancelling whoever waits cancels the
    calls. `id` is in every Call-ID and every BridgeProgress, `recording` the recording, once A has answered.
    """

    def __init__(
        self, plans: tuple[Plan, Plan], wishes: Settled, clock: Clock, place: PlaceLeg, tell: Tell, spawn: Spawn
    ) -> None:
        self.id = wishes.id
        self.recording: RecordingCall | None = None
        self._a, self._b = self._sides = _Side("a", plans[0]), _Side("b", plans[1])
        self._variables = MappingProxyType({**self._b.variables, **self._a.variables})
        self._wishes = wishes
        self._clock = clock
        self._place = place
        self._progress = tell
        self._spawn = spawn
        self._untold: set[Call] = set()  # calls that may not have ended, or whose end was not told yet
        self._all_told = asyncio.Event()
        self._all_told.set()
        self._ringback: Playing | None = None
        self._bridge: Bridge | None = None
        self._parted: Call | None = None  # whose end was the first of both
        self._failure: BridgeFailed | None = None  # which is being told to who waits

    def __repr__(self) -> str:
        return f"<Connecting {self.id!r} {self._bridge or [side.call for side in self._sides]}>"

    @property
    def joined(self) -> bool:
        """Whether the two sides have talked, or do."""
        return self._bridge is not None

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
            self._say(None, "failed", status=failure.status, cause=failure.cause, reason=str(failure))
            raise
        except BaseException as error:
            await self._hang_up()
            self._say(None, "failed", cause="ORIGINATOR_CANCEL", reason=str(error) or "cancelled")
            raise

    async def _connected(self) -> Bridge:
        if self._wishes.record:
            await asyncio.to_thread(check_recording, Path(self._wishes.record))
        for what in (self._wishes.ringback, self._wishes.announcement):
            if what:  # what cannot be played is told before anybody's telephone rings
                (await asyncio.to_thread(open_source, what)).stop()
        try:
            limit = self._wishes.timeout
            async with until(self._clock, self._clock.time() + limit if limit is not None else None):
                await (self._both() if self._wishes.at_once else self._one_after_the_other())
        except TimeoutError:
            raise self._failure or self._overdue() from None
        return self._join()

    def _overdue(self) -> BridgeFailed:
        waited_for = next((side for side in self._sides if side.call is None), self._b)
        return BridgeFailed(waited_for.name, 0, "NO_ANSWER", f"not answered within {self._wishes.timeout:g} s")

    # --- one side and the other ---------------------------------------------------------------------

    async def _one_after_the_other(self) -> None:
        await self._reach(self._a, self._b)
        try:
            await self._reach(self._b, self._a)
        except BridgeFailed as failure:
            await self._say_why(self._a, failure)
            raise

    async def _both(self) -> None:
        """Both ring at once; whoever answers first hears ringback. Where one cannot be reached, the other is told."""
        dialling = [asyncio.create_task(self._reach(*pair)) for pair in (self._sides, self._sides[::-1])]
        try:
            await asyncio.wait(dialling, return_when=asyncio.FIRST_EXCEPTION)
            for task, other in zip(dialling, self._sides[::-1], strict=True):
                if task.done() and (error := task.exception()) is not None:
                    if isinstance(error, BridgeFailed):
                        await self._say_why(other, error)
                    raise error
        finally:
            for task in dialling:
                task.cancel()
            await asyncio.gather(*dialling, return_exceptions=True)

    async def _reach(self, side: _Side, other: _Side) -> None:
        """Dial one side until it is answered; the other may wait for it, and may leave. Raises BridgeFailed."""

        async def place(step: Place) -> Call:
            call = await self._place(
                step.leg,
                call_id=f"{self.id}-{side.name}{step.number}",
                name=self.id,
                variables=side.variables,
                account=self._wishes.account,
            )
            self._tell_of(side, call, step.attempt)
            return call

        def heard(step: Place, call: Call, state: CallState) -> None:
            if state is CallState.EARLY and other.call and dialler.alone and not side.plan.ignore_early_media:
                self._pass_early(other.call, call)

        def waits(failed: Failed, seconds: float) -> None:
            self._say(side, "waiting", cause=failed.cause, status=failed.status, seconds=seconds)

        dialler = Dialler(side.plan, self._clock, place, heard, waits)
        leaving = asyncio.create_task(_leave_with(other, dialler))
        try:
            self._answered(side, await dialler.run(), other)
        except CallFailed as failure:
            if other.call is not None and other.call.end is not None:
                reason = f"{other.name} hung up before {side.name} answered"
                raise BridgeFailed(other.name, other.call.status, "ORIGINATOR_CANCEL", reason) from None
            raise BridgeFailed(side.name, failure.status, failure.cause, failure.reason) from None
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    def _answered(self, side: _Side, call: Call, other: _Side) -> None:
        side.call = call
        side.answered.set()
        if side is self._a and self._wishes.record:
            try:
                self.recording = call.record(self._wishes.record, stereo=self._wishes.stereo)
            except MediaError as error:  # the disk is full, or A has gone: nobody is hung up for that
                self._say(None, "not-recorded", reason=str(error))
        if other.call is None and self._wishes.ringback:
            with suppress(MediaError):  # it hung up again already, which whoever dials the other one hears of
                self._ringback = call.play(self._wishes.ringback, loops=None)

    # --- what the one hears that waits --------------------------------------------------------------

    def _pass_early(self, waiting: Call, call: Call) -> None:
        """What the other side's network says before the answer is heard in the place of ringback."""
        with suppress(MediaError):  # one of them has no sound any more
            call.voice.bridge_to(waiting.voice)
            waiting.voice.bridge_to(call.voice)
            self._silence()

    def _silence(self) -> None:
        if self._ringback is not None:
            self._ringback.stop()

    async def _say_why(self, waiting: _Side, failure: BridgeFailed) -> None:
        """The announcement, or the busy or congestion tone of the ringback's country; then the call is hung up."""
        call = waiting.call
        if call is None or call.end is not None:
            return
        self._failure = failure
        self._say(None, "announcing", status=failure.status, cause=failure.cause, reason=str(failure))
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
        a, b = self._a.call, self._b.call
        assert a is not None and b is not None
        for side, call in zip("ab", (a, b), strict=True):
            if call.end is not None:  # answered, and gone before the other one was there
                reason = f"{side} hung up before both had answered"
                raise BridgeFailed(side, call.status, "ORIGINATOR_CANCEL", reason)
        self._bridge = bridge = Bridge(a, b, self._wishes.hangup)
        self._say(None, "bridged")
        return bridge

    def _tell_of(self, side: _Side, call: Call, attempt: int) -> None:
        """Tell every state of a call, of that which its transfer led to, and, after the last one, the bridge's end."""
        self._untold.add(call)
        self._all_told.clear()
        self._spawn(self._follow(side, call, attempt))

    async def _follow(self, side: _Side, call: Call, attempt: int) -> None:
        try:
            async for state in call:
                about = {"status": call.status, "cause": call.cause, "reason": call.reason}
                self._say(side, str(state), to=call.to, call_id=call.call_id, attempt=attempt, **about)
            if self._bridge is not None and call is side.call:
                self._one_has_gone(side, call, attempt)
        finally:
            self._untold.discard(call)
            if not self._untold:
                self._over()

    def _one_has_gone(self, side: _Side, call: Call, attempt: int) -> None:
        heir = call.successor
        if heir is not None and (heir.answered_at is not None or heir.end is None):  # who transfers may leave early
            side.call = heir
            self._tell_of(side, heir, attempt)
        elif self._parted is None:
            self._parted = call

    def _over(self) -> None:
        """Every call has ended, and was told of: the end of the bridge is that of who hung up."""
        if self._parted is not None:
            self._say(None, "ended", status=self._parted.status, cause=self._parted.cause, reason=self._parted.reason)
        self._all_told.set()

    async def _hang_up(self, cause: str = "") -> None:
        """All calls end; the cause of a failure is told to whoever had answered, where it has a number."""
        self._silence()
        for call in tuple(self._untold):
            call.hangup(cause if cause in TELLABLE and call.answered_at is not None else None)
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._all_told.wait()

    def _say(self, side: _Side | None, state: str, **about: Any) -> None:
        leg, variables = (side.name, side.variables) if side is not None else ("", self._variables)
        self._progress(BridgeProgress(self.id, leg, state, variables=variables, **about))


async def _leave_with(waiting: _Side, dialler: Dialler) -> None:
    """Nobody is dialled any more for one who answered and has gone."""
    await waiting.answered.wait()
    assert waiting.call is not None
    await waiting.call.ended()
    dialler.leave(f"{waiting.name} hung up")
