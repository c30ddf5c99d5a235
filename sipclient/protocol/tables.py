"""The four transaction machines of RFC 3261 §17 as corrected by RFC 6026, as tables.

A row reads: in this state, on this event, go there and do these things. An event without a row is
absorbed. The diagrams in docs/ are drawn from these tables, and the tests walk them.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias


class Word(StrEnum):
    """Words of the tables. Looked up at every step: the hash of the text itself, not one computed in Python."""

    __hash__ = str.__hash__


class S(Word):
    """States."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"


class E(Word):
    """Events: what the network, the transaction user (TU) or a timer did."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    FINAL = "200-699"
    REQUEST = "request"
    ACK = "ACK"
    TU_PROVISIONAL = "TU 1xx"
    TU_SUCCESS = "TU 2xx"
    TU_FAILURE = "TU 300-699"
    TU_FINAL = "TU 200-699"
    ERROR = "transport error"
    A = "Timer A"
    B = "Timer B"
    D = "Timer D"
    E = "Timer E"
    F = "Timer F"
    G = "Timer G"
    H = "Timer H"
    I = "Timer I"  # noqa: E741 - the RFC's name
    J = "Timer J"
    K = "Timer K"
    L = "Timer L"
    M = "Timer M"


class A(Word):
    """Actions. `start X` actions are named by their timer's event and kept apart, in `STARTS`."""

    PASS = "pass to TU"
    SEND = "send"
    RESEND = "send again"
    ACK = "send ACK"
    TIMEOUT = "timeout to TU"
    FAIL = "failure to TU"
    QUIET = "send no more by itself"


Row: TypeAlias = tuple[S, tuple[A, ...]]
Table: TypeAlias = MappingProxyType[tuple[S, E], Row]


def _table(*rows: tuple[S, E, S, tuple[A, ...]]) -> Table:
    return MappingProxyType({(state, event): (after, actions) for state, event, after, actions in rows})


# RFC 3261 §17.1.1.2 and RFC 6026 §7.2, figure 5 there.
INVITE_CLIENT = _table(
    (S.CALLING, E.A, S.CALLING, (A.RESEND,)),
    (S.CALLING, E.B, S.TERMINATED, (A.TIMEOUT,)),
    (S.CALLING, E.ERROR, S.TERMINATED, (A.FAIL,)),
    (S.CALLING, E.PROVISIONAL, S.PROCEEDING, (A.PASS,)),
    (S.CALLING, E.SUCCESS, S.ACCEPTED, (A.PASS,)),
    (S.CALLING, E.FAILURE, S.COMPLETED, (A.ACK, A.PASS)),
    (S.PROCEEDING, E.PROVISIONAL, S.PROCEEDING, (A.PASS,)),
    (S.PROCEEDING, E.SUCCESS, S.ACCEPTED, (A.PASS,)),
    (S.PROCEEDING, E.FAILURE, S.COMPLETED, (A.ACK, A.PASS)),
    (S.PROCEEDING, E.ERROR, S.TERMINATED, (A.FAIL,)),
    (S.COMPLETED, E.FAILURE, S.COMPLETED, (A.ACK,)),
    (S.COMPLETED, E.ERROR, S.TERMINATED, ()),
    (S.COMPLETED, E.D, S.TERMINATED, ()),
    (S.ACCEPTED, E.SUCCESS, S.ACCEPTED, (A.PASS,)),
    (S.ACCEPTED, E.M, S.TERMINATED, ()),
)

# RFC 3261 §17.1.2.2.
CLIENT = _table(
    (S.TRYING, E.E, S.TRYING, (A.RESEND,)),
    (S.TRYING, E.F, S.TERMINATED, (A.TIMEOUT,)),
    (S.TRYING, E.ERROR, S.TERMINATED, (A.FAIL,)),
    (S.TRYING, E.PROVISIONAL, S.PROCEEDING, (A.PASS,)),
    (S.TRYING, E.FINAL, S.COMPLETED, (A.PASS,)),
    (S.PROCEEDING, E.E, S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, E.F, S.TERMINATED, (A.TIMEOUT,)),
    (S.PROCEEDING, E.ERROR, S.TERMINATED, (A.FAIL,)),
    (S.PROCEEDING, E.PROVISIONAL, S.PROCEEDING, (A.PASS,)),
    (S.PROCEEDING, E.FINAL, S.COMPLETED, (A.PASS,)),
    (S.COMPLETED, E.K, S.TERMINATED, ()),
)

# RFC 3261 §17.2.1 and RFC 6026 §7.1, figure 3 there. A transport error ends no server transaction: the state must
# stay, or the next retransmission of the request would begin it anew (RFC 6026 §7.1).
INVITE_SERVER = _table(
    (S.PROCEEDING, E.REQUEST, S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, E.TU_PROVISIONAL, S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, E.TU_SUCCESS, S.ACCEPTED, (A.SEND,)),
    (S.PROCEEDING, E.TU_FAILURE, S.COMPLETED, (A.SEND,)),
    (S.PROCEEDING, E.ERROR, S.PROCEEDING, (A.FAIL,)),
    (S.COMPLETED, E.REQUEST, S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, E.G, S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, E.ERROR, S.COMPLETED, (A.QUIET,)),
    (S.COMPLETED, E.ACK, S.CONFIRMED, ()),
    (S.COMPLETED, E.H, S.TERMINATED, (A.TIMEOUT,)),
    (S.CONFIRMED, E.I, S.TERMINATED, ()),
    (S.ACCEPTED, E.ACK, S.ACCEPTED, (A.PASS,)),
    (S.ACCEPTED, E.TU_SUCCESS, S.ACCEPTED, (A.SEND,)),
    (S.ACCEPTED, E.L, S.TERMINATED, ()),
)

# RFC 3261 §17.2.2.
SERVER = _table(
    (S.TRYING, E.TU_PROVISIONAL, S.PROCEEDING, (A.SEND,)),
    (S.TRYING, E.TU_FINAL, S.COMPLETED, (A.SEND,)),
    (S.PROCEEDING, E.REQUEST, S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, E.TU_PROVISIONAL, S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, E.TU_FINAL, S.COMPLETED, (A.SEND,)),
    (S.COMPLETED, E.REQUEST, S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, E.J, S.TERMINATED, ()),
)

# The timers that start when a state is entered from another one; leaving a state stops its timers.
STARTS: MappingProxyType[tuple[str, S], tuple[E, ...]] = MappingProxyType(
    {
        ("INVITE client", S.CALLING): (E.A, E.B),
        ("INVITE client", S.COMPLETED): (E.D,),
        ("INVITE client", S.ACCEPTED): (E.M,),
        ("client", S.TRYING): (E.E, E.F),
        ("client", S.PROCEEDING): (E.E,),  # Timer F goes on: it is the transaction's, not the state's
        ("client", S.COMPLETED): (E.K,),
        ("INVITE server", S.COMPLETED): (E.G, E.H),
        ("INVITE server", S.CONFIRMED): (E.I,),
        ("INVITE server", S.ACCEPTED): (E.L,),
        ("server", S.COMPLETED): (E.J,),
    }
)
TABLES: MappingProxyType[str, Table] = MappingProxyType(
    {"INVITE client": INVITE_CLIENT, "client": CLIENT, "INVITE server": INVITE_SERVER, "server": SERVER}
)
