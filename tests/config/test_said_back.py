"""What errors say back of a file: never a secret, never a screenful, nothing a terminal would obey; and soon."""

from __future__ import annotations

import time

import pytest

from sipclient.config import check, load
from sipclient.config.values import quoted
from sipclient.errors import ConfigError

ACCOUNT = '[accounts.pbx]\naddress = "sip:robot@pbx"\n'
SECRET = "Hunter2-swordfish"

PLACES = [
    f'[accounts.pbx]\naddress = "sip:robot:{SECRET}@pbx"',
    f'[accounts.pbx]\naddress = "robot:{SECRET}@pbx"',
    f'[accounts.pbx]\naddress = "robot:x@{SECRET}@pbx"',
    f'{ACCOUNT}server = "udp:robot:{SECRET}@pbx"',
    f'{ACCOUNT}server = "sips:robot:{SECRET}@pbx"',
    f'{ACCOUNT}turn = {{ url = "turn:robot:{SECRET}@turn" }}',
    f'{ACCOUNT}password_env = "{SECRET}"',
    f'{ACCOUNT}password_env = "{SECRET.upper()}"',
    f'{ACCOUNT}password_file = "{SECRET}"',
    f'{ACCOUNT}password = ["{SECRET}"]',
    f'{ACCOUNT}password = "{SECRET}\\r"',
    f'{ACCOUNT}[[rules]]\nname = "q"\ncall = {{ to = "sip:a:{SECRET}@b" }}',
    f'{ACCOUNT}[[incoming]]\naction = {{ bridge = "sip:a:{SECRET}@b" }}',
    f'{ACCOUNT}[[webhooks]]\nurl = "https://x"\nsecret_env = "{SECRET}"',
]


@pytest.mark.parametrize("text", PLACES)
def test_a_secret_is_never_said_back(text: str) -> None:
    found = check(text, read=open_nothing)
    assert [each for each in found if each.severity == "error"]
    assert not any(SECRET.lower() in str(each).lower() for each in found)
    with pytest.raises(ConfigError) as raised:
        load(text, read=open_nothing)
    assert SECRET.lower() not in str(raised.value).lower()


def open_nothing(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def test_a_number_for_a_password_is_not_said_back() -> None:
    (found,) = [each for each in check(f"{ACCOUNT}password = 48151623") if each.severity == "error"]
    assert "48151623" not in found.message and found.message.endswith("not a number: write it in quotes")


def test_a_variable_is_named_where_it_looks_like_one() -> None:
    (found,) = check(f'{ACCOUNT}password_env = "PBX_PASSWORD"')
    assert found.message == "accounts.pbx.password_env: the environment variable PBX_PASSWORD is not set"


@pytest.mark.parametrize("line", ['password_env = "PBX_PASSWORD"', 'password_file = "x"'])
def test_a_secret_of_two_lines_is_none(line: str) -> None:
    (found,) = check(ACCOUNT + line, environ={"PBX_PASSWORD": f"{SECRET}\rx"}, read=lambda _: f"{SECRET}\rx")
    assert "has a line break or another control character in it" in found.message and SECRET not in found.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sip:robot@pbx", '"sip:robot@pbx"'),
        ("tel:+49@x", '"tel:+49@x"'),
        ("robot@pbx:5060", '"robot@pbx:5060"'),
        ("sip:a:b@c", '"sip:a:***@c"'),
        ("a:b:c@d", '"a:***@d"'),
        ("x" * 200, '"' + "x" * 77 + '..."'),
        ("7\u202e000\u0007", '"7\\u202e000\\x07"'),
    ],
)
def test_how_a_value_is_said_back(text: str, said: str) -> None:
    assert quoted(text) == said


@pytest.mark.parametrize(
    "text",
    [
        f'{ACCOUNT}"\u202e{"k" * 5000}" = 1',
        f'{ACCOUNT}[[watch]]\naccount = "\u202e{"k" * 5000}"\nextensions = ["1"]',
        f'{ACCOUNT}media = "\u202e{"k" * 5000}"',
        f'{ACCOUNT}[[rules]]\nname = "\u202e{"k" * 5000}"\nrun = "a.py:b"',
        ACCOUNT + ".".join(["kkkkkkkkkk"] * 90) + " = 1",
    ],
)
def test_nothing_is_said_at_length_or_turned_round(text: str) -> None:
    found = check(text)
    assert found
    assert all(len(each.message) <= 500 and each.message.isprintable() for each in found)


MANY = 20_000
LARGE = [
    "\n".join(f"k{number}.x = 1" for number in range(MANY)),
    "\n".join(f'accounts.k{number}.address = "sip:a@b"' for number in range(MANY)),
    "\n".join(f"[accounts.k{number}]" for number in range(MANY)),
    f"{ACCOUNT}[[watch]]\nextensions = [{', '.join(['3'] * MANY)}]",
    ".".join(["a"] * MANY) + " = 1",
    f"x = 1\n[{'. '.join(['a'] * MANY)}]",
    '"a".' * MANY + "a = 1",
]


@pytest.mark.parametrize("text", LARGE, ids=lambda text: text[:24])
@pytest.mark.timing
def test_a_large_file_is_read_soon(text: str) -> None:
    began = time.process_time()
    check(text)
    assert time.process_time() - began < 4.0  # about one; it was ten and more


def test_a_key_of_too_many_parts_has_a_line() -> None:
    (found,) = check("x = 1\n" + ".".join(["a"] * 200) + " = 1")
    assert (found.line, found.message) == (2, "lists or tables are nested too deeply")
