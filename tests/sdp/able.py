"""What our side can do, in the sets that the rows name."""

from __future__ import annotations

import msgspec

from sipclient.sdp import (
    CN,
    G722,
    L16,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    WEBRTC_CODECS,
    Candidate,
    Capabilities,
    CryptoKey,
    Dtls,
    Fingerprint,
    Ice,
    Security,
    Setup,
)

FINGERPRINT = Fingerprint("sha-256", ":".join(["A0", "B1"] * 16))
OUR_DTLS = Dtls(Setup.ACTPASS, (FINGERPRINT,))
OUR_ICE = Ice(
    "ours",
    "ourpasswordourpassword",
    (Candidate("1", 1, "udp", 2130706431, "192.0.2.9", 5000, "host"),),
    end_of_candidates=True,
)
OUR_KEYS = (
    CryptoKey(0, "AEAD_AES_256_GCM", bytes(range(44))),
    CryptoKey(0, "AES_256_CM_HMAC_SHA1_80", bytes(range(46))),
    CryptoKey(0, "AES_CM_128_HMAC_SHA1_80", bytes(range(30))),
    CryptoKey(0, "AES_CM_128_HMAC_SHA1_32", bytes(range(30, 60))),
)

PLAIN = Capabilities("192.0.2.9", 5000, session_id=42)
WIDE = msgspec.structs.replace(
    PLAIN, codecs=(OPUS, G722, L16, msgspec.structs.replace(L16, clock=8000), PCMU, PCMA, CN, TELEPHONE_EVENT)
)
SRTP = msgspec.structs.replace(WIDE, security=Security.SDES, crypto=OUR_KEYS)
WEBRTC = msgspec.structs.replace(
    PLAIN,
    codecs=WEBRTC_CODECS,
    security=Security.DTLS,
    dtls=OUR_DTLS,
    ice=OUR_ICE,
    ssrc=1234,
    cname="us",
    stream_id="s",
)
BOTH = msgspec.structs.replace(WEBRTC, codecs=WIDE.codecs, crypto=OUR_KEYS)

SETS = {
    "plain": PLAIN,
    "plain IPv6": msgspec.structs.replace(PLAIN, address="2001:db8::9"),
    "wide": WIDE,
    "wide IPv6": msgspec.structs.replace(WIDE, address="2001:db8::9"),
    "srtp": SRTP,
    "srtp IPv6": msgspec.structs.replace(SRTP, address="2001:db8::9"),
    "encrypted": msgspec.structs.replace(BOTH, encrypt=True),
    "webrtc": WEBRTC,
    "webrtc passive": msgspec.structs.replace(WEBRTC, dtls=Dtls(Setup.PASSIVE, (FINGERPRINT,))),
    "webrtc IPv6": msgspec.structs.replace(
        WEBRTC,
        address="2001:db8::9",
        ice=msgspec.structs.replace(
            OUR_ICE, candidates=(Candidate("1", 1, "udp", 2130706431, "2001:db8::9", 5000, "host"),)
        ),
    ),
    "dtls without ice": msgspec.structs.replace(WEBRTC, ice=None),
    "ice without encryption": msgspec.structs.replace(WEBRTC, dtls=None, security=Security.PLAIN),
    "both": BOTH,
}
