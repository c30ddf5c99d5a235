"""A plan followed in virtual time: retries, time limits, races."""

from __future__ import annotations

import pytest

from sipclient.config.causes import CAUSES
from sipclient.dialling import Connected, Dialling, Drop, Failed, Leg, Place, Plan, Step, parse_dial_string, read_retry

START = 500.0


class Stage:
    """A plan on a clock of its own. What is to be done is collected in `steps` since last asked."""

    def __init__(self, text: str, retry: dict[str, object] | None = None, **fields: object) -> None:
        plan = parse_dial_string(text)
        values = {name: getattr(plan, name) for name in Plan.__struct_fields__} | fields
        if retry is not None:
            values["retry"] = read_retry(retry)
        self.now = START
        self.dialling = Dialling(Plan(**values))
        self.steps = self.dialling.begin(self.now)

    def take(self) -> list[Step]:
        steps, self.steps = self.steps, []
        return steps

    def placed(self) -> list[str]:
        return [step.leg.to for step in self.take() if isinstance(step, Place)]

    def busy(self, number: int) -> None:
        self.ended(number, 486, "USER_BUSY")

    def ended(self, number: int, status: int, cause: str) -> None:
        self.steps += self.dialling.ended(number, status, cause, "", self.now)

    def answered(self, number: int) -> None:
        self.steps += self.dialling.answered(number)

    def leave(self) -> None:
        self.steps += self.dialling.leave()

    def until(self, seconds: float) -> None:
        """Let the time pass to so many seconds after the start, and tick whatever is due."""
        while (due := self.dialling.deadline) is not None and due <= START + seconds:
            self.now = due
            self.steps += self.dialling.tick(due)
        self.now = START + seconds


def test_one_call_that_is_answered() -> None:
    stage = Stage("1")
    assert stage.take() == [Place(1, Leg("1"), 1)]
    assert stage.dialling.progress(1) == []
    stage.answered(1)
    assert stage.take() == [Connected(1)]
    assert stage.dialling.deadline is None
    assert stage.dialling.tick(stage.now) == []
    assert stage.dialling.leave() == []


def test_one_call_that_is_refused() -> None:
    stage = Stage("1")
    stage.take()
    stage.busy(1)
    assert stage.take() == [Failed(486, "USER_BUSY")]


# --- in turn and at once ----------------------------------------------------------------------------


def test_in_turn() -> None:
    stage = Stage("1|2|3")
    assert stage.placed() == ["1"]
    stage.busy(1)
    assert stage.placed() == ["2"]
    stage.ended(2, 404, "UNALLOCATED_NUMBER")
    assert stage.placed() == ["3"]
    stage.answered(3)
    assert stage.take() == [Connected(3)]


def test_at_once_the_first_to_answer_is_it_and_the_others_hear_so() -> None:
    stage = Stage("1,2,3")
    assert stage.placed() == ["1", "2", "3"]
    stage.busy(2)
    assert stage.take() == []
    stage.answered(3)
    assert stage.take() == [Drop(1, "LOSE_RACE"), Connected(3)]


def test_two_answer_at_once_and_the_second_is_hung_up() -> None:
    stage = Stage("1,2")
    stage.take()
    stage.answered(1)
    stage.answered(2)
    assert stage.take() == [Drop(2, "LOSE_RACE"), Connected(1), Drop(2, "LOSE_RACE")]
    stage.ended(2, 487, "ORIGINATOR_CANCEL")
    assert stage.take() == []


def test_some_are_called_later_than_the_others() -> None:
    stage = Stage("1,[leg_delay_start=5,leg_timeout=10]2,[leg_delay_start=8]3")
    assert stage.placed() == ["1"]
    stage.until(4.9)
    assert stage.placed() == []
    stage.until(5)
    assert stage.placed() == ["2"]
    stage.busy(1)
    stage.until(8)
    assert stage.placed() == ["3"]
    stage.until(14.9)
    assert stage.take() == []
    stage.until(15)
    assert stage.take() == [Drop(2, "NO_ANSWER")]
    stage.answered(3)
    assert stage.take() == [Connected(3)]


