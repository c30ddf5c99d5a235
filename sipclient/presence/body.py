"""From the body of a NOTIFY to its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from sipclient.errors import MalformedBody
from sipclient.presence.charset import to_text
from sipclient.presence.content import ContentType, parts
from sipclient.presence.dialoginfo import read_dialog_info
from sipclient.presence.markup import Element, parse_xml
from sipclient.presence.packages import PACKAGES
from sipclient.presence.pidf import read_presence
from sipclient.presence.summary import read_summary
from sipclient.presence.values import DialogInfo, MessageWaiting, Presence

Body: TypeAlias = Presence | DialogInfo | MessageWaiting

MAX_BYTES: Final = 256 * 1024
MAX_NESTING: Final = 4  # multipart in multipart

_XML: Final[Mapping[str, Callable[[Element], Body]]] = {
    **dict.fromkeys(PACKAGES["presence"], read_presence),
    **dict.fromkeys(PACKAGES["dialog"], read_dialog_info),
}
_MULTIPART: Final = ("multipart/related", "multipart/mixed", "multipart/alternative")


def parse(content_type: str, body: bytes) -> Body:
    """What the body of a NOTIFY says.

    `content_type` is the header's whole value; of a multipart body the first part that is understood is
    read, RLMI (RFC 4662) around it passed over. Raises MalformedBody, and nothing else, for a type not
    known here, for a body that is not what its type says, and for a hostile one; never does it take more
    than a few milliseconds or MiB.
    """
    if len(body) > MAX_BYTES:
        raise MalformedBody(f"the body is longer than {MAX_BYTES} bytes")
    kind = ContentType(content_type)
    found = _parse(kind, body, MAX_NESTING)
    if found is None:
        raise MalformedBody(f"a body of type {kind.media[:80] or '(none)'} is not understood")
    return found


def _parse(kind: ContentType, body: bytes, nesting: int) -> Body | None:
    """The value, or None for a type that is not understood."""
    if read := _XML.get(kind.media):
        return read(parse_xml(to_text(body, kind.get("charset"))))
    if kind.media in PACKAGES["message-summary"]:
        return read_summary(to_text(body, kind.get("charset")))
    if kind.media in _MULTIPART:
        if not nesting:
            raise MalformedBody(f"the body nests multipart deeper than {MAX_NESTING}")
        for part_kind, part in parts(kind, body):
            if (value := _parse(part_kind, part, nesting - 1)) is not None:
                return value
    return None
