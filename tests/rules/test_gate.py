"""How fast calls may leave, and how many extensions a change may be looked up among."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipclient.config import Rate, load
from sipclient.rules import Gate, RuleSet, Window


def test_in_order_and_not_too_many_at_once() -> None:
    gate: Gate[str] = Gate(100, 2)
    assert [gate.submit(id, id.upper()) for id in ("a", "b", "c", "d", "a")] == [True, True, True, True, False]
    assert gate.admit(0.0) == ["A", "B"]
    assert (gate.running, gate.waiting, gate.deadline) == (2, 2, None)
    assert not gate.submit("a", "A")
    gate.finished("b")
    assert gate.deadline == 0.0
    assert gate.admit(0.1) == ["C"]
    gate.finished("d")
    gate.finished("nobody")
    gate.finished("a")
    assert gate.admit(0.2) == [] and gate.deadline is None


def test_calls_per_second() -> None:
    gate: Gate[int] = Gate(2, 100)
    for number in range(5):
        gate.submit(str(number), number)
    assert (gate.admit(10.0), gate.deadline) == ([0, 1], 11.0)
    assert (gate.admit(10.9), gate.deadline) == ([], 11.0)
    assert gate.admit(11.0) == [2, 3]
    assert gate.admit(12.5) == [4]


@pytest.mark.parametrize(("rate", "second"), [(0.5, 2.0), (0.1, 10.0), (1.0, 1.0)])
def test_less_than_one_a_second(rate: float, second: float) -> None:
    gate: Gate[int] = Gate(rate, 100)
    gate.submit("a", 1)
    gate.submit("b", 2)
    assert (gate.admit(0.0), gate.deadline) == ([1], second)


def test_the_queue_is_bounded() -> None:
    gate: Gate[int] = Gate(1, 1, most_waiting=2)
    assert [gate.submit(str(number), number) for number in range(3)] == [True, True, False]


@given(
    st.floats(0.2, 20),
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60),
)
def test_the_gate_holds_its_promise(rate: float, at_once: int, steps: list[tuple[float, bool]]) -> None:
    gate: Gate[str] = Gate(rate, at_once)
    now = 0.0
    left: list[tuple[float, str]] = []
    running: list[str] = []
    for number, (pause, ends) in enumerate(steps):
        now += pause
        if ends and running:
            gate.finished(running.pop(0))
        gate.submit(str(number), str(number))
        admitted = gate.admit(now)
        left += [(now, id) for id in admitted]
        running += admitted
        assert len(running) == gate.running <= at_once
    assert [int(id) for _, id in left] == sorted(int(id) for _, id in left)
    count = max(1, int(rate))
    for (early, _), (late, _) in zip(left, left[count:], strict=False):
        assert late - early >= count / rate - 1e-9


def test_a_window_slides() -> None:
    window = Window(Rate(2, 10.0))
    window.add(0.0)
    window.add(4.0)
    assert [window.free_at(now) for now in (4.0, 9.9, 10.0)] == [10.0, 10.0, 10.0]
    window.add(10.0)
    assert (window.free_at(10.0), window.free_at(20.0)) == (14.0, 20.0)


TEXT = """
[accounts.a]
address = "sip:robot@pbx.example.com"
[[watch]]
extensions = ["1000-9999", "sip:boss@other.example.com"]
[[watch]]
extensions = ["1000"]
missed = "act"
[dial]
allow = ["7000"]
"""


def test_rules_are_found_by_extension() -> None:
    some = '[[rules]]\nname = "{0}"\nwhen = {{ extensions = [{1}] }}\ncall = {{ to = "7000" }}\n'
    text = TEXT + some.format("all", '"*"') + some.format("few", '"10??", "sip:boss@*"')
    rules = RuleSet(load(text))
    assert list(rules.rules) == ["all", "few"]

    def names(extension: str, account: str = "a") -> list[str] | None:
        covered = rules.about(account, extension)
        return None if covered is None else [rule.name for rule in covered.rules]

    assert names("1000") == names("1099") == names("sip:boss@other.example.com") == ["all", "few"]
    assert names("2000") == ["all"]
    assert names("999") is None and names("1000", "b") is None
    first, other = rules.about("a", "1000"), rules.about("a", "1001")
    assert first is other and first is not None and first.missed == "tell"  # shared, and the first watch counts
    assert (rules.allows("a", "7000"), rules.allows("a", "7001"), rules.allows("b", "7000")) == (True, False, True)


def test_new_limits_keep_who_waits_and_who_runs() -> None:
    gate: Gate[str] = Gate(1, 1)
    for id in "abc":
        assert gate.submit(id, id)
    assert gate.admit(0.0) == ["a"]
    gate.adjust(10, 2)
    assert (gate.running, gate.waiting) == (1, 2)
    assert gate.admit(0.0) == ["b"]
    assert not gate.submit("a", "a")
