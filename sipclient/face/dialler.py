"""A plan put into practice: the calls it asks for are placed, followed, and hung up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sipclient.call import Call
from sipclient.dialling import Connected, Dialling, Drop, Failed, Place, Plan, Step
from sipclient.errors import CallFailed, InvalidValue, SipError
from sipclient.face.causes import TELLABLE
from sipclient.face.clock import until
from sipclient.face.course import CallState
from sipclient.face.shell import Clock

PlaceCall: TypeAlias = Callable[[Place], Awaitable[Call]]
Heard: TypeAlias = Callable[[Place, Call, CallState], None]


class Dialler:
    """One plan under way. `heard` is told each state of each call, and `waits` when another attempt is waited for."""

    def __init__(
        self, plan: Plan, clock: Clock, place: PlaceCall, heard: Heard, waits: Callable[[Failed, float], None]
    ) -> None:
        self._plan = plan
        self._place = place
        self._heard = heard
        self._waits = waits
        self._policy = Dialling(plan)
        self._clock = clock
        self._news: asyncio.Queue[tuple[Place, CallState | SipError]] = asyncio.Queue()
        self._calls: dict[int, Call] = {}
        self._watchers: dict[int, asyncio.Task[None]] = {}
        self._answered: Call | None = None
        self._failed: Failed | None = None
        self._again: float | None = None  # when the next attempt begins, as it was told last

    @property
    def alone(self) -> bool:
        """Whether there is one call that has not ended, and no more."""
        return sum(call.end is None for call in self._calls.values()) == 1

    async def run(self) -> Call:
        """The call that was answered. Raises CallFailed where none was, and InvalidValue or NotAllowed for what must
        not, or may not, be called. However it ends, no other call is left."""
        try:
            await self._until_decided()
            if self._answered is None:
                assert self._failed is not None
                raise CallFailed(self._failed.status, self._failed.cause, self._failed.reason)
            return self._answered
        except BaseException:
            self._answered = None
            raise
        finally:
            for call in self._calls.values():
                if call is not self._answered:
                    call.hangup()

    async def _until_decided(self) -> None:
        try:
            self._do(self._policy.begin(self._clock.time()))
            while self._answered is None and self._failed is None:
                await self._next()
        finally:
            for watcher in self._watchers.values():
                watcher.cancel()
            await asyncio.gather(*self._watchers.values(), return_exceptions=True)

    def leave(self, reason: str) -> None:
        """Whoever this is for has gone: cancel it."""
        self._do(self._policy.leave(reason=reason))
        self._news.put_nowait((Place(0, self._plan.legs[0], 0), CallState.ENDED))  # wakes `run`

    # --- what happens -------------------------------------------------------------------------------

    async def _next(self) -> None:
        try:
            async with until(self._clock, self._policy.deadline):
                place, news = await self._news.get()
        except TimeoutError:
            self._do(self._policy.tick(self._clock.time()))
            return
        if isinstance(news, SipError):
            await self._not_placed(place, news)
        elif place.number in self._calls:
            await self._moved(place, self._calls[place.number], news)

    async def _not_placed(self, place: Place, error: SipError) -> None:
        if not isinstance(error, CallFailed):
            raise error
        self._do(self._policy.ended(place.number, error.status, error.cause, error.reason, self._clock.time()))

    async def _moved(self, place: Place, call: Call, state: CallState) -> None:
        self._heard(place, call, state)
        early = self._plan.early_is_ringing or not self._plan.ignore_early_media
        if state is CallState.RINGING or (state is CallState.EARLY and early):
            self._do(self._policy.progress(place.number))
        elif state is CallState.ANSWERED:
            self._do(self._policy.answered(place.number))
        elif state is CallState.ENDED:
            await _refuse_wrong_use(call)
            self._do(self._policy.ended(place.number, call.status, call.cause, call.reason, self._clock.time()))

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Place():
                    self._watchers[step.number] = asyncio.create_task(self._follow(step))
                case Drop():
                    self._drop(step)
                case Connected():
                    self._answered = self._calls[step.number]
                case Failed():
                    self._failed = step
        again = self._policy.again
        if again is not None and again != self._again:
            self._waits(self._policy.last, again - self._clock.time())
        self._again = again

    def _drop(self, step: Drop) -> None:
        call = self._calls.get(step.number)
        if call is None:  # it waits for its turn, and gets none
            self._watchers[step.number].cancel()
        else:
            call.hangup(step.cause if step.cause in TELLABLE else None)

    async def _follow(self, place: Place) -> None:
        try:
            call = self._calls[place.number] = await self._place(place)
        except SipError as error:
            self._news.put_nowait((place, error))
            return
        async for state in call:
            self._news.put_nowait((place, state))


async def _refuse_wrong_use(call: Call) -> None:
    """Raises InvalidValue where the call was never sent for what it asks for: that is no failed call."""
    try:
        await call.answered()
    except InvalidValue:
        raise
    except SipError:
        return  # the call's own end tells
