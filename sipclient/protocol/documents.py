"""What the bodies of NOTIFYs say, remembered: an extension says the same few things all day, byte by byte."""

from __future__ import annotations

from typing import Final, TypeAlias

from sipclient.presence import DialogInfo, MessageWaiting, Presence, parse

Document: TypeAlias = Presence | DialogInfo | MessageWaiting

MOST: Final = 1024  # documents
LARGEST: Final = 1024  # bytes of a body and its type that are remembered: these two bound the memory


class Documents:
    """Reads bodies; one that was read lately is not read again."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Document] = {}

    def read(self, content_type: str, body: bytes) -> Document:
        """The value of a body, as `presence.parse` has it; the type may have blanks around. Raises MalformedBody."""
        key = (content_type, body)
        document = self._known.get(key)
        if document is None:
            document = parse(content_type.strip(" \t"), body)
            if len(content_type) + len(body) <= LARGEST:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = document
        return document
