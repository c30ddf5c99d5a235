"""`check` looks at hook files and at the place of the store, and runs and opens nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sipclient.config import load
from sipclient.errors import ConfigError
from sipclient.robot.beside import Beside
from sipclient.robot.files import check_file
from sipclient.robot.hooks import load_hooks

TOML = """[accounts.pbx]
address = "sip:r@pbx.example.com"
[[watch]]
extensions = ["1001"]
[[rules]]
name = "h"
run = "hooks.py:on_ready"
"""
SOUND = [
    "async def on_ready(change, client): ...",
    "async def on_ready(*arguments): ...",
    "async def on_ready(change, client, more=1, *, other=2, **rest): ...",
    "async def on_ready(change, /, client): ...",
    "def on_ready(): ...\nasync def on_ready(change, client): ...",
    "if True:\n    import x\nelse:\n    async def on_ready(change, client): ...",
    "try:\n    pass\nexcept ImportError:\n    async def on_ready(change, client): ...",
    "match 1:\n    case 1:\n        async def on_ready(change, client): ...",
    "from elsewhere import on_ready",
    "from elsewhere import one as on_ready",
    "from elsewhere import *",
    "on_ready = make()",
    "a, (on_ready, b) = make()",
    "on_ready: object = make()",
    "@decorated\ndef on_ready(): ...",
    "'\\d'\nasync def on_ready(change, client): ...",
]
BROKEN = [
    ("", " on_ready is not there"),
    ("def other():\n    async def on_ready(change, client): ...", " on_ready is not there"),
    ("class A:\n    async def on_ready(change, client): ...", " on_ready is not there"),
    ("\ndef on_ready(change, client): ...", "2: on_ready is no `async def`"),
    ("async def on_ready(change): ...", "1: on_ready must take two arguments, the change and the client"),
    ("async def on_ready(a, b, c): ...", "1: on_ready must take two arguments, the change and the client"),
    ("async def on_ready(a, b, *, c): ...", "1: on_ready must take two arguments, the change and the client"),
    ("\n\nasync def on_ready(:", "3: SyntaxError: invalid syntax"),
    ("x = 1\0", " no Python: source code string cannot contain null bytes"),
    ("(" * 1000, "1: SyntaxError: too many nested parentheses"),
    (None, " cannot be read: No such file or directory"),
]


@pytest.mark.parametrize("text", SOUND)
def test_a_hook_that_may_be_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "hooks.py").write_text(text)
    assert Beside(str(tmp_path)).hook("hooks.py", "on_ready") == ""


@pytest.mark.parametrize(("text", "wrong"), BROKEN)
async def test_a_hook_that_is_none_is_said_with_the_line_of_the_rule(
    tmp_path: Path, text: str | None, wrong: str
) -> None:
    if text is not None:
        (tmp_path / "hooks.py").write_text(text)
    (tmp_path / "robot.toml").write_text(TOML)
    (finding,) = check_file(str(tmp_path / "robot.toml"))
    assert (finding.severity, finding.line) == ("error", 7)
    assert finding.message == f"rules[1].run: hooks.py:{wrong}"
    if "arguments" not in wrong:  # those are told when it is called
        with pytest.raises(ConfigError):
            await load_hooks(load(TOML), str(tmp_path))


def test_a_file_is_read_once_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("raise SystemExit\nasync def a(change, client): ...\n")
    beside = Beside(str(tmp_path))
    assert beside.hook("hooks.py", "a") == ""
    (tmp_path / "hooks.py").unlink()
    assert beside.hook("hooks.py", "b") == "hooks.py: b is not there"


def test_a_pipe_is_no_hook_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hooks.py")
    assert Beside(str(tmp_path)).hook("hooks.py", "a") == "hooks.py: cannot be read: this is no ordinary file"


def test_the_place_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    beside = Beside(str(tmp_path))
    for url in ("sqlite:robot.db", "sqlite:folder/robot.db", "sqlite:file", "sqlite::memory:", "postgresql://host/db"):
        assert beside.store(url) == ""
    for url in ("sqlite:nowhere/robot.db", "sqlite:file/robot.db"):
        assert beside.store(url).startswith(f"there is no folder {tmp_path}/")
    assert beside.store("sqlite:folder") == f"{tmp_path}/folder is a folder: name a file in it"
    monkeypatch.setattr(os, "access", lambda path, how: False)
    assert beside.store("sqlite:file") == f"{tmp_path}/file cannot be written by this user"
    assert beside.store("sqlite:robot.db").startswith(f"the folder {tmp_path} cannot be written by this user")


def test_check_says_where_the_store_cannot_be(tmp_path: Path) -> None:
    text = TOML.partition("[[rules]]")[0] + '[store]\nurl = "sqlite:nowhere/robot.db"\n'
    (tmp_path / "robot.toml").write_text(text)
    (finding,) = check_file(str(tmp_path / "robot.toml"))
    assert (finding.severity, finding.line) == ("error", 6)
    assert finding.message.startswith("store.url: there is no folder")


@pytest.mark.parametrize(
    ("bridge", "words"),
    [
        ("[leg_timeout=20]user/7000|sofia/gateway/pbx/7001", ""),
        ("user/7000|user/8000", '[dial] allow does not name "8000", so the call could never leave'),
        ("sofia/gateway/other/7000", 'there is no account "other", and gateways are accounts by name; there is: pbx'),
        ("user/7001", ""),
        ("7000,7001", ""),
        ("loopback/7000", '"loopback/" is not supported'),
        ("{execute_on_answer=park}7000", "execute_on_answer is not supported"),
        ("{hangup_after_bridge=false}7000", "ends with the one it was bridged to"),
        ("{RECORD_STEREO=true}7000", "what is recorded of a call that reaches us is record of its action"),
    ],
)
def test_the_dial_string_of_an_entry_is_read(tmp_path: Path, bridge: str, words: str) -> None:
    file = tmp_path / "robot.toml"
    file.write_text(
        '[accounts.pbx]\naddress = "sip:r@pbx.example.com"\n[dial]\nallow = ["700?"]\n'
        f'[[incoming]]\naction = {{ bridge = "{bridge}" }}\n'
    )
    found = [str(each) for each in check_file(str(file)) if "bridge" in each.key]
    assert len(found) == bool(words) and all(words in each and ":6:" in each for each in found)
