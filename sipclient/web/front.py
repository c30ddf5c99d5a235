"""`[web]` at work: bound before the robot begins, served while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sipclient.config import WebConfig
from sipclient.errors import ListenFailed
from sipclient.robot import Robot, told
from sipclient.robot.metrics import Metrics
from sipclient.robot.robot import utc_now
from sipclient.robot.tokens import Keys
from sipclient.web.access import Access
from sipclient.web.app import build
from sipclient.web.server import HttpServer, bound


class Front:
    """See `robot.outlets.Front`. Raises ListenFailed where the address cannot be used, ConfigError where the tokens
    cannot be read."""

    def __init__(self, config: WebConfig, folder: str) -> None:
        keys = None
        if config.tokens:
            keys = Keys(os.path.join(folder, config.tokens), utc_now, time.monotonic)
        if not keys and not config.listen.loopback:
            raise ListenFailed(
                f"[web] {config.listen}: any address but loopback needs tokens: make one by sipclient token, "
                "and name its file in `tokens`"
            )
        self._access = Access(keys, time.monotonic)
        self._hosts = (*config.hosts, config.listen.host)
        self._server = HttpServer(bound(config.listen))
        self._metrics = Metrics()
        self.observers = (self._metrics,)

    @contextmanager
    def serving(self, robot: Robot) -> Iterator[None]:
        """Answer for this robot, as long as it runs."""
        views = robot.views
        assert views is not None
        self._server.start(build(robot, self._metrics, self._hosts, self._access))
        robot.tell(told.Serving(*self._server.address))
        try:
            yield
        finally:
            views.events.close()
            self._server.stop()

    async def closed(self) -> None:
        """Wait for what is under way."""
        await self._server.stopped()
