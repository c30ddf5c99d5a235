"""Presence documents: PIDF (RFC 3863) with its data model (RFC 4479) and RPID (RFC 4480), and its elders.

The elders are `application/xpidf+xml` and `application/cpim-pidf+xml`. What PBXs send under these names
overlaps (Asterisk writes one and the same document for the two), so one reader looks for all of it.
"""

from __future__ import annotations

from typing import Final

from sipclient.errors import MalformedBody
from sipclient.presence.markup import Element
from sipclient.presence.state import State, busiest
from sipclient.presence.values import Presence
from sipclient.presence.words import state_of

MAX_NOTE: Final = 256  # characters
MAX_ACTIVITIES: Final = 32
MAX_ENTITY: Final = 1024  # characters

_BUSY: Final = (State.ON_THE_PHONE, State.ON_HOLD, State.RINGING)


def read_presence(root: Element) -> Presence:
    """The presence a document tells. Raises MalformedBody if its root is no `presence`.

    The notes decide, else the activities, else the statuses: `on-the-phone` is among the activities while
    the telephone only rings, too. One exception: ready needs a document that says nowhere else that the
    telephone is off.
    """
    if root.name != "presence":
        raise MalformedBody(f"the body is a {root.name[:40]} document, not presence")
    general, particular = _notes(root)
    activities = _activities(root)
    basics = _basics(root)
    told, note = _told_by_notes(general, particular)
    active = _told_by(activities)
    state = told or active or _told_by(basics) or State.UNKNOWN
    basic = _basic(basics)
    if state is State.READY and (basic == "closed" or active is State.OFFLINE):
        # A note may say why somebody is busy; it cannot make a telephone ready that is not reachable
        # (RFC 3863 §4.1.4). Believing it would tell busy→ready where the truth is busy→offline.
        state = State.OFFLINE
    return Presence(_entity(root), state, note[:MAX_NOTE], basic, tuple(activities[:MAX_ACTIVITIES]))


def _entity(root: Element) -> str:
    if entity := root.get("entity"):
        return entity[:MAX_ENTITY]
    presentity = root.child("presentity")
    if presentity is None:
        return ""
    uri = presentity.get("uri") or presentity.get("id")
    return uri.partition(";method=")[0][:MAX_ENTITY]


def _notes(root: Element) -> tuple[list[str], list[str]]:
    """The notes about the person, and those about one device or way of reaching them."""
    general: list[str] = []
    particular: list[str] = []
    _add_notes(root, general)
    for child in root.children:
        if child.name in ("person", "tuple", "device"):
            _add_notes(child, general if child.name == "person" else particular)
    return general, particular


def _add_notes(element: Element, notes: list[str]) -> None:
    status = element.child("status")
    for note in element.all("note") + (status.all("note") if status else []):
        if text := note.text:
            notes.append(text)


def _told_by_notes(general: list[str], particular: list[str]) -> tuple[State | None, str]:
    """The state the notes tell, and the note that does.

    A busy word counts wherever it stands. Otherwise a word about the person (do not disturb) goes before
    one about a device (online).
    """
    told = [(state, note) for note in general + particular if (state := state_of(note))]
    about_person = [(state, note) for note in general if (state := state_of(note))]
    state = busiest([state for state, _ in told])
    if state not in _BUSY and about_person:
        state = busiest([state for state, _ in about_person])
    for candidate, note in told:
        if candidate is state:
            return state, note
    return None, next(iter(general + particular), "")


def _activities(root: Element) -> list[str]:
    names: list[str] = []
    for activities in root.walk("activities"):
        for activity in activities.children:
            if activity.name == "activity":  # a draft's form: the name is the text
                names.append(activity.text.lower())
            elif activity.name != "note":
                names.append(activity.name)
    names += [sub.get("substatus").lower() for sub in root.walk("msnsubstatus")]
    return [name[:MAX_NOTE] for name in names if name]


def _basics(root: Element) -> list[str]:
    """The words of every status: a child of it in PIDF and CPIM, an attribute in xpidf."""
    words: list[str] = []
    for owner in root.children:
        if owner.name == "tuple":
            for status in owner.all("status"):
                words += [child.text for child in status.children if child.name in ("basic", "value")]
                words.append(status.get("value"))
    for address in root.walk("address"):
        words += [status.get("status") for status in address.all("status")]
    return [word[:MAX_NOTE].lower() for word in words if word]


def _basic(words: list[str]) -> str:
    """One word for all: whoever can be reached one way is reachable."""
    for word in ("open", "closed"):
        if word in words:
            return word
    return words[0] if words else ""


def _told_by(words: list[str]) -> State | None:
    state = busiest([state for state in map(state_of, words) if state is not None])
    return None if state is State.UNKNOWN else state
