"""What the robot counts and measures, as Prometheus reads it; each name as docs/metrics.md has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from robot.conftest import DIAL, HEAD

from sipclient.config import load
from sipclient.media.stats import StreamStats
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Calling,
    RegistrationLost,
    Ringing,
    WatchProblem,
)
from sipclient.protocol.events import IncomingCall as Incoming
from sipclient.robot import told
from sipclient.robot.hooks import NO_HOOKS
from sipclient.robot.metrics import Metrics, standing
from sipclient.robot.metrics.calls import CallTimes
from sipclient.robot.metrics.families import Families
from sipclient.robot.metrics.firings import MOST, Firings
from sipclient.robot.metrics.metrics import class_of

PAGE = Path(__file__).resolve().parents[2] / "docs/metrics.md"
ROW = re.compile(r"^\| `(sipclient_\w+)` \| ((?:`\w+`(?:, )?)*) ?\|", re.MULTILINE)


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample of ours by its name and the values of its labels, which come in the order of the alphabet."""
    families = text_string_to_metric_families(metrics.render()[1].decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("sipclient_")
    }


def told_of(page: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, labels in ROW.findall(page):
        yield name, tuple(re.findall(r"\w+", labels))


def test_the_page_names_every_metric_with_its_labels() -> None:
    metrics = Metrics()
    found = {
        (f"{family._name}_total" if family._type == "counter" else family._name): tuple(family._labelnames)
        for family in vars(metrics._families).values()
    }
    names = re.findall(r'_gauge\(\s*"(\w+)",.*?\(((?:"\w+",? ?)*)\),', Path(standing.__file__).read_text(), re.DOTALL)
    found |= {f"sipclient_{name}": tuple(re.findall(r"\w+", labels)) for name, labels in names}
    found |= {"sipclient_bugs_total": (), "sipclient_hep_messages_total": ("outcome",)}
    assert dict(told_of(PAGE.read_text())) == found and len(found) == 28


async def test_a_rule_that_fires_is_counted_and_timed(stage: Any) -> None:
    metrics = Metrics()
    await stage.start(observers=[metrics])
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(12)
    world.engine.end()
    await world.clock.advance(1)
    now = samples(metrics)
    assert now["sipclient_rule_firings_total", "queue"] == 1
    assert now["sipclient_notify_to_invite_seconds_count", "queue"] == 1
    assert now["sipclient_notify_to_invite_seconds_sum", "queue"] == 0
    assert now["sipclient_calls_total", "pbx", "yes", "NORMAL_CLEARING", "outgoing"] == 1
    assert now["sipclient_call_setup_seconds_count", "pbx"] == 1
    assert now["sipclient_call_duration_seconds_sum", "pbx", "outgoing"] == 12
    assert now["sipclient_state_changes_total", "pbx", "on-the-phone"] == 1
    assert now["sipclient_registrations_total", "pbx"] == 1


async def test_settle_time_and_waiting_for_a_turn_are_in_the_time_to_the_invite(stage: Any) -> None:
    metrics = Metrics()
    rules = '[[rules]]\nname = "queue"\nsettle = "2s"\ncall = { to = "7000" }\n'
    dial = '[dial]\nallow = ["7???"]\ncalls_at_once = 1\n'
    await stage.start(rules, dial=dial, observers=[metrics])
    world = stage.world
    for extension in ("1001", "1002"):
        await world.go(extension, "on-the-phone", "ready")
    await world.clock.advance(5)
    now = samples(metrics)
    assert now["sipclient_notify_to_invite_seconds_sum", "queue"] == 2
    assert (now["sipclient_turns_taken",], now["sipclient_turns_waiting",]) == (1, 1)
    world.engine.end()
    await world.clock.advance(1)
    assert samples(metrics)["sipclient_notify_to_invite_seconds_sum", "queue"] == 2 + 5


async def test_a_further_attempt_counts_as_a_firing_and_not_as_slow(stage: Any) -> None:
    metrics = Metrics()
    retry = '{ on = ["USER_BUSY"], times = 1, wait = "10s" }'
    await stage.start(f'[[rules]]\nname = "queue"\ncall = {{ to = "7000", retry = {retry} }}\n', observers=[metrics])
    world = stage.world
    world.engine.outcomes = [486]
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(11)
    now = samples(metrics)
    assert now["sipclient_rule_firings_total", "queue"] == len(world.invites) == 2
    assert now["sipclient_notify_to_invite_seconds_count", "queue"] == 1
    assert now["sipclient_calls_total", "pbx", "no", "USER_BUSY", "outgoing"] == 1


async def test_a_rule_that_does_not_act_is_counted_by_its_why_not(stage: Any) -> None:
    metrics = Metrics()
    await stage.start('[[rules]]\nname = "queue"\nlimit = "1 per hour"\ncall = { to = "7000" }\n', observers=[metrics])
    for _ in range(2):
        await stage.world.go("1001", "on-the-phone", "ready")
    assert samples(metrics)["sipclient_rule_suppressions_total", "limit", "queue"] == 1


async def test_what_is_so_now_is_counted_when_asked(stage: Any) -> None:
    metrics = Metrics()
    robot = await stage.start(observers=[metrics])
    await stage.world.go("1001", "on-the-phone")
    now = samples(metrics)
    assert now["sipclient_account_registered", "pbx"] == 1
    assert now["sipclient_subscriptions", "pbx", "dialog", "active"] == 3
    assert now["sipclient_extensions", "pbx", "on-the-phone"] == 1
    assert now["sipclient_extensions", "pbx", "ready"] == 2
    assert now["sipclient_calls_live",] == now["sipclient_bugs_total",] == 0
    stage.world.engine.emit(RegistrationLost("pbx", 0, "no answer", 5.0))
    stage.world.engine.emit(RegistrationLost("pbx", 403, "Forbidden", 300.0))
    stage.world.engine.emit(WatchProblem(1, "pbx", "1001", "dialog", 489, "Bad Event", -1.0))
    now = samples(metrics)
    assert now["sipclient_account_registered", "pbx"] == 0
    assert now["sipclient_registration_failures_total", "pbx", "none"] == 1
    assert now["sipclient_registration_failures_total", "pbx", "4xx"] == 1
    assert now["sipclient_subscription_failures_total", "pbx", "dialog", "4xx"] == 1
    assert robot.client.failures == 0


async def test_a_loop_that_rings_late_shows(stage: Any) -> None:
    metrics = Metrics()
    await stage.start(observers=[metrics])
    clock = stage.world.clock
    await clock.advance(2)
    assert samples(metrics)["sipclient_event_loop_lag_seconds_sum",] == 0
    clock.now += 1.25  # something kept the loop to itself
    await clock.advance(0)
    assert samples(metrics)["sipclient_event_loop_lag_seconds_sum",] == 0.25
    await stage.stop()
    before = samples(metrics)["sipclient_event_loop_lag_seconds_count",]
    await clock.advance(10)
    assert samples(metrics)["sipclient_event_loop_lag_seconds_count",] == before


async def test_hooks_and_what_never_left(stage: Any) -> None:
    metrics = Metrics()
    await stage.start(observers=[metrics])
    metrics.told(told.HookStarted("h", "hooks.py:f"))
    metrics.told(told.HookEnded("h", "hooks.py:f"))
    metrics.told(told.HookEnded("h", "hooks.py:f", error="ValueError"))
    metrics.told(told.CallNotPlaced("j", "no"))
    metrics.told(told.JobAbandoned("j", "7000", "a crash"))
    now = samples(metrics)
    assert (now["sipclient_hooks_total", "done"], now["sipclient_hooks_total", "failed"]) == (1, 1)
    assert now["sipclient_calls_not_placed_total",] == now["sipclient_jobs_abandoned_total",] == 1


async def test_a_reload_forgets_what_rules_that_are_gone_waited_for(stage: Any) -> None:
    metrics = Metrics()
    rules = '[[rules]]\nname = "{}"\nsettle = "2s"\ncall = {{ to = "7000" }}\n'
    robot = await stage.start(rules.format("old"), observers=[metrics])
    await stage.world.go("1001", "on-the-phone", "ready")
    assert metrics._firings._settling

    await robot.reload(load(HEAD + rules.format("new") + DIAL), NO_HOOKS)
    assert not metrics._firings._settling


# --- calls, whoever placed them -----------------------------------------------------------------------


class Desk:
    """Calls followed by hand."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.families: Families = self.metrics._families
        self.now = 0.0
        self.calls: dict[int, Any] = {}
        self.times = CallTimes(self.families, lambda: self.now, self.calls.get)

    def at(self, now: float, *events: Any) -> None:
        self.now = now
        for event in events:
            self.times.heard(event)

    def samples(self) -> dict[tuple[str, ...], float]:
        return samples(self.metrics)


def ended(id: int, cause: str = "NORMAL_CLEARING", answered: bool = True) -> CallEnded:
    return CallEnded(id, 200, cause, 16, "", "remote", answered)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_ringing_answer_and_end_are_timed(desk: Desk) -> None:
    """Session Request Delay: RFC 6076 §4.3.1."""
    desk.calls[1] = SimpleNamespace(account="pbx", stats=None)
    desk.at(10, Calling(1, "c"), Calling(1, "c"))
    desk.at(10.5, Ringing(1, 180, "Ringing"))
    desk.at(11, Ringing(1, 183, "Session Progress"))
    desk.at(13, Answered(1))
    desk.at(14, Answered(1))
    desk.at(73, ended(1))
    now = desk.samples()
    assert now["sipclient_call_post_dial_delay_seconds_sum", "pbx"] == 0.5
    assert now["sipclient_call_post_dial_delay_seconds_count", "pbx"] == 1
    assert now["sipclient_call_setup_seconds_sum", "pbx"] == 3
    assert now["sipclient_call_duration_seconds_sum", "pbx", "outgoing"] == 60
    assert not desk.times._live and not desk.times._calls


def test_incoming_calls_count_by_their_direction(desk: Desk) -> None:
    desk.at(0, Incoming(-1, "pbx", None, None), Ringing(-1, 180, ""))  # type: ignore[arg-type]
    desk.at(1, Answered(-1))
    desk.at(31, ended(-1))
    now = desk.samples()
    assert now["sipclient_calls_total", "pbx", "yes", "NORMAL_CLEARING", "incoming"] == 1
    assert now["sipclient_call_duration_seconds_sum", "pbx", "incoming"] == 30
    assert not any(name[0].startswith(("sipclient_call_setup", "sipclient_call_post")) for name in now)


def test_what_never_left_and_causes_of_no_list(desk: Desk) -> None:
    desk.at(0, Ringing(9, 180, ""), Answered(9))  # of no call we saw begin
    desk.at(0, ended(1, "REQUESTED_CHAN_UNAVAIL", False))
    for number in range(50):
        desk.at(0, ended(number, f"MADE_UP_{number}", False))
    causes = {key[3] for key in desk.samples() if key[0] == "sipclient_calls_total"}
    assert causes == {"REQUESTED_CHAN_UNAVAIL", "OTHER"}


def test_how_an_answered_call_sounded(desk: Desk) -> None:
    good = StreamStats(received=500, lost_share=0.02, jitter=0.004, round_trip=0.03, mos=4.1)
    bare = StreamStats(received=1, jitter=0.0)
    for id, stats in enumerate((good, bare, StreamStats(), None), 1):
        desk.calls[id] = SimpleNamespace(account="pbx", stats=stats)
        desk.at(id, Calling(id, "c"), Answered(id))
        del desk.calls[id]  # it is nobody's any more when its end is told
        desk.at(id, ended(id))
    now = desk.samples()
    assert now["sipclient_rtp_loss_ratio_count", "pbx"] == 2
    assert now["sipclient_rtp_loss_ratio_sum", "pbx"] == 0.02
    assert now["sipclient_rtp_jitter_seconds_sum", "pbx"] == 0.004
    assert (now["sipclient_rtp_mos_count", "pbx"], now["sipclient_rtp_mos_sum", "pbx"]) == (1, 4.1)
    assert now["sipclient_rtp_round_trip_seconds_count", "pbx"] == 1


# --- the rest -------------------------------------------------------------------------------------------


def test_what_is_remembered_of_firings_is_bounded() -> None:
    firings = Firings()
    for number in range(MOST + 10):
        firings.fired(told.RuleFired("r", "pbx", "1", number, f"r/pbx/1/{number}", ""), 1.0)
    assert len(firings._jobs) == MOST
    assert firings.over("r/pbx/1/0") == ("r", 1.0) and firings.over(f"r/pbx/1/{MOST}") is None
    firings.settles(told.RuleWaits("r", "pbx", "1", 1, "retry", 10.0), 5.0)
    assert not firings._settling


@pytest.mark.parametrize(("status", "word"), [(0, "none"), (99, "none"), (200, "2xx"), (699, "6xx"), (700, "none")])
def test_statuses_count_by_class(status: int, word: str) -> None:
    assert class_of(status) == word


async def test_whoever_asks_for_openmetrics_gets_it(stage: Any) -> None:
    metrics = Metrics()
    await stage.start(observers=[metrics])
    kind, body = metrics.render()
    assert kind.startswith("text/plain") and b"process_cpu_seconds_total" in body
    kind, body = metrics.render("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text") and body.endswith(b"# EOF\n")
