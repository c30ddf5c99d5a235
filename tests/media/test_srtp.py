"""SRTP: the RFCs' own vectors, the two implementations against each other, and what hostile packets may not do."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from sipclient.errors import MediaError
from sipclient.media.counter_mode import CounterMode, Rejected, derive
from sipclient.media.rtp import RtpPacket, parse_rtp
from sipclient.media.srtp import MOST_SOURCES, SrtpTransport
from sipclient.media.suites import SUITES, open_context, suite_named
from sipclient.sdp import CryptoKey
from tests.media.pipe import Ear, End, wire
from tests.media.virtual import VirtualLoop

RECEIVER_REPORT = bytes.fromhex("80c90001cafebabe")
KEY_128 = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
KEY_256 = bytes.fromhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b63b04803de51ee7c96423ab5b78d2")
PLAIN = bytes.fromhex("800f1234decafbadcafebabe") + b"\xab" * 16


def packet(sequence: int, ssrc: int = 0xCAFEBABE, **more: object) -> bytes:
    return bytes(RtpPacket(0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc, b"sound" * 32, **more))  # type: ignore[arg-type]


def key(name: str, start: int = 0) -> CryptoKey:
    suite = suite_named(name)
    return CryptoKey(1, name, bytes(range(start, start + suite.key + suite.salt)))


# --- vectors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("master", "cipher", "salt", "authentication"),
    [
        (  # RFC 3711 appendix B.3
            KEY_128,
            "c61e7a93744f39ee10734afe3ff7a087",
            "30cbbc08863d8c85d49db34a9ae1",
            "cebe321f6ff7716b6fd4ab49af256a156d38baa4",
        ),
        (  # RFC 6188 §7.3 and §7.4
            KEY_256,
            "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
            "fa31791685ca444a9e07c6c64e93",
            "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05",
        ),
    ],
)
def test_session_keys_are_derived_as_the_rfcs_show(master: bytes, cipher: str, salt: str, authentication: str) -> None:
    """RFC 3711 §4.3.1, RFC 6188 §3."""
    start, master_salt = AES(master[:-14]), master[-14:]
    assert derive(start, master_salt, 0, len(master) - 14).hex() == cipher
    assert derive(start, master_salt, 1, 20).hex() == authentication
    assert derive(start, master_salt, 2, 14).hex() == salt


@pytest.mark.parametrize(
    ("master", "sealed"),
    [
        (KEY_128, "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"),
        (KEY_256, "f1d9de17ff251ff1aa007774b0b4b40da08d9d9a5b3a55d8873b"),
    ],
)
def test_a_packet_is_sealed_as_elsewhere(master: bytes, sealed: str) -> None:
    """The packets of libsrtp's own self-test."""
    assert CounterMode(master, 10).protect(PLAIN).hex() == PLAIN[:12].hex() + sealed
    assert CounterMode(master, 10).unprotect(PLAIN[:12] + bytes.fromhex(sealed)) == PLAIN


def test_a_report_is_opened_that_was_sealed_elsewhere() -> None:
    sealed = "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"
    plain = bytes.fromhex("81c8000bcafebabe") + b"\xab" * 16
    assert CounterMode(KEY_128, 10).unprotect_rtcp(bytes.fromhex(sealed)) == plain


# --- both implementations, one another's oracle -----------------------------------------------------

