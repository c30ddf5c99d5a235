"""What every message must have in good form before it is acted upon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from sipclient.errors import MalformedMessage
from sipclient.message import readers
from sipclient.message.address import USUAL_URI
from sipclient.message.headers import GOOD_LINES, Headers
from sipclient.message.memo import Memo, remember
from sipclient.message.message import Message, Request
from sipclient.message.uri import SipUri

_SINGLE: Final = frozenset(
    {"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "event"}
    | {"subscription-state", "rack", "rseq"}
)
# How each header is read: its first line by what is remembered, all of its lines by a reader.
_Row: TypeAlias = tuple[Memo[Any] | None, Callable[[Headers], object] | None]
_FORMED: Final[dict[str, _Row]] = {
    "via": (readers.HOP, readers.hop),
    "from": (readers.TAG, None),
    "to": (readers.TAG, None),
    "call-id": (readers.CALL_ID, None),
    "cseq": (readers.CSEQ, None),
    "max-forwards": (readers.MAX_FORWARDS, None),
    "content-type": (readers.MEDIA_TYPE, None),
    "contact": (readers.CONTACT, readers.contacts),
    "route": (None, readers.routes),
    "record-route": (None, readers.record_routes),
}
_OF_REQUEST: Final[dict[str, _Row]] = {
    **_FORMED,
    "require": (None, readers.require),
    "supported": (None, readers.supported),
    "session-expires": (None, readers.session_expires),
    "expires": (None, readers.expires),
    "event": (readers.EVENT, None),
    "subscription-state": (readers.SUBSCRIPTION_STATE, None),
    "rack": (None, readers.rack),
}
_OF_RESPONSE: Final[dict[str, _Row]] = {
    **_FORMED,
    "require": (None, readers.require),
    "session-expires": (None, readers.session_expires),
    "min-se": (None, readers.min_se),
    "min-expires": (None, readers.min_expires),
    "expires": (None, readers.expires),
    "retry-after": (None, readers.retry_after),
    "event": (readers.EVENT, None),
    "rseq": (None, readers.rseq),
    "www-authenticate": (None, readers.challenges),
    "proxy-authenticate": (None, readers.challenges),
    "authentication-info": (None, readers.authentication_info),
    "proxy-authentication-info": (None, readers.authentication_info),
    "service-route": (None, readers.service_routes),
}
# What one kind of message may have in any form, and another may not.
_DECIDING: Final = frozenset(_OF_REQUEST) | frozenset(_OF_RESPONSE)
_IS_USUAL_URI: Final = Memo(lambda text: USUAL_URI.fullmatch(text) is not None)


def check(message: Message, *, deciding: bool = False) -> None:
    """Raise MalformedMessage, with the status its sender deserves, unless the message can be acted upon.

    Checked: exactly one From, To, Call-ID and CSeq; each Via, Contact, Route and Record-Route; Max-Forwards and
    Content-Type where present; no second line of what may come once (RFC 3261 §8.1.1, §20, RFC 4475 §3.3.8);
    for requests that CSeq names the method (§8.2.2.2) and that the Request-URI is one
    (400, 414) and has no headers (RFC 4475 §3.1.2.11).

    With `deciding` also, where present, what decides what becomes of it in a user agent: of requests Require,
    Supported, Session-Expires, Expires, Event, Subscription-State and RAck, of responses Require, RSeq,
    challenges, Service-Route, Event and whatever is a number of seconds.

    Let through: no tag in From and no Max-Forwards (RFC 2543 peers, RFC 4475 §3.4.1), a body without
    Content-Type, unknown schemes (416 is for whoever needs to reach the address), any Date.
    """
    headers = message.headers
    index, repeats, fresh = headers.index, headers.repeats, headers.fresh
    table = _FORMED if not deciding else _OF_REQUEST if isinstance(message, Request) else _OF_RESPONSE
    for line, key in ({key: key for key in index} if fresh is None else fresh).items():
        value = index[key]
        row = table.get(key)
        known, reader = row if row is not None else (None, None)
        if known is not None:
            known[value]
        if reader is not None and (repeats or known is None):
            headers.read(reader)
        elif fresh is not None and key != "via" and (known is not None or key not in _DECIDING):
            remember(GOOD_LINES, line, (key, value))
    if not ("via" in index and "from" in index and "to" in index and "call-id" in index and "cseq" in index):
        # Reading what is missing says so.
        _ = message.hop, message.from_tag, message.to_tag, message.call_id, message.cseq
    if repeats and (twice := headers.repeated() & _SINGLE):
        raise MalformedMessage(f"there is more than one {min(twice)}")
    if isinstance(message, Request):
        if message.cseq.method != message.method:
            raise MalformedMessage("CSeq names another method than the start line")
        if _IS_USUAL_URI[message.uri_text]:
            return
        uri = message.uri
        if isinstance(uri, SipUri) and uri.headers:
            raise MalformedMessage("the Request-URI has headers")
