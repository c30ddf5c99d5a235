"""Keys in the description: `a=crypto`. RFC 4568, RFC 6188, RFC 7714."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from sipclient.sdp.description import Attribute, MediaDescription
from sipclient.sdp.match import shown
from sipclient.sdp.reasons import Reason
from sipclient.sdp.security import CryptoKey

# Bytes of master key and salt, by suite.
SUITES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_192_CM_HMAC_SHA1_80": 38,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_256_CM_HMAC_SHA1_32": 46,
    "AES_192_CM_HMAC_SHA1_32": 38,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
# How drafts of RFC 6188 called them, and linphone and pjsip still do.
_ALIASES = {
    f"AES_CM_{bits}_HMAC_SHA1_{tag}": f"AES_{bits}_CM_HMAC_SHA1_{tag}" for bits in (192, 256) for tag in (80, 32)
}

_CRYPTO = re.compile(
    r"(\d{1,9})\s+(\S{1,64})\s+inline:([^\s;]{1,256})(;\S*)?((?:\s+\S+)*)\s*", re.ASCII | re.IGNORECASE
)
_HARMLESS = ("WSH=", "FEC_ORDER=", "-")  # a hint, the order in a world without FEC, and what says of itself: ignore me


def read_key(attribute: Attribute) -> CryptoKey | Reason:
    """The key of an `a=crypto` line, or why it cannot be used. RFC 4568 §9.1."""
    found = _CRYPTO.fullmatch(attribute.value.strip())
    if found is None:
        return _no(attribute, "the a=crypto line is not a tag, a suite and a key")
    tag, written, inline, more, parameters = found.groups()
    suite = _ALIASES.get(written.upper(), written.upper())
    if suite not in SUITES:
        return _no(attribute, f"the suite {shown(written)} is not known here")
    if more:
        return _no(attribute, "the a=crypto line gives several keys, and this side takes one")
    if strange := [word for word in parameters.split() if not word.upper().startswith(_HARMLESS)]:
        return _no(attribute, f"the a=crypto line asks for {shown(' '.join(strange))}, which this side does not do")
    encoded, *options = inline.split("|")
    if any(":" in option for option in options):
        return _no(attribute, "the a=crypto line wants a key identifier (MKI) in each packet: switch MKI off")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return _no(attribute, "the key of the a=crypto line is not base64")
    if len(key) != SUITES[suite]:
        return _no(attribute, f"the key of the a=crypto line has {len(key)} bytes, {suite} needs {SUITES[suite]}")
    return CryptoKey(int(tag), suite, key)


def keys_of(media: MediaDescription) -> tuple[list[CryptoKey], list[Reason]]:
    """The keys of an m-line in its order of preference, and why its other crypto lines are none."""
    keys: list[CryptoKey] = []
    reasons: list[Reason] = []
    for attribute in media.all("crypto"):
        key = read_key(attribute)
        if isinstance(key, CryptoKey):
            keys.append(key)
        else:
            reasons.append(key)
    return keys, reasons


def choose(offered: Iterable[CryptoKey], ours: Sequence[CryptoKey]) -> tuple[CryptoKey, CryptoKey] | None:
    """Our key, under the tag of the offer, and theirs: the first suite of the offer that we have a key for
    (RFC 4568 §5.1.2)."""
    for theirs in offered:
        for key in ours:
            if key.suite == theirs.suite:
                return CryptoKey(theirs.tag, key.suite, key.key), theirs
    return None


def paired(offered: Sequence[CryptoKey], answered: Iterable[CryptoKey]) -> tuple[CryptoKey, CryptoKey] | None:
    """Our key and theirs, where an answer took one of ours: its tag tells which (RFC 4568 §5.1.3)."""
    for theirs in answered:
        for ours in offered:
            if (ours.tag, ours.suite) == (theirs.tag, theirs.suite):
                return ours, theirs
    return None


def crypto_line(key: CryptoKey, written: str = "") -> str:
    """Our `a=crypto` line, the suite in the peer's own spelling where it has one."""
    return f"a=crypto:{key.tag} {written or key.suite} inline:{base64.b64encode(key.key).decode()}"


def written_suite(media: MediaDescription, tag: int) -> str:
    """How the peer spells the suite of the crypto line with this tag."""
    lines = (attribute.value.split() for attribute in media.all("crypto"))
    return next((words[1] for words in lines if words[:1] == [str(tag)] and len(words) > 1), "")


def _no(attribute: Attribute, text: str) -> Reason:
    return Reason(text, attribute.line, 306)
