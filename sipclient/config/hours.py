"""When a rule may act: days of the week, a time of day, a time zone with its summer time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from sipclient.config.values import Mistake, Plain, did_you_mean, shown, text_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY_END = 24 * 60
_CLOCK = re.compile(r"(\d\d):(\d\d)", re.ASCII)


class Days(Plain):
    """Days of the week, 0 is Monday: `"mon-fri"`, `"mon,wed"`, `"fri-mon"`, or a list of such."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: frozenset[int] = frozenset(range(7))) -> None:
        self.numbers = numbers

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string or a list of strings."""
        texts = value if isinstance(value, list) else [value]
        numbers: set[int] = set()
        for part in ",".join(text_of(text, "days") for text in texts).split(","):
            first, dash, last = part.strip().lower().partition("-")
            start = _day(first)
            numbers.update((start + step) % 7 for step in range((_day(last) - start) % 7 + 1 if dash else 1))
        return cls(frozenset(numbers))

    def __str__(self) -> str:
        """As short as people write it: `mon-fri`, `sat,sun`."""
        parts: list[str] = []
        start = 0
        while start < len(DAYS):
            end = start
            while end in self.numbers:
                end += 1
            run = DAYS[start:end]
            parts += [f"{run[0]}-{run[-1]}"] if len(run) > 2 else run
            start = end + 1
        return ",".join(parts)


class Clock(int):
    """A time of day as minutes since midnight: `"08:00"`; `"24:00"` is the end of the day."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string; TOML's own local time (`08:00:00`) is not taken, so that there is one way to write it."""
        found = _CLOCK.fullmatch(text_of(value, 'a time of day, like "08:00",'))
        minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else _DAY_END + 1
        if minutes > _DAY_END:
            raise Mistake(f'a time of day is "00:00" to "24:00", not {shown(value)}')
        return cls(minutes)

    def __str__(self) -> str:
        return f"{self // 60:02d}:{self % 60:02d}"


class Zone(str):
    """The name of a time zone; empty: that of the clock it is asked about."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A name the system's (or the tzdata package's) zone data knows, as `"Europe/Berlin"`."""
        name = text_of(value, "a time zone")
        try:
            ZoneInfo(name)
        except (
            ZoneInfoNotFoundError,
            ValueError,
            OSError,
        ) as error:  # OSError: the name of a directory, "Europe"
            raise Mistake(f'"{name}" is no time zone{did_you_mean(name, available_timezones())}') from error
        return cls(name)


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open from `from` (included) to `to` (excluded) on `days`, by the wall clock of `timezone`.

    A `to` before `from` goes over midnight and belongs to the day it began: days = "fri", from = "22:00",
    to = "06:00" ends on Saturday morning. The hour that summer time skips never comes; the one it repeats
    counts twice.
    """

    days: Days = Days()
    from_: Clock = msgspec.field(name="from", default=Clock(0))
    to: Clock = Clock(_DAY_END)
    timezone: Zone = Zone("")

    def is_open(self, at: datetime) -> bool:
        """`at` must be aware."""
        local = self._local(at)
        minute, today = local.hour * 60 + local.minute, local.weekday() in self.days.numbers
        if self.from_ < self.to:
            return today and self.from_ <= minute < self.to
        yesterday = (local - timedelta(days=1)).weekday() in self.days.numbers
        return (today and minute >= self.from_) or (yesterday and minute < self.to)

    def outside(self, at: datetime) -> str:
        """Why it is closed `at`, by the clock on which it opens: `tue 2026-03-03 19:40 is outside mon 08:00-18:00`."""
        local = self._local(at)
        return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} is outside {self}"

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.timezone)) if self.timezone else at

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.days), f"{self.from_}-{self.to}", self.timezone) if part)


def _day(name: str) -> int:
    if name not in DAYS:
        raise Mistake(f'"{name}" is no day: write mon, tue, wed, thu, fri, sat, sun{did_you_mean(name, DAYS)}')
    return DAYS.index(name)
