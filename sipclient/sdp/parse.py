"""Text to SessionDescription: bounded in every way, and liberal where nothing depends on it. RFC 8866 §9.

Liberal: LF for CRLF, no line end on the last line, blank lines around it, absent lines (v=0, o=, s=, t=, c=)
and lines that lack a part, any order of lines, any letter for a line: `negotiate` names what it misses. Strict:
there is at least one line, a v= line is the first and says 0, every line is a letter, `=` and a value, every m=
line has a kind, a port and a profile, and the limits below hold.
"""

from __future__ import annotations

import re

from sipclient.errors import MalformedDescription
from sipclient.sdp.description import SessionDescription

MOST_CHARACTERS = 65_536  # what one SIP message may hold by default
MOST_LINES = 2_000  # a browser's largest offers have some hundreds
MOST_MEDIA = 128

_FIRST = frozenset(f"{letter}=" for letter in "vosiuepcbtrzkam")  # RFC 8866 §5
_LINE = re.compile(r"[a-z]=[^\r\n\0]*")
_PORT = re.compile(r"(\d{1,5})(?:/([1-9]\d{0,4}))?", re.ASCII)


def parse(text: str | bytes) -> SessionDescription:
    """The description `text` is. Raises MalformedDescription, with the line at fault, for whatever is none.

    Bytes that are not UTF-8 come back as they were from `bytes(description)`.
    """
    if len(text) > MOST_CHARACTERS:
        raise MalformedDescription(f"the description is larger than {MOST_CHARACTERS} characters")
    lines = _decoded(text).strip("\r\n").split("\n")
    if len(lines) > MOST_LINES:
        raise MalformedDescription(f"the description has more than {MOST_LINES} lines", MOST_LINES + 1)
    lines = [line.removesuffix("\r") for line in lines]
    if lines[0][:2] not in _FIRST or (lines[0][0] == "v" and lines[0].rstrip() != "v=0"):
        raise MalformedDescription("a session description begins with v=0", 1)
    media = 0
    for number, line in enumerate(lines, 1):
        if _LINE.fullmatch(line) is None:
            raise MalformedDescription("a line is a small letter, '=' and a value", number)
        if line[0] == "v" and number > 1:
            raise MalformedDescription("v=0 begins a description, and here it is not the first line", number)
        if line[0] == "m":
            media += 1
            if media > MOST_MEDIA:
                raise MalformedDescription(f"the description has more than {MOST_MEDIA} m= lines", number)
            _check_media(line, number)
    return SessionDescription(tuple(lines))


def _decoded(text: str | bytes) -> str:
    if isinstance(text, bytes):
        return text.decode("utf-8", "surrogateescape")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise MalformedDescription("the text holds half a character (a lone surrogate)") from error
    return text


def _check_media(line: str, number: int) -> None:
    fields = line[2:].split()
    if len(fields) < 3:
        raise MalformedDescription("an m= line needs a kind, a port, a profile and formats", number)
    found = _PORT.fullmatch(fields[1])
    if found is None or int(found[1]) + int(found[2] or 1) - 1 > 65535:
        raise MalformedDescription("the port of an m= line is a number from 0 to 65535", number)
