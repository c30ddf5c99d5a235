"""What is due when, and what is no longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sipclient.rules.agenda import Agenda


def test_the_earliest_first_and_each_once() -> None:
    agenda = Agenda()
    agenda.add(3.0, "settle", ("a",))
    agenda.add(1.0, "retry", ("b",))
    agenda.add(2.0, "retry", ("a",))
    assert agenda.deadline == 1.0
    assert list(agenda.due(2.0)) == [("retry", ("b",)), ("retry", ("a",))]
    assert (list(agenda.due(2.9)), agenda.deadline) == ([], 3.0)


def test_a_later_plan_replaces_the_earlier() -> None:
    agenda = Agenda()
    agenda.add(1.0, "settle", ("a",))
    agenda.add(5.0, "settle", ("a",))
    assert (list(agenda.due(4.0)), agenda.deadline) == ([], 5.0)
    agenda.drop("settle", ("a",))
    agenda.drop("settle", ("a",))
    assert agenda.deadline is None


def test_dead_entries_are_cleared_away() -> None:
    agenda = Agenda()
    for number in range(10_000):
        agenda.add(1e6 + number, "settle", (str(number % 10),))
    assert len(agenda) <= 2 * 10 + 64
    assert len(list(agenda.due(2e6))) == 10


PLANS = st.lists(st.tuples(st.integers(0, 50), st.sampled_from("abcdef"), st.booleans()), max_size=300)


@given(PLANS, st.integers(0, 50))
def test_it_gives_what_a_plain_table_would(plans: list[tuple[int, str, bool]], now: int) -> None:
    agenda = Agenda()
    table: dict[str, int] = {}
    for due, name, dropped in plans:
        agenda.add(due, "settle", (name,))
        table[name] = due
        if dropped:
            agenda.drop("settle", (name,))
            del table[name]
    assert agenda.deadline == min(table.values(), default=None)
    assert {entry[0] for _, entry in agenda.due(now)} == {name for name, due in table.items() if due <= now}
