"""The desk itself: where calls and bridges are asked for, looked up and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sipclient.call import Call
from sipclient.config import Config
from sipclient.face.voice import Playing
from sipclient.robot.desk.bridges import Bridges
from sipclient.robot.desk.calls import Calls
from sipclient.robot.desk.earlier import earlier_bridge, earlier_call
from sipclient.robot.desk.orders import Order, Orders
from sipclient.robot.desk.plans import CallPlan, Plans
from sipclient.robot.desk.sound import Sound
from sipclient.robot.guarded import GuardedClient
from sipclient.robot.ledger import Ledger
from sipclient.robot.recordings import Recordings
from sipclient.robot.turns import Turns
from sipclient.robot.views import Views
from sipclient.robot.views.bridges import BridgeShape
from sipclient.robot.views.shapes import CallShape
from sipclient.robot.wishes import BridgeWish, CallWish
from sipclient.store import Store

PARTING = 2.0  # seconds that hanging up is waited for


class Desk:
    """Takes orders. `call` and `bridge` check and write down; nothing is sent before the order is started."""

    def __init__(
        self,
        config: Callable[[], Config],
        client: GuardedClient,
        ledger: Ledger,
        turns: Turns,
        views: Views,
        recordings: Callable[[], Recordings | None],
        store: Store,
        folder: str,
    ) -> None:
        self.folder = folder
        self._client = client
        self._views = views
        self._store = store
        self._orders = Orders(ledger, turns, views)
        self._sound = Sound(recordings, views)
        means = (config, client, self._orders, Plans(client), self._sound, views, folder)
        self._calls, self._bridges = Calls(*means), Bridges(*means)

    async def aclose(self) -> None:
        """The calls are hung up by the client; give what waits for them a moment."""
        await self._orders.aclose()

    # --- orders -------------------------------------------------------------------------------------

    def plan(self, wish: CallWish) -> CallPlan:
        """What would be sent. Raises InvalidValue for what never could be."""
        return self._calls.plan(wish)

    async def call(self, wish: CallWish) -> tuple[CallShape, Order]:
        """Raises InvalidValue, NotAllowed and MediaError for what cannot be, StoreError for what cannot be written."""
        return await self._calls.order(wish)

    async def bridge(self, wish: BridgeWish) -> tuple[BridgeShape, Order]:
        """As `call` does."""
        return await self._bridges.order(wish)

    async def hang_up(self, id: str, cause: str | None = None) -> bool:
        """End a call or a bridge that was asked for here, and wait a moment for that. False for one that is not."""
        order = self._orders.get(id)
        if order is None or order.task is None:
            return False
        order.left = True
        if order.joined is not None:
            order.joined.cancel()
        elif order.call is not None:
            order.call.hangup(cause)
        elif order.dialler is not None:
            order.dialler.leave("hung up")
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING):
                await asyncio.wait([order.task])
        return True

    # --- calls under way ----------------------------------------------------------------------------

    def live(self, id: str) -> Call | None:
        """The Call under way of one that is shown: one asked for here, a rule's, a hook's, or one that reached us."""
        order = self._orders.get(id)
        if order is not None and order.call is not None:
            return order.call
        shape = self._views.calls.get(id)
        if shape is None or shape.state == "ended":
            return None
        number = self._views.calls.engine_id(id)
        return self._client.numbered(number) if number is not None else self._client.named(shape.job)

    def record(self, id: str, call: Call, wish: bool | str, stereo: bool) -> str:
        """Record a call from now on; the recording's id. Raises InvalidValue, MediaError."""
        path = self._sound.place_for(wish or True, id)
        assert path is not None
        return self._sound.record(id, call, path, stereo)

    async def stop_recording(self, id: str) -> bool:
        """Stop what was begun last, and wait until it is complete. False where nothing was."""
        return await self._sound.stop_recording(id)

    def playing(self, id: str, playing: Playing) -> None:
        """This is played to a call now."""
        self._sound.playing(id, playing)

    def stop_playing(self, id: str) -> None:
        """Nothing is, any more."""
        self._sound.stop_playing(id)

    # --- what an earlier run did --------------------------------------------------------------------

    async def earlier_call(self, id: str) -> CallShape | None:
        """A call that was asked for in an earlier run, or is forgotten here. Raises StoreError."""
        return await earlier_call(self._store, id)

    async def earlier_bridge(self, id: str) -> BridgeShape | None:
        """The same for a bridge."""
        return await earlier_bridge(self._store, id)
