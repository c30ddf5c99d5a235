"""Content-Type, and the parts of a multipart body (RFC 2045 §5.1, RFC 2046 §5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sipclient.errors import MalformedBody

MAX_PARTS: Final = 64
MAX_TYPE: Final = 1024  # characters of a Content-Type value

_PARAMETER: Final = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')


class ContentType:
    """A media type in lower case and its parameters, names in lower case."""

    __slots__ = ("media", "parameters")

    def __init__(self, value: str) -> None:
        if len(value) > MAX_TYPE:
            raise MalformedBody(f"the Content-Type is longer than {MAX_TYPE} characters")
        media, semicolon, rest = value.partition(";")
        self.media = media.strip().lower()
        self.parameters: dict[str, str] = {}
        for name, quoted, token in _PARAMETER.findall(semicolon + rest):
            self.parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else token)

    def get(self, parameter: str) -> str:
        """A parameter's value, empty where it is absent."""
        return self.parameters.get(parameter, "")


def parts(content_type: ContentType, body: bytes) -> Iterator[tuple[ContentType, bytes]]:
    """The parts of a multipart body in order, each with its type. The last delimiter may be missing.

    Parts that are encoded for mail (base64, quoted-printable) are passed over: SIP carries bytes as they
    are (RFC 3261 §7.4). Raises MalformedBody for a boundary that is none, or for too many parts.
    """
    boundary = content_type.get("boundary").rstrip()
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise MalformedBody("the multipart body has no boundary of 1 to 70 characters")
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    found = delimiter.finditer(body)
    first = next(found, None)
    if first is None:
        raise MalformedBody("the multipart body does not contain its boundary")
    start, closed, count = first.end(), bool(first[1]), 0
    while not closed:
        count += 1
        if count > MAX_PARTS:
            raise MalformedBody(f"the multipart body has more than {MAX_PARTS} parts")
        following = next(found, None)
        part = body[start : following.start() if following else len(body)]
        closed = following is None or bool(following[1])
        start = following.end() if following else len(body)
        if opened := _part(part):
            yield opened


def _part(part: bytes) -> tuple[ContentType, bytes] | None:
    """A part's type and content; None where it is encoded."""
    head, blank, content = _split(part)
    if not blank:
        return ContentType("text/plain"), head
    kind, encoding = "text/plain", "binary"
    for line in re.sub(rb"\r?\n[ \t]+", b" ", head).split(b"\n"):
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "content-type":
            kind = value.strip()
        elif name.strip().lower() == "content-transfer-encoding":
            encoding = value.strip().lower()
    return (ContentType(kind), content) if encoding in ("7bit", "8bit", "binary") else None


def _split(part: bytes) -> tuple[bytes, bytes, bytes]:
    """Headers, empty line, content. The line end of the delimiter still stands first in `part`."""
    match = re.search(rb"\r?\n\r?\n", part)
    return (part[: match.start()], match[0], part[match.end() :]) if match else (part, b"", b"")
