"""Who looks on: metrics, spans. A robot without any does nothing for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from sipclient.client import Client
from sipclient.face.shell import Clock
from sipclient.protocol.events import Event
from sipclient.robot.judge import Judge
from sipclient.robot.mirror import Mirror
from sipclient.robot.told import Told
from sipclient.robot.turns import Turns


class Scene(NamedTuple):
    """The parts of a robot that are worth looking at."""

    client: Client
    turns: Turns
    judge: Judge
    clock: Clock
    mirror: Mirror | None = None


class Observer(Protocol):
    """Hears what a robot tells and what its engine says, each at once and in order, and changes nothing."""

    def begin(self, scene: Scene) -> None:
        """The robot begins; nothing was told or heard yet."""

    def told(self, news: Told) -> None:
        """What the robot tells."""

    def heard(self, event: Event) -> None:
        """What the engine says, before the robot acts on it."""

    def end(self) -> None:
        """The robot leaves. What it tells of its calls' ends still comes."""


def telling(tell: Callable[[Told], None], observers: tuple[Observer, ...]) -> Callable[[Told], None]:
    """`tell`, and every observer after it."""
    if not observers:
        return tell

    def all_of_them(news: Told) -> None:
        tell(news)
        for observer in observers:
            observer.told(news)

    return all_of_them
