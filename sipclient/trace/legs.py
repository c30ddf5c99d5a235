"""Which calls are legs of one: what passed through a B2BUA has another Call-ID on each side.

Each link says how sure it is, and why. RFC 7989 (Session-ID), RFC 7315 §5.6 (icid-value).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

import msgspec

from sipclient.trace.entry import Entry
from sipclient.trace.story import Call, Story

_WINDOW = 5.0  # seconds between the INVITE that comes in and the one that goes out
_NEIGHBOURS = 32  # calls that reached one host last, and are compared
_TOO_MANY = 4  # that fit: then none of them tells anything
_ICID = re.compile(r"icid-value=\"?([^;\"\s]+)")
_ORDINARY = frozenset({
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "route", "record-route", "content-type",
    "content-length", "allow", "supported", "user-agent", "authorization", "proxy-authorization", "session-expires",
    "min-se", "date", "expires", "accept", "require", "remote-party-id", "p-asserted-identity",
    "p-preferred-identity", "privacy", "allow-events", "diversion", "accept-language", "accept-encoding",
    "organization", "subject", "priority", "event", "timestamp", "content-disposition", "history-info",
    "x-fs-support",
})  # fmt: skip
_WORD = re.compile(r"[^\s;,<>\"=]{8,128}")
_DIGITS = re.compile(r"\d{3,}")


class Link(msgspec.Struct, frozen=True):
    """Two Call-IDs that belong together: `first` came earlier."""

    first: str
    second: str
    confidence: Literal["high", "medium", "low"]
    because: str


def legs(story: Story) -> tuple[Link, ...]:
    """Every pair of calls that belong together, each once, by the surest sign."""
    calls = [call for call in story.calls if call.invite is not None]
    found: dict[tuple[str, str], Link] = {}
    order = {call.call_id: place for place, call in enumerate(calls)}
    for sign in (_by_header, _by_session, _by_number):
        for one, two, confidence, because in sign(calls):
            first, second = sorted((one, two), key=lambda each: order[each])
            if first != second:
                found.setdefault((first, second), Link(first, second, confidence, because))
    return tuple(found.values())


def groups(story: Story, links: Iterable[Link]) -> dict[str, str]:
    """Call-ID to the Call-ID that stands for all its legs. Links in a circle do no harm."""
    heads = {call.call_id: call.call_id for call in story.calls}

    def head(call_id: str) -> str:
        while heads[call_id] != call_id:
            heads[call_id] = heads[heads[call_id]]
            call_id = heads[call_id]
        return call_id

    for link in links:
        if link.confidence != "low":
            heads[head(link.second)] = head(link.first)
    return {call_id: head(call_id) for call_id in heads}


_Sign = tuple[str, str, Literal["high", "medium", "low"], str]


def _chained(values: dict[str, list[str]]) -> Iterator[tuple[str, str, str]]:
    """Neighbours among the calls that share a value; what many share tells nothing."""
    for value, ids in values.items():
        distinct = list(dict.fromkeys(ids))
        if 2 <= len(distinct) <= 8:
            for one, two in pairwise(distinct):
                yield value, one, two


def _by_header(calls: list[Call]) -> Iterator[_Sign]:
    ids = {call.call_id for call in calls}
    same: dict[str, list[str]] = {}
    own: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for call in calls:
        invite = call.invite
        for name, value in list(invite.message.headers)[:200] if invite is not None else ():
            lower = name.lower()
            if lower == "session-id":
                same.setdefault(f"Session-ID {value.partition(';')[0].strip()}", []).append(call.call_id)
            elif lower == "p-charging-vector" and (found := _ICID.search(value)):
                same.setdefault(f"icid-value {found[1]}", []).append(call.call_id)
            elif lower not in _ORDINARY and len(lower) > 1:
                for word in _WORD.findall(value[:500])[:8]:
                    if word in ids and word != call.call_id:
                        yield word, call.call_id, "high", f"{name} of one INVITE holds the Call-ID of the other"
                own.setdefault(f"{lower} {value.strip()}", []).append(call.call_id)
                names[f"{lower} {value.strip()}"] = name
    for value, one, two in _chained(same):
        yield one, two, "high", f"both INVITEs carry {value}"
    for value, one, two in _chained(own):
        if len(value) >= 12:
            yield one, two, "medium", f"both INVITEs carry the same {names[value]}"


def _by_session(calls: list[Call]) -> Iterator[_Sign]:
    sessions: dict[str, list[str]] = {}
    fingerprints: dict[str, list[str]] = {}
    for call in calls:
        description = call.invite.sdp if call.invite is not None else None
        if description is None:
            continue
        origin = description.origin
        if origin is not None and len(origin.session_id) >= 6:
            key = f"{origin.username} {origin.session_id} {origin.address}"
            sessions.setdefault(key, []).append(call.call_id)
        for media in description.media[:4]:
            ufrag, print_ = media.inherited("ice-ufrag"), media.inherited("fingerprint")
            if ufrag is not None and print_ is not None:
                fingerprints.setdefault(f"{ufrag.value} {print_.value}", []).append(call.call_id)
    for _, one, two in _chained(fingerprints):
        yield one, two, "high", "both offers are from one ICE agent (ice-ufrag, fingerprint)"
    for value, one, two in _chained(sessions):
        yield one, two, "medium", f"both offers are of one SDP session (o={value[:60]})"


class _Told(NamedTuple):
    """What of an INVITE is compared with others."""

    at: float
    number: int
    call_id: str
    source: str
    target: str
    people: tuple[str, str]  # called, caller
    digits: tuple[str, str]  # of the two


def _by_number(calls: list[Call]) -> Iterator[_Sign]:
    """An INVITE that goes out of the host where another came in just before, for the same number or by the same."""
    invites = [_told(invite) for call in calls if (invite := call.invite) is not None and invite.record.clock]
    arrived: dict[str, deque[_Told]] = {}
    for out in sorted(invites):
        near = arrived.get(_host(out.source), ())
        fitting = [came for came in near if out.at - came.at <= _WINDOW and _passed_on(came, out)]
        for came in fitting if len(fitting) <= _TOO_MANY else ():
            numbers = _alike(came, out)
            sure = len(fitting) == 1 and "called" in numbers and came.target == out.source
            words = f"{out.at - came.at:.1f} s later the host that was called calls on"
            yield (
                came.call_id,
                out.call_id,
                "medium" if sure else "low",
                f"{words}, with the same {' and '.join(numbers)}",
            )
        arrived.setdefault(_host(out.target), deque(maxlen=_NEIGHBOURS)).append(out)


def _told(invite: Entry) -> _Told:
    people = (invite.called, invite.caller)
    digits = ("".join(_DIGITS.findall(people[0])), "".join(_DIGITS.findall(people[1])))
    return _Told(invite.at, invite.number, invite.call_id, invite.source, invite.target, people, digits)


def _host(name: str) -> str:
    """A column's host without its port; that of an IPv6 address stands in brackets."""
    return name.rpartition(":")[0] if name.count(":") == 1 or name.startswith("[") else name


def _passed_on(came: _Told, went: _Told) -> bool:
    """Whether one INVITE goes out where the other came in, for the same people."""
    if came.number > went.number or came.target == came.source or not _alike(came, went):
        return False
    return came.target == went.source or (went.source != "?" and came.source != went.source)


def _alike(one: _Told, two: _Told) -> list[str]:
    """Of called and caller what is the same, or ends alike, whatever prefix one of them has."""
    return [
        what
        for what, left, right, mine, theirs in zip(
            ("called", "caller"), one.people, two.people, one.digits, two.digits, strict=True
        )
        if left and right and (left == right or _end_alike(mine, theirs))
    ]


def _end_alike(one: str, two: str) -> bool:
    return len(one) >= 5 and len(two) >= 5 and (one.endswith(two) or two.endswith(one))
