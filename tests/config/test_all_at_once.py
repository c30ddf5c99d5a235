"""Every mistake of a file is told in one go: none waits behind another in the same file, and none brings a second."""

from __future__ import annotations

import msgspec
import pytest

from sipclient.config import check, load
from sipclient.config.model import TABLES, Table
from sipclient.config.reading import MOST_MISTAKES, STAND_INS
from sipclient.errors import ConfigError


def told(text: str) -> list[str]:
    return [f"{found.line}: {found.message}" for found in check(text) if found.severity == "error"]


def starts(text: str, *beginnings: str) -> None:
    found = told(text)
    assert len(found) == len(beginnings), found
    assert all(each.startswith(beginning) for each, beginning in zip(found, beginnings, strict=True)), found


def test_mistakes_of_every_table_at_once() -> None:
    starts(
        """[accounts.pbx]
address = "sip:robot@pbx"
expires = "soon"
[[watch]]
extensions = ["1001", "1*"]
events = ["presense"]
[[rules]]
name = "q"
settle = "long"
when = { from = "ready", to = "ready" }
call = { to = "7000", retry = { on = [], times = 0 } }
[[rules]]
name = "other"
[dial]
allow = ["8000"]
calls_at_once = 0
calls_per_second = "5"
""",
        "3: accounts.pbx.expires: a duration is",
        '5: watch[1].extensions[2]: "1*" cannot be watched',
        "6: watch[1].events[1]: expected",
        "9: rules[1].settle: a duration is",
        "10: rules[1].when: from and to are both ready",
        "11: rules[1].call.retry.on: no cause is listed",
        "11: rules[1].call.retry.times: must be",
        '11: rules[1].call.to: [dial] allow does not name "7000"',
        '12: rules[2]: a rule needs "call" or "run"',
        "16: dial.calls_at_once: must be",
        "17: dial.calls_per_second: expected a number",
    )


HEAD = '[accounts.pbx]\naddress = "sip:robot@pbx"\n[[watch]]\nextensions = ["1001"]\n'
DIAL = '[dial]\nallow = ["7000"]\n'


def test_a_rule_without_a_name_is_looked_into_all_the_same() -> None:
    starts(
        HEAD + '[[rules]]\nwhen = { extensions = ["1002"] }\ncall = { to = "8000" }\n' + DIAL,
        '5: rules[1]: "name" is missing',
        "6: rules[1].when: no [[watch]] covers any of its extensions",
        '7: rules[1].call.to: [dial] allow does not name "8000"',
    )


def test_a_misspelt_key_hides_nothing_else() -> None:
    starts(
        HEAD + '[[rules]]\nnam = "q"\ncall = { too = "8000", timeout = 0 }\n' + DIAL,
        '6: rules[1].nam: unknown key (did you mean "name"?)',
        '7: rules[1].call.too: unknown key (did you mean "to"?)',
        "7: rules[1].call.timeout: a call that rings for no time",
    )


def test_an_account_without_an_address_hides_nothing_else() -> None:
    starts(
        '[accounts.pbx]\nexpires = 0\n[[watch]]\nextensions = []\n[[rules]]\nname = "q"\nrun = "h.py:f"\n'
        'call = { to = "8000" }\n',
        '1: accounts.pbx: "address" is missing',
        "2: accounts.pbx.expires: a registration that expires at once",
        "4: watch[1].extensions: nothing is listed",
        "5: rules[1]: a rule has either call or run",
        "8: rules[1].call.to: [dial] allow names nothing",
    )


