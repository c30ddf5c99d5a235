"""Events told to others by HTTP POST: signed, in order, kept until they are delivered."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable

from sipclient.config import WebhookConfig
from sipclient.face.clock import SystemClock
from sipclient.robot.robot import utc_now
from sipclient.robot.told import Told
from sipclient.store import Outbox
from sipclient.web.webhooks.posting import Postman
from sipclient.web.webhooks.webhooks import Webhooks

__all__ = ["Webhooks", "open_webhooks"]


def open_webhooks(hooks: Iterable[WebhookConfig], outbox: Outbox, tell: Callable[[Told], None]) -> Webhooks:
    """Webhooks in this loop, by the system's clock; `tell` hears of their troubles."""
    clock = SystemClock(asyncio.get_running_loop())
    return Webhooks(hooks, outbox, Postman(), clock, utc_now, tell, secrets.token_hex(6))
