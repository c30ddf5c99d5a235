"""Every cell of the table that makes one state of presence and dialog."""

from __future__ import annotations

import itertools

import pytest

from sipclient.presence import State, merge
from sipclient.presence.state import busiest

READY, RINGING, PHONE, HOLD, OFFLINE, UNKNOWN = State
BUSY = (RINGING, PHONE, HOLD)

CELLS = [
    # presence, dialog, merged
    (None, None, UNKNOWN),
    *[(None, dialog, dialog) for dialog in State],
    *[(presence, None, presence) for presence in State],
    # A dialog is proof of a call, whatever presence says.
    *[(presence, dialog, dialog) for presence in State for dialog in BUSY],
    # No dialog: presence has the word, and its last one stands until it says another.
    (READY, READY, READY),
    (OFFLINE, READY, OFFLINE),
    (UNKNOWN, READY, UNKNOWN),
    (RINGING, READY, RINGING),
    (PHONE, READY, PHONE),
    (HOLD, READY, HOLD),
    # Dialog unknown: all is believed but ready.
    (READY, UNKNOWN, UNKNOWN),
    (OFFLINE, UNKNOWN, OFFLINE),
    (UNKNOWN, UNKNOWN, UNKNOWN),
    (RINGING, UNKNOWN, RINGING),
    (PHONE, UNKNOWN, PHONE),
    (HOLD, UNKNOWN, HOLD),
    # No dialog package says offline today; should one, ready is not told.
    (READY, OFFLINE, OFFLINE),
    (OFFLINE, OFFLINE, OFFLINE),
    (UNKNOWN, OFFLINE, OFFLINE),
    (RINGING, OFFLINE, RINGING),
    (PHONE, OFFLINE, PHONE),
    (HOLD, OFFLINE, HOLD),
]


@pytest.mark.parametrize(("presence", "dialog", "merged"), CELLS)
def test_each_cell(presence: State | None, dialog: State | None, merged: State) -> None:
    assert merge(presence, dialog) is merged


def test_the_cells_are_all_there_are() -> None:
    choices = (None, *State)
    told = [(presence, dialog) for presence, dialog, _ in CELLS]
    assert sorted(map(str, told)) == sorted(map(str, itertools.product(choices, choices)))


def walk(steps: list[tuple[str, State]]) -> list[State]:
    said = {"presence": PHONE, "dialog": PHONE}
    states = [PHONE]
    for package, state in steps:
        said[package] = state
        merged = merge(said["presence"], said["dialog"])
        if merged is not states[-1]:
            states.append(merged)
    return states


@pytest.mark.parametrize(("truth", "dialog"), [(READY, READY), (OFFLINE, READY)])
def test_the_end_of_a_call_is_told_rightly_whichever_notify_comes_first(truth: State, dialog: State) -> None:
    news = [("presence", truth), ("dialog", dialog)]
    for order in itertools.permutations(news):
        assert walk(list(order)) == [PHONE, truth]


def test_a_lost_dialog_subscription_neither_invents_nor_loses_an_edge() -> None:
    # Kamailio's presence says open throughout the call.
    steps = [("presence", READY), ("dialog", UNKNOWN), ("dialog", PHONE), ("dialog", READY)]
    assert walk(steps) == [PHONE, UNKNOWN, PHONE, READY]


def test_the_busiest_device_counts() -> None:
    assert busiest([]) is UNKNOWN
    assert busiest([OFFLINE, READY]) is READY
    assert busiest([READY, RINGING, OFFLINE]) is RINGING
    assert busiest([RINGING, HOLD]) is HOLD
    assert busiest([HOLD, PHONE, RINGING]) is PHONE
