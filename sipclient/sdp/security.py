"""How sound is protected: the keys of SDES, the certificates of DTLS, and who of the two begins."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Security(StrEnum):
    """What an offer of ours asks for. The words are those of an account's `media`."""

    PLAIN = "rtp"
    SDES = "srtp"
    DTLS = "webrtc"


class CryptoKey(msgspec.Struct, frozen=True):
    """One SRTP master key and salt, raw, as `a=crypto` carries it. RFC 4568 §9.1.

    `suite` is the registered name (`AES_CM_128_HMAC_SHA1_80`). `tag` is the number that ties an answer's key
    to the offer's; our own keys need none, their place in the offer gives it.
    """

    tag: int
    suite: str
    key: bytes

    def __repr__(self) -> str:
        return f"CryptoKey(tag={self.tag}, suite={self.suite!r}, key=<{len(self.key)} bytes>)"


class Fingerprint(msgspec.Struct, frozen=True):
    """The hash of a certificate: `algorithm` in lower case (`sha-256`), `value` as `AB:CD:...`. RFC 8122 §5."""

    algorithm: str
    value: str


class Setup(StrEnum):
    """Who begins the DTLS handshake: active sends the ClientHello. RFC 4145 §4, RFC 8842 §5.2."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


class Dtls(msgspec.Struct, frozen=True):
    """A role in the DTLS handshake, and the certificates that may take part in it."""

    setup: Setup
    fingerprints: tuple[Fingerprint, ...]
