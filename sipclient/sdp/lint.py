"""What a peer would find wrong with a description: our own is looked at before it leaves."""

from __future__ import annotations

import re

from sipclient.sdp.description import SessionDescription
from sipclient.sdp.missing import missing
from sipclient.sdp.negotiate import negotiate
from sipclient.sdp.reasons import ATTRIBUTE, OTHER, Reason, Refusal

_ID = re.compile(r"\d{1,19}", re.ASCII)
_LARGEST = 2**63 - 1  # peers keep it in 64 bits with a sign


def lint(description: SessionDescription) -> tuple[Reason, ...]:
    """Everything for which a peer that can do anything would refuse this offer, or stumble over it; nothing
    where it is sound. The peer is ours, with all it can do: the negotiator that answers others."""
    result = negotiate(description)
    found = list(result.reasons) if isinstance(result, Refusal) else missing(description)
    return (*found, *_origin(description), *_roles(description))


def _origin(description: SessionDescription) -> list[Reason]:
    origin = description.origin
    if origin is None:
        return []
    line = 1 + next(number for number, line in enumerate(description.lines) if line.startswith("o="))
    numbers = (origin.session_id, origin.version)
    if all(_ID.fullmatch(number) and int(number) <= _LARGEST for number in numbers):
        return []
    return [Reason("the o= line's id and version are whole numbers below 2**63", line, OTHER)]


def _roles(description: SessionDescription) -> list[Reason]:
    text = "an offer leaves the role in DTLS to the answer: a=setup:actpass (RFC 8842 §5.2)"
    return [
        Reason(text, found.line, ATTRIBUTE)
        for media in description.media
        if media.kind == "audio" and (found := media.inherited("setup")) and found.value.strip().lower() != "actpass"
    ]
