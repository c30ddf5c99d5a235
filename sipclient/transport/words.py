"""What went wrong on the network, in users' words."""

from __future__ import annotations

import errno
import os
import socket
import ssl

_WORDS = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "connection reset by the peer",
    errno.EPIPE: "the peer closed the connection",
    errno.ECONNABORTED: "connection aborted",
    errno.ETIMEDOUT: "no answer",
    errno.EHOSTUNREACH: "no route to that host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EHOSTDOWN: "the host is down",
    errno.ENETDOWN: "the network is down",
    errno.EACCES: "the system does not permit it (a firewall, or a port below 1024)",
    errno.EPERM: "the system does not permit it (a firewall rule)",
    errno.EADDRINUSE: "another program uses this address and port",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
    errno.EMSGSIZE: "too large for a datagram",
    errno.EMFILE: "this process has too many open files",
    errno.ENFILE: "the system has too many open files",
    errno.EAFNOSUPPORT: "this machine does not speak that address family",
    errno.EINVAL: "not an address that can be reached from here",
}


def of_errno(number: int) -> str:
    """An errno in words."""
    return _WORDS.get(number) or os.strerror(number).lower()


def of_tls(error: ssl.SSLError) -> str:
    """OpenSSL's reason, or the text of an error that Python made by itself and that has none."""
    return (getattr(error, "reason", None) or str(error) or type(error).__name__).replace("_", " ").lower()


def of_error(error: OSError) -> str:
    """An OSError in words, without Python's brackets and class names."""
    if isinstance(error, TimeoutError):
        return _WORDS[errno.ETIMEDOUT]
    if isinstance(error, ssl.SSLError):  # its errno is OpenSSL's
        return f"TLS failed: {of_tls(error)}"
    if isinstance(error, socket.gaierror):  # nothing but literals is looked up this way
        return _WORDS[errno.EINVAL]
    if error.errno is None:
        return str(error) or type(error).__name__
    return of_errno(error.errno)
