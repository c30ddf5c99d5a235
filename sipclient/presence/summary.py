"""Message summaries (RFC 3842): is there voicemail?"""

from __future__ import annotations

import re
from typing import Final

from sipclient.errors import MalformedBody
from sipclient.presence.values import MessageClass, MessageWaiting

MAX_LINES: Final = 64
MAX_ACCOUNT: Final = 512  # characters

_COUNTS: Final = re.compile(r"(\d{1,10})\s*/\s*(\d{1,10})(?:\s*\(\s*(\d{1,10})\s*/\s*(\d{1,10})\s*\))?", re.ASCII)
_CLASSES: Final = {
    "voice-message": "voice-message",
    "voicemail": "voice-message",  # as a draft had it
    "fax-message": "fax-message",
    "pager-message": "pager-message",
    "multimedia-message": "multimedia-message",
    "text-message": "text-message",
    "none": "none",
}


def read_summary(text: str) -> MessageWaiting:
    """What a summary says. Headers of single messages, after an empty line, are left unread.

    Raises MalformedBody where the status line is missing, or counts are not as RFC 3842 §5.2 has them.
    """
    lines = text.split("\n", MAX_LINES)
    waiting: bool | None = None
    account = ""
    classes: list[MessageClass] = []
    for line in lines[:MAX_LINES]:
        name, colon, value = line.partition(":")
        if not line.strip():
            break
        key, value = name.strip().lower(), value.strip()
        if not colon:
            raise MalformedBody(f"a line of the message summary has no colon: {line.strip()[:40]!r}")
        if key in ("messages-waiting", "message-waiting"):
            waiting = _yes_or_no(value)
        elif key == "message-account":
            account = value[:MAX_ACCOUNT]
        elif key in _CLASSES:
            classes.append(_counts(_CLASSES[key], value))
    if waiting is None:
        raise MalformedBody("the message summary does not say whether messages are waiting")
    voice = [counts for counts in classes if counts.name == "voice-message"] or classes
    return MessageWaiting(
        account=account,
        waiting=waiting,
        new=sum(counts.new for counts in voice),
        old=sum(counts.old for counts in voice),
        urgent_new=sum(counts.urgent_new for counts in voice),
        urgent_old=sum(counts.urgent_old for counts in voice),
        classes=tuple(classes),
    )


def _yes_or_no(value: str) -> bool:
    word = value.lower()
    if word not in ("yes", "no"):
        raise MalformedBody(f"Messages-Waiting is yes or no, not {value[:40]!r}")
    return word == "yes"


def _counts(name: str, value: str) -> MessageClass:
    match = _COUNTS.fullmatch(value)
    if not match:
        raise MalformedBody(f"{name} has no counts like 3/1 (0/0): {value[:40]!r}")
    new, old, urgent_new, urgent_old = (int(number or 0) for number in match.groups())
    return MessageClass(name, new, old, urgent_new, urgent_old)
