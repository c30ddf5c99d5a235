"""The certificate DTLS shows: self-signed, made at the start, known by its fingerprint. RFC 8122, RFC 8827 §6.5."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sipclient.sdp import Fingerprint

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-512": hashes.SHA512(),
    "sha-384": hashes.SHA384(),
    "sha-256": hashes.SHA256(),
}
_LASTS = datetime.timedelta(days=365)
_EARLIER = datetime.timedelta(days=1)  # the peer's clock may be behind


class Certificate:
    """A P-256 key and a certificate for it that names nobody. One serves all calls of a process; `now` is any
    aware datetime of today."""

    def __init__(self, now: datetime.datetime) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sipclient")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _LASTS)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """What our descriptions say of it."""
        return Fingerprint("sha-256", digest(self.certificate, "sha-256"))


def digest(certificate: x509.Certificate, algorithm: str) -> str:
    """The fingerprint by one of the hash functions we have, as SDP writes it. RFC 8122 §5."""
    return certificate.fingerprint(_HASHES[algorithm]).hex(":").upper()


def speaks_for(certificate: x509.Certificate, fingerprints: tuple[Fingerprint, ...]) -> str:
    """Why the certificate is not the one these fingerprints announce, empty where it is.

    Of several hash functions the strongest we have decides, and one fingerprint of it must match
    (RFC 8122 §5). SHA-1 and MD5 prove nothing and are not looked at.
    """
    strongest = next((name for name in _HASHES if any(each.algorithm == name for each in fingerprints)), "")
    if not strongest:
        named = ", ".join(sorted({each.algorithm for each in fingerprints})) or "none"
        return f"the peer's fingerprint must be sha-256 or stronger, and is {named}"
    found = digest(certificate, strongest)
    if any(each.algorithm == strongest and each.value.upper() == found for each in fingerprints):
        return ""
    return f"the peer's certificate is not the one it announced: its {strongest} fingerprint is {found}"
