"""docs/configuration.md says what the Structs say: every key, its default, and the conditions in their order."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sipclient.config import (
    AccountConfig,
    CallConfig,
    Config,
    DialConfig,
    Digits,
    HepConfig,
    Hours,
    IncomingAction,
    IncomingConfig,
    ListenConfig,
    Match,
    OtelConfig,
    Retry,
    RuleConfig,
    StoreConfig,
    Turn,
    WatchConfig,
    WebConfig,
    WebhookConfig,
    When,
    check,
)
from sipclient.config.draft import SETTINGS
from sipclient.config.templates import EXTENSION_NAMES, INCOMING_NAMES
from sipclient.rules import CONDITIONS

TEXT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)

SECTIONS: list[tuple[str, type[msgspec.Struct]]] = [
    ("## [accounts.NAME]", AccountConfig),
    ("### turn", Turn),
    ("## [[watch]]", WatchConfig),
    ("## [[rules]]", RuleConfig),
    ("### when", When),
    ("### hours", Hours),
    ("### call", CallConfig),
    ("### retry", Retry),
    ("## [[incoming]]", IncomingConfig),
    ("### match", Match),
    ("### action", IncomingAction),
    ("### digits", Digits),
    ("## [store]", StoreConfig),
    ("## [web]", WebConfig),
    ("## [[webhooks]]", WebhookConfig),
    ("## [listen]", ListenConfig),
    ("## [hep]", HepConfig),
    ("## [otel]", OtelConfig),
    ("## [dial]", DialConfig),
]


def rows(heading: str) -> dict[str, str]:
    """Key and default of each row below a heading."""
    assert TEXT.count(f"\n{heading}\n") == 1
    section = TEXT.split(f"\n{heading}\n")[1].split("\n#")[0]
    return {found[1]: found[3] for found in ROW.finditer(section)}


def default(cls: type[msgspec.Struct], key: str, text: str) -> Any:
    """The default that the documentation gives, as the Struct would read it."""
    value = tomllib.loads(f"v = {text.strip('`')}")["v"]
    required = {field.encode_name: placeholder(field) for field in msgspec.structs.fields(cls) if field.required}
    return msgspec.convert({**required, key: value}, cls, dec_hook=lambda kind, each: kind.from_toml(each))


def placeholder(field: Any) -> Any:
    examples = {"address": "sip:a@b.example", "url": "stun:a", "wss": "a:1", "server": "udp:a", "action": {}}
    return examples.get(field.name, [] if "tuple" in str(field.type) else "x")


@pytest.mark.parametrize(("heading", "cls"), SECTIONS)
def test_every_key_and_its_default(heading: str, cls: type[msgspec.Struct]) -> None:
    told = rows(heading)
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    assert sorted(told) == sorted(fields)
    for key, field in fields.items():
        if field.required:
            assert told[key] == "*required*", key
        elif told[key] == "*none*":
            empty = field.default
            assert not getattr(empty, "text", empty) or repr(empty) == "Ports(0, 0)", key
        else:
            given = getattr(default(cls, key, told[key]), field.name)
            assert given == field.default, key


def test_every_table_has_its_section() -> None:
    documented = {cls for _, cls in SECTIONS}
    reachable: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = [Config]
    while waiting:
        cls = waiting.pop()
        for field in msgspec.structs.fields(cls):
            for inner in (field.type, *getattr(field.type, "__args__", ())):
                if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and inner not in reachable:
                    reachable.add(inner)
                    waiting.append(inner)
    assert reachable == documented


def test_the_top_level() -> None:
    assert sorted(rows("## Top level")) == sorted(SETTINGS)


def test_every_name_of_a_template() -> None:
    section = TEXT.split("\n## Values\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`\{([a-z_]+)\}`", section)) == {*EXTENSION_NAMES, *INCOMING_NAMES}


def test_the_conditions_in_their_order() -> None:
    assert tuple(re.findall(r"^\d+\. `([a-z-]+)`:", TEXT, re.MULTILINE)) == CONDITIONS


def test_the_example_is_right() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert check(example, environ={"PBX_PASSWORD": "x"}) == []
