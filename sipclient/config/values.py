"""The small values of robot.toml: durations, rates, port ranges, words from a closed list, hooks.

Each is a class of its own with `from_toml`, which takes what TOML gives (a string, a number, a list) and
returns the value or raises `Mistake` with a sentence for the user.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from typing import ClassVar, Self

LONGEST = 366 * 86400.0  # seconds: whatever is longer is a slip of the keyboard
LONGEST_SHOWN = 80  # characters of a value said back
MOST_PER_PERIOD = 100_000  # a rate's count: each call within the period is remembered

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s?(ms|s|m|h|d)", re.ASCII)
_RATE = re.compile(r"(\d{1,9}) per (.+)", re.ASCII)
_DSCP = re.compile(r"ef|cs([0-7])|af([1-4])([1-3])")
_PORTS = re.compile(r"(\d{1,5})\s?-\s?(\d{1,5})", re.ASCII)
_CREDENTIALS = re.compile(r"^((?:(?:sips?|tel|udp|tcp|tls|wss?|stun|turns?):/{0,2})?+[^:@]*:).*@", re.DOTALL | re.I)
_HOOK = re.compile(r"([^\x00-\x1f\x7f]+\.py):([^\W\d]\w*)")


class Mistake(ValueError):
    """A value the user cannot have meant. `below` leads from it to the part at fault, where it has parts."""

    def __init__(self, message: str, below: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.below = below


def kind(value: object) -> str:
    """What a TOML value is, in the user's words."""
    match value:
        case bool():
            return "true or false"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def text_of(value: object, what: str) -> str:
    """The string `value` is, without line breaks or other controls. `what` names it in the error."""
    if not isinstance(value, str):
        hint = ": write it in quotes" if kind(value) == "a number" else ""  # unsaid: it may be a password
        raise Mistake(f"{what} is a string, not {kind(value)}{hint}")
    if any(character < " " or character == "\x7f" for character in value):
        raise Mistake(f"{what} must not hold a line break or another control character")
    return value


def quoted(text: str) -> str:
    """The text in quotes as an error says it back: without the password of a `user:password@`, no longer than one
    reads, and with nothing in it that a terminal would obey (a direction mark turns round what follows)."""
    text = _CREDENTIALS.sub(r"\1***@", text)
    text = text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
    return f'"{visible(text)}"'


def visible(text: str) -> str:
    """The text with each character that is not printed written out as its escape."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    )


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The known word most like this one; empty where none is as near as `likeness` (1: the same)."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=likeness)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)`, or nothing where no known word is near."""
    near = nearest(word, known)
    return f' (did you mean "{near}"?)' if near else ""


def lasting(seconds: float) -> str:
    """A time for people: `2 s`, `0.25 s`, `5 min 20 s`, `3 h 5 min`."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 7200:
        parts = (whole // 60, "min"), (whole % 60, "s")
    else:
        parts = (whole // 3600, "h"), (whole % 3600 // 60, "min")
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def counted(number: int, what: str) -> str:
    """`1 account`, `2 accounts`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    all_of_them = [f'"{word}"' for word in words]
    return " or ".join([*([", ".join(all_of_them[:-1])] if all_of_them[1:] else []), *all_of_them[-1:]])


class Plain:
    """A value compared by its parts, which are its slots and never change.

    It is no Struct because msgspec would then read it from a table instead of asking `from_toml`.
    """

    __slots__: tuple[str, ...] = ()

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in type(self).__slots__)

    def __eq__(self, other: object) -> bool:
        return self._parts() == other._parts() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._parts()))})"


