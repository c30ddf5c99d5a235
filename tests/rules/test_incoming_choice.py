"""Which entry of [[incoming]] takes a call: the first that matches, and why not those before it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sipclient.config import load
from sipclient.rules import ReceivedCall, choose

HEAD = '[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n[accounts.other]\naddress = "sip:r@other.example.com"\n'
MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CALL = ReceivedCall(
    account="pbx",
    to="1001",
    caller="555",
    to_uri="sip:1001@pbx.example.com",
    caller_uri="sip:555@far.example.com",
)


def entries(*matches: str) -> str:
    return HEAD + "".join(f"[[incoming]]\nmatch = {{ {each} }}\naction = {{ answer = true }}\n" for each in matches)


ROWS = [
    # a match, why it does not take the call; empty where it does
    ("", ""),
    ('to = "1*"', ""),
    ('to = "1001", from = "5??", account = "pbx"', ""),
    ('to = "sip:*@pbx.example.com"', ""),
    ('from = "sip:*@far.example.com"', ""),
    ('hours = { days = "mon", timezone = "UTC" }', ""),
    ('account = "other"', "account pbx is not other"),
    ('to = "2*"', "to 1001 is not 2*"),
    ('to = "sip:*@other.example.com"', "to 1001 is not sip:*@other.example.com"),
    ('from = "6*"', "from 555 is not 6*"),
    ('hours = { days = "tue", timezone = "UTC" }', "mon 2026-03-02 12:00 is outside tue"),
]


@pytest.mark.parametrize(("match", "why_not"), ROWS)
def test_a_match(match: str, why_not: str) -> None:
    chosen = choose(load(entries(match)).incoming, CALL, MONDAY)
    assert (chosen.entry is None, chosen.number) == (bool(why_not), 0 if why_not else 1)
    assert not why_not or chosen.passed[0].startswith(f"entry 1: {why_not}")


def test_the_first_that_matches_wins() -> None:
    config = load(entries('to = "2*"', 'to = "1*"', ""))
    chosen = choose(config.incoming, CALL, MONDAY)
    assert (chosen.entry, chosen.number, chosen.passed) == (config.incoming[1], 2, ("entry 1: to 1001 is not 2*",))
    assert choose((), CALL, MONDAY).entry is None
