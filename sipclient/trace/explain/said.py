"""What a refusal says of its cause in its own words: Warning (RFC 3261 §20.43), X-Reason, Reason."""

from __future__ import annotations

import re

from sipclient.trace.explain.refused import Refused

_WARNINGS = (  # id, what a Warning says then: its code (RFC 3261 §20.43), or its words (pjmedia's among them)
    (
        "codec-mismatch",
        re.compile(
            r"\b305\b|no (?:common|matching|compatible) codec|codec.{0,30}(?:not |mis|unsup)|"
            r"incompatible media format|NOANSCODEC|22004[89]",
            re.I,
        ),
    ),
    ("srtp-mismatch", re.compile(r"srtp|crypto|2202[0-9]{2}", re.I)),
    ("fingerprint-missing", re.compile(r"fingerprint|dtls", re.I)),
    ("extra-media", re.compile(r"\b304\b|media type not available", re.I)),
    ("profile-mismatch", re.compile(r"\b302\b|incompatible transport|unsupported transport|EINVANSTP", re.I)),
    ("address-family", re.compile(r"\b30[01]\b|incompatible network", re.I)),
    ("ice-candidates-refused", re.compile(r"\bICE\b|candidate", re.I)),
)


def said(case: Refused) -> str:
    """The id of the cause that the refusal itself names, "" where it names none."""
    return next((id for id, words in _WARNINGS if words.search(case.said)), "")
