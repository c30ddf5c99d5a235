"""What the pages say is so: code compiles, files check, commands and options exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import typer
from architecture.test_arrows import FACE, ROOMS
from docs.pages import PAGES, ROOT, Block, blocks, prose

import sipclient.robot.told
from sipclient.cli.app import build
from sipclient.config import check
from sipclient.rules import CONDITIONS

LATER = MappingProxyType({"token": "docs/configuration.md"})  # commands of later versions, and who may name them
ABOVE = (
    *("errors", "message", "sdp", "presence", "protocol", "config", "rules", "dialling"),
    *("transport", "media", "store", "trace", FACE),
)
GROUP: Any = typer.main.get_command(build([]))
COMMANDS: dict[str, Any] = GROUP.commands


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.place)
def test_python_compiles(block: Block) -> None:
    compile(block.text, block.page, "exec")


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.place)
def test_toml_checks(block: Block) -> None:
    """A part of a file is completed by what the other parts must have."""
    text = block.text
    if "[accounts." not in text:
        text = '[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\npassword_env = "X"\n' + text
    environ = dict.fromkeys(("PBX_PASSWORD", "TURN_PASSWORD", "X"), "x")
    findings = check(text, environ=environ, read=lambda _: "x")
    assert [str(each) for each in findings] == []


# --- commands ---------------------------------------------------------------------------------------


def lines(path: Path) -> Iterator[list[str]]:
    """Every `sipclient ...` of a page, in shell blocks and between backticks, as words."""
    shell = [block.text for block in blocks("sh") if ROOT / block.page == path]
    texts = [line for text in shell for line in text.replace("\\\n", " ").splitlines()]
    texts += re.findall(r"`(sipclient [^`]+)`", prose(path))
    for text in texts:
        words = shlex.split(text, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words and words[0].endswith("sipclient"):
            yield words[1:]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_exist_with_their_options(path: Path) -> None:
    for words in lines(path):
        name = next((word for word in words if not word.startswith("-")), "")
        if LATER.get(name) == path.relative_to(ROOT).as_posix():
            continue
        assert name in COMMANDS or not name or name == "COMMAND", words
        command = COMMANDS.get(name, GROUP)
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            if word.startswith("-") and word not in ("-", "--help"):
                option = word.partition("=")[0]
                assert option in known or option[:2] in known, words


def test_every_command_and_option_is_told_of() -> None:
    text = (ROOT / "docs/command-line.md").read_text()
    for name, command in COMMANDS.items():
        assert f"\n## sipclient {name}\n" in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and "--help" not in parameter.opts:
                assert any(f"`{option}" in text for option in parameter.opts), (name, parameter.opts)


def test_make_targets_and_extras_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for path in PAGES:
        text = path.read_text()
        for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{path.name}: make {target}"
        for extra in re.findall(r"\.\[([a-z]+)\]'", text):
            assert extra in extras, f"{path.name}: {extra}"


# --- links and names --------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{path.name}: {target}"
        assert not anchor or anchor in anchors(there), f"{path.name}: {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    """`room/file.py`, `tests/...` and the like; a bare `file.py` is somewhere in the package."""
    for name in re.findall(r"`([\w./]+\.py)`", prose(path)):
        places = (ROOT, ROOT / "sipclient", ROOT / "tests", ROOT / "docs")
        anywhere = "/" not in name and any(
            any((ROOT / folder).rglob(name)) for folder in ("sipclient", "tests", "examples")
        )
        assert name == "hooks.py" or anywhere or any((place / name).exists() for place in places), name
    for name in re.findall(r"`((?:tests|examples|docs|benchmarks)/[\w/]*)`", prose(path)):
        assert (ROOT / name).exists(), name


# --- tables -----------------------------------------------------------------------------------------


def test_the_rooms_are_those_of_the_imports() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    told = {}
    for room, may in re.findall(r"^\| `(\w+)` \| .* \|(.*)\|$", text, re.MULTILINE):
        told[room] = set(re.findall(r"`([\w.]+)`", may)) if "all above" not in may else None
    assert {name: may for name, may in told.items() if may is not None} == {
        name: set(may) for name, may in ROOMS.items() if name not in (FACE, "robot", "lab", "web", "cli")
    }
    assert list(told) == [*ABOVE, "robot", "lab", "web", "cli"]
    assert frozenset(ABOVE) - {"errors"} <= ROOMS["robot"] == ROOMS["lab"]


def test_why_not_names_the_conditions_in_their_order() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    table = text.split("\n| condition |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == CONDITIONS


def test_the_minimal_file_is_the_example() -> None:
    example = (ROOT / "examples/minimal.toml").read_text()
    assert example in {block.text for block in blocks("toml") if block.page == "README.md"}


def test_log_lines_are_as_the_robot_writes_them() -> None:
    told = sipclient.robot.told
    page = (ROOT / "docs/command-line.md").read_text()
    job, because = "ready-calls-queue/pbx/1001/7", "1001 went from on-the-phone to ready, closing episode 7"
    for line in (
        told.AccountRegistered("pbx", 300.0, False),
        told.StateChanged("pbx", "1001", "on-the-phone", "ready", 7, False, True, False, ""),
        told.RuleFired("ready-calls-queue", "pbx", "1001", 7, job, f"{because}, and stayed so for 2 s"),
        told.CallPlaced(job, 1, "pbx", "7000", '"Ext 1001 is free" <1001>', "id"),
        told.CallRinging(job, 180, "Ringing"),
    ):
        assert f" {line.mark} {line.words()}\n" in page
