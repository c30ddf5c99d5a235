"""RFC 5922 §7 as tables over what `getpeercert()` gives."""

from __future__ import annotations

import pytest

from sipclient.transport.certificates import addresses, identities, mismatch

Pairs = tuple[tuple[str, str], ...]


def _certificate(*alternatives: tuple[str, str], names: tuple[str, ...] = ()) -> dict[str, object]:
    subject = tuple((("commonName", name),) for name in names)
    return {"subject": ((("countryName", "DE"),), *subject), "subjectAltName": alternatives}


@pytest.mark.parametrize(
    ("alternatives", "names", "found"),
    [
        ((("URI", "sip:example.com"), ("DNS", "pbx.example.com")), (), ["example.com"]),
        ((("DNS", "pbx.example.com"), ("URI", "SIP:Example.COM")), (), ["example.com"]),
        ((("DNS", "a.example"), ("DNS", "B.example.")), ("cn.example",), ["a.example", "b.example"]),
        ((("URI", "sip:robot@example.com"), ("DNS", "pbx.example")), (), ["pbx.example"]),  # a user's, not a domain's
        ((("URI", "https://example.com"), ("DNS", "pbx.example")), (), ["pbx.example"]),
        ((("URI", "sips:example.com"), ("DNS", "pbx.example")), (), ["pbx.example"]),
        ((("URI", "sip:example.com:5061;transport=tls"),), (), ["example.com"]),
        ((("URI", "sip:[2001:DB8::1]"),), (), ["2001:db8::1"]),
        ((("URI", "sip:[bad"),), (), []),
        ((("IP Address", "192.0.2.1"),), ("cn.example",), []),
        ((), ("cn.example",), ["cn.example"]),
        ((), ("general", "CN.example"), ["cn.example"]),
        ((), (), []),
    ],
)
def test_identities(alternatives: Pairs, names: tuple[str, ...], found: list[str]) -> None:
    assert identities(_certificate(*alternatives, names=names)) == found


def test_addresses() -> None:
    certificate = _certificate(("IP Address", "192.0.2.1"), ("IP Address", "2001:DB8:0:0:0:0:0:1\n"), ("DNS", "x"))
    assert addresses(certificate) == ["192.0.2.1", "2001:db8::1"]
    assert addresses(_certificate(("IP Address", "<invalid>"))) == []


@pytest.mark.parametrize(
    ("alternatives", "name"),
    [
        ((("DNS", "pbx.example.com"),), "PBX.example.com."),
        ((("URI", "sip:example.com"),), "example.com"),
        ((("IP Address", "192.0.2.1"),), "192.0.2.1"),
        ((("IP Address", "2001:DB8:0:0:0:0:0:1"),), "2001:db8::1"),
        ((("DNS", "xn--bcher-kva.example"),), "bücher.example"),
    ],
)
def test_a_certificate_speaks_for_its_name(alternatives: Pairs, name: str) -> None:
    assert mismatch(_certificate(*alternatives), name) == ""


@pytest.mark.parametrize(
    ("alternatives", "name", "words"),
    [
        ((("DNS", "other.example"),), "pbx.example.com", "the certificate is for other.example, not pbx.example.com"),
        ((("URI", "sip:example.com"), ("DNS", "pbx.example.com")), "pbx.example.com", "is for example.com, not pbx"),
        ((("DNS", "*.example.com"),), "pbx.example.com", "a wildcard does not speak for a SIP domain"),
        ((("DNS", "*.example.com"),), "example.com", "the certificate is for *.example.com, not example.com"),
        ((("DNS", "example.com"),), "sub.example.com", "is for example.com, not sub.example.com"),
        ((("IP Address", "192.0.2.2"),), "192.0.2.1", "names no SIP domain"),
        ((("IP Address", "192.0.2.2"),), "pbx.example.com", "names no SIP domain"),
        ((("DNS", "192.0.2.1.example"),), "192.0.2.1", "not 192.0.2.1"),
        (tuple(("DNS", f"{i}.example") for i in range(9)), "x", "3.example ..., not x"),
        ((), "pbx.example.com", "names no SIP domain"),
        ((("DNS", "a\x00.example"),), "a", "not a"),
        ((("DNS", "x.example"),), "ü" * 70 + ".example", "is for x.example"),
    ],
)
def test_a_certificate_for_others_is_refused_in_words(alternatives: Pairs, name: str, words: str) -> None:
    assert words in mismatch(_certificate(*alternatives), name)


def test_no_certificate_speaks_for_nobody() -> None:
    assert "names no SIP domain" in mismatch({}, "pbx.example.com")
