"""For whom a certificate speaks: SIP domain certificates, RFC 5922. Reads what `getpeercert()` gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, TypeAlias

Certificate: TypeAlias = Mapping[str, Any]


def mismatch(certificate: Certificate, name: str) -> str:
    """Why `certificate` does not speak for the SIP domain (or address) `name`; empty where it does.

    RFC 5922 §7.2: names are compared whole and without regard to case; a wildcard matches nothing.
    """
    found = identities(certificate)
    wanted = _address(name) or _domain(name)
    if wanted in found or (_address(name) and wanted in addresses(certificate)):
        return ""
    if not found:
        return f"the certificate names no SIP domain, so it cannot speak for {name}"
    names = ", ".join(found[:4]) + (" ..." if len(found) > 4 else "")
    hint = ""
    if any(identity.startswith("*.") and wanted.endswith(identity[1:]) for identity in found):
        hint = " (RFC 5922: a wildcard does not speak for a SIP domain)"
    return f"the certificate is for {names}, not {name}{hint}"


def identities(certificate: Certificate) -> list[str]:
    """The SIP domains a certificate speaks for, lower-case, in its order. RFC 5922 §7.1.

    `sip:` URIs without a user part come first; DNS names count only where there is no such URI, and the
    subject's common name only where there is no subjectAltName at all.
    """
    alternatives = list(_alternatives(certificate))
    uris = [domain for kind, value in alternatives if kind == "URI" and (domain := _sip_domain(value))]
    if uris:
        return uris
    if alternatives:
        return [_domain(value) for kind, value in alternatives if kind == "DNS"]
    return [_domain(value) for value in list(_common_names(certificate))[-1:]]


def addresses(certificate: Certificate) -> list[str]:
    """The IP addresses a certificate speaks for: where the server was configured by address."""
    return [
        address
        for kind, value in _alternatives(certificate)
        if kind == "IP Address" and (address := _address(value.strip()))
    ]


def _alternatives(certificate: Certificate) -> Iterator[tuple[str, str]]:
    yield from certificate.get("subjectAltName", ())


def _common_names(certificate: Certificate) -> Iterator[str]:
    for relative_name in certificate.get("subject", ()):
        for kind, value in relative_name:
            if kind == "commonName":
                yield value


def _sip_domain(uri: str) -> str:
    """The domain of a `sip:` URI that names a domain, not a user; empty for any other URI."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.partition(";")[0].partition("?")[0]
    if host.startswith("["):
        return _address(host[1:].partition("]")[0])
    host = host.partition(":")[0]
    return _address(host) or _domain(host)


def _domain(name: str) -> str:
    """A domain as it is compared: lower-case A-labels, without the root's dot."""
    name = name.rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