class Seconds(float):
    """A duration: `"5m"`, `"45s"`, `"2h"`, `"1d"`, `"500ms"`, or a bare number of seconds."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """From 0 s to 366 days."""
        if value == "0":
            seconds = 0.0  # the one number that needs no unit
        elif isinstance(value, str) and (found := _DURATION.fullmatch(value)):
            seconds = float(found[1]) * _UNITS[found[2]]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value) if abs(value) <= LONGEST else math.inf
        else:
            raise Mistake(f'a duration is "45s", "500ms", "5m", "2h", "1d" or a number of seconds, not {shown(value)}')
        if not 0 <= seconds <= LONGEST:  # NaN is refused here too
            raise Mistake(f"a duration is between 0 and 366 days, not {shown(value)}")
        return cls(seconds)


class Rate(Plain):
    """At most `count` in any `period` seconds: `"10 per minute"`, `"3 per 5m"`."""

    __slots__ = ("count", "period")

    def __init__(self, count: int, period: float) -> None:
        self.count = count
        self.period = period

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """The count is 1 to 100,000; the period is second, minute, hour, day or a duration."""
        found = _RATE.fullmatch(text_of(value, "a rate"))
        if found is None:
            raise Mistake(f'a rate is like "10 per minute", not {shown(value)}')
        count, unit = int(found[1]), found[2]
        period = _PERIODS[unit] if unit in _PERIODS else float(Seconds.from_toml(unit))
        if not 1 <= count <= MOST_PER_PERIOD or period == 0:
            raise Mistake(f"a rate is from 1 to {MOST_PER_PERIOD} in a period above 0, not {shown(value)}")
        return cls(count, period)

    def __str__(self) -> str:
        unit = next((name for name, seconds in _PERIODS.items() if seconds == self.period), f"{self.period:g}s")
        return f"{self.count} per {unit}"


class Ports(Plain):
    """A range of UDP ports, both ends included: `"10000-20000"` or `[10000, 20000]`.

    0-0 leaves the choice to the system.
    """

    __slots__ = ("high", "low")

    def __init__(self, low: int = 0, high: int = 0) -> None:
        self.low = low
        self.high = high

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """At least two ports (RTP and RTCP) from 1024 to 65535."""
        ends: tuple[object, ...] = ()
        if isinstance(value, str) and (found := _PORTS.fullmatch(value)):
            ends = (int(found[1]), int(found[2]))
        elif isinstance(value, list):
            ends = tuple(value)
        match ends:
            case (int() as low, int() as high) if 1024 <= low < high <= 65535:
                return cls(low, high)
            case _:
                raise Mistake(f'a range of ports is like "10000-20000", from 1024 to 65535, not {shown(value)}')


class Dscp(int):
    """How packets are marked (RFC 2474): 0 to 63, or a name: `ef`, `cs0` to `cs7`, `af11` to `af43`."""

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """The number, whichever way it is written."""
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 63:
            return cls(value)
        if isinstance(value, str) and (found := _DSCP.fullmatch(value.lower())):
            if found[0] == "ef":
                return cls(46)
            return cls(8 * int(found[1]) if found[1] else 8 * int(found[2]) + 2 * int(found[3]))
        raise Mistake(f'a DSCP is 0 to 63, "ef", "cs0" to "cs7" or "af11" to "af43", not {shown(value)}')


class Hook(Plain):
    """A Python function of the user's: `"hooks.py:on_ready"`."""

    __slots__ = ("file", "function")

    def __init__(self, file: str, function: str) -> None:
        self.file = file
        self.function = function

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """Only the form is checked: the file is the shell's to read."""
        found = _HOOK.fullmatch(text_of(value, "a hook"))
        if found is None:
            raise Mistake(f'a hook is "file.py:function", not {shown(value)}')
        return cls(found[1], found[2])

    def __str__(self) -> str:
        return f"{self.file}:{self.function}"


class Choice(str):
    """A word from a closed list."""

    __slots__ = ()
    choices: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """The word itself; a near miss is met with a hint."""
        if not isinstance(value, str) or value not in cls.choices:
            hint = did_you_mean(value, cls.choices) if isinstance(value, str) else ""
            raise Mistake(f"expected {one_of(cls.choices)}, not {shown(value)}{hint}")
        return cls(value)


class StateName(Choice):
    """A state of an extension that a rule can name."""

    __slots__ = ()
    choices = ("ready", "ringing", "on-the-phone", "on-hold", "offline")


class Identity(Choice):
    """A header that carries the caller ID."""

    __slots__ = ()
    choices = ("from", "pai", "rpid", "ppi")


class Media(Choice):
    """How sound travels."""

    __slots__ = ()
    choices = ("rtp", "srtp", "webrtc", "none")


class Refer(Choice):
    """What is done with a REFER: refused, or honoured where `[dial] allow` names its target."""

    __slots__ = ()
    choices = ("deny", "allow")


class Package(Choice):
    """An event package that tells an extension's state."""

    __slots__ = ()
    choices = ("presence", "dialog")


class Missed(Choice):
    """What is done about an edge that passed unseen."""

    __slots__ = ()
    choices = ("tell", "act")


class Armed(Choice):
    """Whether a rule acts always, or only for an extension somebody camps on."""

    __slots__ = ()
    choices = ("always", "on-request")


class Codec(Choice):
    """A codec, by its name in SDP."""

    __slots__ = ()
    choices = ("opus", "G722", "PCMU", "PCMA", "L16", "telephone-event")


def shown(value: object) -> str:
    """Any TOML value as an error says it back."""
    if isinstance(value, str):
        return quoted(value)
    text = str(value) if isinstance(value, int | float) else kind(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
