"""The four machines as tables: every state is reached, every state has a way out, and nothing waits for ever."""

from __future__ import annotations

import pytest

from sipclient.protocol.tables import STARTS, TABLES, E, S

INITIAL = {"INVITE client": S.CALLING, "client": S.TRYING, "INVITE server": S.PROCEEDING, "server": S.TRYING}
TIMER_EVENTS = frozenset(event for event in E if event.startswith("Timer "))
# The states that wait for somebody: the peer's final answer, or our own user's.
WAITING = {
    ("INVITE client", S.PROCEEDING),
    ("INVITE server", S.PROCEEDING),
    ("server", S.TRYING),
    ("server", S.PROCEEDING),
}


@pytest.mark.parametrize("kind", TABLES)
def test_every_state_is_reachable_and_terminated_is_final(kind: str) -> None:
    table = TABLES[kind]
    reached, todo = {INITIAL[kind]}, [INITIAL[kind]]
    while todo:
        state = todo.pop()
        for (source, _), (after, _) in table.items():
            if source is state and after not in reached:
                reached.add(after)
                todo.append(after)
    named = {source for source, _ in table} | {after for after, _ in table.values()}
    assert reached == named
    assert S.TERMINATED in reached
    assert not any(source is S.TERMINATED for source, _ in table)


@pytest.mark.parametrize("kind", TABLES)
def test_liveness_timers_alone_lead_to_the_end_from_every_state_that_waits_for_nobody(kind: str) -> None:
    """A deleted timer row, or a timer nobody starts, shows here."""
    table = TABLES[kind]
    running: dict[S, set[E]] = {}
    for state in {source for source, _ in table}:
        running[state] = set(STARTS.get((kind, state), ()))
    if kind == "client":
        running[S.PROCEEDING].add(E.F)  # started in Trying; it belongs to the whole transaction
    for state in running:
        if (kind, state) in WAITING:
            continue
        seen, todo = {state}, [state]
        while todo:
            now = todo.pop()
            for event in running.get(now, ()):
                after = table[now, event][0]
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        assert S.TERMINATED in seen, f"{kind}: {state} is never left by a timer"


@pytest.mark.parametrize("kind", TABLES)
def test_every_timer_a_state_starts_has_a_row_and_every_timer_row_has_a_start(kind: str) -> None:
    table = TABLES[kind]
    for (of, state), events in STARTS.items():
        if of == kind:
            for event in events:
                assert (state, event) in table
    for state, event in table:
        if event in TIMER_EVENTS:
            started = STARTS.get((kind, state), ())
            assert event in started or (kind, state, event) == ("client", S.PROCEEDING, E.F)
