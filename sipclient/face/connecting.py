"""Two numbers dialled and joined: `client.bridge(a, b)`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import msgspec

from sipclient.bridging import Bridge
from sipclient.call import FAREWELL, Call, CallState
from sipclient.config.model import Retry
from sipclient.dialling import Failed, Leg, Place, Plan, read_retry
from sipclient.dialling.plan import variable_headers
from sipclient.errors import BridgeFailed, CallFailed, MediaError
from sipclient.face.dialler import Dialler
from sipclient.face.voice import Playing, RecordingCall
from sipclient.media.sound import open_source
from sipclient.media.tones.countries import KINDS, named_tone
from sipclient.protocol.causes import BY_Q850
from sipclient.protocol.events import Headers

TOLD_FOR = 4.0  # seconds of a tone that says why nobody answered
_NUMBERED = frozenset(BY_Q850.values())  # the causes that a Reason header can tell
LEG_TIMEOUT = 45.0  # seconds until somebody must answer, where nothing is said of it

PlaceLeg: TypeAlias = Callable[[Leg, str], Awaitable[Call]]  # a leg, and what its Call-ID begins with


class BridgeProgress(msgspec.Struct, frozen=True):
    """What became of one call of a bridge, or of the bridge.

    `leg` is `a` or `b`, empty for both. `state` is a state of the call, `waiting` for another attempt (`seconds` from
    now), or `bridged`. `id` is the bridge's.
    """

    id: str
    leg: str
    state: str
    to: str = ""
    call_id: str = ""
    attempt: int = 0
    status: int = 0
    cause: str = ""
    reason: str = ""
    seconds: float = 0.0


class Wishes(msgspec.Struct, frozen=True):
    """How two calls are to be joined; see Client.bridge."""

    announcement: str | Path = ""
    record: str | Path = ""
    timeout: float | None = None
    at_once: bool = False
    on_progress: Callable[[BridgeProgress], None] | None = None
    ringback: str | Path = "us-ring"
    stereo: bool = True
    hangup: bool = True


class Connecting:
    """What `client.bridge(...)` gives. Nothing is sent before it is awaited or entered.

    Awaited, it is the Bridge, standing; entered, leaving hangs up both calls. Cancelling whoever waits cancels the
    calls. `id` is in every Call-ID and every BridgeProgress, `recording` the recording, once A has answered.
    """

    def __init__(self, id: str, a: Plan, b: Plan, wishes: Wishes, place: PlaceLeg) -> None:
        self.id = id
        self.recording: RecordingCall | None = None
        self._plans = {"a": a, "b": b}
        self._wishes = wishes
        self._place = place
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
        for what in (self._wishes.ringback, self._wishes.announcement):
            if what:  # what cannot be played is told before anybody's telephone rings
                (await asyncio.to_thread(open_source, what)).stop()
        try:
            async with asyncio.timeout(self._wishes.timeout):
                await (self._both() if self._wishes.at_once else self._one_after_the_other())
            self._join()
        except TimeoutError:
            failure = self._failure or self._overdue()
            await self._hang_up(failure.cause)
            raise failure from None
        except BridgeFailed as failure:
            await self._hang_up(failure.cause)
            raise
        except BaseException:
            await self._hang_up()
            raise
        assert self._bridge is not None
        return self._bridge

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
            return await self._place(step.leg, f"{self.id}-{side}{step.number}")

        def heard(step: Place, call: Call, state: CallState) -> None:
            self._tell(side, str(state), call, step.attempt)
            if state is CallState.EARLY and waiting and dialler.alone and not self._plans[side].ignore_early_media:
                self._pass_early(self._calls[waiting], call)

        def waits(failed: Failed, seconds: float) -> None:
            self._progress(
                BridgeProgress(self.id, side, "waiting", cause=failed.cause, status=failed.status, seconds=seconds)
            )

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
        self._tell(waiting, str(CallState.ENDED), self._calls[waiting])
        dialler.leave(f"{waiting} hung up")

    def _answered(self, side: str, call: Call) -> None:
        self._calls[side] = call
        if side == "a" and self._wishes.record:
            self.recording = call.record(self._wishes.record, stereo=self._wishes.stereo)
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

    def _join(self) -> None:
        self._silence()
        a, b = self._calls["a"], self._calls["b"]
        for side, call in self._calls.items():
            if call.end is not None:  # answered, and gone before the other one was there
                raise BridgeFailed(side, call.status, call.cause, f"{side} hung up before both had answered")
        self._bridge = Bridge(a, b, self._wishes.hangup)
        self._progress(BridgeProgress(self.id, "", "bridged"))

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

    def _tell(self, side: str, state: str, call: Call, attempt: int = 0) -> None:
        self._progress(
            BridgeProgress(self.id, side, state, call.to, call.call_id, attempt, call.status, call.cause, call.reason)
        )

    def _progress(self, progress: BridgeProgress) -> None:
        if self._wishes.on_progress is not None:
            self._wishes.on_progress(progress)


def tone_for(ringback: str | Path, cause: str) -> str:
    """The tone that says why: busy, or congestion for any other cause, of the country whose ringback was heard."""
    country, _, kind = str(ringback).strip("${}").partition("-")
    if kind not in KINDS or named_tone(f"{country}-busy") is None:
        country = "us"
    return f"{country}-{'busy' if cause == 'USER_BUSY' else 'congestion'}"


class Said(msgspec.Struct, frozen=True):
    """What was said for both sides; what a dial string says of its own side comes first."""

    headers: Headers
    variables: Mapping[str, str]
    leg_timeout: float
    progress_timeout: float
    retry: Retry | Mapping[str, object] | None
    ignore_early_media: bool

    def complete(self, plan: Plan) -> Plan:
        """The plan with it. Raises InvalidValue for a retry that is none."""
        more = (*self.headers, *variable_headers(self.variables))

        def leg(each: Leg) -> Leg:
            own = {name.lower() for name, _ in each.headers}
            return msgspec.structs.replace(
                each,
                headers=(*each.headers, *(pair for pair in more if pair[0].lower() not in own)),
                timeout=each.timeout or self.leg_timeout,
                progress_timeout=each.progress_timeout or self.progress_timeout,
            )

        return msgspec.structs.replace(
            plan.each_leg(leg),
            retry=plan.retry or (read_retry(self.retry) if self.retry is not None else None),
            ignore_early_media=plan.ignore_early_media or self.ignore_early_media,
        )


def wishes_of(
    plans: list[Plan], ringback: str | Path | None, stereo: bool | None, hangup: bool | None, wishes: Wishes
) -> Wishes:
    """The wishes with what is said in so many words, else what a dial string says, else what is usual."""
    of_strings = [plan.ringback for plan in plans if plan.ringback]
    stereos = [plan.stereo for plan in plans if plan.stereo is not None]
    hangups = [plan.hangup_after_bridge for plan in plans if plan.hangup_after_bridge is not None]
    return msgspec.structs.replace(
        wishes,
        ringback=ringback if ringback is not None else next(iter(of_strings), "us-ring"),
        stereo=stereo if stereo is not None else all(stereos),
        hangup=hangup if hangup is not None else all(hangups),
    )
