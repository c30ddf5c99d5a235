"""What somebody tells a lab: commands and scenarios, as values."""

from __future__ import annotations

import pytest

from sipclient.errors import InvalidValue
from sipclient.lab.script import (
    HELP,
    Action,
    HangUp,
    Help,
    PlaceCall,
    Quit,
    SetMessages,
    SetState,
    Status,
    Step,
    parse_command,
    parse_script,
)
from sipclient.presence import State


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("", None),
        ("  call 1001  1002 ", PlaceCall("1001", "1002")),
        ("hangup 1001", HangUp("1001")),
        ("state 1001 on-the-phone", SetState("1001", State.ON_THE_PHONE)),
        ("state 1001 busy", SetState("1001", State.ON_THE_PHONE)),
        ("state 1001 auto", SetState("1001", None)),
        ("messages 1001 3", SetMessages("1001", 3)),
        ("status", Status()),
        ("help", Help()),
        ("?", Help()),
        ("quit", Quit()),
    ],
)
def test_commands(line: str, action: Action | None) -> None:
    assert parse_command(line) == action


@pytest.mark.parametrize(
    "line", ["call 1001", "state 1001", "state 1001 dancing", "messages 1 ²", "messages 1 -1", "x"]
)
def test_what_is_no_command(line: str) -> None:
    with pytest.raises(InvalidValue):
        parse_command(line)


def test_every_command_of_the_help_is_one() -> None:
    for line in HELP.splitlines():
        command = line[:21].replace("EXT", "1001").replace("NUMBER", "1002").replace("STATE", "ready")
        assert parse_command(command.replace("COUNT", "1")) is not None


def test_a_scenario() -> None:
    steps = parse_script("""
        # the morning
        1001 calls 1002, talks 3 s, hangs up
        wait 0.5 s, 1003 is on-hold
        waits for 2 seconds
        state 1003 auto, 1002 calls 7000
        1001 hangs up, hangs up   # two of them
    """)
    assert steps == (
        Step(0.0, PlaceCall("1001", "1002")),
        Step(3.0, HangUp("1001")),
        Step(3.5, SetState("1003", State.ON_HOLD)),
        Step(5.5, SetState("1003", None)),
        Step(5.5, PlaceCall("1002", "7000")),
        Step(5.5, HangUp("1001")),
        Step(5.5, HangUp("1002")),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\nhangs up", "line 2: nobody"),
        ("1001 is dancing", "line 1: 'dancing' is no state"),
        ("1001 shouts", "line 1: '1001 shouts' is no command"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        parse_script(text)
