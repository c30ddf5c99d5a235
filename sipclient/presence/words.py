"""The words PBXs use for an extension's state, in notes, RPID activities and xpidf sub-states.

Gathered from Asterisk (and FreePBX, Yeastar, Grandstream, which are built on it), FreeSWITCH (and
FusionPBX), Kamailio, Kazoo, 3CX, Cisco and common softphones. Words that tell of the person and not of
the telephone (away, lunch, meeting) are left out on purpose: the next source decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from sipclient.presence.state import State

_WORDS: Final[Mapping[str, State]] = {
    word: state
    for state, words in (
        (
            State.READY,
            "ready, available, online, open, idle, free, registered, not in use, not inuse, on hook",
        ),
        (
            State.RINGING,
            "ring, ringing, early, alerting, proceeding, trying, incoming, incoming call, calling",
        ),
        (State.RINGING, "dialing, dialling, call"),
        (
            State.ON_THE_PHONE,
            "on the phone, onthephone, on phone, talk, talking, busy, in use, inuse, connected",
        ),
        (State.ON_THE_PHONE, "in call, in a call, on call, on a call, call in progress, confirmed, off hook"),
        (State.ON_HOLD, "on hold, onhold, hold, held, holding"),
        (
            State.OFFLINE,
            "offline, unavailable, not available, unregistered, not registered, unreachable, closed",
        ),
        (State.OFFLINE, "logged out, logged off, disconnected, out of service, dnd, do not disturb"),
    )
    for word in words.split(", ")
}
_WITH_NUMBER: Final[Mapping[str, State]] = {
    "ring": State.RINGING,
    "call": State.RINGING,
    "talk": State.ON_THE_PHONE,
    "hold": State.ON_HOLD,
}
_BEGINNING: Final = re.compile(r"(?:on the phone|on hold|ringing|[io]n a call)\b")


def state_of(words: str) -> State | None:
    """The state a note, an activity or a status names, in any case, or None for words not known here.

    Do-not-disturb reads as offline, for a call would not get through. FreeSWITCH puts the other party's
    number behind `Ring`, `Call` (it rings there), `Talk` and `Hold`.
    """
    text = " ".join(words[:256].replace("-", " ").replace("_", " ").lower().split()).rstrip(".!")
    if state := _WORDS.get(text):
        return state
    first, _, rest = text.partition(" ")
    if first in _WITH_NUMBER and " " not in rest and rest != "me":
        return _WITH_NUMBER[first]
    if match := _BEGINNING.match(text):
        return _WORDS[match[0]]
    return None
