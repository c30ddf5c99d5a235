"""What the optional compiled core is made of."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are compiled."""
    monkeypatch.syspath_prepend(str(ROOT))
    files: list[str] = import_module("hatch_build").modules(ROOT)
    del sys.modules["hatch_build"]
    return files


def test_what_every_message_passes_is_compiled(compiled: list[str]) -> None:
    assert {
        "sipclient/face/course.py",
        "sipclient/message/parser.py",
        "sipclient/presence/pidf.py",
        "sipclient/protocol/agent.py",
        "sipclient/protocol/transaction.py",
    } <= set(compiled)


def test_no_struct_is_compiled(compiled: list[str]) -> None:
    """mypyc would drop that it is frozen, and make an ordinary class of it."""
    for file in compiled:
        module = import_module(file.removesuffix(".py").replace("/", "."))
        structs = [
            name
            for name, each in vars(module).items()
            if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__
        ]
        assert not structs, file


def test_nothing_is_compiled_unless_asked(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hook = import_module("hatch_build")
    for value, wanted in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("SIPCLIENT_COMPILE", value)
        assert hook.wanted() is wanted
    monkeypatch.delenv("SIPCLIENT_COMPILE")
    assert not hook.wanted()
