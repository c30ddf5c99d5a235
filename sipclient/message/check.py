"""What every message must have in good form before it is acted upon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sipclient.errors import MalformedMessage
from sipclient.message import readers
from sipclient.message.address import USUAL_URI
from sipclient.message.headers import Headers
from sipclient.message.message import Message, Request
from sipclient.message.uri import SipUri

_SINGLE = frozenset(
    {"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "event"}
    | {"subscription-state", "rack", "rseq"}
)
_NEEDED = frozenset({"via", "from", "to", "call-id", "cseq"})
# How each header is read: its first line by what is remembered, all of its lines by a reader.
_Row: TypeAlias = tuple[Mapping[str, object] | None, Callable[[Headers], object] | None]
_FORMED: Mapping[str, _Row] = {
    "via": (None, readers.hop),
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
_OF_REQUEST: Mapping[str, _Row] = {
    **_FORMED,
    "require": (None, readers.require),
    "supported": (None, readers.supported),
    "session-expires": (None, readers.session_expires),
    "expires": (None, readers.expires),
    "event": (readers.EVENT, None),
    "subscription-state": (readers.SUBSCRIPTION_STATE, None),
    "rack": (None, readers.rack),
}
_OF_RESPONSE: Mapping[str, _Row] = {
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
    index = headers.index
    table = _FORMED if not deciding else _OF_REQUEST if isinstance(message, Request) else _OF_RESPONSE
    repeats = headers.repeats
    for key, value in index.items():
        row = table.get(key)
        if row is not None:
            known, reader = row
            if known is not None:
                known[value]
            if reader is not None and (repeats or known is None):
                headers.read(reader)
    if not index.keys() >= _NEEDED:  # reading what is missing says so
        _ = message.hop, message.from_tag, message.to_tag, message.call_id, message.cseq
    if repeats and (twice := headers.repeated() & _SINGLE):
        raise MalformedMessage(f"there is more than one {min(twice)}")
    if isinstance(message, Request):
        if message.cseq.method != message.method:
            raise MalformedMessage("CSeq names another method than the start line")
        if USUAL_URI.fullmatch(message.uri_text) is not None:
            return
        uri = message.uri
        if isinstance(uri, SipUri) and uri.headers:
            raise MalformedMessage("the Request-URI has headers")
