"""What whoever carries out orders at the desk works with."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.config import Config
from sipclient.robot.desk.orders import Orders
from sipclient.robot.desk.plans import Plans
from sipclient.robot.desk.sound import Sound
from sipclient.robot.guarded import GuardedClient
from sipclient.robot.views import Views


class Clerk:
    """Takes orders of one kind. `folder` is where relative paths in robot.toml begin."""

    def __init__(
        self,
        config: Callable[[], Config],
        client: GuardedClient,
        orders: Orders,
        plans: Plans,
        sound: Sound,
        views: Views,
        folder: str,
    ) -> None:
        self._config = config
        self._client = client
        self._orders = orders
        self._plans = plans
        self._sound = sound
        self._views = views
        self._folder = folder
