"""What the kernel knows of datagrams that did not arrive: the error queue of a UDP socket (Linux, ip(7))."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator

from sipclient.transport.addresses import SocketAddress

# Numbers of <linux/in.h>, <linux/in6.h> and <linux/errqueue.h>, which the socket module does not name.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_ORIGIN_LOCAL = 1
_EXTENDED_ERROR = struct.Struct("=IBBBBII")  # errno, origin, type, code, pad, info, data
_MOST = 256  # errors read at once


def enable(sock: socket.socket) -> None:
    """Ask the kernel to keep ICMP errors with the address they are about."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def drain(sock: socket.socket) -> Iterator[tuple[SocketAddress, int]]:
    """The address and errno of each datagram that came back, oldest first.

    That a datagram outgrew a path's MTU is left out: the kernel knows now, and fragments the retransmission.
    """
    for _ in range(_MOST):
        try:
            _, ancillary, _, address = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return  # empty
        for level, kind, data in ancillary:
            if (level, kind) not in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
                continue
            number, origin, *_ = _EXTENDED_ERROR.unpack_from(data)
            if address and origin != _ORIGIN_LOCAL and number != errno.EMSGSIZE:
                yield address, number
