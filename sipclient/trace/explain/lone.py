"""A session description without the SIP message that carried it: what speaks against it as an offer."""

from __future__ import annotations

from sipclient.errors import MalformedDescription
from sipclient.sdp import lint, parse
from sipclient.trace.explain.finding import Explanation, Finding, shown

_UNSEEN = (
    "the SIP message around it: who sent it to whom, and what was answered",
    "what the other side allows: its codecs, its encryption, the addresses it may use",
)


def explain_description(text: str) -> Explanation:
    """What a peer that can do anything would refuse in an offer, or stumble over. RFC 3264 §5."""
    lines = text.splitlines()
    try:
        found = [(each.line, each.text) for each in lint(parse(text))]
    except MalformedDescription as error:
        found = [(error.line, str(error))]
    findings = tuple(
        Finding(
            "offer-refused",
            "As an offer it would be refused, or half understood",
            "medium",
            0,
            line,
            words,
            "mend that line where the offer is made; of a paste, look at the whole SIP message first",
            "a peer takes this offer as it stands",
            shown(lines[line - 1], 160) if 0 < line <= len(lines) else "",
        )
        for line, words in found
    )
    return Explanation("session description", 0, (), findings, _UNSEEN)
