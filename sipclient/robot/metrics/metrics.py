"""The observer that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from sipclient.protocol.events import Event, WatchProblem
from sipclient.robot.metrics.calls import CallTimes
from sipclient.robot.metrics.families import Families
from sipclient.robot.metrics.firings import Firings
from sipclient.robot.metrics.lag import Lag
from sipclient.robot.metrics.standing import Standing
from sipclient.robot.observer import Scene
from sipclient.robot.told import (
    AccountNotRegistered,
    AccountRegistered,
    CallNotPlaced,
    CallPlaced,
    HookEnded,
    HookStarted,
    JobAbandoned,
    Reloaded,
    RuleFired,
    RuleSuppressed,
    RuleWaits,
    StateChanged,
    Told,
)


class Metrics:
    """What a robot counts and measures, as Prometheus reads it: make it an observer of the robot, and serve `render`.

    Each has a registry of its own; `process_*` and `python_*` are this process's.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._families = Families(self.registry)
        self._firings = Firings()
        self._scene: Scene
        self._calls: CallTimes
        self._lag: Lag
        self._told: dict[type[Told], Callable[[Any], None]] = {
            AccountRegistered: lambda news: self._families.registrations.labels(news.account).inc(),
            AccountNotRegistered: self._not_registered,
            StateChanged: lambda news: self._families.state_changes.labels(news.account, news.after).inc(),
            RuleFired: self._fired,
            RuleSuppressed: self._suppressed,
            RuleWaits: lambda news: self._firings.settles(news, self._scene.client.received_at),
            CallPlaced: self._placed,
            CallNotPlaced: self._not_placed,
            JobAbandoned: self._abandoned,
            HookStarted: self._hook_started,
            HookEnded: lambda news: self._families.hooks.labels("failed" if news.error else "done").inc(),
            Reloaded: lambda news: self._firings.keep(self._scene.judge.rules.rules),
        }

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Content type and body for an `Accept` header: Prometheus's text, or OpenMetrics for whoever asks for it."""
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self.registry)

    # --- as an observer -----------------------------------------------------------------------------

    def begin(self, scene: Scene) -> None:
        """See Observer."""
        self._scene = scene
        self._calls = CallTimes(self._families, scene.clock.time, scene.client.call_of)
        self._lag = Lag(scene.clock, self._families.lag.observe)
        self.registry.register(Standing(scene))

    def told(self, news: Told) -> None:
        """See Observer."""
        hear = self._told.get(type(news))
        if hear is not None:
            hear(news)

    def heard(self, event: Event) -> None:
        """See Observer."""
        if isinstance(event, WatchProblem):
            where = event.account, event.package, class_of(event.status)
            self._families.subscription_failures.labels(*where).inc()
        else:
            self._calls.heard(event)

    def end(self) -> None:
        """See Observer."""
        self._lag.close()

    # --- what is told -------------------------------------------------------------------------------

    def _not_registered(self, news: AccountNotRegistered) -> None:
        self._families.registration_failures.labels(news.account, class_of(news.status)).inc()

    def _fired(self, news: RuleFired) -> None:
        self._families.fired.labels(news.rule).inc()
        self._firings.fired(news, self._scene.client.received_at)

    def _suppressed(self, news: RuleSuppressed) -> None:
        self._families.suppressed.labels(news.rule, news.condition).inc()
        self._firings.suppressed(news)

    def _placed(self, news: CallPlaced) -> None:
        fired = self._firings.over(news.job)
        if fired is not None and news.attempt == 1:
            rule, began = fired
            self._families.notify_to_invite.labels(rule).observe(self._scene.clock.time() - began)

    def _hook_started(self, news: HookStarted) -> None:
        self._firings.over(news.job)

    def _not_placed(self, news: CallNotPlaced) -> None:
        self._families.not_placed.inc()
        self._firings.over(news.job)

    def _abandoned(self, news: JobAbandoned) -> None:
        self._families.abandoned.inc()
        self._firings.over(news.job)


def class_of(status: int) -> str:
    """`4xx` for 404; `none` where nobody answered."""
    return f"{status // 100}xx" if 100 <= status < 700 else "none"
