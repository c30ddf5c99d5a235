"""The DTLS handshake that agrees on SRTP keys, without I/O: datagrams in, datagrams out. RFC 5763, RFC 5764."""

from __future__ import annotations

from OpenSSL import SSL

from sipclient.media.certificate import Certificate, speaks_for
from sipclient.media.suites import PROFILES, Suite
from sipclient.sdp import CryptoKey, Fingerprint

# ECDSA, as our own certificate is, and RSA for the many PBXs that still show one of those. Their length and
# signature prove nothing here, the fingerprint does: so none is refused for its age.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:@SECLEVEL=1"
)
_DTLS_1_2 = 0xFEFD
_MTU = 1200  # bytes of a datagram of ours; what passes everywhere (RFC 8831 §5 and every browser)
_RECORD = 13  # bytes before the content of a DTLS 1.2 record
_LABEL = b"EXTRACTOR-dtls_srtp"
_READ = 16384


class Handshake:
    """One DTLS association. `keys` (ours, theirs) are there once it is complete and the peer's certificate is
    the announced one; `failure` says in words why they never will be."""

    def __init__(self, certificate: Certificate, active: bool, fingerprints: tuple[Fingerprint, ...]) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_cipher_list(_CIPHERS)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _anyone)
        context.use_certificate(certificate.certificate)
        context.use_privatekey(certificate.key)
        context.set_tlsext_use_srtp(":".join(PROFILES).encode())
        self._connection = SSL.Connection(context, None)
        self._connection.set_ciphertext_mtu(_MTU)
        (self._connection.set_connect_state if active else self._connection.set_accept_state)()
        self._active = active
        self._fingerprints = fingerprints
        self.keys: tuple[CryptoKey, CryptoKey] | None = None
        self.failure = ""

    @property
    def over(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self.keys is not None or bool(self.failure)

    @property
    def timeout(self) -> float | None:
        """Seconds until `expired` must be called, None where nothing waits to be repeated."""
        left = None if self.failure else self._connection.DTLSv1_get_timeout()
        return None if left is None else float(left)

    def begin(self) -> list[bytes]:
        """The first datagrams of whoever speaks first."""
        return self._go_on()

    def receive(self, datagram: bytes) -> list[bytes]:
        """A datagram of the peer's came; what to answer. Late repetitions are answered too."""
        if self.failure:
            return []
        self._connection.bio_write(datagram)
        return self._go_on()

    def expired(self) -> list[bytes]:
        """`timeout` passed: the last flight again. RFC 6347 §4.2.4."""
        if self.failure:
            return []
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(error)
        return self._flush()

    def close(self) -> list[bytes]:
        """The goodbye, if there was anything to say goodbye to."""
        if self.keys is None:
            return []
        try:
            self._connection.shutdown()
        except SSL.Error:  # it cannot be said any more, and needs not be heard
            return []
        return self._flush()

    def _go_on(self) -> list[bytes]:
        try:
            if self.keys is None:
                self._connection.do_handshake()
                self._complete()
            else:
                self._connection.recv(_READ)  # nobody's data; a repeated flight is answered on the way
        except (SSL.WantReadError, SSL.ZeroReturnError):
            pass
        except SSL.Error as error:
            if self.keys is None:  # afterwards nothing undoes it: not one forged datagram
                self._fail(error)
        return self._flush()

    def _complete(self) -> None:
        shown = self._connection.get_peer_certificate(as_cryptography=True)
        if shown is None:
            self.failure = "the peer showed no certificate"
            return
        self.failure = speaks_for(shown, self._fingerprints)
        suite = PROFILES.get(self._connection.get_selected_srtp_profile().decode())
        if not self.failure and suite is None:
            self.failure = "the peer agreed on no SRTP protection profile"
        if suite is not None and not self.failure:
            self.keys = self._export(suite)

    def _export(self, suite: Suite) -> tuple[CryptoKey, CryptoKey]:
        """Both master keys with their salts. RFC 5764 §4.2."""
        length = 2 * (suite.key + suite.salt)
        material = self._connection.export_keying_material(_LABEL, length)
        keys, salts = material[: 2 * suite.key], material[2 * suite.key :]
        client = CryptoKey(1, suite.name, keys[: suite.key] + salts[: suite.salt])
        server = CryptoKey(1, suite.name, keys[suite.key :] + salts[suite.salt :])
        return (client, server) if self._active else (server, client)

    def _fail(self, error: SSL.Error) -> None:
        details = error.args[0] if error.args and isinstance(error.args[0], list) else []
        words = ", ".join(str(each[-1]) for each in details) or "no reason given"
        self.failure = f"DTLS with the peer failed: {words}"

    def _flush(self) -> list[bytes]:
        """What OpenSSL wrote. Its buffer glues records together: they are parted into datagrams that pass."""
        written = b""
        while True:
            try:
                written += self._connection.bio_read(_READ)
            except SSL.Error:
                break
        datagrams: list[bytes] = []
        while written:
            record, written = _first_record(written)
            if datagrams and len(datagrams[-1]) + len(record) <= _MTU:
                datagrams[-1] += record
            else:
                datagrams.append(record)
        return datagrams


def _first_record(data: bytes) -> tuple[bytes, bytes]:
    end = _RECORD + int.from_bytes(data[11:13], "big")
    return data[:end], data[end:]


def _anyone(*_: object) -> bool:
    """Any certificate is taken here: who it is shows its fingerprint."""
    return True