def test_who_is_to_be_called_later_is_waited_for_where_the_others_failed() -> None:
    stage = Stage("1,[leg_delay_start=5]2|3")
    stage.take()
    stage.busy(1)
    assert stage.take() == []
    stage.until(5)
    assert stage.placed() == ["2"]
    stage.busy(2)
    assert stage.placed() == ["3"]


def test_who_was_to_be_called_later_is_not_where_another_one_answered() -> None:
    stage = Stage("1,[leg_delay_start=5]2")
    stage.take()
    stage.answered(1)
    assert stage.take() == [Connected(1)]
    assert stage.dialling.deadline is None


def test_at_once_all_must_fail() -> None:
    stage = Stage("1,2|3")
    stage.take()
    stage.busy(1)
    stage.ended(2, 480, "NO_USER_RESPONSE")
    assert stage.placed() == ["3"]
    stage.ended(3, 503, "NORMAL_TEMPORARY_FAILURE")
    assert stage.take() == [Failed(503, "NORMAL_TEMPORARY_FAILURE")]


# --- time limits ------------------------------------------------------------------------------------


def test_a_leg_that_is_not_answered_in_time() -> None:
    stage = Stage("[leg_timeout=10]1|2")
    stage.take()
    stage.until(9.9)
    assert stage.take() == []
    stage.until(10)
    assert stage.take() == [Drop(1, "NO_ANSWER"), Place(2, Leg("2"), 1)]
    stage.ended(1, 487, "ORIGINATOR_CANCEL")  # what it says to our CANCEL is no news
    assert stage.take() == []


def test_a_leg_that_does_not_ring_in_time() -> None:
    stage = Stage("{progress_timeout=3}1,2")
    stage.take()
    stage.dialling.progress(2)
    stage.dialling.progress(7)  # unknown, and harmless
    stage.until(5)
    assert stage.take() == [Drop(1, "NO_USER_RESPONSE")]
    stage.ended(2, 0, "NO_ANSWER")
    assert stage.take() == [Failed(0, "NO_ANSWER")]
    alone = Stage("{progress_timeout=3}1")
    alone.take()
    alone.until(3)
    assert alone.take() == [Drop(1, "NO_USER_RESPONSE"), Failed(0, "NO_USER_RESPONSE", "it did not ring in time")]


def test_the_deadline_of_the_whole_ends_every_call() -> None:
    stage = Stage("{originate_timeout=30}[leg_timeout=20]1|2,3")
    stage.take()
    stage.until(30)
    assert stage.take()[1:] == [
        Place(2, Leg("2"), 1),
        Place(3, Leg("3"), 1),
        Drop(2, "NO_ANSWER"),
        Drop(3, "NO_ANSWER"),
        Failed(0, "NO_ANSWER", "not answered within 30 s"),
    ]


def test_answered_at_the_deadline() -> None:
    """Whichever is told first holds: an answer that came is taken, one that came after is hung up."""
    first = Stage("{originate_timeout=30}1")
    first.take()
    first.now = START + 30
    first.answered(1)
    assert first.take() == [Connected(1)]
    assert first.dialling.tick(first.now) == []
    second = Stage("{originate_timeout=30}1")
    second.take()
    second.until(30)
    second.answered(1)
    assert second.take() == [
        Drop(1, "NO_ANSWER"),
        Failed(0, "NO_ANSWER", "not answered within 30 s"),
        Drop(1, "NO_ANSWER"),
    ]


def test_an_answer_that_crosses_the_time_limit_of_its_leg() -> None:
    stage = Stage("[leg_timeout=10]1|2")
    stage.take()
    stage.until(10)
    stage.take()
    stage.answered(1)
    assert stage.take() == [Drop(1, "NO_ANSWER")]
    stage.answered(2)
    assert stage.take() == [Connected(2)]


def test_a_tick_too_early_does_nothing() -> None:
    stage = Stage("{leg_timeout=10,originate_timeout=20}1")
    stage.take()
    assert stage.dialling.tick(START + 1) == []


