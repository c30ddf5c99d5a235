"""From a TOML table to a Struct, with every mistake told and not only the first.

msgspec stops at the first mistake and names its path. So: tell it, take the value away, convert again, until
it fits or a required key is missing.
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
    """The table as a `cls`, or None where a key or value is wrong or missing: that goes to `findings`."""
    told: set[Path] = set()  # what was complained about, as a path within the table
    table = _known_keys(cls, table, path, len(path), told, findings)
    places: dict[int, list[int]] = {}  # of each list that lost elements: the original place of those left
    while True:
        try:
            value = msgspec.convert(table, cls, dec_hook=_from_toml)
            return None if told else value
        except msgspec.ValidationError as error:
            where, message = _where(str(error))
            original = _original(table, where, places)
            if missing := _MISSING.match(message):
                if (*original, missing[1]) not in told:
                    findings.error((*path, *original), f'"{missing[1]}" is missing')
                return None
            below = error.__cause__.below if isinstance(error.__cause__, Mistake) else ()
            findings.error((*path, *original, *below), _in_words(message, _value_at(table, where)))
            told.add(original)
            _take_away(table, where, places)


def _from_toml(cls: type, value: object) -> object:
    return cls.from_toml(value)  # type: ignore[attr-defined]  # every type of ours in model.py has it


def _known_keys(
    cls: type[msgspec.Struct],
    table: dict[str, Any],
    path: Path,
    outer: int,
    told: set[Path],
    findings: Findings,
) -> dict[str, Any]:
    """A copy of the table without the keys that `cls` does not know; each is an error.

    `path` leads to the table, its first `outer` steps to the one being read. The key that was probably meant
    counts as told too: it is not missing, only misspelt.
    """
    fields = _fields(cls)
    kept: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            findings.error((*path, key), f"unknown key{did_you_mean(key, fields)}")
            told.add((*path[outer:], nearest(key, fields)))
            continue
        inner = _struct_of(fields[key].type)
        if isinstance(value, dict) and inner is not None:
            value = _known_keys(inner, value, (*path, key), outer, told, findings)
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


def _original(table: dict[str, Any], where: Path, places: dict[int, list[int]]) -> Path:
    """`where` with the places its list elements had in the file."""
    value: Any = table
    original: list[str | int] = []
    for step in where:
        original.append(places[id(value)][step] if isinstance(step, int) and id(value) in places else step)
        value = value[step]
    return tuple(original)


def _take_away(table: dict[str, Any], where: Path, places: dict[int, list[int]]) -> None:
    holder: Any = table
    for step in where[:-1]:
        holder = holder[step]
    last = where[-1]
    if isinstance(holder, list) and isinstance(last, int):
        places.setdefault(id(holder), list(range(len(holder)))).pop(last)
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
