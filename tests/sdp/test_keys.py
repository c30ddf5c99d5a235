"""Keys and certificates: which are taken, and which role follows. RFC 4568, RFC 8122, RFC 8842."""

from __future__ import annotations

import base64

import pytest

from sipclient.sdp import Attribute, CryptoKey, Fingerprint, Reason, Setup
from sipclient.sdp.dtls import read_fingerprint, role_for_answer, role_for_offer
from sipclient.sdp.sdes import SUITES, choose, paired, read_key
from tests.sdp.able import OUR_KEYS

KEY = base64.b64encode(bytes(range(30))).decode()


def key(value: str) -> CryptoKey | Reason:
    return read_key(Attribute("crypto", value, 7))


@pytest.mark.parametrize(("suite", "length"), SUITES.items())
def test_every_suite_and_its_length(suite: str, length: int) -> None:
    """RFC 4568 §6.2, RFC 6188 §3, RFC 7714 §14."""
    raw = bytes(range(length))
    assert key(f"3 {suite} inline:{base64.b64encode(raw).decode()}") == CryptoKey(3, suite, raw)
    assert isinstance(key(f"3 {suite} inline:{base64.b64encode(raw + b'x').decode()}"), Reason)


@pytest.mark.parametrize(
    "value",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",
        f"1  aes_cm_128_hmac_sha1_80  INLINE:{KEY}|2^48",
        f" 1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1000 WSH=128 FEC_ORDER=SRTP_FEC -NEW=1 ",
    ],
)
def test_a_key_is_read_whatever_harmless_stands_beside_it(value: str) -> None:
    assert key(value) == CryptoKey(1, "AES_CM_128_HMAC_SHA1_80", bytes(range(30)))


def test_a_key_without_its_padding() -> None:
    raw = bytes(range(46))
    encoded = base64.b64encode(raw).decode().rstrip("=")
    assert key(f"1 AES_CM_256_HMAC_SHA1_80 inline:{encoded}") == CryptoKey(1, "AES_256_CM_HMAC_SHA1_80", raw)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "not a tag, a suite and a key"),
        (f"1 AES_CM_128_HMAC_SHA1_80 prefix:{KEY}", "not a tag, a suite and a key"),
        (f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY}", "not a tag, a suite and a key"),
        (f"1 NULL_HMAC_SHA1_80 inline:{KEY}", "NULL_HMAC_SHA1_80 is not known"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}", "several keys"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:4", "MKI"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP", "asks for UNENCRYPTED_SRTP"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:***", "not base64"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:a", "not base64"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:éé", "not base64"),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:YQ==", "has 1 bytes, AES_CM_128_HMAC_SHA1_80 needs 30"),
    ],
)
def test_a_key_that_cannot_be_used_says_why(value: str, words: str) -> None:
    found = key(value)
    assert isinstance(found, Reason)
    assert words in found.text
    assert (found.line, found.code) == (7, 306)


def test_the_first_suite_of_the_offer_that_both_have() -> None:
    """RFC 4568 §5.1.2."""
    theirs = [CryptoKey(4, "AES_CM_128_HMAC_SHA1_32", b"x"), CryptoKey(9, "AEAD_AES_256_GCM", b"y")]
    assert choose(theirs, OUR_KEYS) == (CryptoKey(4, "AES_CM_128_HMAC_SHA1_32", OUR_KEYS[3].key), theirs[0])
    assert choose([CryptoKey(1, "AEAD_AES_128_GCM", b"x")], OUR_KEYS) is None


def test_an_answer_takes_a_key_by_its_tag() -> None:
    """RFC 4568 §5.1.3."""
    ours = [CryptoKey(1, "AEAD_AES_256_GCM", b"a"), CryptoKey(2, "AES_CM_128_HMAC_SHA1_80", b"b")]
    theirs = CryptoKey(2, "AES_CM_128_HMAC_SHA1_80", b"c")
    assert paired(ours, [theirs]) == (ours[1], theirs)
    assert paired(ours, [CryptoKey(1, "AES_CM_128_HMAC_SHA1_80", b"c")]) is None


SHA256 = ":".join(["aB"] * 32)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (f"SHA-256 {SHA256}", Fingerprint("sha-256", SHA256.upper())),
        (f" sha-384  {':'.join(['00'] * 48)} ", Fingerprint("sha-384", ":".join(["00"] * 48))),
        (f"sha-512 {':'.join(['00'] * 64)}", Fingerprint("sha-512", ":".join(["00"] * 64))),
        (f"sha-1 {':'.join(['00'] * 20)}", "sha-1: sha-256 or stronger"),
        (f"md5 {':'.join(['00'] * 16)}", "md5: sha-256 or stronger"),
        ("sha-256 AA:BB", "has 2 bytes, sha-256 has 32"),
        ("sha-256", "not a hash and its bytes"),
        (f"sha-256 {SHA256}:", "not a hash and its bytes"),
        (f"sha-256 {SHA256.replace(':', '')}", "not a hash and its bytes"),
    ],
)
def test_a_fingerprint(value: str, found: Fingerprint | str) -> None:
    """RFC 8122 §5."""
    result = read_fingerprint(Attribute("fingerprint", value, 9))
    if isinstance(found, str):
        assert isinstance(result, Reason) and found in result.text and (result.line, result.code) == (9, 306)
    else:
        assert result == found


@pytest.mark.parametrize(
    ("offered", "wanted", "ours"),
    [
        (Setup.ACTPASS, Setup.ACTPASS, Setup.ACTIVE),
        (Setup.ACTPASS, Setup.ACTIVE, Setup.ACTIVE),
        (Setup.ACTPASS, Setup.PASSIVE, Setup.PASSIVE),
        (Setup.ACTIVE, Setup.ACTIVE, Setup.PASSIVE),
        (Setup.PASSIVE, Setup.PASSIVE, Setup.ACTIVE),
        (Setup.HOLDCONN, Setup.ACTIVE, Setup.HOLDCONN),
        (None, Setup.ACTIVE, Setup.PASSIVE),
    ],
)
def test_our_role_under_an_offer(offered: Setup | None, wanted: Setup, ours: Setup) -> None:
    """RFC 8842 §5.3, RFC 4145 §4."""
    assert role_for_offer(offered, wanted) is ours


@pytest.mark.parametrize(
    ("offered", "answered", "ours"),
    [
        (Setup.ACTPASS, Setup.ACTIVE, Setup.PASSIVE),
        (Setup.ACTPASS, Setup.PASSIVE, Setup.ACTIVE),
        (Setup.ACTPASS, Setup.ACTPASS, Setup.ACTIVE),
        (Setup.ACTPASS, None, Setup.ACTIVE),
        (Setup.ACTPASS, Setup.HOLDCONN, None),
        (Setup.ACTIVE, Setup.ACTIVE, None),
        (Setup.ACTIVE, Setup.PASSIVE, Setup.ACTIVE),
        (Setup.PASSIVE, Setup.PASSIVE, None),
    ],
)
def test_our_role_once_they_answered(offered: Setup, answered: Setup | None, ours: Setup | None) -> None:
    """RFC 8842 §5.4."""
    assert role_for_answer(offered, answered) is ours
