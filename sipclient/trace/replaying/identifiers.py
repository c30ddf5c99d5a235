"""Whose identifiers are whose: the engine draws its own, and on the wire they become those of the trace.

A trace does not say which Call-ID a client drew when, only which it used. So the engine gets marked tokens, and a
message it sends is bound to the message of the trace that it stands for, role by role: from then on each is written
as the other, outward and inward. What a peer never chose (the number of a CSeq) is bound in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sipclient.message import Message, Request

_MARK = "c0ffee5e"
_OURS = re.compile(rb"(?:z9hG4bK)?" + _MARK.encode() + rb"[0-9a-f]{24}(?:-[0-9a-f]{12})?")
_THEIRS = re.compile(
    rb"(?P<head>[;,? ]\s*(?:tag|branch|to-tag|from-tag)\s*=\s*|\n(?:Call-ID|i)[ \t]*:[ \t]*)(?P<value>[^\s;,>&]+)",
    re.IGNORECASE,
)
_CSEQ = re.compile(rb"(\nCSeq[ \t]*:[ \t]*)(\d{1,10})", re.IGNORECASE)

Steer = Callable[[str, float, float], float]


class Tokens:
    """The engine's source of randomness in a replay: marked tokens, and waits as the trace has them.

    `steer(role, low, high)` answers for a wait. `instance` is the number of the device (RFC 5626 §4.1), 32 digits,
    where the trace shows it: it is no message's, but the same for good.
    """

    def __init__(self, steer: Steer, instance: str = "") -> None:
        self._count = 0
        self._steer = steer
        self._instance = instance

    def token(self, role: str) -> str:
        """A token that nothing else in the trace looks like."""
        if role == "instance" and self._instance:
            return self._instance
        self._count += 1
        return f"{_MARK}{self._count:024x}"

    def spread(self, role: str, low: float, high: float) -> float:
        """What the trace shows was drawn."""
        return self._steer(role, low, high)


class Translation:
    """The engine's identifiers and those of the trace, each written as the other.

    What the trace calls something counts within its Call-ID: many a client has one tag for all it does.
    """

    def __init__(self) -> None:
        self._theirs: dict[bytes, bytes] = {}
        self._ours: dict[tuple[str, str, bytes], bytes] = {}  # by the trace's Call-ID, the role and the trace's value
        self._shift: dict[str, int] = {}  # by the trace's Call-ID: its CSeq less ours

    def bind(self, ours: Message, theirs: Message) -> None:
        """These two are one message: what each calls the same thing."""
        call = theirs.call_id
        if not isinstance(ours, Request):
            self._same(call, "tag", ours.to_tag, theirs.to_tag, latest=True)
            return
        if not self.known(ours.call_id):
            self._shift[call] = theirs.cseq.number - ours.cseq.number
        self._same(call, "call-id", ours.call_id, call)
        self._same(call, "tag", ours.from_tag, theirs.from_tag)
        self._same(call, "branch", ours.hop.branch, theirs.hop.branch)
        cnonces = {each.params.get("nonce", ""): each.params.get("cnonce", "") for each in theirs.authorizations}
        for mine in ours.authorizations:
            self._same(call, "cnonce", mine.params.get("cnonce", ""), cnonces.get(mine.params.get("nonce", ""), ""))

    def bind_earlier(self, ours: Request, notify: Request) -> None:
        """A SUBSCRIBE of ours stands for one that the trace does not show, but whose NOTIFY it has."""
        self._same(notify.call_id, "call-id", ours.call_id, notify.call_id)
        self._same(notify.call_id, "tag", ours.from_tag, notify.to_tag)

    def _same(self, call: str, role: str, ours: str, theirs: str, *, latest: bool = False) -> None:
        """`latest`: there are telephones that give each response to one request a tag of its own."""
        mine, other = _raw(ours), _raw(theirs)
        if _OURS.fullmatch(mine) and other and (latest or mine not in self._theirs):
            self._theirs[mine] = other
            self._ours[call, role, other] = mine

    def call_id(self, ours: str) -> str:
        """The trace's Call-ID for one of the engine's: its own where the peer chose it; empty where none is bound."""
        return self.known(ours) if _OURS.fullmatch(_raw(ours)) else ours

    def known(self, ours: str) -> str:
        """What the trace calls something of the engine's; empty where that is not known."""
        return self._theirs.get(_raw(ours), b"").decode("utf-8", "surrogateescape")

    def outward(self, data: bytes, call: str, *, request: bool) -> bytes:
        """What we send, in the trace's words. `call` is the trace's Call-ID."""
        data = _OURS.sub(lambda found: self._theirs.get(found[0], found[0]), data)
        shift = self._shift.get(call, 0) if request else 0
        return _shifted(data, shift) if shift else data

    def inward(self, data: bytes, call: str, *, response: bool) -> bytes:
        """What the trace received, in the engine's words. `call` is the trace's Call-ID."""
        if not self._ours:
            return data
        head, blank, body = data.partition(b"\r\n\r\n")

        def ours(found: re.Match[bytes]) -> bytes:
            words = found["head"].lower()
            role = "branch" if b"branch" in words else "tag" if b"tag" in words else "call-id"
            return found["head"] + self._ours.get((call, role, found["value"]), found["value"])

        head = _THEIRS.sub(ours, head)
        shift = self._shift.get(call, 0) if response else 0
        if shift:
            head = _shifted(head, -shift)
        return head + blank + body


def _shifted(data: bytes, by: int) -> bytes:
    return _CSEQ.sub(lambda found: found[1] + b"%d" % max(0, int(found[2]) + by), data, count=1)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
