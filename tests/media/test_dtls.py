"""DTLS-SRTP in virtual time: two of ours on a wire, every pair of certificates, and what must end a call."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from sipclient.media.certificate import Certificate, digest, speaks_for
from sipclient.media.dtls import DtlsTransport
from sipclient.media.handshake import Handshake
from sipclient.media.rtp import RtpPacket
from sipclient.sdp import Dtls, Fingerprint, Setup
from tests.media.pipe import Ear, End, wire
from tests.media.virtual import VirtualLoop

TODAY = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)
OURS, THEIRS = Certificate(TODAY), Certificate(TODAY)
SOUND = bytes(RtpPacket(0, 1, 160, 77, b"sound" * 32))
REPORT = bytes.fromhex("80c90001cafebabe")
WRONG = Fingerprint("sha-256", ":".join(["AB"] * 32))
CLIENT_HELLO, SERVER_FLIGHT = 1, 2


class Sides:
    """Two transports on a wire; `a` begins the handshake."""

    def __init__(self, a_expects: Fingerprint = THEIRS.fingerprint, b_expects: Fingerprint = OURS.fingerprint) -> None:
        self.loop = VirtualLoop()
        self.wires: tuple[End, End] = wire(self.loop)
        self.a = DtlsTransport(self.wires[0], self.loop, OURS)
        self.b = DtlsTransport(self.wires[1], self.loop, THEIRS)
        self.ears = (Ear(), Ear())
        for side, ear in zip((self.a, self.b), self.ears, strict=True):
            side.start(ear.take_rtp, ear.take_rtcp, ear.failures.append)
        self.a_agrees, self.b_agrees = Dtls(Setup.ACTIVE, (a_expects,)), Dtls(Setup.PASSIVE, (b_expects,))

    def meet(self) -> None:
        self.b.agree(self.b_agrees)
        self.b.begin()
        self.a.agree(self.a_agrees)
        self.a.begin()

    def talk(self) -> None:
        """A packet of sound and a report, each way."""
        for side in (self.a, self.b):
            side.send_rtp(SOUND)
            side.send_rtcp(REPORT)


def heard(sides: Sides) -> list[tuple[int, int]]:
    return [(len(ear.rtp), len(ear.rtcp)) for ear in sides.ears]


def test_keys_are_agreed_and_sound_passes() -> None:
    """RFC 5764 §4.2."""
    sides = Sides()
    sides.meet()
    assert sides.a.secured and sides.b.secured
    sides.talk()
    assert heard(sides) == [(1, 1), (1, 1)]
    assert all(len(each) <= 1200 for end in sides.wires for each in end.sent)
    assert sides.loop.waiting == 0
    sides.a.close()
    sides.b.close()
    assert [ear.failures for ear in sides.ears] == [[], []]


def test_nothing_begins_before_packets_can_flow() -> None:
    sides = Sides()
    sides.a.agree(sides.a_agrees)
    sides.b.agree(sides.b_agrees)
    assert sides.wires[0].sent == []
    sides.b.begin()
    sides.b.begin()
    sides.a.begin()
    assert sides.a.secured and sides.b.secured
    assert sides.a.role is Setup.ACTIVE


def test_a_hello_that_comes_too_early_is_ignored() -> None:
    """The class of CVE-2023-51443: whoever has no consent cannot begin, nor spoil, the handshake."""
    sides = Sides()
    sides.b.agree(sides.b_agrees)
    stranger = Handshake(Certificate(TODAY), True, (WRONG,))
    for hello in stranger.begin():
        sides.wires[1].arrive(False, hello)
    assert sides.b.dropped == 1
    assert sides.wires[1].sent == []
    sides.a.agree(sides.a_agrees)
    sides.b.begin()
    sides.a.begin()
    assert sides.b.secured and sides.ears[1].failures == []


@pytest.mark.parametrize("wrong", ["a", "b"])
def test_a_wrong_fingerprint_ends_it_in_words(wrong: str) -> None:
    """RFC 5763 §5: the media session must be torn down."""
    sides = Sides(a_expects=WRONG) if wrong == "a" else Sides(b_expects=WRONG)
    sides.meet()
    (failure,) = sides.ears[wrong == "b"].failures
    assert failure.startswith("the peer's certificate is not the one it announced")
    sides.talk()
    assert heard(sides)[wrong == "b"] == (0, 0)
    sides.loop.run_for(60)
    assert len(sides.ears[wrong == "b"].failures) == 1
    assert sides.loop.waiting == 0


def test_no_dtls_in_ten_seconds_ends_it_in_words() -> None:
    for setup in (Setup.ACTIVE, Setup.PASSIVE):
        loop = VirtualLoop()
        lower, ear = End(loop), Ear()
        side = DtlsTransport(lower, loop, OURS)
        side.start(ear.take_rtp, ear.take_rtcp, ear.failures.append)
        side.agree(Dtls(setup, (WRONG,)))
        loop.run_for(30)  # while no packet can flow nothing is to be expected
        assert ear.failures == []
        side.begin()
        loop.run_for(9.9)
        assert ear.failures == []
        loop.run_for(0.2)
        assert ear.failures == ["no DTLS with the peer in 10 seconds"]
        loop.run_for(60)
        assert len(ear.failures) == 1 and loop.waiting == 0
        assert bool(lower.sent) == (setup is Setup.ACTIVE)


def test_what_is_no_dtls_and_what_comes_twice_harms_nothing() -> None:
    sides = Sides()
    for end in sides.wires:
        end.on_the_way = lambda data: [b"\x16\xfe\xfd nothing", data, data, b"\x17" * 50, b"\x14"]
    sides.meet()
    assert sides.a.secured and sides.b.secured
    for garbage in (b"\x15\xfe\xfd\0\0\0\0\0\0\0\0\0\2\2\x28", b"\x16" * 200, bytes([63]) * 40):  # a forged alert
        sides.wires[0].arrive(False, garbage)
        sides.wires[1].arrive(True, garbage)
    sides.talk()
    assert heard(sides) == [(1, 1), (1, 1)]
    assert [ear.failures for ear in sides.ears] == [[], []]


def test_the_same_agreement_again_is_the_same_association() -> None:
    """RFC 8842 §3.1."""
    sides = Sides()
    sides.meet()
    before = len(sides.wires[0].sent)
    sides.a.agree(sides.a_agrees)
    sides.b.agree(sides.b_agrees)
    assert len(sides.wires[0].sent) == before
    sides.talk()
    assert heard(sides) == [(1, 1), (1, 1)]


def test_another_certificate_is_a_new_association() -> None:
    """RFC 8842 §3.1, and the old keys serve until it is there."""
    sides = Sides()
    sides.meet()
    moved = Certificate(TODAY)
    other = DtlsTransport(sides.wires[1], sides.loop, moved)
    other.start(sides.ears[1].take_rtp, sides.ears[1].take_rtcp, sides.ears[1].failures.append)
    other.agree(sides.b_agrees)
    other.begin()
    sides.a.agree(Dtls(Setup.ACTIVE, (moved.fingerprint,)))
    assert sides.a.secured and other.secured
    other.send_rtp(SOUND)
    sides.a.send_rtp(SOUND)
    assert heard(sides) == [(1, 0), (1, 0)]


def test_closing_says_goodbye_and_the_peer_bears_it() -> None:
    sides = Sides()
    sides.meet()
    sides.a.close()
    assert sides.wires[0].closed
    sides.b.send_rtp(SOUND)
    sides.b.close()
    sides.b.close()
    assert sides.ears[1].failures == []
    assert sides.loop.waiting == 0


def test_without_a_common_protection_profile_it_fails_in_words() -> None:
    """RFC 5764 §4.1: a server that agrees on none."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(THEIRS.certificate)
    context.use_privatekey(THEIRS.key)
    plain = SSL.Connection(context, None)
    plain.set_accept_state()
    ours = Handshake(OURS, True, (THEIRS.fingerprint,))
    out = ours.begin()
    for _ in range(6):
        for each in out:
            plain.bio_write(each)
            with pytest.raises(SSL.WantReadError):
                plain.do_handshake()
                plain.recv(1)
        try:
            answer = plain.bio_read(5000)
        except SSL.WantReadError:
            break
        out = ours.receive(answer)
    assert ours.failure == "the peer agreed on no SRTP protection profile"
    assert ours.keys is None and ours.over and ours.close() == [] and ours.receive(b"\x16") == [] == ours.expired()


