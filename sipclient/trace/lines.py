"""Lines of a text trace: decoded so that no byte is lost, without colours, with their numbers and their ends."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator

import msgspec

from sipclient.trace.source import Source

_CHUNK = 1 << 16
_MAX_LINE = 1 << 17  # characters; a longer line is cut
_COLOUR = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9])")


class Line(msgspec.Struct):
    """One line: its number from 1, its text, and the end it has in the file ("" at the very end)."""

    number: int
    text: str
    end: str = "\n"


class Lines:
    """The lines of a source, with a look ahead."""

    def __init__(self, source: Source) -> None:
        self._lines = _lines(source)
        self._ahead: deque[Line] = deque()

    def next(self) -> Line | None:
        """The next line; None at the end."""
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def peek(self, place: int = 0) -> Line | None:
        """A line that is still to come."""
        while len(self._ahead) <= place:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[place]


def coding_of(head: bytes) -> str:
    """UTF-16 where a file begins as such, else UTF-8 (with or without its mark)."""
    return "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def bytes_of(text: str) -> bytes:
    """The bytes a text was decoded from."""
    return text.encode("utf-8", "surrogateescape")


def _lines(source: Source) -> Iterator[Line]:
    coding = coding_of(source.peek(2))
    decoder = codecs.getincrementaldecoder(coding)("replace" if coding == "utf-16" else "surrogateescape")
    rest, number = "", 0
    while chunk := source.read(_CHUNK):
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        if len(rest) > _MAX_LINE:
            whole.append(rest)
            rest = ""
        for text in whole:
            number += 1
            yield _line(number, text, "\n")
    rest += decoder.decode(b"", True)
    if rest:
        yield _line(number + 1, rest, "")


def _line(number: int, text: str, end: str) -> Line:
    if text.endswith("\r"):
        text, end = text[:-1], "\r\n" if end else ""
    return Line(number, _COLOUR.sub("", text) if "\x1b" in text else text, end)
