"""The caller ID of a call: what the user writes, and the headers it becomes (RFC 3261 §20.20, RFC 3325, RFC 3323)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote as percent

from sipclient.errors import InvalidValue
from sipclient.message import SipUri, check_header_value, quote
from sipclient.message.memo import Memo
from sipclient.protocol.account import Account
from sipclient.protocol.build import host_port
from sipclient.protocol.checks import uri_text
from sipclient.protocol.events import Headers

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


_CALLER = Memo(_parse)  # asked for by who offers to dial, too


def parse_caller_id(text: str) -> CallerId:
    """`"Name" <user>`, `Name <user>`, `<user>` or `user`; the user may be a whole SIP URI. InvalidValue else."""
    return _CALLER[text]


class Identities:
    """Whom the calls of an account come from, as its `identity` says."""

    __slots__ = ("_account", "_own", "_public", "_uri")

    def __init__(self, account: Account, uri: SipUri, own: str) -> None:
        self._account = account
        self._uri = uri
        self._own = own  # the From of the account itself
        self._public = Memo(self._of_public)

    def of(self, caller_id: str, *, private: bool) -> Identity:
        """The identity of a call: the account's own where the caller ID is empty. InvalidValue for one that is none."""
        return self._of_private(caller_id) if private else self._public[caller_id]

    def _of_public(self, caller_id: str) -> Identity:
        if not caller_id:
            return Identity(self._own, ())
        shown = self._shown(caller_id)
        return Identity(shown if "from" in self._account.identity else self._own, self._asserted(shown, "off"))

    def _of_private(self, caller_id: str) -> Identity:
        # RFC 3323 §4.1.1.3: the From of a private call names nobody.
        headers = (*self._asserted(self._shown(caller_id), "full"), ("Privacy", "id"))
        return Identity('"Anonymous" <sip:anonymous@anonymous.invalid>', headers)

    def _asserted(self, shown: str, privacy: str) -> Headers:
        headers = []
        kinds = self._account.identity
        if "pai" in kinds:
            headers.append(("P-Asserted-Identity", shown))
        if "ppi" in kinds:
            headers.append(("P-Preferred-Identity", shown))
        if "rpid" in kinds:
            headers.append(("Remote-Party-ID", f"{shown};party=calling;privacy={privacy};screen=no"))
        return tuple(headers)

    def _shown(self, caller_id: str) -> str:
        if not caller_id:
            return self._own
        name, user = parse_caller_id(caller_id)
        uri = self._uri_of(user)
        uri_text(uri)
        return f"{quote(name)} <{uri}>" if name else f"<{uri}>"

    def _uri_of(self, user: str) -> str:
        """At the account's domain, unless it names its own."""
        if user.partition(":")[0].lower() in ("sip", "sips", "tel"):
            return user
        name, at, host = user.partition("@")
        plain = name.isascii() and name.isalnum()
        escaped = name if plain else percent(name.encode("utf-8", "surrogateescape"), safe=_USER_SAFE)
        where = host if at else host_port(self._uri.host, self._uri.port)
        return f"{self._uri.scheme}:{escaped}@{where}"
