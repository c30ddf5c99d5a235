"""What of a message somebody gave, and what the engine wrote by itself."""

from __future__ import annotations

from sipclient.message import Message, NameAddr, Request, Response, SipUri, canonical, is_token, quote
from sipclient.protocol.checks import OWN, REGISTRARS
from sipclient.protocol.wire import Headers
from sipclient.trace.replaying.casting import Cast

# Headers that the engine writes into requests and responses by itself.
_ENGINES = OWN | {
    *("user-agent", "allow", "supported", "expires", "event", "accept", "allow-events", "subscription-state", "server"),
    *("session-expires", "min-se", "date"),
    *("proxy-authenticate", "www-authenticate", "refer-to", "reason", "warning", "content-disposition", "timestamp"),
}
_SERVERS = (OWN - REGISTRARS) | {"server", "user-agent", "date"}  # and what it writes into the answer of a server
_IDENTITIES = {"p-asserted-identity": "pai", "p-preferred-identity": "ppi", "remote-party-id": "rpid"}


def user_of(address: NameAddr) -> str:
    """The user of an address; what is no SIP address whole."""
    return address.uri.user if isinstance(address.uri, SipUri) else str(address.uri)


def addressee(request: Request) -> str:
    """The user a request is for; where that is no SIP address, the whole of it."""
    uri = request.uri
    return uri.user if isinstance(uri, SipUri) else request.uri_text


def is_identity(header: str, cast: Cast) -> bool:
    """Whether the engine writes this header from the caller ID."""
    return _IDENTITIES.get(header.lower()) in cast.account.identity


def caller_id(request: Request, cast: Cast) -> str:
    """The caller ID as somebody would have given it: empty where it is the account's own."""
    shown = request.from_
    user = user_of(shown)
    if user == cast.user and shown.display_name in ("", cast.account.display_name):
        return ""
    whole = str(shown.uri) if isinstance(shown.uri, SipUri) and shown.uri.host not in cast.account.address else user
    return f"{quote(shown.display_name)} <{whole}>" if shown.display_name else f"<{whole}>"


def given(message: Message, but: frozenset[str] = frozenset()) -> Headers:
    """Headers that somebody gave the message: those that are not the engine's to write, and these."""
    return _without(message, _ENGINES - but)


def served(response: Response) -> Headers:
    """What a server says in its answer: bindings, challenges, how long."""
    return _without(response, _SERVERS)


def _without(message: Message, unwanted: frozenset[str]) -> Headers:
    return tuple(
        (name, value)
        for name, value in message.headers
        if canonical(name).lower() not in unwanted and is_token(name) and value.isprintable()
    )
