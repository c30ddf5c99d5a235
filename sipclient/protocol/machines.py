"""The machines as transactions run them: their tables taken apart once, each state with its rows and timers."""

from __future__ import annotations

from typing import Final

from sipclient.protocol.tables import STARTS, TABLES, A, E, S
from sipclient.protocol.timers import T1, T2, T4

# Seconds each timer runs on (unreliable, reliable) transports; RFC 3261 Table 4, RFC 6026 §7.
# Those that double start at T1. None: not started there.
_DURATION: dict[E, tuple[float, float | None]] = {
    E.A: (T1, None),
    E.B: (64 * T1, 64 * T1),
    E.D: (32.0, 0.0),
    E.E: (T1, None),
    E.F: (64 * T1, 64 * T1),
    E.G: (T1, None),
    E.H: (64 * T1, 64 * T1),
    E.I: (T4, 0.0),
    E.J: (64 * T1, 0.0),
    E.K: (T4, 0.0),
    E.L: (64 * T1, 64 * T1),
    E.M: (64 * T1, 64 * T1),
}
WAITING: Final = frozenset({S.CALLING, S.TRYING, S.PROCEEDING})  # for a final response
DOUBLING: Final = frozenset({E.A, E.E, E.G})
_ENDING = frozenset({E.D, E.I, E.J, E.K, E.L, E.M})  # nothing is done at them but to forget

# The event that a response is, for its status: 1xx, 2xx, above.
ANSWERS: Final[dict[str, tuple[E, ...]]] = {
    "INVITE client": (E.PROVISIONAL, E.SUCCESS, E.FAILURE),
    "client": (E.PROVISIONAL, E.FINAL, E.FINAL),
    "INVITE server": (E.TU_PROVISIONAL, E.TU_SUCCESS, E.TU_FAILURE),
    "server": (E.TU_PROVISIONAL, E.TU_FINAL, E.TU_FINAL),
}


class Start:
    """A timer that starts as a state is entered: seconds, whether it doubles, and whether it only ends."""

    __slots__ = ("doubles", "ends", "event", "seconds")

    def __init__(self, event: E, seconds: float) -> None:
        self.event = event
        self.seconds = seconds
        self.doubles = event in DOUBLING
        self.ends = event in _ENDING


class Place:
    """A state of one machine: its rows by their event, and its timers on either kind of transport.

    Each step of a transaction asks for one row of the place it is in.
    """

    __slots__ = ("reliable", "rows", "state", "unreliable", "waits")

    def __init__(self, kind: str, state: S) -> None:
        self.state = state
        self.rows: dict[E, tuple[Place, tuple[A, ...]]] = {}
        self.unreliable, self.reliable = _starts(kind, state, False), _starts(kind, state, True)
        self.waits = not all(start.ends for start in self.unreliable)  # for more than its end


def _starts(kind: str, state: S, reliable: bool) -> tuple[Start, ...]:
    found = []
    for event in STARTS.get((kind, state), ()):
        seconds = _DURATION[event][reliable]
        if seconds is not None:
            # RFC 3261 §17.1.2.2: in Proceeding, timer E is always T2.
            found.append(Start(event, T2 if state is S.PROCEEDING else seconds))
    return tuple(found)


OVER: Final = Place("", S.TERMINATED)  # of all machines


def _begin(kind: str) -> Place:
    """Where a machine begins, which leads to all its other places: the state of its table's first row."""
    places = {S.TERMINATED: OVER}
    for state, _ in TABLES[kind]:
        if state not in places:
            places[state] = Place(kind, state)
    for (state, event), (after, actions) in TABLES[kind].items():
        places[state].rows[event] = (places[after], actions)
    return places[next(iter(TABLES[kind]))[0]]


BEGIN: Final = {kind: _begin(kind) for kind in TABLES}
