"""A bridge that was asked for: from its wish to its end."""

from __future__ import annotations

import asyncio

from sipclient.errors import BridgeFailed, SipError
from sipclient.face.connecting import Connecting
from sipclient.face.progress import BridgeProgress
from sipclient.face.wishes import said
from sipclient.robot.desk.clerk import Clerk
from sipclient.robot.desk.orders import Order, UnderWay
from sipclient.robot.desk.plans import check_variables
from sipclient.robot.guarded import RUN
from sipclient.robot.views.bridges import BridgeShape
from sipclient.robot.wishes import BridgeWish, retry_of, seconds, sound_of
from sipclient.store import JobState


class Bridges(Clerk):
    """Takes orders for bridges, and has the client carry them out."""

    async def order(self, wish: BridgeWish) -> tuple[BridgeShape, Order]:
        """See Desk.bridge."""
        plans = [self._plans.read(text) for text in (wish.a, wish.b)]
        for plan in plans:
            self._plans.allowed(self._plans.with_account(plan, wish.account))
            if plan.ringback:
                sound_of(plan.ringback, self._folder)
        ringback = sound_of(wish.ringback, self._folder) if wish.ringback else wish.ringback
        announcement = sound_of(wish.announcement, self._folder) if wish.announcement else ""
        given = wish.id or said((plans[0], plans[1]), "id")
        id = self._orders.name("bridge", given)
        path = self._sound.place_for(wish.record, id)

        def heard(progress: BridgeProgress) -> None:
            if progress.state == "not-recorded" and path is not None:
                self._sound.not_recorded(id, path, progress.reason)
            else:
                self._views.bridges.progress(progress, self._views.now())

        check_variables(wish.variables)
        connecting = self._client.bridge(
            wish.a,
            wish.b,
            id=id,
            caller_id=wish.caller_id,
            headers=wish.headers,
            variables=wish.variables,
            ringback=ringback,
            announcement=announcement,
            record=path or "",
            stereo=wish.stereo,
            timeout=seconds("timeout", wish.timeout) or None if wish.timeout is not None else None,
            leg_timeout=seconds("leg_timeout", wish.leg_timeout),
            progress_timeout=seconds("progress_timeout", wish.progress_timeout),
            retry=retry_of(wish.retry),
            ignore_early_media=wish.ignore_early_media,
            at_once=wish.at_once,
            hangup=wish.hangup_after_bridge,
            account=wish.account or None,
            on_progress=heard,
        )
        self._orders.room()
        await self._orders.write(id, {"a": wish.a, "b": wish.b, "by": "http"})
        shape = self._views.bridges.open(id, wish.a, wish.b, dict(wish.variables), self._views.now())
        if self._config().dry_run:
            self._views.bridges.close(id, self._views.now(), "DRY_RUN", "dry run")
            return shape, self._orders.dry(id)
        order = self._orders.begin(id)

        def start() -> None:
            order.task = self._orders.spawn(self._joined(id, order, connecting))

        def drop() -> None:
            self._over(id, JobState.FAILED, "ORIGINATOR_CANCEL", "it was not begun", "")

        return shape, Order(id, start, drop)

    def _over(self, id: str, state: JobState, cause: str, reason: str, leg: str) -> None:
        self._orders.end(id)
        self._views.bridges.close(id, self._views.now(), cause, reason, leg)
        self._orders.close(id, state, 0, cause)

    async def _joined(self, id: str, order: UnderWay, connecting: Connecting) -> None:
        RUN.set(id)
        cause, reason, leg, state = "ORIGINATOR_CANCEL", "", "", JobState.FAILED
        order.joined = asyncio.ensure_future(self._talk(id, connecting))
        try:
            await asyncio.wait([order.joined])
            if order.joined.cancelled():
                reason = "hung up"
                if connecting.joined:
                    state, cause = JobState.DONE, "NORMAL_CLEARING"
            else:
                order.joined.result()
                state, cause = JobState.DONE, "NORMAL_CLEARING"
        except BridgeFailed as failure:
            cause, reason, leg = failure.cause, failure.reason, failure.leg
        except SipError as error:
            cause, reason = "", str(error)
        finally:
            if not order.joined.done():
                order.joined.cancel()
            self._over(id, state, cause, reason, leg)

    async def _talk(self, id: str, connecting: Connecting) -> None:
        try:
            async with connecting as bridge:
                self._sound.recorded(id, connecting)
                await bridge
        except BaseException:
            self._sound.recorded(id, connecting)
            raise
