"""Hours: days, midnight, and the two nights a year that are an hour longer or shorter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from sipclient.config import Hours, Mistake
from sipclient.config.hours import Clock, Days, Zone

BERLIN = ZoneInfo("Europe/Berlin")


def hours(**table: Any) -> Hours:
    return msgspec.convert(table, Hours, dec_hook=lambda cls, value: cls.from_toml(value))


DAYS = [
    ("mon-fri", "mon-fri"),
    ("mon-sun", "mon-sun"),
    ("mon,wed", "mon,wed"),
    ("sat-sun", "sat,sun"),
    ("fri-mon", "mon,fri-sun"),
    ("mon-fri, sun", "mon-fri,sun"),
    ("Mon", "mon"),
    ("mon-mon", "mon"),
    (["mon-tue", "sat"], "mon,tue,sat"),
]


@pytest.mark.parametrize(("value", "shown"), DAYS)
def test_days(value: object, shown: str) -> None:
    assert str(Days.from_toml(value)) == shown


@pytest.mark.parametrize("value", ["", "monday", "mon-", "1-5", "mon fri", [], ["mon", 1], 5, "mon;tue"])
def test_no_days(value: object) -> None:
    with pytest.raises(Mistake, match="day"):
        Days.from_toml(value)


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("08:30", 510), ("23:59", 1439), ("24:00", 1440)])
def test_clocks(text: str, minutes: int) -> None:
    assert Clock.from_toml(text) == minutes and str(Clock.from_toml(text)) == text


@pytest.mark.parametrize("value", ["8:00", "24:01", "08:60", "0800", "", "٠٨:00", 8])
def test_no_clocks(value: object) -> None:
    with pytest.raises(Mistake, match="a time of day"):
        Clock.from_toml(value)


@pytest.mark.parametrize("value", ["Europe/Berln", "Europe", "", "../etc/passwd", "/etc/localtime", "x" * 300, 1])
def test_no_zones(value: object) -> None:
    with pytest.raises(Mistake, match="time zone"):
        Zone.from_toml(value)


WORK = {"days": "mon-fri", "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin"}
NIGHT = {"days": "fri", "from": "22:00", "to": "06:00", "timezone": "Europe/Berlin"}
EARLY = {"from": "02:00", "to": "03:00", "timezone": "Europe/Berlin"}
AROUND = {"from": "01:30", "to": "03:30", "timezone": "Europe/Berlin"}

OPEN = [
    # hours, a moment in UTC, open?
    (WORK, "2026-03-02T06:59:59", False),  # Monday, 07:59 in Berlin
    (WORK, "2026-03-02T07:00:00", True),
    (WORK, "2026-03-02T16:59:59", True),
    (WORK, "2026-03-02T17:00:00", False),
    (WORK, "2026-03-07T10:00:00", False),  # Saturday
    (WORK, "2026-07-06T06:00:00", True),  # summer time: 08:00
    (WORK, "2026-07-06T16:00:00", False),
    (NIGHT, "2026-03-06T20:59:59", False),  # Friday
    (NIGHT, "2026-03-06T21:00:00", True),
    (NIGHT, "2026-03-07T04:59:59", True),  # Saturday morning belongs to Friday
    (NIGHT, "2026-03-07T05:00:00", False),
    (NIGHT, "2026-03-07T21:00:00", False),  # Saturday evening does not
    (NIGHT, "2026-03-06T04:00:00", False),  # nor Friday morning
    (EARLY, "2026-03-29T00:59:59", False),  # 01:59:59, then the clock goes to 03:00
    (EARLY, "2026-03-29T01:00:00", False),
    (EARLY, "2026-10-25T00:00:00", True),  # 02:00, for the first time
    (EARLY, "2026-10-25T01:59:59", True),  # 02:59:59, for the second
    (EARLY, "2026-10-25T02:00:00", False),
    ({}, "2026-03-02T00:00:00", True),
    ({"days": "mon", "timezone": "UTC"}, "2026-03-02T23:59:59", True),
    ({"days": "mon", "timezone": "UTC"}, "2026-03-03T00:00:00", False),
    ({"from": "12:00", "timezone": "UTC"}, "2026-03-02T23:59:59", True),
    ({"from": "12:00", "timezone": "UTC"}, "2026-03-02T11:59:59", False),
]


@pytest.mark.parametrize(("table", "moment", "expected"), OPEN)
def test_open(table: dict[str, Any], moment: str, expected: bool) -> None:
    assert hours(**table).is_open(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is expected


@pytest.mark.parametrize(("day", "minutes"), [("2026-03-28", 120), ("2026-03-29", 60), ("2026-10-25", 180)])
def test_the_length_of_a_window_around_the_change_of_time(day: str, minutes: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=BERLIN).astimezone(UTC)
    window = hours(**AROUND)
    assert sum(window.is_open(start + timedelta(minutes=minute)) for minute in range(22 * 60)) == minutes


def test_without_a_zone_the_moment_s_own_clock_counts() -> None:
    window = hours(**{"from": "08:00", "to": "09:00"})
    assert window.is_open(datetime(2026, 7, 6, 8, 30, tzinfo=BERLIN))
    assert not window.is_open(datetime(2026, 7, 6, 8, 30, tzinfo=BERLIN).astimezone(UTC))


def test_why_it_is_closed_is_told_by_its_own_clock() -> None:
    at = datetime(2026, 11, 27, 1, 33, tzinfo=UTC)
    assert hours(**WORK).outside(at) == "fri 2026-11-27 02:33 is outside mon-fri 08:00-18:00 Europe/Berlin"
    assert hours(to="01:00").outside(at) == "fri 2026-11-27 01:33 is outside mon-sun 00:00-01:00"


def test_appearance() -> None:
    assert str(hours(**WORK)) == "mon-fri 08:00-18:00 Europe/Berlin"
    assert hours(**WORK) == hours(**WORK) != hours(**NIGHT)
