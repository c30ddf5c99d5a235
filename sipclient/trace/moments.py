"""Times as logs write them, to seconds and what they count from."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from sipclient.trace.record import Clock

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_TIME = r"(?P<h>\d{1,2}):(?P<m>\d\d):(?P<s>\d\d)(?:[.,:](?P<f>\d{1,9}))?"
_ZONE = r"(?:\s*(?P<zone>Z|(?:GMT|UTC)?[+-]\d\d:?\d\d|GMT|UTC)\b)?"
_ISO = re.compile(rf"(?P<year>\d{{4}})[-/](?P<month>\d\d)[-/](?P<day>\d\d)[T \t]+{_TIME}{_ZONE}")
_LONG = re.compile(rf"(?P<name>[A-Z][a-z]{{2}}) (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}),? {_TIME}{_ZONE}")
_CTIME = re.compile(rf"(?P<name>[A-Z][a-z]{{2}}) +(?P<day>\d{{1,2}}) {_TIME} (?P<year>\d{{4}})")
_AMERICAN = re.compile(
    rf"(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}}), {_TIME} (?P<half>[AP]M)(?:,(?P<ms>\d{{3}}))?"
)
_DAY_MONTH = re.compile(rf"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{{4}}) {_TIME}")
_SYSLOG = re.compile(rf"(?P<name>[A-Z][a-z]{{2}}) +(?P<day>\d{{1,2}}) {_TIME}")
_DAY_FIRST = re.compile(rf"(?P<day>\d{{1,2}}) (?P<name>[A-Z][a-z]{{2}}) {_TIME}")
_LOGCAT = re.compile(rf"(?<!\d)(?P<month>\d\d)-(?P<day>\d\d) {_TIME}")
_EPOCH = re.compile(r"(?<![\d.])(?P<epoch>\d{9,10}(?:\.\d{1,9})?)(?![\d.])")
_UPTIME = re.compile(r"(?<![\d:])(?P<days>\d\d):(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d):(?P<f>\d{3})(?![\d:])")
_CLOCK = re.compile(rf"(?<![\d:]){_TIME}(?![\d:])")
_SECONDS = re.compile(r"^\s*\+?(?P<seconds>\d{1,12}\.\d+)\s*$")
_FORMS: tuple[tuple[re.Pattern[str], Clock], ...] = (
    (_ISO, "wall"), (_LONG, "wall"), (_CTIME, "wall"), (_AMERICAN, "wall"), (_DAY_MONTH, "wall"),
    (_SYSLOG, "year"), (_DAY_FIRST, "year"),
    (_LOGCAT, "year"), (_EPOCH, "wall"), (_UPTIME, "relative"), (_CLOCK, "day"), (_SECONDS, "relative"),
)  # fmt: skip
_LEAP = 2024  # a year that has every day there is


def moment(text: str) -> tuple[float, Clock]:
    """The time in a text, and its clock; (0, "") where there is none that is possible."""
    for form, clock in _FORMS:
        found = form.search(text)
        if found is None:
            continue
        try:
            return _seconds(found.groupdict(), clock), clock
        except (ValueError, OverflowError):
            continue
    return 0.0, ""


def _seconds(parts: dict[str, str | None], clock: Clock) -> float:
    for name in ("epoch", "seconds"):
        if parts.get(name):
            return float(parts[name] or 0)
    hours, minutes, seconds = (int(parts[name] or 0) for name in "hms")
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError("there is no such time")
    if parts.get("half"):
        hours = hours % 12 + 12 * (parts["half"] == "PM")
    fraction = float(f"0.{parts.get('f') or parts.get('ms') or 0}")
    time = hours * 3600 + minutes * 60 + seconds + fraction
    if clock in ("day", "relative"):
        return time + 86400 * int(parts.get("days") or 0)
    month = _month(parts)
    if clock == "year":
        return (datetime(_LEAP, month, int(parts["day"] or 0)) - datetime(_LEAP, 1, 1)).days * 86400 + time  # noqa: DTZ001
    day = datetime(int(parts["year"] or 0), month, int(parts["day"] or 0), tzinfo=_zone(parts.get("zone")))
    return round(day.timestamp()) + time


def _month(parts: dict[str, str | None]) -> int:
    name = parts.get("name")
    return _MONTHS.get(name.lower(), 0) if name else int(parts["month"] or 0)


def _zone(text: str | None) -> timezone:
    digits = re.sub(r"[^\d+-]", "", text or "")
    if not digits:
        return UTC
    sign = -1 if digits[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5])))
