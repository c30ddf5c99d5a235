"""TLS contexts, and what a failed handshake means in users' words."""

from __future__ import annotations

import ssl
import time
from typing import Any

from sipclient.transport import words
from sipclient.transport.certificates import mismatch

_IGNORE_DATES = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME

_EXPIRED, _NOT_YET_VALID = 10, 9  # OpenSSL's X509_V_ERR_*, as SSLCertVerificationError.verify_code has them
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_NO_ISSUER = frozenset((2, 20, 21, 27))


def client_context(ca_file: str, verify: bool) -> ssl.SSLContext:
    """What we ask of a server: TLS 1.2 or newer, and a chain to a known authority.

    The name is checked by `name_problem` once the handshake is done: OpenSSL's own check knows nothing of
    SIP domains (RFC 5922 §7). `ca_file` replaces the system's authorities. Raises OSError where it cannot be
    read; ssl.SSLError, a kind of OSError, where it holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    elif ca_file:
        context.load_verify_locations(cafile=ca_file)
    else:
        context.load_default_certs()
    return context


def server_context(certificate: str, key: str = "") -> ssl.SSLContext:
    """For `Network.listen("tls", ...)`: PEM files, the key in the first if `key` is empty. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key or None)
    return context


def ignoring_dates(ca_file: str) -> ssl.SSLContext:
    """A context only for asking an expired certificate when it expired; nothing is ever sent over it."""
    context = client_context(ca_file, True)
    context.verify_flags |= _IGNORE_DATES  # the enumeration does not name it
    return context


def name_problem(peer: ssl.SSLObject, name: str) -> str:
    """Why the peer's verified certificate does not speak for `name`; empty where it does."""
    return mismatch(peer.getpeercert() or {}, name)


def wants_dates(error: ssl.SSLError) -> bool:
    """Whether the handshake failed for a date, which the error itself does not tell."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in (_EXPIRED, _NOT_YET_VALID)


def date_words(certificate: dict[str, Any] | None, name: str, error: ssl.SSLError) -> str:
    """An expired (or not yet valid) certificate in words, with its date where `certificate` tells it."""
    early = isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _NOT_YET_VALID
    key, verb = ("notBefore", "is not valid before") if early else ("notAfter", "expired on")
    vaguely = "is not valid yet" if early else "has expired"
    if certificate and key in certificate:
        seconds = ssl.cert_time_to_seconds(certificate[key])
        if early == (seconds > time.time()):
            date = time.strftime("%Y-%m-%d", time.gmtime(seconds))
            return f"the certificate of {name} {verb} {date}"
        return f"the certificate of an authority that signed for {name} {vaguely}"
    return f"the certificate of {name} {vaguely}"


def handshake_words(error: ssl.SSLError, name: str, ca_file: str) -> str:
    """A failed handshake in words: what is wrong, and what to do about it where something can be done."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _verification_words(error, name, ca_file)
    reason = words.of_tls(error)
    if reason == "wrong version number":
        return "the server does not speak TLS on this port"
    if reason in ("unsupported protocol", "tlsv1 alert protocol version"):
        return "the server speaks only TLS older than 1.2, which is refused"
    if "certificate required" in reason:
        return "the server wants a certificate of ours"
    return f"the TLS handshake failed: {reason}"


def _verification_words(error: ssl.SSLCertVerificationError, name: str, ca_file: str) -> str:
    code = error.verify_code
    authority = f"tls_ca {ca_file} does not hold it" if ca_file else "set tls_ca"
    if code in (_EXPIRED, _NOT_YET_VALID):
        return date_words(None, name, error)
    if code == _SELF_SIGNED:
        return f"the certificate of {name} is self-signed, by nobody we trust: {authority}"
    if code == _SELF_SIGNED_IN_CHAIN or code in _NO_ISSUER:
        return f"the certificate of {name} is signed by an unknown authority: {authority}"
    return f"the certificate of {name} is not accepted: {error.verify_message}"
