"""Where a dialled number leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from sipclient.errors import MalformedDescription
from sipclient.lab.values import Queue, Settings, User
from sipclient.sdp import SessionDescription, parse

_REFUSING = re.compile("[456][0-9][0-9]")
_NO_CALLS = frozenset({401, 407, 422})  # a caller answers these by trying again, without end
_REFLECTED = {"a=sendonly": "a=recvonly", "a=recvonly": "a=sendonly"}


class Kind(Enum):
    """What a number is."""

    EXTENSION = "extension"
    QUEUE = "queue"
    ECHO = "echo"
    NEVER = "never"
    REFUSING = "refusing"
    UNKNOWN = "unknown"


def kind_of(number: str, users: Mapping[str, User], queues: Mapping[str, Queue], settings: Settings) -> Kind:
    """What a dialled number is: the lab's own first, then the refusing numbers 400 to 699."""
    if number in queues:
        return Kind.QUEUE
    if number in users:
        return Kind.EXTENSION
    if number == settings.echo:
        return Kind.ECHO
    if number == settings.never:
        return Kind.NEVER
    if _REFUSING.fullmatch(number) and int(number) not in _NO_CALLS:
        return Kind.REFUSING
    return Kind.UNKNOWN


def reflected(offer: bytes) -> bytes | None:
    """An offer as its own answer: the caller's sound comes back to the caller. None where that cannot be,
    because it is encrypted (the keys would be the caller's own), or is no description."""
    if not offer:
        return b""
    try:
        description = parse(offer.decode("utf-8", "surrogateescape"))
        if any(media.proto != "RTP/AVP" for media in description.media):
            return None
        lines = tuple(_REFLECTED.get(line, line) for line in description.lines)
    except MalformedDescription:
        return None
    return bytes(SessionDescription(lines))


def holds(description: bytes) -> bool:
    """Whether whoever offers this puts the other side on hold (RFC 3264 §8.4)."""
    try:
        media = parse(description.decode("utf-8", "surrogateescape")).media
        audio = [each for each in media if each.kind == "audio" and each.port]
        return bool(audio) and all(
            not each.direction.receives or (each.connection is not None and each.connection.nowhere) for each in audio
        )
    except MalformedDescription:
        return False
