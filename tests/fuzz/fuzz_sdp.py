"""Any bytes give a description or MalformedDescription, and any description an answer or reasons.

Run: python tests/fuzz/fuzz_sdp.py -max_total_time=60
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from sipclient import sdp

_PLAIN = sdp.Capabilities("192.0.2.9", 5000, session_id=42)
_ABLE = (_PLAIN, sdp.Capabilities())  # G.711 only, and all there is
_OFFERS = (sdp.make_offer(_PLAIN), sdp.make_offer(sdp.Capabilities(security=sdp.Security.DTLS)))


def one(data: bytes) -> None:
    """One input: parsed, written, parsed again, answered, and taken as an answer."""
    try:
        description = sdp.parse(data)
    except sdp.MalformedDescription:
        return
    if sdp.parse(bytes(description)) != description:
        raise RuntimeError("the round trip loses something")
    sdp.wants(description)
    sdp.lint(description)
    for able in _ABLE:
        result = sdp.negotiate(description, able)
        if isinstance(result, sdp.Answer):
            answer = sdp.parse(bytes(result.description))
            if len(answer.media) != len(description.media):
                raise RuntimeError("the answer has not as many m-lines as the offer")
        sdp.make_offer(able, description)
    for offer in _OFFERS:
        sdp.accept(offer, description)
        sdp.accept(description, offer)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
