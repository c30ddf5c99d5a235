"""AEAD_AES_GCM against RFC 7714's own packets, which name session keys, where libsrtp's binding takes master keys:
so a few lines after the RFC are held to its packets, and libsrtp to those lines."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sipclient.media.counter_mode import derive
from sipclient.media.suites import open_context, refusals, suite_named

KEYS = {16: bytes(range(16)), 32: bytes(range(32))}  # session keys by their length
SALT = b"Quid pro quo"
RTP = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
RTCP = bytes.fromhex("81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61" + "deadbeef" * 5)
INDEX = 0x5D4


def seal_rtp(key: bytes, salt: bytes, packet: bytes, rollover: int = 0) -> bytes:
    """RFC 7714 §8.1, §8.2: the header is authenticated, the rest encrypted as well."""
    nonce = bytes(2) + packet[8:12] + rollover.to_bytes(4, "big") + packet[2:4]
    return packet[:12] + AESGCM(key).encrypt(_xor(nonce, salt), packet[12:], packet[:12])


def seal_rtcp(key: bytes, salt: bytes, packet: bytes, index: int, encrypted: bool = True) -> bytes:
    """RFC 7714 §9.1 to §9.3: the index, with the flag of encryption, is authenticated and goes last."""
    word = (encrypted << 31 | index).to_bytes(4, "big")
    nonce = _xor(bytes(2) + packet[4:8] + bytes(2) + index.to_bytes(4, "big"), salt)
    if encrypted:
        return packet[:8] + AESGCM(key).encrypt(nonce, packet[8:], packet[:8] + word) + word
    return packet + AESGCM(key).encrypt(nonce, b"", packet + word) + word


def session(master: bytes, label: int) -> tuple[bytes, bytes]:
    """The key and the salt of a session, of RTP (label 0) or RTCP (3): RFC 7714 §11, the salt is filled up to 112
    bits."""
    key, salt = master[:-12], master[-12:] + bytes(2)
    return derive(AES(key), salt, label, len(key)), derive(AES(key), salt, label + 2, 12)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("size", "sealed"),
    [
        (
            16,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            32,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ],
)
def test_packets_are_sealed_as_the_rfc_shows(size: int, sealed: str) -> None:
    """RFC 7714 §16.1.1, §16.2.1."""
    assert seal_rtp(KEYS[size], SALT, RTP).hex() == RTP[:12].hex() + sealed


@pytest.mark.parametrize(
    ("size", "encrypted", "sealed"),
    [
        (
            16,
            True,
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
        ),
        (
            32,
            True,
            "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
        ),
        (16, False, RTCP[8:].hex() + "841dd9683dd78ec92ae58790125f62b3000005d4"),
    ],
)
def test_reports_are_sealed_as_the_rfc_shows(size: int, encrypted: bool, sealed: str) -> None:
    """RFC 7714 §17.1 to §17.3."""
    assert seal_rtcp(KEYS[size], SALT, RTCP, INDEX, encrypted).hex() == RTCP[:8].hex() + sealed


@pytest.mark.parametrize("name", ["AEAD_AES_128_GCM", "AEAD_AES_256_GCM"])
def test_what_we_speak_is_that(name: str) -> None:
    """RFC 7714 §14.2: what we send is sealed so, and what is sealed so we open, across a rollover too."""
    suite = suite_named(name)
    master = bytes(range(1, suite.key + suite.salt + 1))
    send, take = open_context(suite, master, sending=True), open_context(suite, master, sending=False)
    for sequence, rollover in ((0xFFFE, 0), (0xFFFF, 0), (0, 1), (1, 1)):
        packet = RTP[:2] + sequence.to_bytes(2, "big") + RTP[4:]
        sealed = seal_rtp(*session(master, 0), packet, rollover)
        assert send.protect(packet) == sealed
        assert take.unprotect(sealed) == packet
    key, salt = session(master, 3)
    assert send.protect_rtcp(RTCP) == seal_rtcp(key, salt, RTCP, 1)
    assert take.unprotect_rtcp(seal_rtcp(key, salt, RTCP, INDEX)) == RTCP
    assert take.unprotect_rtcp(seal_rtcp(key, salt, RTCP, INDEX + 1, encrypted=False)) == RTCP
    broken = bytearray(seal_rtcp(key, salt, RTCP, INDEX + 2))
    broken[20] ^= 1
    with pytest.raises(refusals()):
        take.unprotect_rtcp(bytes(broken))
