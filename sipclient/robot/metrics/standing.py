"""What is so at the moment somebody asks: counted then, and costing nothing in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sipclient import __version__
from sipclient.robot.observer import Scene


class Standing(Collector):
    """Gauges of a robot."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: whoever registers this must not need a running client."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Every gauge."""
        client, turns = self._scene.client, self._scene.turns
        yield _gauge("info", "1; its label says which version runs.", ("version",), {(__version__,): 1})
        yield _gauge(
            "account_registered", "1 while the PBX holds a registration of the account, else 0.", ("account",),
            {(each.key,): float(client.is_registered(each)) for each in client.accounts},
        )  # fmt: skip
        yield _gauge(
            "subscriptions", "Subscriptions by state: active, asking, waiting (for a turn, or the next try), refused.",
            ("account", "package", "state"), client.subscriptions,
        )  # fmt: skip
        yield _gauge("extensions", "Watched extensions by state.", ("account", "state"), client.watched)
        yield _gauge("calls_live", "Calls under way, in both directions.", (), {(): len(client.calls)})
        yield _gauge("turns_taken", "Calls that count against [dial] calls_at_once now.", (), {(): turns.running})
        yield _gauge("turns_waiting", "Calls that wait for their turn by [dial].", (), {(): turns.waiting})
        mirror = self._scene.mirror
        if mirror is not None:
            copies = CounterMetricFamily(
                "sipclient_hep_messages", "SIP messages for the collector of [hep], by outcome.", labels=("outcome",)
            )
            copies.add_metric(("mirrored",), mirror.mirrored)
            copies.add_metric(("dropped",), mirror.dropped)
            yield copies
        bugs = CounterMetricFamily("sipclient_bugs", "Bugs met and survived: 0 in a sound program.")
        bugs.add_metric((), client.failures)
        yield bugs


Key = TypeVar("Key", bound=tuple[str, ...])


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Mapping[Key, float]) -> Metric:
    family = GaugeMetricFamily(f"sipclient_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
