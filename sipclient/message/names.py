"""Header names: compact forms, the conventional spelling, and what is a name at all."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from sipclient.errors import InvalidValue, MalformedMessage

# RFC 3261 §7.3.3 and the registry of header fields that grew from it.
COMPACT: Final = MappingProxyType(
    {
        "a": "Accept-Contact",
        "b": "Referred-By",
        "c": "Content-Type",
        "d": "Request-Disposition",
        "e": "Content-Encoding",
        "f": "From",
        "i": "Call-ID",
        "j": "Reject-Contact",
        "k": "Supported",
        "l": "Content-Length",
        "m": "Contact",
        "n": "Identity-Info",
        "o": "Event",
        "r": "Refer-To",
        "s": "Subject",
        "t": "To",
        "u": "Allow-Events",
        "v": "Via",
        "x": "Session-Expires",
        "y": "Identity",
    }
)

_LONG_FORMS: Final = """
Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info
Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length
Content-Type CSeq Date Diversion Error-Info Event Expires Flow-Timer From Geolocation History-Info Identity
Identity-Info In-Reply-To Join Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info
P-Asserted-Identity P-Associated-URI P-Called-Party-ID P-Charging-Vector P-Early-Media P-Preferred-Identity Path
Priority Privacy Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization Proxy-Require RAck Reason
Record-Route Refer-Sub Refer-To Referred-By Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition
Require Retry-After Route RSeq Security-Client Security-Server Security-Verify Server Service-Route
Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Target-Dialog Timestamp To
Unsupported User-Agent User-to-User Via Warning WWW-Authenticate
"""
_NAMES: Final = _LONG_FORMS.split()

_SPELLING: Final = {name.lower(): name for name in _NAMES}
_CALL_ID: Final = re.compile(r"[A-Za-z0-9._~+-]{1,160}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")


class _Keys(dict[str, str]):
    """Spellings met on the wire -> key. A hit says at once that the name is a token, and which; `[]` finds the key
    of every other token too, and raises KeyError for what is none."""

    def __missing__(self, name: str) -> str:
        if _TOKEN.fullmatch(name) is None:
            raise KeyError(name)
        return key_of(name)


KEYS: Final[dict[str, str]] = _Keys({spelling: name.lower() for name in _NAMES for spelling in (name, name.lower())})
KEYS.update((spelling, name.lower()) for short, name in COMPACT.items() for spelling in (short, short.upper()))


def key_of(name: str) -> str:
    """The key all spellings of a header's name share: its long form in lower case."""
    key = KEYS.get(name)
    if key is None:
        lower = name.lower()
        key = KEYS.get(lower, lower)
    return key


def canonical(name: str) -> str:
    """The long form of a header's name as the RFCs write it (`v` and `VIA` give `Via`); unknown names stay."""
    return _SPELLING.get(key_of(name), name)


def read_name(name: str, line: str) -> tuple[str, str]:
    """(key, name) of a header line whose name is no common spelling; 400 if it is no token.

    Blanks before the colon are part of HCOLON and do not count (RFC 3261 §25.1).
    """
    name = name.rstrip(" \t")
    if _TOKEN.fullmatch(name) is None or ":" not in line:
        raise MalformedMessage("a header line is not `name: value`")
    return key_of(name), name


def is_token(text: str) -> bool:
    """Whether the text is a token (RFC 3261 §25.1)."""
    if text.isascii() and text.replace("-", "").isalnum():  # a third of what the expression takes
        return True
    return _TOKEN.fullmatch(text) is not None


_SAID: Final = 200  # characters of a text that says what is wrong with a value


def check_header_name(name: object) -> None:
    """Raise InvalidValue unless `name` is a token and so may name a header we send (RFC 3261 §25.1)."""
    if not isinstance(name, str):
        raise InvalidValue(f"the name of a header is text, not {name!r}"[:_SAID])
    if name not in KEYS and _TOKEN.fullmatch(name) is None:
        raise InvalidValue(f"{name!r} is no header name: letters, digits and -.!%*_+`'~ only")


def check_call_id(text: object) -> str:
    """The text, where it is 1 to 160 of `A-Z a-z 0-9 . _ ~ + -` and may begin a Call-ID (RFC 3261 §25.1), or stand in a
    URL, as it is. Raises InvalidValue."""
    if not isinstance(text, str) or not _CALL_ID.fullmatch(text):
        raise InvalidValue(f"{str(text)[:40]!r} is no id: it has 1 to 160 letters, digits and . _ ~ + -")
    return text


def check_header_value(value: object, what: str = "header value") -> None:
    """Raise InvalidValue if `value` holds CR, LF, NUL or another control; `what` names it in the text.

    HTAB is white space and stays. What would not encode as UTF-8 is refused too, apart from the surrogates
    that stand for received bytes that were no UTF-8.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"the {what} is text, not {value!r}"[:_SAID])
    found = None if value.isprintable() else _UNWRITABLE.search(value)
    if found is not None:
        raise InvalidValue(f"the {what} holds the control character {found[0]!r} at position {found.start()}")
