"""Trouble in users' words, as tables."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from sipclient.transport import tls, words


def _refusal(code: int, message: str = "unspecified") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def _alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL] something long")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused: nothing listens there"),
        (TimeoutError(), "no answer"),
        (OSError(errno.ENOTTY, "x"), "inappropriate ioctl for device"),
        (ConnectionAbortedError("SSL handshake is taking too long"), "SSL handshake is taking too long"),
        (ConnectionResetError(), "ConnectionResetError"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "not an address that can be reached from here"),
        (_alert("APPLICATION_DATA_AFTER_CLOSE_NOTIFY"), "TLS failed: application data after close notify"),
        (ssl.SSLError(1, "odd"), "TLS failed: odd"),
    ],
)
def test_errors_of_the_system(error: OSError, text: str) -> None:
    assert text in words.of_error(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (_alert("WRONG_VERSION_NUMBER"), "the server does not speak TLS on this port"),
        (_alert("UNSUPPORTED_PROTOCOL"), "the server speaks only TLS older than 1.2, which is refused"),
        (_alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "the server wants a certificate of ours"),
        (_alert("SSLV3_ALERT_HANDSHAKE_FAILURE"), "the TLS handshake failed: sslv3 alert handshake failure"),
        (ssl.SSLEOFError(8, "EOF occurred"), "the TLS handshake failed: "),
        (_refusal(18), "the certificate of pbx is self-signed, by nobody we trust: set tls_ca"),
        (_refusal(19), "the certificate of pbx is signed by an unknown authority: set tls_ca"),
        (_refusal(20), "the certificate of pbx is signed by an unknown authority: set tls_ca"),
        (_refusal(26, "unsuitable certificate purpose"), "pbx is not accepted: unsuitable certificate purpose"),
        (_refusal(10), "the certificate of pbx has expired"),
        (_refusal(9), "the certificate of pbx is not valid yet"),
    ],
)
def test_failed_handshakes(error: ssl.SSLError, text: str) -> None:
    assert text in tls.handshake_words(error, "pbx", "")


PAST, FUTURE = "Jan  2 00:00:00 2020 GMT", "Jan  2 00:00:00 2120 GMT"


@pytest.mark.parametrize(
    ("certificate", "code", "text"),
    [
        ({"notAfter": PAST}, 10, "the certificate of pbx expired on 2020-01-02"),
        ({"notAfter": FUTURE}, 10, "the certificate of an authority that signed for pbx has expired"),
        ({"notBefore": FUTURE}, 9, "the certificate of pbx is not valid before 2120-01-02"),
        ({"notBefore": PAST}, 9, "the certificate of an authority that signed for pbx is not valid yet"),
        ({}, 10, "the certificate of pbx has expired"),
        (None, 9, "the certificate of pbx is not valid yet"),
    ],
)
def test_dates(certificate: dict[str, str] | None, code: int, text: str) -> None:
    assert tls.date_words(certificate, "pbx", _refusal(code)) == text
