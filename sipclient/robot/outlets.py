"""What is opened besides the robot, and what the robot's process needs of it: a server, and who brings webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeAlias

from sipclient.config import WebConfig, WebhookConfig
from sipclient.errors import InvalidValue, ListenFailed
from sipclient.robot import told
from sipclient.robot.observer import Observer
from sipclient.robot.robot import Robot
from sipclient.robot.told import Told
from sipclient.store import Outbox


class Front(Protocol):
    """What is served beside the robot: bound when it is made, served while the robot runs."""

    observers: tuple[Observer, ...]  # of the robot, from its beginning

    def serving(self, robot: Robot) -> AbstractContextManager[None]:
        """Answer for this robot until left; leaving waits for nothing."""

    async def closed(self) -> None:
        """Wait for what was under way."""


OpenFront: TypeAlias = Callable[[WebConfig, str], Front]  # raises ListenFailed; the text is where paths begin


def no_front(config: WebConfig, folder: str) -> Front:
    """There is none."""
    raise ListenFailed("[web] is configured, and this program serves nothing")


class Posts(Protocol):
    """Who brings events to webhooks."""

    def hear(self, news: Told) -> None:
        """One more event."""

    async def begin(self) -> None:
        """Go on with what an earlier run left. Raises StoreError."""

    def owed(self) -> list[told.JobAbandoned]:
        """What is to be told, once the robot runs, of calls that a crash cut short and no job remembers."""

    def adopt(self, hooks: Iterable[WebhookConfig]) -> None:
        """Other webhooks from now on."""

    async def aclose(self) -> None:
        """Write down what is not delivered."""


# Raises InvalidValue; what the last one hears is told by the robot.
OpenPosts: TypeAlias = Callable[[Iterable[WebhookConfig], Outbox, Callable[[Told], None]], Posts]


def no_posts(hooks: Iterable[WebhookConfig], outbox: Outbox, tell: Callable[[Told], None]) -> Posts:
    """There is nobody."""
    raise InvalidValue("[[webhooks]] are configured, and this program delivers nothing")


class Outlets(NamedTuple):
    """What is opened besides the robot where the file asks for it: `[web]` and `[[webhooks]]`."""

    front: OpenFront = no_front
    posts: OpenPosts = no_posts


NO_OUTLETS = Outlets()
