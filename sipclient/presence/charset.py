"""From the bytes of a body to its text.

What matters in a NOTIFY is ASCII; names in it are not, and PBXs are careless with those: FreeSWITCH
declares ISO-8859-1 and sends UTF-8, others declare UTF-8 and send Latin-1. An extension's state must not
be lost for an umlaut, so the bytes are believed before the labels: a byte order mark, then NULs that only
UTF-16 has, then whatever is valid UTF-8. A label decides only how the rest is read.
"""

from __future__ import annotations

import re
from typing import Final

from sipclient.errors import MalformedBody

_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?\sencoding\s{0,8}=\s{0,8}["']([\w.:-]{1,40})["']""")
_EIGHT_BIT: Final = {
    "iso-8859-15": "iso8859_15",
    "latin-9": "iso8859_15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "utf-8": "cp1252",
}


def to_text(body: bytes, charset: str = "") -> str:
    """The text of an XML or plain body, its byte order mark and surrounding blanks and NULs removed.

    `charset` is the Content-Type's parameter: it goes before the XML declaration's (RFC 7303 §3).
    Raises MalformedBody for broken UTF-16.
    """
    try:
        return _decoded(body, charset).strip("\ufeff\0 \t\r\n")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is no {error.encoding}: {error.reason} at byte {error.start}") from None


def _decoded(body: bytes, charset: str) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16")
    if body[1:4:2] == b"\0\0" and b"\0" not in body[:3:2]:
        return body.decode("utf-16-le")
    if body[:3:2] == b"\0\0" and b"\0" not in body[1:4:2]:
        return body.decode("utf-16-be")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode(_EIGHT_BIT.get(charset.lower() or _declared(body), "latin-1"), "replace")


def _declared(body: bytes) -> str:
    match = _DECLARED.match(body.lstrip()[:300])
    return match[1].decode("ascii", "replace").lower() if match else "utf-8"
