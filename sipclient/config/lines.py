"""Where in the text of a TOML file a key or a list element stands.

tomllib tells values without their places, so this walks the same text once more. It is given only text that
tomllib has accepted, and so needs to know where things begin and end, not whether they are right.
"""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_STRING = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^']|'(?!''))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''',
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]\}#\n]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


class Lines:
    """The line of every table, key and list element of `text`, counted from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}  # how many elements each list of tables has so far
        self._seen = 1, 0  # the last line found, and the place it was found at: places only grow
        self._walk()

    def of(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _walk(self) -> None:
        text = self._text
        table: Path = ()
        place = self._blank(0)
        while place < len(text):
            if text[place] == "[":
                table, place = self._header(place)
            else:
                place = self._pair(place, table)
            place = self._blank(place)

    def _header(self, place: int) -> tuple[Path, int]:
        array = self._text.startswith("[[", place)
        keys, after = self._keys(place + 1 + array)
        path: Path = ()
        for number, key in enumerate(keys, 1):
            path += (key,)
            self._mark(path, place)
            if path in self._counts and number < len(keys):
                path += (self._counts[path] - 1,)  # [a.b] under [[a]] is about its last element
        if array:
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            path += (number,)
            self._mark(path, place)
        return path, after + 1 + array

    def _pair(self, place: int, table: Path) -> int:
        keys, after = self._keys(place)
        for depth in range(1, len(keys) + 1):
            self._mark((*table, *keys[:depth]), place)
        return self._value(self._blank(after + 1), (*table, *keys))

    def _keys(self, place: int) -> tuple[list[str], int]:
        """A dotted key, and the place after it."""
        keys: list[str] = []
        more = "."
        while more and (found := _KEY.match(self._text, place)):
            keys.append(_unquoted(found[1]))
            more, place = found[2], found.end()
        return keys, place

    def _value(self, place: int, path: Path) -> int:
        """The place after the value that begins at `place`."""
        match self._text[place]:
            case "[":
                place, number = self._blank(place + 1), 0
                while self._text[place] != "]":
                    self._mark((*path, number), place)
                    place = self._comma(self._value(place, (*path, number)))
                    number += 1
                return place + 1
            case "{":
                place = self._blank(place + 1)
                while self._text[place] != "}":
                    place = self._comma(self._pair(place, path))
                return place + 1
            case _:
                found = _STRING.match(self._text, place) or _BARE.match(self._text, place)
                return found.end() if found else len(self._text)

    def _comma(self, place: int) -> int:
        place = self._blank(place)
        return self._blank(place + 1) if self._text[place] == "," else place

    def _blank(self, place: int) -> int:
        found = _BLANK.match(self._text, place)
        return found.end() if found else place

    def _mark(self, path: Path, place: int) -> None:
        line, known = self._seen
        line += self._text.count("\n", known, place)
        self._seen = line, place
        self._lines.setdefault(path, line)


def _unquoted(key: str) -> str:
    if key[0] in "\"'":
        return str(next(iter(tomllib.loads(f"{key} = 0"))))
    return key
