"""What SRTP can be encrypted with, by the names of SDP and of DTLS, and the contexts that do it. RFC 4568,
RFC 5764, RFC 6188, RFC 7714."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Protocol

import msgspec

from sipclient.errors import MediaError


class Suite(msgspec.Struct, frozen=True):
    """One way to encrypt and authenticate. `name` is SDP's (RFC 4568), `dtls` the name of the protection
    profile (RFC 5764, empty where there is none), `key` and `salt` are bytes, `profile` is libsrtp's name for
    it (empty: not in its binding), `tag` the bytes of authentication of the one that is ours."""

    name: str
    dtls: str
    key: int
    salt: int
    profile: str = ""
    tag: int = 0


_ALL = (
    Suite("AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", 16, 12, "SRTP_PROFILE_AEAD_AES_128_GCM"),
    Suite("AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", 32, 12, "SRTP_PROFILE_AEAD_AES_256_GCM"),
    Suite("AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", 16, 14, "SRTP_PROFILE_AES128_CM_SHA1_80"),
    Suite("AES_256_CM_HMAC_SHA1_80", "", 32, 14, tag=10),
    Suite("AES_CM_128_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32", 16, 14, "SRTP_PROFILE_AES128_CM_SHA1_32"),
    Suite("AES_256_CM_HMAC_SHA1_32", "", 32, 14, tag=4),
)
SUITES = {suite.name: suite for suite in _ALL}
PROFILES = {suite.dtls: suite for suite in _ALL if suite.dtls}

# What our offers name, best known first: some phones take the first line or nothing.
OFFERED = (
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
)


class Context(Protocol):
    """The state of one direction: the keys, and per source the numbers that were used or came.

    What cannot be, a replay or a forgery, raises one of `REFUSALS`.
    """

    def protect(self, packet: bytes, /) -> bytes:
        """RTP to SRTP."""

    def unprotect(self, packet: bytes, /) -> bytes:
        """SRTP to RTP."""

    def protect_rtcp(self, packet: bytes, /) -> bytes:
        """RTCP to SRTCP."""

    def unprotect_rtcp(self, packet: bytes, /) -> bytes:
        """SRTCP to RTCP."""


def needed(name: str) -> ModuleType:
    """A module that the extra `media` brings, imported when it is first needed: plain RTP costs none of it.
    Raises MediaError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MediaError(f"encrypted media need the extra: pip install 'sipclient[media]' ({error})") from None


def suite_named(name: str) -> Suite:
    """The suite of this SDP name. Raises MediaError for one that is not ours."""
    suite = SUITES.get(name)
    if suite is None:
        raise MediaError(f"SRTP with {name} is not available: there are {', '.join(SUITES)}")
    return suite


def open_context(suite: Suite, master: bytes, sending: bool) -> Context:
    """A context for what we send, or for what comes. `master` is the master key and its salt.

    Raises MediaError for a key of a wrong length.
    """
    if len(master) != suite.key + suite.salt:
        raise MediaError(f"a key for {suite.name} has {suite.key + suite.salt} bytes with its salt, not {len(master)}")
    if not suite.profile:
        context: Context = needed("sipclient.media.counter_mode").CounterMode(master, suite.tag)
        return context
    srtp = needed("pylibsrtp")
    kind = srtp.Policy.SSRC_ANY_OUTBOUND if sending else srtp.Policy.SSRC_ANY_INBOUND
    policy = srtp.Policy(key=master, ssrc_type=kind, srtp_profile=getattr(srtp.Policy, suite.profile))
    opened: Context = srtp.Session(policy)
    return opened


def refusals() -> tuple[type[Exception], ...]:
    """What contexts raise for a packet they do not take."""
    return (
        needed("pylibsrtp").Error,
        needed("sipclient.media.counter_mode").Rejected,
        ValueError,  # libsrtp's binding, for a packet longer than its buffer
    )
