"""Two bound sockets a stream: an even port for RTP, the next for RTCP. RFC 3550 §11."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress

from sipclient.errors import MediaError

_TRIES = 64  # with ports of the system's choosing: half of them are odd, few of the rest lack a neighbour
EF = 46  # the DSCP of voice: expedited forwarding (RFC 3246, RFC 4594 §4.1)
_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


class PortPair:
    """An RTP socket and its RTCP socket, neither of which blocks."""

    __slots__ = ("_released", "host", "port", "rtcp", "rtp")

    def __init__(self, host: str, rtp: socket.socket, rtcp: socket.socket, released: Callable[[int], None]) -> None:
        self.host = host  # as it was asked for
        self.rtp = rtp
        self.rtcp = rtcp
        self.port = int(rtp.getsockname()[1])  # the RTP port
        self._released = released

    def mark(self, dscp: int) -> None:
        """Let packets leave with this DSCP, which some systems do not allow: then they go without."""
        for bound in (self.rtp, self.rtcp):
            option = (
                (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
                if bound.family == socket.AF_INET6
                else (socket.IPPROTO_IP, socket.IP_TOS)
            )
            with suppress(OSError):
                bound.setsockopt(*option, dscp << 2)

    def close(self) -> None:
        """Give both ports back. Twice is harmless: the second time they may be somebody else's."""
        if self.rtp.fileno() >= 0:
            self.rtp.close()
            self.rtcp.close()
            self._released(self.port)


class Ports:
    """The ports of one range (both ends included; 0-0: of the system's choosing) on one local address.

    They are taken in turn from a `start` of anyone's choosing, so that one just given back, to which late
    packets of the last call may still come, is the last to be used again.
    """

    def __init__(self, host: str, span: tuple[int, int], start: int = 0) -> None:
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._low, self._high = span
        self._evens = range(self._low + self._low % 2, self._high, 2)
        self._next = start
        self._used: set[int] = set()

    def open(self, dscp: int = EF) -> PortPair:
        """Bind the next free pair, whose packets leave with this DSCP (RFC 2474; 0: none). Raises MediaError where
        there is none, or no such local address."""
        pair = self._any() if self._high == 0 else self._next_pair()
        pair.mark(dscp)
        return pair

    def _next_pair(self) -> PortPair:
        for offset in range(len(self._evens)):
            port = self._evens[(self._next + offset) % len(self._evens)]
            if port not in self._used and (pair := self._pair(port)) is not None:
                self._next += offset + 1
                self._used.add(port)
                return pair
        raise MediaError(f"no RTP port free in {self._low}-{self._high} on {self._host}")

    def _any(self) -> PortPair:
        for _ in range(_TRIES):
            first = self._bind(0)
            if first is None:
                break
            port = int(first.getsockname()[1])
            second = self._bind(port ^ 1)
            if second is not None:
                rtp, rtcp = (second, first) if port % 2 else (first, second)
                return PortPair(self._host, rtp, rtcp, self._used.discard)
            first.close()
        raise MediaError(f"no RTP port free on {self._host}")

    def _pair(self, port: int) -> PortPair | None:
        rtp = self._bind(port)
        if rtp is None:
            return None
        rtcp = self._bind(port + 1)
        if rtcp is None:
            rtp.close()
            return None
        return PortPair(self._host, rtp, rtcp, self._used.discard)

    def _bind(self, port: int) -> socket.socket | None:
        """A bound socket, None where the port is taken. Raises MediaError where no port would do."""
        try:
            bound = socket.socket(self._family, socket.SOCK_DGRAM)
        except OSError as error:
            raise MediaError(f"no socket for media: {error.strerror}") from error
        try:
            bound.setblocking(False)
            if self._family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # By way of getaddrinfo, which knows the zone of a link-local address; no name server is asked.
            kind, numeric = socket.SOCK_DGRAM, socket.AI_NUMERICHOST
            bound.bind(socket.getaddrinfo(self._host, port, self._family, kind, 0, numeric)[0][4])
        except OSError as error:
            bound.close()
            if error.errno in _TAKEN:
                return None
            raise MediaError(f"media cannot use the address {self._host}: {error.strerror}") from error
        return bound