STREAMS = {
    "in order": list(range(50)),
    "across a wrap": list(range(65530, 65545)),
    "twice around": [*range(65000, 65600, 60), *range(65600, 196000, 9000)],
    "out of order": [10, 12, 11, 14, 13, 9, 70, 20, 71],
    "late across a wrap": [65534, 65537, 65535, 65538, 65536],
    "with a hole": [1, 2, 3, 3000, 3001, 20000],
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("tag", [4, 10])
def test_ours_and_libsrtp_understand_each_other(name: str, tag: int) -> None:
    """RFC 3711 §3.3.1."""
    suite = suite_named("AES_CM_128_HMAC_SHA1_80" if tag == 10 else "AES_CM_128_HMAC_SHA1_32")
    for ours_sends in (True, False):
        sender = CounterMode(KEY_128, tag) if ours_sends else open_context(suite, KEY_128, sending=True)
        taker = open_context(suite, KEY_128, sending=False) if ours_sends else CounterMode(KEY_128, tag)
        for sequence in STREAMS[name]:
            plain = packet(sequence)
            sealed = sender.protect(plain)
            assert sealed[12:] != plain[12:]
            assert taker.unprotect(sealed) == plain
        for _ in range(3):
            assert taker.unprotect_rtcp(sender.protect_rtcp(RECEIVER_REPORT + b"abcd")) == RECEIVER_REPORT + b"abcd"


@pytest.mark.parametrize("name", SUITES)
def test_headers_of_every_kind_pass(name: str) -> None:
    send, take = (
        open_context(suite_named(name), key(name).key, True),
        open_context(suite_named(name), key(name).key, False),
    )
    for number, more in enumerate(
        ({}, {"csrcs": (1, 2)}, {"extension": (0xBEDE, b"\x10\x7f\0\0")}, {"csrcs": (3,), "extension": (1, b"")})
    ):
        plain = packet(number, **more)
        assert take.unprotect(send.protect(plain)) == plain
    assert take.unprotect_rtcp(send.protect_rtcp(RECEIVER_REPORT)) == RECEIVER_REPORT


def test_a_report_in_clear_text_but_signed_is_taken() -> None:
    """RFC 3711 §3.4: the E flag says whether it is encrypted."""
    context = CounterMode(KEY_256, 10)
    body = RECEIVER_REPORT + b"abcd" + (7).to_bytes(4, "big")
    assert context.unprotect_rtcp(body + context._rtcp.sign(body)[:10]) == RECEIVER_REPORT + b"abcd"


@pytest.mark.parametrize(
    "wrong",
    [b"", b"\x80", PLAIN[:11], b"\x8f" + PLAIN[1:12], b"\x90" + PLAIN[1:12], b"\x90" + PLAIN[1:12] + b"\0\0\xff\xff"],
    ids=lambda wrong: wrong[:1].hex() + str(len(wrong)),
)
def test_what_is_no_packet_is_refused_in_words(wrong: bytes) -> None:
    context = CounterMode(KEY_256, 10)
    with pytest.raises(Rejected):
        context.protect(wrong)
    with pytest.raises(Rejected):
        context.unprotect(wrong + bytes(10))
    with pytest.raises(Rejected):
        context.protect_rtcp(wrong[:7])
    with pytest.raises(Rejected):
        context.unprotect_rtcp(wrong[:7])


def test_no_key_stream_is_used_twice() -> None:
    """RFC 3711 §9.1."""
    context = CounterMode(KEY_256, 10)
    context.protect(packet(1))
    with pytest.raises(Rejected):
        context.protect(packet(1))


# --- the transport ----------------------------------------------------------------------------------


class Call:
    """Two of ours, joined; the ear of b."""

    def __init__(self, ours: CryptoKey, theirs: CryptoKey) -> None:
        self.wires: tuple[End, End] = wire(VirtualLoop())
        self.a, self.b = (SrtpTransport(each) for each in self.wires)
        self.ear, self.other = Ear(), Ear()
        self.a.start(self.other.take_rtp, self.other.take_rtcp, self.other.failures.append)
        self.b.start(self.ear.take_rtp, self.ear.take_rtcp, self.ear.failures.append)
        self.a.rekey(ours, theirs)
        self.b.rekey(theirs, ours)


@pytest.mark.parametrize("name", SUITES)
def test_sound_and_reports_pass_both_ways(name: str) -> None:
    """RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2."""
    call = Call(key(name), key(name, 40))
    for sequence in range(65500, 65600):  # the rollover counter is no part of the packet
        call.a.send_rtp(bytearray(packet(sequence)))
        call.b.send_rtp(packet(sequence))
    call.a.send_rtcp(RECEIVER_REPORT)
    call.b.send_rtcp(RECEIVER_REPORT)
    for ear in (call.ear, call.other):
        assert [parse_rtp(each).sequence for each in ear.rtp] == [each & 0xFFFF for each in range(65500, 65600)]
        assert ear.rtcp == [RECEIVER_REPORT]
    assert (call.a.dropped, call.b.dropped, call.a.unsent, call.b.unsent) == (0, 0, 0, 0)
    assert not any(b"sound" in each for each in call.wires[0].sent)


@pytest.mark.parametrize("name", SUITES)
def test_replays_and_forgeries_are_dropped_and_counted_and_harm_nothing(name: str) -> None:
    """RFC 3711 §3.3.2."""
    call = Call(key(name), key(name, 40))
    call.a.send_rtp(packet(1))
    call.a.send_rtcp(RECEIVER_REPORT)
    sealed, report = call.wires[0].sent
    for forged in (
        sealed,
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
        packet(2),
        packet(2, 77),
        b"",
        b"\x80",
        b"\xff" * 3000,
    ):
        call.wires[1].arrive(False, forged)
        call.wires[1].arrive(True, forged)
    call.wires[1].arrive(True, report)
    assert call.b.dropped == 15
    call.a.send_rtp(packet(3))
    assert [parse_rtp(each).sequence for each in call.ear.rtp] == [1, 3]
    assert call.ear.rtcp == [RECEIVER_REPORT]
    assert call.ear.failures == []


def test_the_sources_under_one_key_are_bounded() -> None:
    call = Call(key("AES_CM_128_HMAC_SHA1_80"), key("AES_CM_128_HMAC_SHA1_80", 40))
    for ssrc in range(MOST_SOURCES + 10):
        call.a.send_rtp(packet(1, ssrc))
    assert len(call.ear.rtp) == MOST_SOURCES
    assert call.b.dropped == 10
    call.a.send_rtp(packet(2, 5))
    assert len(call.ear.rtp) == MOST_SOURCES + 1


def test_a_change_of_keys_loses_nothing_under_way() -> None:
    """RFC 4568 §7.1.4: the offer or answer that brings the key and the packets under it may cross."""
    old, fresh, theirs = key("AES_256_CM_HMAC_SHA1_80"), key("AEAD_AES_128_GCM", 9), key("AEAD_AES_128_GCM", 60)
    call = Call(old, theirs)
    call.a.send_rtp(packet(1))
    call.b.rekey(theirs, fresh)  # b knows first: what a still sends is under the old key
    call.a.send_rtp(packet(2))
    call.a.rekey(fresh, theirs)
    call.a.send_rtp(packet(3))
    under_way = call.wires[0].sent[1]
    call.wires[1].arrive(False, under_way)  # and from now on the old key opens nothing
    assert [parse_rtp(each).sequence for each in call.ear.rtp] == [1, 2, 3]
    assert call.b.dropped == 1


def test_the_same_keys_again_change_nothing() -> None:
    call = Call(key("AES_CM_128_HMAC_SHA1_32"), key("AES_CM_128_HMAC_SHA1_32", 40))
    for sequence in range(65530, 65540):
        call.a.send_rtp(packet(sequence))
    call.a.rekey(key("AES_CM_128_HMAC_SHA1_32"), key("AES_CM_128_HMAC_SHA1_32", 40))
    call.b.rekey(key("AES_CM_128_HMAC_SHA1_32", 40), key("AES_CM_128_HMAC_SHA1_32"))
    call.a.send_rtp(packet(65540))
    call.wires[1].arrive(False, call.wires[0].sent[0])
    assert len(call.ear.rtp) == 11
    assert call.b.dropped == 1  # a replay is one still


def test_without_keys_nothing_passes() -> None:
    lower = End(VirtualLoop())
    transport = SrtpTransport(lower)
    ear = Ear()
    transport.start(ear.take_rtp, ear.take_rtcp, ear.failures.append)
    transport.send_rtp(packet(1))
    transport.send_rtcp(RECEIVER_REPORT)
    lower.arrive(False, packet(1))
    assert (transport.unsent, transport.dropped, lower.sent, ear.rtp) == (2, 1, [], [])
    transport.rekey(key("AEAD_AES_256_GCM"), key("AEAD_AES_256_GCM"))
    transport.send_rtp(b"no packet")
    transport.send_rtcp(b"none")
    assert (transport.unsent, lower.sent) == (4, [])
    transport.close()
    transport.close()
    transport.send_rtp(packet(2))
    assert (transport.unsent, lower.closed) == (5, True)


def test_a_key_that_cannot_be() -> None:
    transport = SrtpTransport(End(VirtualLoop()))
    good = key("AEAD_AES_256_GCM")
    with pytest.raises(MediaError, match="F8_128_HMAC_SHA1_80 is not available"):
        transport.rekey(good, CryptoKey(1, "F8_128_HMAC_SHA1_80", bytes(30)))
    with pytest.raises(MediaError, match="has 30 bytes with its salt, not 29"):
        transport.rekey(CryptoKey(1, "AES_CM_128_HMAC_SHA1_80", bytes(29)), good)
    transport.send_rtp(packet(1))
    assert transport.unsent == 1
