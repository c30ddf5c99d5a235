"""The caller ID of a call: what the user writes, and the headers it becomes (RFC 3261 §20.20, RFC 3325, RFC 3323)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote as percent

from sipclient.errors import InvalidValue
from sipclient.message import check_header_value, quote
from sipclient.message.memo import Memo
from sipclient.protocol.build import host_port
from sipclient.protocol.events import Headers
from sipclient.protocol.line import Line

LONGEST = 512  # characters of a caller ID; nothing sane is longer, and one datagram must hold it four times
_FORM = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^<>"]*?))\s*<(?P<user>[^<>"\s]*)>\s*')
_USER_SAFE = "-_.!~*'()&=+$,;?/"  # RFC 3261 §25.1: mark and user-unreserved


class CallerId(NamedTuple):
    """A display name (empty: none) and a user, or a whole URI."""

    name: str
    user: str


class Identity(NamedTuple):
    """The From value (without its tag) and the further headers of an INVITE."""

    from_value: str
    headers: Headers


def _parse(text: str) -> CallerId:
    check_header_value(text, "caller ID")
    if len(text) > LONGEST:
        raise InvalidValue(f"the caller ID is {len(text)} characters long; at most {LONGEST} are sent")
    match = _FORM.fullmatch(text)
    if match is None:
        if set(text) & set('<>"\\') or not text.strip():
            raise InvalidValue(f'the caller ID {text!r} is not of the form "Name" <number>')
        return CallerId("", text.strip())
    quoted = match["quoted"]
    if quoted is None:
        name = (match["plain"] or "").strip()
    else:
        name = re.sub(r"\\(.)", r"\1", quoted) if "\\" in quoted else quoted
    return CallerId(name, match["user"])


_CALLER = Memo(_parse)  # asked for twice a call: to be checked, and to be written


def parse_caller_id(text: str) -> CallerId:
    """`"Name" <user>`, `Name <user>`, `<user>` or `user`; the user may be a whole SIP URI. InvalidValue else."""
    return _CALLER[text]


def identity_headers(line: Line, caller_id: str, *, private: bool) -> Identity:
    """The From and identity headers of a call, as the account's `identity` says."""
    own = line.from_value("")
    kinds = line.account.identity
    extra: list[tuple[str, str]] = []
    if caller_id:
        parsed = parse_caller_id(caller_id)
        shown = (
            f"{quote(parsed.name)} <{caller_uri(line, parsed.user)}>"
            if parsed.name
            else f"<{caller_uri(line, parsed.user)}>"
        )
    else:
        shown = own
    if "pai" in kinds and (caller_id or private):
        extra.append(("P-Asserted-Identity", shown))
    if "ppi" in kinds and (caller_id or private):
        extra.append(("P-Preferred-Identity", shown))
    if "rpid" in kinds and (caller_id or private):
        privacy = "full" if private else "off"
        extra.append(("Remote-Party-ID", f"{shown};party=calling;privacy={privacy};screen=no"))
    from_value = shown if "from" in kinds else own
    if private:
        # RFC 3323 §4.1.1.3: the From of a private call names nobody.
        extra.append(("Privacy", "id"))
        from_value = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    return Identity(from_value, tuple(extra))


def caller_uri(line: Line, user: str) -> str:
    """The URI of a caller ID's user: at the account's domain, unless it names its own."""
    if user.partition(":")[0].lower() in ("sip", "sips", "tel"):
        return user
    name, at, host = user.partition("@")
    plain = name.isascii() and name.isalnum()
    escaped = name if plain else percent(name.encode("utf-8", "surrogateescape"), safe=_USER_SAFE)
    where = host if at else host_port(line.uri.host, line.uri.port)
    return f"{line.uri.scheme}:{escaped}@{where}"