DOUBTED = [  # one mistake each, of which nothing follows for the rest of the file
    ('address = "sip:robot@pbx"', 'address = "robot"'),
    ('address = "sip:robot@pbx"', 'address = "sip:robot@pbx"\nexpires = 0\nregister = "no"'),
    ('extensions = ["1001"]', "extensions = [1001]"),
    ('extensions = ["1001"]', 'extension = ["1001"]'),
    ('extensions = ["1001"]', 'extensions = ["1001"]\nevents = ["dialogue"]'),
    ("[[watch]]", "[[watches]]"),
    ("[[watch]]", "[watch]"),
    ('name = "q"', "name = 5"),
    ('name = "q"', 'name = "q"\nwhen = { extensions = [5] }'),
    ('name = "q"', 'name = "q"\nwhen = { from = "busy", to = "on-the-phone" }'),
    ('name = "q"', 'name = "q"\nwhen = { account = "pbxx" }'),
    ('call = { to = "7000" }', "call = 7000"),
    ('call = { to = "7000" }', 'calls = { to = "7000" }'),
    ('call = { to = "7000" }', "call = { to = 7000 }"),
    ('call = { to = "7000" }', 'call = { to = "7000", account = "x" }'),
    ('call = { to = "7000" }', 'call = { to = "7000", retry = { on = [1] } }'),
    ('call = { to = "7000" }', 'armed = "request"\ncall = { to = "7000", caller_id = "{caller}" }'),
    ('call = { to = "7000" }', 'run = "hooks"'),
    ('allow = ["7000"]', "allow = [7000]"),
    ('allow = ["7000"]', 'alow = ["7000"]'),
    ('allow = ["7000"]', 'allow = "7000"'),
    ("[dial]", "[dail]"),
    ("[dial]", '[web]\nlisten = "0.0.0.0:1"\ntokens = 5\n[dial]'),
    ("[dial]", "[[webhooks]]\nurl = 5\n[dial]"),
    ("[dial]", '[listen]\nwss = "0.0.0.0:1"\ncertificate = "a"\norigins = [5]\n[dial]'),
    ("[dial]", "[[incoming]]\nmatch = { to = 5 }\naction = { answer = true }\n[dial]"),
    ("[dial]", "[[incoming]]\naction = { answer = 5 }\n[dial]"),
    ("[dial]", '[[incoming]]\nmatch = { to = "2*" }\n[dial]'),
    ("[dial]", "[incomming]\n[dial]"),
    ('call = { to = "7000" }', 'armed = "on-request"\ncall = { to = "7000" }\n[incoming]'),
]
WHOLE = HEAD + '[[rules]]\nname = "q"\ncall = { to = "7000" }\n' + DIAL


@pytest.mark.parametrize(("old", "new"), DOUBTED)
def test_one_mistake_brings_no_second(old: str, new: str) -> None:
    assert told(WHOLE) == []
    assert old in WHOLE
    text = WHOLE.replace(old, new)
    assert len(told(text)) == 1, told(text)
    with pytest.raises(ConfigError):
        load(text)


def test_an_entry_behind_one_that_is_doubted_is_not_called_unreachable() -> None:
    text = "[[incoming]]\nmatch = { to = 5 }\naction = { answer = true }\n[[incoming]]\naction = { answer = true }\n"
    starts(HEAD + text, "6: incoming[1].match.to: ")


def test_more_mistakes_than_anybody_reads() -> None:
    text = f"[accounts.pbx]\naddress = 'sip:robot@pbx'\n[[watch]]\nextensions = [{', '.join(['3'] * 1000)}]\n"
    assert told(text)[-1].startswith(f"4: watch[1].extensions[{MOST_MISTAKES}]: a pattern is a string, not a number")
    assert f"3: watch[1]: there may be more mistakes: mend these {MOST_MISTAKES} first" in told(text)


def test_an_account_with_more_mistakes_than_anybody_reads() -> None:
    text = f"[accounts.pbx]\naddress = 'sip:robot@pbx'\nidentity = [{', '.join(['3'] * 1000)}]\n"
    assert len(told(text + '[[watch]]\nextensions = ["1"]\n')) == MOST_MISTAKES + 1


def tables() -> list[type[msgspec.Struct]]:
    found: list[type[msgspec.Struct]] = [*TABLES.values()]
    return found + [each for each in Table.__subclasses__() if each not in found]


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__)
def test_every_required_key_has_a_stand_in_that_fits(table: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(table):
        if field.required:
            assert field.encode_name in STAND_INS
