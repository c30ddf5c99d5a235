"""The presence board: every watched extension, since when it is as it is, and how restless it has been."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sipclient.config import Config
from sipclient.protocol.events import WatchProblem
from sipclient.robot.told import StateChanged
from sipclient.robot.views.shapes import ExtensionShape, Subscription, SubscriptionCounts

FLAPS = timedelta(minutes=10)  # over which changes are counted
MOST_FLAPS = 100  # changes remembered of one extension

Key = tuple[str, str]  # account, extension


class _Lamp:
    """One extension."""

    __slots__ = ("changed", "episode", "heard", "lost", "note", "open", "packages", "since", "state")

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.packages = packages
        self.state = "unknown"
        self.since: datetime | None = None
        self.note = ""
        self.episode = 0
        self.open = False
        self.heard = False
        self.changed: deque[datetime] = deque(maxlen=MOST_FLAPS)
        self.lost: dict[str, str] = {}  # why, by package


class Extensions:
    """All that the configuration watches. `callbacks` says how many camp on one."""

    def __init__(self, callbacks: Callable[[str, str], int]) -> None:
        self._lamps: dict[Key, _Lamp] = {}
        self._callbacks = callbacks

    def __len__(self) -> int:
        return len(self._lamps)

    def adopt(self, config: Config) -> None:
        """Watch what the configuration says, and no more; what stays keeps its history."""
        before, self._lamps = self._lamps, {}
        for watch in config.watch:
            packages = tuple(map(str, watch.events))
            for extension in watch.expand():
                key = str(watch.account), extension
                if key not in self._lamps:
                    lamp = before.get(key)
                    kept = lamp is not None and lamp.packages == packages
                    self._lamps[key] = lamp if kept and lamp is not None else _Lamp(packages)

    def changed(self, news: StateChanged, at: datetime) -> None:
        """The state of one changed."""
        lamp = self._lamps.get((news.account, news.extension))
        if lamp is None:
            return
        if news.before != "unknown" and news.after != "unknown":
            lamp.changed.append(at)
        lamp.state, lamp.note, lamp.since = news.after, news.note, at
        lamp.episode = news.episode or lamp.episode
        lamp.open = news.episode != 0 and not news.closed
        if news.after != "unknown":
            lamp.heard = True
            lamp.lost.clear()

    def problem(self, event: WatchProblem) -> None:
        """A subscription of one was lost or refused."""
        lamp = self._lamps.get((event.account, event.extension))
        if lamp is not None:
            lamp.lost[event.package] = f"{event.status or ''} {event.reason}".strip()

    def shapes(self, now: datetime, account: str = "", state: str = "") -> Iterator[ExtensionShape]:
        """Those of one account, or of all; in one state, or in any."""
        for (owner, extension), lamp in self._lamps.items():
            if (not account or owner == account) and (not state or lamp.state == state):
                yield self._shape(owner, extension, lamp, now)

    def shape(self, account: str, extension: str, now: datetime) -> ExtensionShape | None:
        """One of them; None where it is not watched."""
        lamp = self._lamps.get((account, extension))
        return self._shape(account, extension, lamp, now) if lamp is not None else None

    def counts(self, account: str) -> SubscriptionCounts:
        """The subscriptions of an account."""
        states = [
            each.state for (owner, _), lamp in self._lamps.items() if owner == account for each in _subscriptions(lamp)
        ]
        return SubscriptionCounts(**{state: states.count(state) for state in ("active", "pending", "lost")})

    def _shape(self, account: str, extension: str, lamp: _Lamp, now: datetime) -> ExtensionShape:
        return ExtensionShape(
            account=account,
            extension=extension,
            state=lamp.state,
            since=lamp.since,
            note=lamp.note,
            episode=lamp.episode,
            open=lamp.open,
            flaps=sum(at > now - FLAPS for at in lamp.changed),
            subscriptions=_subscriptions(lamp),
            callbacks=self._callbacks(account, extension),
        )


def _subscriptions(lamp: _Lamp) -> list[Subscription]:
    return [
        Subscription(package=package, state="lost", reason=lamp.lost[package])
        if package in lamp.lost
        else Subscription(package=package, state="active" if lamp.heard else "pending")
        for package in lamp.packages
    ]
