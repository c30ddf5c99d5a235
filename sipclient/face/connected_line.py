"""Who is shown to talk: what the far end of one call of a bridge says of itself is told to the far end of the other."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from sipclient.errors import InvalidValue, MalformedMessage
from sipclient.face.asking import Line
from sipclient.message import Request, Response, check_header_value, parse_name_addrs, quote
from sipclient.protocol.events import Headers, InCallRequest, Refresh

MOST = 50  # changes one call is told: two B2BUA that each tell the other what they heard come to an end
_LONGEST = 512  # characters of what is passed on


class Party(msgspec.Struct, frozen=True):
    """Who talks at a far end, as it asserts: one or two addresses (RFC 3325 §9.1), and whether they may be shown."""

    shown: tuple[str, ...]
    private: bool = False


def party_of(message: Request | Response) -> Party | None:
    """Whom a message asserts to be there: P-Asserted-Identity, else Remote-Party-ID; None where it says nothing.

    `Privacy: id` and the like (RFC 3323 §4.2, RFC 3325 §9.3) and the `privacy` of Remote-Party-ID ask not to show it.
    """
    headers = message.headers
    asserted = _addresses(headers.all("P-Asserted-Identity"))
    remote = "" if asserted else ",".join(headers.all("Remote-Party-ID"))
    shown = asserted or _addresses((remote,))
    if not shown:
        return None
    hidden = any(f"privacy={how}" in remote.lower().replace(" ", "") for how in ("full", "name", "uri", "yes"))
    return Party(shown, hidden or asks_privacy(message))


def asks_privacy(message: Request | Response) -> bool:
    """Whether its Privacy header asks not to show who sent it (RFC 3323 §4.2)."""
    asked = ";".join(message.headers.all("Privacy")).lower().replace(",", ";")
    return bool({each.strip() for each in asked.split(";")} - {"", "none", "critical"})


def _addresses(values: Iterable[str]) -> tuple[str, ...]:
    """The addresses alone, without the parameters of whoever sent them; nothing of what cannot be read."""
    found: list[str] = []
    for value in values:
        try:
            parsed = parse_name_addrs(value) if value else ()
        except (MalformedMessage, InvalidValue):
            continue
        for each in parsed:
            name = f"{quote(each.display_name)} " if each.display_name else ""
            found.append(f"{name}<{each.uri}>")
    return tuple(each for each in found if len(each) <= _LONGEST and _writable(each))[:2]


def _writable(value: str) -> bool:
    """RFC 3261 §25.1 lets a name hold an escaped bell; we write none, and that is no fault of the program."""
    try:
        check_header_value(value)
    except InvalidValue:
        return False
    return True


def identity_of(party: Party, identity: tuple[str, ...], party_is: str) -> Headers:
    """The headers that tell a far end of `party`, on an account that shows identities by `identity`.

    An identity that asked not to be shown goes as P-Asserted-Identity with `Privacy: id` to an account that has `pai`,
    which may know it (RFC 3325 §5), and to no other: there Remote-Party-ID says Anonymous. `party_is` is `calling`
    towards whom we called, `called` towards who called us (draft-ietf-sip-privacy-04 §4).
    """
    headers: list[tuple[str, str]] = []
    if "pai" in identity:
        headers += [("P-Asserted-Identity", each) for each in party.shown]
        headers += [("Privacy", "id")] if party.private else []
    if "rpid" in identity:
        known = "pai" in identity or not party.private
        who = party.shown[0] if known else '"Anonymous" <sip:anonymous@anonymous.invalid>'
        privacy = "full" if party.private else "off"
        headers.append(("Remote-Party-ID", f"{who};party={party_is};privacy={privacy};screen=no"))
    return tuple(headers)


class ConnectedLine:
    """One call's. `carried` is that of the call it is bridged to.

    PBXs tell of a transfer behind them, or of the queue's agent who took the call, by an UPDATE without a description
    (RFC 3311 §5.1), and of who answered in the answer. Whether it is passed on, and by which headers, is the other
    account's `identity`; the request is an UPDATE, or a re-INVITE where the other far end takes none.
    """

    def __init__(self, call: int, line: Line) -> None:
        self.carried: ConnectedLine | None = None
        self.identity: tuple[str, ...] = ()  # of the account
        self.party: Party | None = None  # whom the far end says to be there
        self._call = call
        self._line = line
        self._shown: Headers = ()
        self._told = 0

    @property
    def party_is(self) -> str:
        """What the one that is told of is to this far end."""
        return "called" if self._call < 0 else "calling"

    def answered(self, response: Response | None) -> None:
        """Our call rings, or was answered, so."""
        self._heard(party_of(response) if response is not None else None)

    def heard(self, event: InCallRequest) -> None:
        """A request in the call that the engine has answered."""
        if event.method == "UPDATE":  # without an identity it only keeps the session alive
            self._heard(party_of(event.message))

    def _heard(self, party: Party | None) -> None:
        if party is None or party == self.party:
            return
        told = identity_of(party, self.identity, self.party_is)
        if told and told == self._shown:
            return  # an echo of what we told it
        self.party = party
        if self.carried is not None:
            self.carried.show(party)

    def show(self, party: Party) -> None:
        """Tell the far end who it talks to now; twice the same is no news."""
        headers = identity_of(party, self.identity, self.party_is)
        if headers and headers != self._shown and self._told < MOST:
            self._told += 1
            self._shown = headers
            self._line.do(Refresh(self._call, headers))

    def told(self, party: Party) -> Headers:
        """The headers of a response that tells of `party`, which is told so and need not be again."""
        self._shown = identity_of(party, self.identity, self.party_is)
        return self._shown
