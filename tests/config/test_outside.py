"""What stands beside the file is asked of a shell, and said with the line that names it."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from sipclient.config import check

TEXT = """
[accounts.pbx]
address = "sip:r@pbx.example.com"
[[watch]]
extensions = ["1001"]
[[rules]]
name = "a"
run = "hooks.py:on_ready"
[[rules]]
name = "b"
call = { to = "7000" }
[store]
url = "sqlite:there/robot.db"
[dial]
allow = ["7000"]
"""


class Shell:
    """Finds this wrong with all it is shown."""

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong
        self.shown: list[str] = []

    def hook(self, file: str, function: str) -> str:
        self.shown.append(f"{file} {function}")
        return self.wrong

    def tokens(self, file: str) -> str:
        self.shown.append(f"tokens in {file}")
        return self.wrong

    def sound(self, what: str) -> str:
        self.shown.append(what)
        return self.wrong

    def store(self, url: str) -> str:
        self.shown.append(url)
        return self.wrong

    def dial_string(self, text: str, accounts: Collection[str], permits: Callable[[str, str], bool]) -> str:
        self.shown.append(f"{text} {sorted(accounts)} {permits('', '7000')} {permits('pbx', '8000')}")
        return self.wrong


def test_what_is_wrong_there_is_an_error_on_the_line_that_names_it() -> None:
    shell = Shell("not there")
    found = [(each.severity, each.line, each.message) for each in check(TEXT, outside=shell)]
    assert found == [("error", 8, "rules[1].run: not there"), ("error", 13, "store.url: not there")]
    assert shell.shown == ["hooks.py on_ready", "sqlite:there/robot.db"]


def test_hooks_and_files_of_incoming_calls_too() -> None:
    text = TEXT + '[[incoming]]\naction = { play = "a.wav", run = "hooks.py:on_call" }\n'
    found = [each.message for each in check(text, outside=Shell("not there"))]
    assert set(found[-2:]) == {"incoming[1].action.run: not there", "incoming[1].action.play: not there"}


@pytest.mark.parametrize("action", ['play = "a.wav"', 'run = "hooks.py:on_call"', "reject = 404"])
def test_only_what_an_incoming_call_needs_is_asked_for(action: str) -> None:
    shell = Shell()
    check(TEXT + f"[[incoming]]\naction = {{ {action} }}\n", outside=shell)
    assert ("a.wav" in shell.shown, "hooks.py on_call" in shell.shown) == ("play" in action, "run" in action)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TEXT, ["hooks.py on_ready", "sqlite:there/robot.db"]),
        (TEXT.partition("[store]")[0], ["hooks.py on_ready", "sqlite:robot.db"]),
        (TEXT.replace('"sqlite:there/robot.db"', "3"), ["hooks.py on_ready"]),
        (TEXT.replace("hooks.py:on_ready", "hooks.py"), ["sqlite:there/robot.db"]),
    ],
)
def test_only_what_is_sound_is_asked_for(text: str, shown: list[str]) -> None:
    shell = Shell()
    assert not [each for each in check(text, outside=shell) if "not there" in each.message]
    assert shell.shown == shown


@pytest.mark.parametrize(("web", "told"), [('tokens = "t.toml"', 1), ("", 0), ("tokens = 3", 0)])
def test_a_file_of_tokens_is_asked_for_where_one_is_named(web: str, told: int) -> None:
    shell = Shell("not there")
    found = check(f"{TEXT}[web]\n{web}\n", outside=shell)
    assert [each.message for each in found].count("web.tokens: not there") == told
    assert shell.shown.count("tokens in t.toml") == told


BRIDGED = """
[accounts.pbx]
address = "sip:r@pbx.example.com"
[[incoming]]
action = {{ bridge = "{bridge}" }}
[dial]
allow = ["7000"]
"""


@pytest.mark.parametrize("wrong", ["", "no such account"])
def test_a_dial_string_is_read_by_who_can(wrong: str) -> None:
    shell = Shell(wrong)
    found = check(BRIDGED.format(bridge="[leg_timeout=5]7000"), outside=shell)
    assert shell.shown[0] == "[leg_timeout=5]7000 ['pbx'] True False"
    assert [each.message for each in found if "bridge" in each.key] == (
        [f"incoming[1].action.bridge: {wrong}"] if wrong else []
    )


@pytest.mark.parametrize("bridge", ["7000", "user/{to}"])
def test_what_is_no_dial_string_or_not_known_yet_is_not_asked_about(bridge: str) -> None:
    shell = Shell("wrong")
    check(BRIDGED.format(bridge=bridge), outside=shell)
    assert not any("pbx" in shown for shown in shell.shown)


def test_without_a_sound_allow_list_nothing_is_said_of_dial_strings() -> None:
    shell = Shell("wrong")
    check(BRIDGED.format(bridge="user/7000").replace('["7000"]', "5"), outside=shell)
    assert not any("pbx" in shown for shown in shell.shown)
