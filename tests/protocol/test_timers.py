"""The heap of deadlines: order, stopping, and what a stopped timer costs."""

from __future__ import annotations

from sipclient.protocol.timers import Timers, due_at


def test_runs_what_is_due_in_order_of_time_then_of_start() -> None:
    timers, ran = Timers(), []
    timers.start(2.0, ran.append, "b")
    timers.start(1.0, ran.append, "a")
    timers.start(2.0, ran.append, "c")
    timers.start(3.0, ran.append, "late")
    assert timers.deadline == 1.0
    timers.run_due(2.0)
    assert ran == ["a", "b", "c"]
    assert timers.deadline == 3.0


def test_a_timer_started_by_a_timer_runs_in_the_same_round_if_due() -> None:
    timers, ran = Timers(), []
    timers.start(1.0, lambda _: timers.start(1.0, ran.append, "second"))
    timers.run_due(1.0)
    assert ran == ["second"]


def test_a_stopped_timer_never_runs_and_moves_the_deadline() -> None:
    timers, ran = Timers(), []
    first = timers.start(1.0, ran.append, "first")
    timers.start(5.0, ran.append, "second")
    timers.stop(first)
    timers.stop(first)
    timers.stop(None)
    assert timers.deadline == 5.0
    assert timers.live == 1
    timers.run_due(10.0)
    assert ran == ["second"]
    assert timers.deadline is None
    assert timers.live == 0


def test_stopping_a_timer_that_ran_does_nothing() -> None:
    timers = Timers()
    timer = timers.start(1.0, lambda _: None)
    timers.run_due(1.0)
    timers.stop(timer)
    assert timers.live == 0


def test_dead_entries_are_swept_so_that_memory_is_bounded() -> None:
    timers = Timers()
    keep = timers.start(1e9, lambda _: None)
    for number in range(50_000):
        timers.stop(timers.start(float(number + 1), lambda _: None))
    assert timers.live == 1
    assert len(timers._heap) < 5_000
    assert timers.deadline == due_at(keep)


def test_a_due_entry_that_was_stopped_is_skipped() -> None:
    timers, ran = Timers(), []
    second = timers.start(1.0, ran.append, "never")
    timers.start(0.5, lambda _: timers.stop(second))
    timers.run_due(2.0)
    assert ran == []
