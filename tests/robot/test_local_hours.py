"""Hours without a time zone are those of the machine's clock, though the robot counts in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sipclient.config import load
from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged
from sipclient.robot.callbacks import Callbacks
from sipclient.robot.judge import Doing, Judge
from sipclient.robot.told import RuleSuppressed, Told
from sipclient.rules import Job, RuleSet

FILE = """
[accounts.pbx]
address = "sip:robot@pbx.example.com"
[[watch]]
extensions = ["1001"]
[[rules]]
name  = "office"
hours = { from = "08:00", to = "18:00" }
call  = { to = "7000" }
[dial]
allow = ["7000"]
"""


class StoppedClock:
    """A clock that stands still."""

    def time(self) -> float:
        return 0.0

    def call_at(self, when: float, callback: Any, /) -> Any:
        raise AssertionError("nothing is waited for here")


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in New York, five hours behind UTC in winter."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("hour", "open_"), [(12, False), (13, True), (22, True), (23, False)])
def test_hours_of_the_machine(new_york: None, hour: int, open_: bool) -> None:
    placed: list[Job] = []
    said: list[Told] = []
    nobody = Callbacks(lambda: judge, None, None, datetime.now, said.append)  # type: ignore[arg-type]  # nobody asks
    doing = Doing(lambda job, *_: placed.append(job), lambda *_: None, lambda *_: None, lambda _: None, nobody)
    rules = RuleSet(load(FILE, secrets=False))
    judge = Judge(rules, doing, StoppedClock(), lambda: datetime(2026, 11, 24, hour, 30, tzinfo=UTC), said.append)
    judge.changed(ExtensionChanged(1, "pbx", "1001", State.ON_THE_PHONE, State.READY, 7, False, True), None)
    assert len(placed) == open_
    details = [each.detail for each in said if isinstance(each, RuleSuppressed)]
    assert details == ([] if open_ else [f"tue 2026-11-24 {hour - 5:02d}:30 is outside {rules.rules['office'].hours}"])
