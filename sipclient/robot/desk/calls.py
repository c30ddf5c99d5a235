"""A call that was asked for: from its wish to its end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sipclient.call import Call
from sipclient.dialling import Failed, Place, Plan
from sipclient.errors import CallFailed, MediaError, NotAllowed, SipError
from sipclient.face.course import CallState
from sipclient.face.dialler import Dialler
from sipclient.robot.desk.clerk import Clerk
from sipclient.robot.desk.orders import Order, UnderWay
from sipclient.robot.desk.plans import CallPlan
from sipclient.robot.guarded import RUN
from sipclient.robot.views.shapes import CallShape
from sipclient.robot.wishes import CallWish, sounds_of
from sipclient.store import JobState


class Calls(Clerk):
    """Takes orders for calls, and carries them out."""

    def plan(self, wish: CallWish) -> CallPlan:
        """See Desk."""
        wish = self._plans.filled(wish)
        plan = self._plans.of_call(wish)
        targets = self._plans.shown(plan, wish.caller_id)
        why_not = ""
        try:
            self._plans.allowed(plan)
            self._orders.room()
        except NotAllowed as error:
            why_not = str(error)
        if self._config().dry_run:
            why_not = why_not or "dry run: nothing is called"
        return CallPlan(targets[0], targets, not why_not, why_not)

    async def order(self, wish: CallWish) -> tuple[CallShape, Order]:
        """See Desk.call."""
        wish = self._plans.filled(wish)
        plan = self._plans.of_call(wish)
        self._plans.allowed(plan)
        sounds = sounds_of(wish.play, self._folder)
        if sounds or wish.record:
            self._plans.with_sound(plan)
        id = self._orders.name("call", wish.id or plan.id)
        path = self._sound.place_for(wish.record, id)
        self._orders.room()
        await self._orders.write(id, {"to": wish.to, "by": "http"})
        shape = self._views.calls.open(
            id,
            self._views.now(),
            to=wish.to,
            account=self._client.account(plan.legs[0].account or None).key,
            caller_id=wish.caller_id,
            variables=dict(wish.variables),
            headers=dict(wish.headers),
        )
        if self._config().dry_run:
            self._views.calls.close(id, self._views.now(), 0, "DRY_RUN", "dry run", "local")
            return shape, self._orders.dry(id)
        order = self._orders.begin(id)

        def start() -> None:
            order.task = self._orders.spawn(self._carry_out(id, order, plan, wish, sounds, path))

        def drop() -> None:
            self._over(id, JobState.FAILED, 0, "ORIGINATOR_CANCEL", "it was not begun", "local")

        return shape, Order(id, start, drop)

    def _over(self, id: str, state: JobState, status: int, cause: str, reason: str, by: str) -> None:
        self._orders.end(id)
        self._views.calls.close(id, self._views.now(), status, cause, reason, by)
        self._orders.close(id, state, status, cause)

    async def _carry_out(
        self, id: str, order: UnderWay, plan: Plan, wish: CallWish, sounds: list[str | Path], path: Path | None
    ) -> None:
        RUN.set(id)
        status, cause, reason, by, state = 0, "ORIGINATOR_CANCEL", "", "local", JobState.FAILED
        try:
            order.call = call = await self._dialled(id, order, plan, wish.caller_id)
            state = JobState.DONE
            self._answered(id, call, plan, wish, sounds, path)
            end = await call.ended()
            status, cause, reason, by = call.status, end.cause, end.reason, end.by
        except CallFailed as failure:
            status, cause, reason, by = failure.status, failure.cause, failure.reason, "remote"
            if not status:
                by = "local" if order.left else "timeout"
        except SipError as error:
            cause, reason = "", str(error)
        finally:
            self._over(id, state, status, cause, reason, by)

    async def _dialled(self, id: str, order: UnderWay, plan: Plan, caller_id: str) -> Call:
        async def place(step: Place) -> Call:
            return await self._client.place(
                step.leg,
                call_id=f"{id}-{step.number}",
                name=id,
                variables=dict(plan.variables),
                caller_id=caller_id,
            )

        def waits(failed: Failed, pause: float) -> None:
            why = f"{failed.status or ''} {failed.cause}".strip()
            self._views.calls.waits(id, pause, why, self._views.now())

        order.dialler = Dialler(plan, self._client.clock, place, _nothing, waits)
        if order.left:
            raise CallFailed(0, "ORIGINATOR_CANCEL", "hung up")
        return await order.dialler.run()

    def _answered(
        self, id: str, call: Call, plan: Plan, wish: CallWish, sounds: list[str | Path], path: Path | None
    ) -> None:
        """What is to be done once it is answered; what cannot be done is noted, and the call goes on."""
        if path is not None:
            self._sound.begin(id, call, path, wish.stereo if plan.stereo is None else plan.stereo)
        try:
            if sounds:
                playing = call.play(*sounds)
                self._sound.playing(id, playing)
                if wish.hangup_after_play:
                    self._orders.spawn(_hang_up_after(playing, call))
        except MediaError as error:
            self._views.calls.note(id, self._views.now(), "not-done", str(error))


def _nothing(place: Place, call: Call, state: CallState) -> None:
    """What becomes of each call is told by the client."""


async def _hang_up_after(playing: Any, call: Call) -> None:
    with suppress(MediaError):
        await playing
    call.hangup()
