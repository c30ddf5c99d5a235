"""What is wrong with a body or a query, in the words of whoever wrote it: where, what is wanted, and what is there."""

from __future__ import annotations

import re

_WHERE = re.compile(r"(.*) - at (key in )?`\$\.?(.*)`", re.DOTALL)
_WANTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`", re.DOTALL)
_LENGTH = re.compile(r"Expected `(str|array|object)` of length (<=|>=) (\d+)")
_BOUND = re.compile(r"Expected `(?:int|float)` (<=|>=|<|>) (\S+)")
_LACKING = re.compile(r"Object missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_KINDS = {
    "object": "an object",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "datetime": "a time like 2026-03-02T12:00:00Z",
}
_UNITS = {"str": "characters", "array": "entries", "object": "entries"}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}


def in_words(text: str) -> str:
    """A mistake as msgspec tells it, in words; as it is where it is none that is known here."""
    found = _WHERE.fullmatch(text)
    what, where = (found[1], found[3]) if found is not None else (text, "")
    place = f"a key of {where or 'the body'}" if found is not None and found[2] else where
    for form, field in ((_LACKING, "is missing"), (_UNKNOWN, "there is no such key here")):
        if named := form.fullmatch(what):
            key = named[1][:80].encode("unicode_escape").decode()
            return f"{where}.{key}: {field}" if where else f"{key}: {field}"
    if what == "Expected `object`, got `null`" and not place:
        return "a body is needed: a JSON object"
    said = _said(what)
    return f"{place}: {said}" if place else f"the body: {said}" if said != what else said


def _said(what: str) -> str:
    if found := _WANTED.fullmatch(what):
        wanted = " or ".join(_KINDS.get(kind.strip(), kind.strip()) for kind in found[1].split("|"))
        return f"{wanted} is wanted, not {_KINDS.get(found[2], found[2])}"
    if found := _LENGTH.fullmatch(what):
        return f"{_BOUNDS[found[2]]} {found[3]} {_UNITS[found[1]]} are taken"
    if found := _BOUND.fullmatch(what):
        return f"a number of {_BOUNDS[found[1]]} {found[2]} is wanted"
    return what
