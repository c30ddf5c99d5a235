"""Certificates and roles in the description: `a=fingerprint` and `a=setup`. RFC 8122, RFC 8842."""

from __future__ import annotations

import re

from sipclient.sdp.description import Attribute, MediaDescription
from sipclient.sdp.match import shown
from sipclient.sdp.reasons import Reason
from sipclient.sdp.security import Dtls, Fingerprint, Setup

_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}  # weaker ones can be forged: RFC 8122 §5
_FINGERPRINT = re.compile(r"(\S{1,32})\s+((?:[0-9A-F]{2}:)*[0-9A-F]{2})", re.ASCII | re.IGNORECASE)
_SETUPS = {setup.value: setup for setup in Setup}


def read_fingerprint(attribute: Attribute) -> Fingerprint | Reason:
    """The fingerprint of an `a=fingerprint` line, or why it cannot be trusted."""
    found = _FINGERPRINT.fullmatch(attribute.value.strip())
    if found is None:
        return Reason("the a=fingerprint line is not a hash and its bytes", attribute.line, 306)
    algorithm, value = found[1].lower(), found[2].upper()
    if algorithm not in _BYTES:
        return Reason(f"the fingerprint is {shown(algorithm)}: sha-256 or stronger is needed", attribute.line, 306)
    if len(value) != _BYTES[algorithm] * 3 - 1:
        found_bytes, needed = (len(value) + 1) // 3, _BYTES[algorithm]
        return Reason(f"the fingerprint has {found_bytes} bytes, {algorithm} has {needed}", attribute.line, 306)
    return Fingerprint(algorithm, value)


def fingerprints_of(media: MediaDescription) -> tuple[list[Fingerprint], list[Reason]]:
    """The certificates of an m-line, or else of the session, and why its other fingerprints are none."""
    fingerprints: list[Fingerprint] = []
    reasons: list[Reason] = []
    for attribute in media.inherited_all("fingerprint"):
        fingerprint = read_fingerprint(attribute)
        if isinstance(fingerprint, Fingerprint):
            fingerprints.append(fingerprint)
        else:
            reasons.append(fingerprint)
    return fingerprints, reasons


def setup_of(media: MediaDescription) -> Setup | None:
    """The role its writer wants, None where it says none that is known."""
    found = media.inherited("setup")
    return _SETUPS.get(found.value.strip().lower()) if found else None


def role_for_offer(offered: Setup | None, wanted: Setup) -> Setup:
    """Our role under an offer: the opposite of theirs, or where they leave the choice the one `wanted`, and
    active where we want none (RFC 8842 §5.3). An offer that says nothing means active (RFC 4145 §4)."""
    if offered is Setup.ACTPASS:
        return Setup.PASSIVE if wanted is Setup.PASSIVE else Setup.ACTIVE
    if offered is Setup.HOLDCONN:
        return Setup.HOLDCONN
    return Setup.ACTIVE if offered is Setup.PASSIVE else Setup.PASSIVE


def role_for_answer(offered: Setup | None, answered: Setup | None) -> Setup | None:
    """Our role once they answered, None where the two do not pair. An answer that says nothing means passive
    (RFC 4145 §4), and one that leaves the choice open as well: whoever says so waits."""
    if answered is Setup.HOLDCONN:
        return None
    ours = Setup.PASSIVE if answered is Setup.ACTIVE else Setup.ACTIVE
    return ours if offered in (ours, Setup.ACTPASS, None) else None


def dtls_lines(dtls: Dtls, setup: Setup) -> list[str]:
    """The attributes of our m-line that tell our certificates and our role."""
    lines = [f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}" for fingerprint in dtls.fingerprints]
    return [*lines, f"a=setup:{setup}"]
