"""A description that travels with other things in a multipart body (RFC 5621 §3.1)."""

from __future__ import annotations

from typing import Final

from sipclient.errors import MalformedBody
from sipclient.message import Request, Response
from sipclient.presence.content import ContentType, parts
from sipclient.protocol.build import ACCEPT

_DESCRIBING: Final = frozenset({"INVITE", "ACK", "UPDATE", "PRACK"})
_NESTING: Final = 4  # multipart in multipart


def unwrap(message: Request | Response) -> None:
    """Put the session description of a multipart body in the body's place, where there is one.

    What came with it (ISUP of a gateway, a location) is let go: nothing here reads it.
    """
    if message.cseq.method not in _DESCRIBING:
        return
    value = message.headers.index.get("content-type", "").strip()
    if value[:10].lower() != "multipart/":
        return
    try:
        description = _description(ContentType(value), message.body, _NESTING)
    except MalformedBody:
        return  # and is refused as the type it is
    if description is not None:
        message.body = description
        message.headers.set("Content-Type", ACCEPT)


def _description(kind: ContentType, body: bytes, depth: int) -> bytes | None:
    for part, content in parts(kind, body):
        if part.media == ACCEPT:
            return content
        if part.media.startswith("multipart/") and depth:
            found = _description(part, content, depth - 1)
            if found is not None:
                return found
    return None
