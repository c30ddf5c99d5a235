"""From a TOML table to a Struct, with every mistake told and not only the first.

msgspec stops at the first mistake and names its path. So: tell it, take the value away, convert again, until
it fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, get_args

import msgspec

from sipclient.config.findings import Findings
from sipclient.config.lines import Path
from sipclient.config.values import LONGEST_SHOWN, Mistake, did_you_mean, nearest, quoted

T = TypeVar("T", bound=msgspec.Struct)

MOST_MISTAKES = 100  # in one table
# What takes the place of a required value that is missing or wrong, until the file is mended.
STAND_INS: Mapping[str, Any] = MappingProxyType(
    {
        "address": "sip:nobody@nowhere.invalid",
        "extensions": [],
        "name": "?",
        "to": "0",
        "on": [],
        "url": "turn:nowhere.invalid",
        "server": "udp:nowhere.invalid",
        "action": {},
        "wss": "127.0.0.1:0",
        "certificate": "?",
    }
)

_WHERE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_WORDS = {
    "array": "a list",
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_WORDS |= {"object": "a table", "object | null": "a table", "bool | str": "true, false or a string"}


def read_table(cls: type[T], table: dict[str, Any], path: Path, findings: Findings) -> T | None:
    """The table as a `cls`, where `findings` has every mistake in it.

    What is wrong gives way to its default or to a stand-in, and is doubted there. None where there are more
    mistakes than anybody wants to read.
    """
    table = _known_keys(cls, table, path, findings)
    for _ in range(MOST_MISTAKES):
        try:
            return msgspec.convert(table, cls, dec_hook=_from_toml)
        except msgspec.ValidationError as error:
            where, message = _where(str(error))
            if missing := _MISSING.match(message):
                if findings.sound(*path, *where, missing[1]):
                    findings.missing((*path, *where), f'"{missing[1]}" is missing')
                    findings.doubt((*path, *where, missing[1]))
                _value_at(table, where)[missing[1]] = STAND_INS[missing[1]]
                continue
            below = error.__cause__.below if isinstance(error.__cause__, Mistake) else ()
            findings.error((*path, *where, *below), _in_words(message, _value_at(table, where)))
            findings.doubt((*path, *where))
            _take_away(table, where, path, findings.moved)
    findings.error(path, f"there may be more mistakes: mend these {MOST_MISTAKES} first")
    return None


def _from_toml(cls: type, value: object) -> object:
    return cls.from_toml(value)  # type: ignore[attr-defined]  # every type of ours in model.py has it


def _known_keys(
    cls: type[msgspec.Struct],
    table: dict[str, Any],
    path: Path,
    findings: Findings,
) -> dict[str, Any]:
    """A copy of the table without the keys that `cls` does not know; each is an error.

    The key that was probably meant is doubted: it is not missing, only misspelt.
    """
    fields = _fields(cls)
    kept: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            findings.error((*path, key), f"unknown key{did_you_mean(key, fields)}")
            findings.doubt((*path, nearest(key, fields)))
            continue
        inner = _struct_of(fields[key].type)
        if isinstance(value, dict) and inner is not None:
            value = _known_keys(inner, value, (*path, key), findings)
        kept[key] = list(value) if isinstance(value, list) else value
    return kept


@cache
def _fields(cls: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """The fields by their keys."""
    return MappingProxyType({field.encode_name: field for field in msgspec.structs.fields(cls)})


def _struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    """The table a field's type stands for: a Struct of ours that is read field by field, or None."""
    candidates = (annotation, *get_args(annotation))
    tables = (each for each in candidates if isinstance(each, type) and issubclass(each, msgspec.Struct))
    return next(tables, None)


def _where(text: str) -> tuple[Path, str]:
    """Path and message of a ValidationError."""
    found = _WHERE.search(text)
    if found is None:
        return (), text
    steps = (int(number) if number else name for name, number in _STEP.findall(found[1]))
    return tuple(steps), text[: found.start()]


def _take_away(table: dict[str, Any], where: Path, path: Path, moved: dict[Path, list[int]]) -> None:
    holder, last = _value_at(table, where[:-1]), where[-1]
    if isinstance(holder, list) and isinstance(last, int):
        moved.setdefault((*path, *where[:-1]), list(range(len(holder)))).pop(last)
    del holder[last]


def _value_at(table: dict[str, Any], where: Path) -> Any:
    value: Any = table
    for step in where:
        value = value[step]
    return value


def _in_words(message: str, value: object) -> str:
    """msgspec's own messages in the user's words; ours pass as they are."""
    found = re.fullmatch(r"Expected `(.+)`, got `(.+)`", message)
    if found is None:
        return message
    if isinstance(value, float):
        return f"expected {_WORDS.get(found[1], found[1])}, not {value}"
    if found[1] == "array" and isinstance(value, str) and len(value) <= LONGEST_SHOWN:
        return f"expected a list, not a string: write [{quoted(value)}]"
    return f"expected {_WORDS.get(found[1], found[1])}, not {_WORDS.get(found[2], found[2])}"
