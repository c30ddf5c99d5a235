"""Entries of [[incoming]], and secrets from where they are kept."""

from __future__ import annotations

import pytest

from sipclient.config import check, load
from sipclient.config.model import IncomingAction
from sipclient.errors import ConfigError

HEAD = '[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n[dial]\nallow = ["7???"]\n'


def errors(text: str) -> list[str]:
    return [found.message for found in check(HEAD + text) if found.severity == "error"]


def entry(action: str, match: str = "") -> str:
    return f"[[incoming]]\nmatch = {{ {match} }}\naction = {{ {action} }}\n"


@pytest.mark.parametrize(
    "action",
    [
        'camp_on = "{to}", play = "we-will-call-you.wav"',
        "answer = true, record = true, digits = { most = 4, timeout = '3s' }",
        'record = "call.wav", play = "hello.wav"',
        'reject = "USER_BUSY"',
        "reject = '486'",
        'redirect = "sip:{to}@other.example.com"',
        'bridge = "7000"',
        'bridge = "{to}"',
        'run = "hooks.py:on_call"',
        'camp_on = "{to}", reject = "USER_BUSY"',
        'camp_on = "{to}", expires = "7d"',
        'camp_on = "{digits}", digits = { most = 4 }',
    ],
)
def test_what_can_be_done(action: str) -> None:
    assert errors(entry(action)) == []
    assert isinstance(load(HEAD + entry(action)).incoming[0].action, IncomingAction)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("", 'incoming[1].action: it does nothing: say "answer", "play"'),
        ("answer = false", "incoming[1].action: it does nothing"),
        ('reject = "USER_BUSY", bridge = "7000"', "incoming[1].action.bridge: it cannot be done together with reject"),
        ('reject = "USER_BUSY", play = "a.wav"', "incoming[1].action.play: a call that is met with reject is not"),
        ("digits = { most = 0 }", "incoming[1].action.digits.most: must be a whole number from 1 to 100"),
        ('bridge = "8000"', 'incoming[1].action.bridge: [dial] allow does not name "8000"'),
        ('reject = "4xx"', "incoming[1].action.reject: a refusal is one"),
        ('camp_on = "{extension}"', "incoming[1].action.camp_on: unknown name {extension}"),
        ('bridge = "{digits}"', "incoming[1].action.bridge: {digits} is what the caller keys in: the action needs"),
        ('bridge = "{variables.x}"', "incoming[1].action.bridge: {variables.x} is known only of a request"),
        ('camp_on = "1001"', 'incoming[1].action.camp_on: no [[watch]] covers "1001"'),
        (
            'camp_on = "{to}", expires = "500ms"',
            "incoming[1].action.expires: a request expires after 1s to 7d, not 0.5 s",
        ),
        (
            'camp_on = "{to}", expires = "8d"',
            "incoming[1].action.expires: a request expires after 1s to 7d, not 691200",
        ),
        ("record = 5", "incoming[1].action.record: expected true, false or a string, not a whole number"),
    ],
)
def test_what_cannot(action: str, words: str) -> None:
    (message,) = errors(entry(action))
    assert message.startswith(words)


def test_matches() -> None:
    assert errors(entry("answer = true", 'account = "pbv"'))[0].startswith(
        'incoming[1].match.account: no account is called "pbv" (did you mean "pbx"?)'
    )
    assert errors(entry("answer = true", 'hours = { to = "00:00" }')) == [
        "incoming[1].match.hours: from and to are the same: leave both out for the whole day"
    ]


REACHED = [
    # an earlier match, a later one, is the later one reached?
    ("", 'to = "1*"', False),
    ('to = "1*"', "", True),
    ('to = "1*"', 'to = "1001"', False),
    ('to = "1*"', 'to = "1*"', False),
    ('to = "1*"', 'to = "10*"', True),
    ('to = "1001"', 'to = "1002"', True),
    ('from = "5*"', 'to = "1*"', True),
    ('account = "pbx"', 'to = "1*"', True),
    ('account = "pbx"', 'account = "pbx", to = "1*"', False),
    ('hours = { days = "mon" }', "", True),
    ('hours = { days = "mon" }', 'hours = { days = "mon" }', False),
]


@pytest.mark.parametrize(("first", "second", "reached"), REACHED)
def test_the_first_match_wins(first: str, second: str, reached: bool) -> None:
    told = errors(entry("answer = true", first) + entry("answer = true", second))
    assert told == ([] if reached else ["incoming[2]: never reached: entry 1 takes all of these calls"])


def test_nobody_who_camps_is_served() -> None:
    watched = '[[watch]]\nextensions = ["1001"]\n'
    asked = '[[rules]]\nname = "x"\narmed = "on-request"\ncall = { to = "7000" }\n'
    text = HEAD + watched + entry('camp_on = "1001"')
    assert [(each.severity, each.message) for each in check(text)] == [
        ("warning", 'incoming[1].action.camp_on: nobody who camps is ever served: no rule has armed = "on-request"')
    ]
    assert check(text + asked) == []
    assert "warning" not in {found.severity for found in check(text + "[[rules]]\nname = 5\n")}


def test_an_account_without_sound() -> None:
    text = HEAD.replace("[dial]", 'media = "none"\n[dial]') + entry('play = "hello.wav"')
    (found,) = check(text)
    assert found.message == 'incoming[1].action.play: the account has no sound: media = "none"'


def test_a_later_entry_is_not_judged_while_accounts_are_in_doubt() -> None:
    text = "[accounts.pbx]\naddress = 5\n" + entry('bridge = "7000"')
    assert [found.key for found in check(text) if found.severity == "error"] == ["accounts.pbx.address"]


def test_somebody_can_ask() -> None:
    asked = '[[watch]]\nextensions = ["1001"]\n[[rules]]\nname = "x"\narmed = "on-request"\ncall = { to = "7000" }\n'
    assert {found.severity for found in check(HEAD + asked)} == {"warning"}
    for other in ("[web]\n", entry('camp_on = "{to}"')):
        assert "warning" not in {found.severity for found in check(HEAD + asked + other)}


# --- secrets --------------------------------------------------------------------------------------------


def account(line: str) -> str:
    return f'[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n{line}\n'


FILES = {"pw": "secret\n", "empty": "\n"}


def read(path: str) -> str:
    if path == "odd":
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    try:
        return FILES[path]
    except KeyError:
        raise FileNotFoundError(2, "No such file or directory") from None


@pytest.mark.parametrize("line", ['password = "secret"', 'password_env = "PW"', 'password_file = "pw"'])
def test_a_password(line: str) -> None:
    config = load(account(line), environ={"PW": "secret"}, read=read)
    assert config.accounts["pbx"].password == "secret"
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('password_env = "NO"', "accounts.pbx.password_env: the environment variable of this name is not set"),
        (
            'password_file = "no"',
            "accounts.pbx.password_file: the file it names cannot be read: No such file",
        ),
        ('password_file = "odd"', "accounts.pbx.password_file: the file it names cannot be read: 'utf-8' codec"),
        ('password_file = "empty"', "accounts.pbx.password_file: the file it names is empty"),
    ],
)
def test_a_password_that_cannot_be_had(line: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(account(line), read=read)
    assert raised.value.message.startswith(words) and raised.value.line == 3
    (found,) = check(account(line), read=read)
    assert (found.severity, found.message.startswith(words)) == ("error", True)
    assert load(account(line), secrets=False).accounts["pbx"].password == ""


def test_no_way_to_read() -> None:
    with pytest.raises(ConfigError, match="the file it names cannot be read from here"):
        load(account('password_file = "pw"'))
