"""What somebody tells a lab to do: commands of its console, and scenarios made of them. Pure: text to values."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TypeAlias

from sipclient.errors import InvalidValue
from sipclient.presence import State
from sipclient.protocol.events import Value

_EXTENSION = r"[0-9A-Za-z*#_.-]{1,32}"
_CALLS = re.compile(rf"({_EXTENSION})\s+calls\s+({_EXTENSION})")
_LASTS = re.compile(r"(?:talks?|waits?)(?:\s+for)?\s+([0-9]{1,5}(?:\.[0-9]{1,3})?)\s*(?:s|seconds?)")
_HANGS_UP = re.compile(rf"(?:({_EXTENSION})\s+)?hangs\s+up")
_IS = re.compile(rf"({_EXTENSION})\s+is\s+([a-z-]+)")
_WORDS = MappingProxyType(
    {str(state): state for state in State if state is not State.UNKNOWN} | {"busy": State.ON_THE_PHONE}
)


class PlaceCall(Value, frozen=True):
    """A phone of the lab calls a number."""

    extension: str
    to: str


class HangUp(Value, frozen=True):
    """A phone of the lab hangs up whatever it has."""

    extension: str


class SetState(Value, frozen=True):
    """An extension is in a state, whatever its phone does; None: what its phone does."""

    extension: str
    state: State | None


class SetMessages(Value, frozen=True):
    """An extension has so many new voice messages."""

    extension: str
    new: int


class Status(Value, frozen=True):
    """Show every extension."""


class Help(Value, frozen=True):
    """Show the commands."""


class Quit(Value, frozen=True):
    """Close the lab."""


Action: TypeAlias = PlaceCall | HangUp | SetState | SetMessages | Status | Help | Quit


class Step(Value, frozen=True):
    """One action of a scenario, so many seconds after its beginning."""

    at: float
    action: Action


HELP = """\
call EXT NUMBER      a phone of the lab calls: call 1001 1002
hangup EXT           and hangs up
state EXT STATE      ready, ringing, on-the-phone, on-hold, offline; auto: what its phone does
messages EXT COUNT   new voice messages
status               every extension
quit"""


def parse_command(line: str) -> Action | None:
    """One line of the console; None for an empty one. InvalidValue says what is wrong with it."""
    words = line.split()
    match words:
        case []:
            return None
        case ["call", extension, number]:
            return PlaceCall(extension, number)
        case ["hangup", extension]:
            return HangUp(extension)
        case ["state", extension, word]:
            return SetState(extension, None if word == "auto" else _state(word))
        case ["messages", extension, count] if count.isascii() and count.isdigit() and len(count) <= 4:
            return SetMessages(extension, int(count))
        case ["status"]:
            return Status()
        case ["help" | "?"]:
            return Help()
        case ["quit" | "exit"]:
            return Quit()
    raise InvalidValue(f"{line.strip()[:60]!r} is no command; `help` shows them")


def parse_script(text: str) -> tuple[Step, ...]:
    """A scenario: `1001 calls 1002, talks 3 s, hangs up`, `wait 2 s`, `1003 is on-hold`, and commands of the console.

    Clauses are separated by commas or lines; `#` begins a comment; time passes only in `talks` and `waits`. Raises
    InvalidValue with the line.
    """
    steps: list[Step] = []
    now, subject = 0.0, ""
    for number, line in enumerate(text.splitlines(), 1):
        for clause in line.partition("#")[0].split(","):
            clause = " ".join(clause.split())
            if not clause:
                continue
            if lasts := _LASTS.fullmatch(clause):
                now += float(lasts[1])
                continue
            try:
                action = _clause(clause, subject)
            except InvalidValue as error:
                raise InvalidValue(f"line {number}: {error}") from None
            if isinstance(action, PlaceCall):
                subject = action.extension
            steps.append(Step(now, action))
    return tuple(steps)


def _clause(clause: str, subject: str) -> Action:
    if calls := _CALLS.fullmatch(clause):
        return PlaceCall(calls[1], calls[2])
    if hangs_up := _HANGS_UP.fullmatch(clause):
        who = hangs_up[1] or subject
        if not who:
            raise InvalidValue("nobody called, so who hangs up?")
        return HangUp(who)
    if (is_ := _IS.fullmatch(clause)) and is_[2] != "auto":
        return SetState(is_[1], _state(is_[2]))
    action = parse_command(clause)
    if action is None:
        raise InvalidValue("nothing to do")
    return action


def _state(word: str) -> State:
    state = _WORDS.get(word)
    if state is None:
        raise InvalidValue(f"{word[:40]!r} is no state: {', '.join(_WORDS)}, auto")
    return state
