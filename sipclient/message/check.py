"""What every message must have in good form before it is acted upon."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sipclient.errors import MalformedMessage
from sipclient.message import readers
from sipclient.message.address import is_usual_uri
from sipclient.message.headers import Headers
from sipclient.message.message import Message, Request
from sipclient.message.uri import SipUri

_SINGLE = frozenset(
    {"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires", "event"}
    | {"subscription-state", "rack", "rseq"}
)
_NEEDED = frozenset({"via", "from", "to", "call-id", "cseq"})
_FORMED: Mapping[str, Callable[[Headers], object]] = {
    "via": readers.hop,
    "from": readers.from_tag,
    "to": readers.to_tag,
    "call-id": readers.call_id,
    "cseq": readers.cseq,
    "max-forwards": readers.max_forwards,
    "content-type": readers.media_type,
    "contact": readers.contact_uri,
    "route": readers.routes,
    "record-route": readers.record_routes,
}


_OF_REQUEST: Mapping[str, Callable[[Headers], object]] = {
    **_FORMED,
    "require": readers.require,
    "supported": readers.supported,
    "session-expires": readers.session_expires,
    "expires": readers.expires,
    "event": readers.event,
    "subscription-state": readers.subscription_state,
    "rack": readers.rack,
}
_OF_RESPONSE: Mapping[str, Callable[[Headers], object]] = {
    **_FORMED,
    "require": readers.require,
    "session-expires": readers.session_expires,
    "min-se": readers.min_se,
    "min-expires": readers.min_expires,
    "expires": readers.expires,
    "retry-after": readers.retry_after,
    "event": readers.event,
    "rseq": readers.rseq,
    "www-authenticate": readers.challenges,
    "proxy-authenticate": readers.challenges,
    "authentication-info": readers.authentication_info,
    "proxy-authentication-info": readers.authentication_info,
    "service-route": readers.service_routes,
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
    for key in index:
        reader = table.get(key)
        if reader is not None:
            headers.read(reader)
    if not index.keys() >= _NEEDED:  # reading what is missing says so
        _ = message.hop, message.from_tag, message.to_tag, message.call_id, message.cseq
    if headers.repeats and (twice := headers.repeated() & _SINGLE):
        raise MalformedMessage(f"there is more than one {min(twice)}")
    if isinstance(message, Request):
        if message.cseq.method != message.method:
            raise MalformedMessage("CSeq names another method than the start line")
        if is_usual_uri(message.uri_text):
            return
        uri = message.uri
        if isinstance(uri, SipUri) and uri.headers:
            raise MalformedMessage("the Request-URI has headers")