# --- certificates of others -------------------------------------------------------------------------


def old_certificate(bits: int) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    """An RSA certificate as PBXs show them."""
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "PBX")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(TODAY).not_valid_after(TODAY + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()), key


@pytest.mark.parametrize("bits", [1024, 2048])
@pytest.mark.parametrize("active", [True, False])
def test_a_pbx_with_an_rsa_certificate_is_spoken_to_in_both_roles(bits: int, active: bool) -> None:
    """FreeSWITCH shows one, and cannot agree with a client that offers ECDSA only."""
    theirs = Certificate(TODAY)
    theirs.certificate, theirs.key = old_certificate(bits)  # type: ignore[assignment]
    ours = Handshake(OURS, active, (theirs.fingerprint,))
    pbx = Handshake(theirs, not active, (OURS.fingerprint,))
    first, second = (ours, pbx) if active else (pbx, ours)
    out = first.begin()
    for _ in range(8):
        out = [answer for each in out for answer in second.receive(each)]
        first, second = second, first
    assert ours.failure == pbx.failure == ""
    assert ours.keys is not None and pbx.keys is not None
    assert ours.keys == pbx.keys[::-1]


def test_a_lost_flight_is_sent_again() -> None:
    """RFC 6347 §4.2.4."""
    ours = Handshake(OURS, True, (THEIRS.fingerprint,))
    assert ours.timeout is None
    first = ours.begin()
    assert first and ours.timeout is not None and 0.5 < ours.timeout <= 1.0
    assert ours.expired() == []  # its time has not come


def test_the_strongest_fingerprint_decides() -> None:
    """RFC 8122 §5."""
    shown = THEIRS.certificate
    right = {name: Fingerprint(name, digest(shown, name)) for name in ("sha-256", "sha-384", "sha-512")}
    sha1 = Fingerprint("sha-1", hashlib.sha1(b"").hexdigest())
    assert speaks_for(shown, (right["sha-256"],)) == ""
    assert speaks_for(shown, (sha1, right["sha-384"])) == ""
    assert speaks_for(shown, (WRONG, right["sha-256"])) == ""  # a peer with two certificates
    assert speaks_for(shown, (Fingerprint("sha-256", right["sha-256"].value.lower()),)) == ""
    assert "not the one it announced" in speaks_for(shown, (right["sha-256"], Fingerprint("sha-512", "AB")))
    assert speaks_for(shown, (sha1,)) == "the peer's fingerprint must be sha-256 or stronger, and is sha-1"
    assert speaks_for(shown, ()).endswith("is none")
