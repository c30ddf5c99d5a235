"""A robot in virtual time with `[web]`, and a client that asks its application without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from robot.conftest import DIAL, HEAD, QUEUE, Stage

from sipclient.robot.metrics import Metrics
from sipclient.robot.views import Views
from sipclient.web.app import build

WEB = '[web]\nlisten = "127.0.0.1:0"\n'


class WebStage(Stage):
    """`client` asks the robot that was started last."""

    client: httpx.AsyncClient

    async def start(self, rules: str = QUEUE, *, head: str = HEAD, dial: str = DIAL + WEB, **more: Any) -> Any:
        metrics = Metrics()
        robot = await super().start(rules, head=head, dial=dial, observers=[metrics], **more)
        assert robot.views is not None
        transport = httpx.ASGITransport(build(robot, metrics), raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
        return robot

    @property
    def views(self) -> Views:
        assert self.robot is not None and self.robot.views is not None
        return self.robot.views

    async def get(self, path: str, status: int = 200) -> Any:
        response = await self.client.get(path)
        assert response.status_code == status, response.text
        return response.json()


@pytest.fixture
async def stage() -> AsyncIterator[WebStage]:
    stage = WebStage()
    yield stage
    if stage.robot is not None:
        assert stage.robot.client.failures == 0
        await stage.client.aclose()
        await stage.stop()
