"""The two sides of a call, and what of the caller's INVITE goes on to the phone that is called."""

from __future__ import annotations

from sipclient.errors import MalformedMessage
from sipclient.message import NameAddr, Request, SipUri, TelUri, quote
from sipclient.presence import State
from sipclient.protocol.causes import STATUS_OF_CAUSE
from sipclient.protocol.events import CallEnded, Headers

_PASSED = frozenset(
    {"p-asserted-identity", "p-preferred-identity", "remote-party-id", "privacy", "diversion", "subject"}
)
_MOST_PASSED = 32
_LONGEST_PASSED = 1024
_LONGEST_NAME = 120
_OURS_ALONE = frozenset({401, 407, 487, 422})  # of the leg to the phone: they say nothing to the caller


class Leg:
    """One phone's part in a call. `state` is None until it rings."""

    __slots__ = ("caller", "description", "extension", "id", "offered", "other", "other_name", "state")

    def __init__(self, id: int, extension: str, *, caller: bool, other: str, state: State | None) -> None:
        self.id = id
        self.extension = extension
        self.caller = caller
        self.other = other
        self.other_name = ""
        self.state = state
        self.description = b""  # what this side said last
        self.offered = b""  # what this side offers, until the other side's answer


class Bridge:
    """A call: its caller, who rings for it, and who answered."""

    __slots__ = ("a", "answered", "b", "contacts", "late", "number", "over", "request", "ringing")

    def __init__(self, a: Leg, number: str, request: Request) -> None:
        self.a = a
        self.number = number
        self.request = request
        self.ringing: dict[int, Leg] = {}
        self.b: Leg | None = None
        self.answered: Leg | None = None  # `b`, or `a` itself where the lab answers
        self.late: Leg | None = None  # answered with an offer, whose answer comes with the caller's ACK
        self.contacts: tuple[str, ...] = ()  # where a phone pointed with a 3xx
        self.over = False
        a.description = request.body

    @property
    def shown_number(self) -> str:
        """The caller's number as the caller says."""
        return _user(self.request.from_)

    @property
    def shown_name(self) -> str:
        """The caller's name as the caller says."""
        return _printable(self.request.from_.display_name)[:_LONGEST_NAME]

    def other(self, leg: Leg) -> Leg | None:
        """The answered other side of a leg."""
        if self.b is None:
            return None
        return self.a if leg is self.b else self.b


def caller_id_of(request: Request) -> str:
    """The caller's name and number, as the phone shall show it: what From says, whatever it says."""
    sender = request.from_
    name = _printable(sender.display_name)[:_LONGEST_NAME]
    user = _user(sender)
    return f"{quote(name)} <{user}>" if name else f"<{user}>"


def passed_on(request: Request) -> Headers:
    """The caller's headers that go on to the phone: identities and every X- header."""
    found = []
    for name, value in request.headers:
        key = name.lower()
        if (key in _PASSED or key.startswith("x-")) and len(value) <= _LONGEST_PASSED:
            found.append((name, _printable(value.strip())))
    return tuple(found[:_MOST_PASSED])


def refusal_of(event: CallEnded) -> int:
    """The status for the caller of a call that no phone took."""
    if 400 <= event.status <= 699 and event.status not in _OURS_ALONE:
        return event.status
    return 480 if event.by == "network" else STATUS_OF_CAUSE.get(event.cause, 480)


def _user(sender: NameAddr) -> str:
    try:
        uri = sender.uri
    except MalformedMessage:
        return "unknown"
    text = uri.user_text if isinstance(uri, SipUri) else uri.number if isinstance(uri, TelUri) else ""
    text = "".join(character for character in _printable(text)[:64] if character not in '<>" \t')
    return text or "anonymous"


def _printable(text: str) -> str:
    """The text without what must not be written into a header."""
    return "".join(character if character.isprintable() else "?" for character in text)
