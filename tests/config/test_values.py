"""The small values: what each text means, and what is refused."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest

from sipclient.config import Dscp, Hook, Mistake, Ports, Rate, Retry, RetryOn, Seconds, States
from sipclient.config.causes import CAUSES, RejectWith
from sipclient.config.values import Choice, Media, counted, kind, lasting, one_of
from sipclient.protocol.causes import NAMES

SECONDS = [
    ("45s", 45.0), ("5m", 300.0), ("2h", 7200.0), ("1d", 86400.0), ("500ms", 0.5), ("1.5s", 1.5), ("0s", 0.0),
    ("30 s", 30.0), (10, 10.0), (0.25, 0.25), (0, 0.0), ("366d", 366 * 86400.0),
]  # fmt: skip


@pytest.mark.parametrize(("value", "seconds"), SECONDS)
def test_durations(value: object, seconds: float) -> None:
    read = Seconds.from_toml(value)
    assert read == seconds and type(read) is Seconds


@pytest.mark.parametrize(
    "value",
    ["", "5", "5 min", "m", "-5s", "1h30m", "٣s", "1e3s", "9999999999s", True, None, [], {}, -1, math.nan, math.inf,
     10**400, "367d", date(2026, 1, 1), "x" * 200],
)  # fmt: skip
def test_no_durations(value: object) -> None:
    with pytest.raises(Mistake, match="a duration is") as raised:
        Seconds.from_toml(value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("text", "count", "period", "shown"),
    [
        ("10 per minute", 10, 60, "10 per minute"),
        ("1 per second", 1, 1, "1 per second"),
        ("100 per hour", 100, 3600, "100 per hour"),
        ("100000 per day", 100_000, 86400, "100000 per day"),
        ("3 per 5m", 3, 300, "3 per 300s"),
    ],
)
def test_rates(text: str, count: int, period: float, shown: str) -> None:
    rate = Rate.from_toml(text)
    assert (rate.count, rate.period, str(rate)) == (count, period, shown)
    assert rate == Rate(count, period) != Rate(count, period + 1) and hash(rate) == hash(Rate(count, period))
    assert rate != text


@pytest.mark.parametrize("value", ["10", "10/minute", "ten per minute", "0 per day", "100001 per day", "1 per 0s", 10])
def test_no_rates(value: object) -> None:
    with pytest.raises(Mistake, match="rate"):
        Rate.from_toml(value)


def test_no_rate_of_an_unknown_period() -> None:
    with pytest.raises(Mistake, match="a duration is"):
        Rate.from_toml("10 per fortnight")


@pytest.mark.parametrize("value", ["10000-20000", "10000 - 20000", [10000, 20000]])
def test_ports(value: object) -> None:
    assert Ports.from_toml(value) == Ports(10000, 20000)
    assert repr(Ports.from_toml(value)) == "Ports(20000, 10000)"


@pytest.mark.parametrize("value", ["10000", "80-90", "2000-1000", "2000-2000", "60000-70000", [1], ["a", "b"], 5])
def test_no_ports(value: object) -> None:
    with pytest.raises(Mistake, match="a range of ports is like"):
        Ports.from_toml(value)


@pytest.mark.parametrize(
    ("value", "dscp"),
    [(0, 0), (63, 63), (46, 46), ("ef", 46), ("EF", 46), ("cs0", 0), ("CS5", 40), ("af11", 10), ("AF43", 38)],
)
def test_marks_of_packets(value: object, dscp: int) -> None:
    """RFC 2474 §4.2.2, RFC 2597 §6, RFC 3246 §2.7."""
    assert Dscp.from_toml(value) == dscp


@pytest.mark.parametrize("value", [-1, 64, True, 46.0, "46", "cs8", "af44", "af01", "", []])
def test_no_marks_of_packets(value: object) -> None:
    with pytest.raises(Mistake, match="a DSCP is 0 to 63"):
        Dscp.from_toml(value)


def test_hooks() -> None:
    hook = Hook.from_toml("dir/my hooks.py:on_ready")
    assert (hook.file, hook.function, str(hook)) == ("dir/my hooks.py", "on_ready", "dir/my hooks.py:on_ready")
    for text in ("hooks.py", "hooks:f", ":f", "hooks.py:1f", "hooks.py:f()"):
        with pytest.raises(Mistake, match="a hook is"):
            Hook.from_toml(text)
    with pytest.raises(Mistake, match="a hook must not hold a line break"):
        Hook.from_toml("a\n.py:f")


def test_choices() -> None:
    assert Media.from_toml("srtp") == "srtp"
    with pytest.raises(Mistake, match='expected "rtp", "srtp", "webrtc" or "none", not a list'):
        Media.from_toml([])
    with pytest.raises(Mistake, match=r'not "strp" \(did you mean "srtp"\?\)'):
        Media.from_toml("strp")


def test_every_choice_is_closed() -> None:
    for choice in Choice.__subclasses__():
        assert choice.choices and all(choice.from_toml(word) == word for word in choice.choices)


def test_words_for_values() -> None:
    values: list[Any] = [True, "x", 1, 1.5, [], {}, date(2026, 1, 1)]
    assert [kind(value) for value in values] == [
        "true or false", "a string", "a number", "a number", "a list", "a table", "a date or time",
    ]  # fmt: skip
    assert [one_of(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == [
        '"a"', '"a" or "b"', '"a", "b" or "c"',
    ]  # fmt: skip


RETRIES = [
    ("USER_BUSY", 486, "USER_BUSY", True),
    ("USER_BUSY", 486, "NORMAL_CLEARING", False),
    ("NO_ANSWER", 0, "NO_ANSWER", True),
    ("4xx", 404, "UNALLOCATED_NUMBER", True),
    ("4XX", 500, "NORMAL_TEMPORARY_FAILURE", False),
    ("500-599", 503, "NORMAL_TEMPORARY_FAILURE", True),
    ("500-599", 600, "USER_BUSY", False),
    ("486", 486, "USER_BUSY", True),
    (486, 487, "ORIGINATOR_CANCEL", False),
    ("6xx", 0, "NO_ANSWER", False),
]


@pytest.mark.parametrize(("text", "status", "cause", "expected"), RETRIES)
def test_retries(text: object, status: int, cause: str, expected: bool) -> None:
    assert RetryOn.from_toml(text).matches(status, cause) is expected


@pytest.mark.parametrize("value", ["2xx", "200", "700", "500-400", "busy", "", True, [], 1.5, "486 "])
def test_no_retries(value: object) -> None:
    with pytest.raises(Mistake):
        RetryOn.from_toml(value)


def test_a_cause_in_small_letters_is_met_with_a_hint() -> None:
    with pytest.raises(Mistake, match=r'unknown hangup cause "user_busy" \(did you mean "USER_BUSY"\?\)'):
        RetryOn.from_toml("user_busy")


@pytest.mark.parametrize(
    ("wait", "backoff", "attempt", "seconds"),
    [(10, 1, 1, 10), (10, 1, 900, 10), (10, 3, 1, 10), (10, 3, 3, 90), (10, 3, 50, 86400), (0, 3, 9, 0),
     (10, 100, 1000, 86400), (0, 100, 1000, 0), (172800, 1, 1, 86400)],
)  # fmt: skip
def test_pauses_between_attempts(wait: float, backoff: float, attempt: int, seconds: float) -> None:
    assert Retry(on=(), wait=Seconds(wait), backoff=backoff).pause(attempt) == seconds


def test_a_retry_is_for_any_of_its_causes() -> None:
    retry = Retry(on=(RetryOn.from_toml("5xx"), RetryOn.from_toml("USER_BUSY")))
    assert retry.matches(503, "") and retry.matches(600, "USER_BUSY") and not retry.matches(404, "UNALLOCATED_NUMBER")


def test_states() -> None:
    states = States.from_toml(["ready", "on-hold"])
    assert "ready" in states and "offline" not in states and str(states) == "ready or on-hold"


def test_the_causes_are_those_the_engine_knows() -> None:
    assert CAUSES == NAMES


def test_refusals() -> None:
    assert RejectWith.from_toml("USER_BUSY") == "USER_BUSY" and RejectWith.from_toml(486) == "486"
    for value in ("4xx", "302", "399"):
        with pytest.raises(Mistake, match="a refusal is one hangup cause or one status"):
            RejectWith.from_toml(value)


def test_what_is_counted_has_its_plural() -> None:
    assert [counted(number, "rule") for number in (0, 1, 2)] == ["0 rules", "1 rule", "2 rules"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.25, "0.25 s"), (29.0, "29 s"), (119.4, "119 s"), (320, "5 min 20 s"), (3600, "60 min"), (11_100, "3 h 5 min")],
)
def test_a_time_for_people(seconds: float, words: str) -> None:
    assert lasting(seconds) == words