# --- retries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_each_cause_is_tried_again_where_it_is_named_and_only_there(cause: str) -> None:
    stage = Stage("1", retry={"on": [cause], "times": 1, "wait": 5})
    stage.take()
    stage.ended(1, 0, cause)
    assert stage.take() == []
    assert stage.dialling.deadline == START + 5
    stage.until(5)
    assert stage.take() == [Place(2, Leg("1"), 2)]
    stage.ended(2, 0, cause)
    assert stage.take() == [Failed(0, cause)]
    others = Stage("1", retry={"on": sorted(CAUSES - {cause}), "times": 1})
    others.take()
    others.ended(1, 0, cause)
    assert others.take() == [Failed(0, cause)]


@pytest.mark.parametrize(
    ("on", "status", "again"),
    [("5xx", 503, True), ("5xx", 486, False), ("480-486", 486, True), ("480-486", 487, False), ("408", 408, True)],
)
def test_statuses(on: str, status: int, again: bool) -> None:
    stage = Stage("1", retry={"on": [on], "times": 1})
    stage.take()
    stage.ended(1, status, "WHATEVER")
    assert (stage.take() == []) is again


def test_freeswitch_tries_again_whatever_the_cause() -> None:
    stage = Stage("{originate_retries=3,originate_retry_sleep_ms=2000}1|2")
    assert stage.placed() == ["1"]
    times = []
    for number in range(1, 7):
        stage.ended(number, 0, "ANYTHING")
        stage.until(stage.now - START + 2)
        times.append((stage.placed(), stage.now - START))
    assert [to for to, _ in times] == [["2"], ["1"], ["2"], ["1"], ["2"], []]


def test_waits_grow_from_a_second_to_hours() -> None:
    stage = Stage("1", retry={"on": ["USER_BUSY"], "times": 5, "wait": "1s", "backoff": 10})
    waits = []
    for number in range(1, 6):
        stage.busy(number)
        before, due = stage.now, stage.dialling.deadline
        assert due is not None
        waits.append(due - before)
        stage.until(due - START)
    assert waits == [1, 10, 100, 1000, 10000]


def test_no_attempt_begins_after_the_deadline() -> None:
    stage = Stage("{originate_timeout=30}1", retry={"on": ["USER_BUSY"], "times": 9, "wait": 20})
    stage.take()
    stage.busy(1)
    stage.until(20)
    assert stage.placed() == ["1"]
    stage.busy(2)  # the third would begin at 40
    assert stage.take() == [Failed(486, "USER_BUSY")]


def test_a_leg_timeout_is_a_cause_to_try_again() -> None:
    stage = Stage("{leg_timeout=10}1", retry={"on": ["NO_ANSWER"], "times": 1, "wait": 5})
    stage.take()
    stage.until(10)
    assert stage.take() == [Drop(1, "NO_ANSWER")]
    stage.until(15)
    assert [type(step) for step in stage.take()] == [Place]


# --- whoever wanted it leaves -----------------------------------------------------------------------


def test_leaving_while_it_rings() -> None:
    stage = Stage("1,2")
    stage.take()
    stage.leave()
    assert stage.take() == [Drop(1), Drop(2), Failed(0, "ORIGINATOR_CANCEL")]
    stage.answered(1)  # crossed our CANCEL
    assert stage.take() == [Drop(1)]


def test_leaving_while_waiting_for_another_attempt() -> None:
    stage = Stage("1", retry={"on": ["USER_BUSY"], "wait": "2h"})
    stage.take()
    stage.busy(1)
    stage.leave()
    assert stage.take() == [Failed(0, "ORIGINATOR_CANCEL")]
    stage.until(20_000)
    assert stage.take() == []


def test_leaving_and_being_refused_at_once() -> None:
    stage = Stage("1")
    stage.take()
    stage.busy(1)
    stage.leave()
    assert stage.take() == [Failed(486, "USER_BUSY")]
