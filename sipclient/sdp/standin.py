"""Everything we could do, at an address and with keys that stand for real ones: for questions, not for calls."""

from __future__ import annotations

import msgspec

from sipclient.sdp.agreement import WEBRTC_CODECS, Capabilities, Wants
from sipclient.sdp.codecs import CLOCKS, L16
from sipclient.sdp.ice import Candidate, Ice
from sipclient.sdp.sdes import SUITES
from sipclient.sdp.security import CryptoKey, Dtls, Fingerprint, Setup

# Addresses that belong to nobody: RFC 5737 §3, RFC 3849 §4.
_ADDRESSES = {"IP4": "192.0.2.1", "IP6": "2001:db8::1"}
_KEYS = tuple(CryptoKey(0, suite, bytes(length)) for suite, length in SUITES.items())
_DTLS = Dtls(Setup.ACTPASS, (Fingerprint("sha-256", ":".join(["00"] * 32)),))
_USUAL = Capabilities().codecs
_ALL = (*WEBRTC_CODECS, *(msgspec.structs.replace(L16, clock=clock) for clock in CLOCKS))


def stand_in(question: Capabilities, wants: Wants) -> Capabilities:
    """The capabilities of somebody without an address, made whole: what it has itself stays."""
    candidates = tuple(
        Candidate(str(number), 1, "udp", 2130706431 - number, address, question.port, "host")
        for number, address in enumerate(_ADDRESSES.values(), 1)
    )
    return msgspec.structs.replace(
        question,
        address=_ADDRESSES.get(wants.family, _ADDRESSES["IP4"]),
        codecs=_ALL if question.codecs == _USUAL else question.codecs,
        crypto=question.crypto or _KEYS,
        dtls=question.dtls or _DTLS,
        ice=question.ice or Ice("stand-in", "0" * 24, candidates, end_of_candidates=True),
    )
