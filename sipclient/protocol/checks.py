"""What a user may put on the wire: whatever would make more or other of a message than was meant is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

import msgspec

from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.message import NameAddr, SipUri, TelUri, Uri, check_header_name, check_header_value, parse_uri
from sipclient.message.address import USUAL_URI
from sipclient.message.memo import Memo
from sipclient.message.values import parse_media_type
from sipclient.protocol.account import Account
from sipclient.protocol.build import host_port
from sipclient.protocol.events import Headers

_NOT_IN_TARGET = re.compile('[<>" \t]')
LONGEST_TARGET = 1024  # characters; nothing that can be called has a longer name
STATES = ("active", "pending", "terminated")  # RFC 6665 §4.1.3

MOST_SECONDS = 2.0**32  # of an expiry or an interval (RFC 3261 §20.19)
_WORDS = MappingProxyType(  # what a setting of an account may say
    {
        "media": ("rtp", "srtp", "webrtc", "none"),
        "identity": ("from", "pai", "rpid", "ppi"),
        "refer": ("deny", "allow"),
    }
)

# Headers the engine writes itself: a second one would make the message another than it is.
OWN = frozenset(
    (
        *("via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length", "content-type"),
        *("route", "record-route", "authorization", "proxy-authorization", "require", "proxy-require", "rseq", "rack"),
        *("v", "f", "t", "i", "m", "l", "c"),
    )
)
REGISTRARS = frozenset({"contact", "m"})  # but a registrar lists bindings


def check_headers(headers: Headers, ours: frozenset[str] = OWN) -> None:
    """Names are tokens that are not ours to write, values hold no control character."""
    for name, value in headers:
        lower = _NAMES[name]
        check_header_value(value, f"header {name}")
        if lower in ours:
            raise InvalidValue(f"the header {name} is written by sipclient itself and cannot be set")


def _lower_name(name: str) -> str:
    check_header_name(name)
    return name.lower()


_NAMES: Final = Memo(_lower_name)


def check_method(method: str) -> None:
    """A method is a token; those with a life of their own have commands of their own."""
    check_header_name(method)
    if method in ("INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "SUBSCRIBE", "PRACK"):
        raise InvalidValue(f"{method} is not sent as a plain request")


def check_status(status: int, least: int) -> None:
    """A final status of the right kind: another one would leave the peer waiting."""
    if not least <= status <= 699:
        raise InvalidValue(f"{status} is not a status from {least} to 699")


def check_body(body: bytes, content_type: str) -> None:
    """A body has a type, and that is `type/subtype` with parameters (RFC 3261 §20.15)."""
    if body or content_type != "":
        _ = _TYPES[content_type]


def _media_type(text: str) -> str:
    check_header_value(text, "content type")
    try:
        return parse_media_type(text)[0]
    except MalformedMessage:
        raise InvalidValue(f"the content type {text[:80]!r} is not type/subtype") from None


_TYPES: Final = Memo(_media_type)


def check_target(target: str) -> None:
    """What may be a number, a user or a URI that a request can be sent to."""
    check_header_value(target, "target")
    if not target.strip() or not _fits(target):
        raise InvalidValue(f"{target[:80]!r} is not a number or a SIP address")


def uri_text(text: str) -> str:
    """A URI as it goes into a Request-URI: without headers, which RFC 3261 §19.1.1 forbids there."""
    if len(text) <= LONGEST_TARGET and USUAL_URI.fullmatch(text) is not None:
        return text
    check_header_value(text, "target")
    uri = _uri(text)
    if isinstance(uri, SipUri) and uri.headers:
        raise InvalidValue(f"{text[:80]!r} has headers after a `?`: give them as headers of the request")
    return str(uri)


def followable(uri: Uri) -> str:
    """Where a 3xx may lead, as a target; empty where it is no target.

    Its headers are left out: RFC 3261 §19.1.5 would put them in our request, and they are not the peer's to write.
    """
    if isinstance(uri, SipUri):
        text = str(uri.replace(headers=()))
    elif isinstance(uri, TelUri):
        text = str(uri)
    else:
        return ""
    return text if _fits(text) else ""


def redirections(contacts: Iterable[NameAddr]) -> tuple[str, ...]:
    """Of the contacts of a 3xx those that may lead somewhere, the most wanted first (RFC 3261 §8.1.3.4)."""
    return tuple(text for each in sorted(contacts, key=_q, reverse=True) if (text := followable(each.uri)))


def _q(contact: NameAddr) -> float:
    try:
        return 1.0 if contact.q is None else contact.q
    except MalformedMessage:  # no reason to leave it out
        return 1.0


def contact_text(text: str) -> str:
    """A URI as it goes into a Contact."""
    check_header_value(text, "contact")
    if not _fits(text):
        raise InvalidValue(f"{text[:80]!r} is not a SIP address")
    return str(_uri(text))


def check_state(state: str, reason: str) -> None:
    """The Subscription-State of a NOTIFY (RFC 6665 §4.1.3)."""
    check_header_value(reason, "reason")
    if state not in STATES:
        raise InvalidValue(f"the state {state[:80]!r} of a subscription is none of {', '.join(STATES)}")


def check_account(account: Account) -> None:
    """Refuse what is of another kind than it must be, what nobody knows, and what would end up in a header as
    something else."""
    try:
        msgspec.convert(msgspec.to_builtins(account, enc_hook=_as_text), Account)
    except msgspec.ValidationError as error:
        raise InvalidValue(f"account {account.key!r}: {_of_kind(str(error))}") from None
    for what, words in _WORDS.items():
        given = getattr(account, what)
        for word in (given,) if isinstance(given, str) else given:
            if word not in words:
                raise InvalidValue(f"account {account.key}: {what} {word!r} is none of {', '.join(words)}")
    for what in ("expires", "keepalive"):
        if not 0 <= getattr(account, what) < MOST_SECONDS:
            raise InvalidValue(f"account {account.key}: {what} is a number of seconds, not {getattr(account, what)!r}")
    for what in ("address", "username", "realm", "display_name", "user_agent", "public_address"):
        check_header_value(getattr(account, what), f"account {account.key}: {what}")
    try:
        account.password.encode()
    except UnicodeEncodeError:
        raise InvalidValue(f"account {account.key}: the password is no text") from None
    host = account.public_address
    if host:
        try:
            uri = parse_uri(f"sip:{host_port(host, 5060)}")
        except MalformedMessage:
            uri = None
        if not isinstance(uri, SipUri) or uri.host != host or uri.user:
            raise InvalidValue(f"account {account.key}: public_address {host!r} is not an address")


def _as_text(value: object) -> str:
    """A kind of str that is not str itself, such as a member of an enumeration."""
    if not isinstance(value, str):
        raise InvalidValue(f"{value!r} is no setting of an account"[:200])
    return str.__str__(value)


def _of_kind(found: str) -> str:
    """What msgspec found wrong with a value, with its name first."""
    what, _, where = found.partition(" - at `$.")
    return f"{where.rstrip('`')}: {what[:1].lower()}{what[1:]}"


def _fits(text: str) -> bool:
    return len(text) <= LONGEST_TARGET and _NOT_IN_TARGET.search(text) is None


def _uri(text: str) -> Uri:
    try:
        return parse_uri(text)
    except MalformedMessage as error:
        raise InvalidValue(f"{text[:80]!r} is not a SIP address: {error.reason}") from None
