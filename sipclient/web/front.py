"""`[web]` at work: bound before the robot begins, served while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sipclient.config import WebConfig
from sipclient.errors import ListenFailed
from sipclient.robot import Robot, told
from sipclient.robot.metrics import Metrics
from sipclient.web.app import build
from sipclient.web.server import HttpServer, bound


class Front:
    """See `robot.service.Front`. Raises ListenFailed where the address cannot be used."""

    def __init__(self, config: WebConfig, folder: str) -> None:
        if not config.listen.loopback:
            raise ListenFailed(f"[web] {config.listen}: any address but loopback needs tokens")
        self._hosts = (*config.hosts, config.listen.host)
        self._server = HttpServer(bound(config.listen))
        self._metrics = Metrics()
        self.observers = (self._metrics,)

    @contextmanager
    def serving(self, robot: Robot) -> Iterator[None]:
        """Answer for this robot, as long as it runs."""
        views = robot.views
        assert views is not None
        self._server.start(build(robot, self._metrics, self._hosts))
        robot.tell(told.Serving(*self._server.address))
        try:
            yield
        finally:
            views.events.close()
            self._server.stop()

    async def closed(self) -> None:
        """Wait for what is under way."""
        await self._server.stopped()
