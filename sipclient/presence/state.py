"""The one word for each state of an extension, and how two event packages agree on it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What an extension is doing. `UNKNOWN`: nothing was received yet, or the subscription is lost."""

    READY = "ready"
    RINGING = "ringing"
    ON_THE_PHONE = "on-the-phone"
    ON_HOLD = "on-hold"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


_BUSIEST_FIRST: Final = (State.ON_THE_PHONE, State.ON_HOLD, State.RINGING, State.READY, State.OFFLINE)


def busiest(states: list[State]) -> State:
    """The state of somebody whose devices are in these states: one phone in use makes its owner busy,
    one phone that is on makes them reachable. `UNKNOWN` where none of them says anything."""
    for state in _BUSIEST_FIRST:
        if state in states:
            return state
    return State.UNKNOWN


_REA, _RIN, _PHO, _HOL, _OFF, _UNK = State

# A row is what presence says, a column what dialog says, both in the order of _ORDER. None: not watched.
_ORDER: Final = (None, _REA, _RIN, _PHO, _HOL, _OFF, _UNK)
_ROWS: Final = (
    # None  ready ringing phone hold offline unknown   <- dialog
    (_UNK, _REA, _RIN, _PHO, _HOL, _OFF, _UNK),  # presence: None
    (_REA, _REA, _RIN, _PHO, _HOL, _OFF, _UNK),  # ready
    (_RIN, _RIN, _RIN, _PHO, _HOL, _RIN, _RIN),  # ringing
    (_PHO, _PHO, _RIN, _PHO, _HOL, _PHO, _PHO),  # on the phone
    (_HOL, _HOL, _RIN, _PHO, _HOL, _HOL, _HOL),  # on hold
    (_OFF, _OFF, _RIN, _PHO, _HOL, _OFF, _OFF),  # offline
    (_UNK, _UNK, _RIN, _PHO, _HOL, _OFF, _UNK),  # unknown
)
_MERGED: Final[Mapping[tuple[State | None, State | None], State]] = {
    (presence, dialog): merged
    for presence, row in zip(_ORDER, _ROWS, strict=True)
    for dialog, merged in zip(_ORDER, row, strict=True)
}


def merge(presence: State | None, dialog: State | None) -> State:
    """The state of an extension from what its two subscriptions say.

    None means that the package is not watched, or was refused for good; `UNKNOWN` that it is watched
    and says nothing (yet, or any more).

    - One package alone is believed. Dialog alone cannot tell ready from offline: its `terminated` reads
      as ready.
    - A dialog is proof of a call: ringing, on the phone and on hold are dialog's, whatever presence says.
    - No dialog is proof of nothing but that: presence then says whether it is ready or offline, and
      until it does, its last word (busy, or unknown) stands. So busy→ready is never told where the truth
      is busy→offline, whichever NOTIFY comes first.
    - Dialog unknown: presence's busy states and offline are believed, ready is not, for a presence that
      knows nothing of calls says ready throughout (Kamailio). The edge is not lost: the state becomes
      ready when dialog is heard again, or is None because it was refused for good.
    """
    return _MERGED[presence, dialog]
