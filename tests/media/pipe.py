"""Two ends of a wire in memory, whose packets a test may lose, change, repeat or write down."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.media.packets import Receiver, nobody
from tests.media.virtual import VirtualLoop


class End:
    """One end; see PacketTransport. What is sent arrives at `other` within the call, unless `on_the_way` makes
    another list of it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.dropped = 0
        self.unsent = 0
        self.other: End | None = None
        self.sent: list[bytes] = []
        self.closed = False
        self.on_the_way: Callable[[bytes], list[bytes]] = lambda data: [data]
        self._loop = loop
        self._rtp: Receiver = nobody
        self._rtcp: Receiver = nobody
        self._waiting: list[tuple[bool, bytes]] = []
        self._delivering = False

    def start(self, rtp: Receiver, rtcp: Receiver, failed: Callable[[str], None]) -> None:
        self._rtp, self._rtcp = rtp, rtcp

    def send_rtp(self, data: bytes | bytearray) -> None:
        self._send(False, bytes(data))

    def send_rtcp(self, data: bytes) -> None:
        self._send(True, data)

    def close(self) -> None:
        self.closed = True

    def arrive(self, rtcp: bool, data: bytes) -> None:
        """In order, and never one inside the other: as a socket would have it."""
        self._waiting.append((rtcp, data))
        if self._delivering:
            return
        self._delivering = True
        while self._waiting:
            kind, packet = self._waiting.pop(0)
            (self._rtcp if kind else self._rtp)(packet, self._loop.time())
        self._delivering = False

    def _send(self, rtcp: bool, data: bytes) -> None:
        self.sent.append(data)
        if self.other is not None and not self.closed:
            for each in self.on_the_way(data):
                self.other.arrive(rtcp, each)


def wire(loop: VirtualLoop) -> tuple[End, End]:
    """Both ends of a new one."""
    a, b = End(loop), End(loop)
    a.other, b.other = b, a
    return a, b


class Ear:
    """Receivers that keep what they hear."""

    def __init__(self) -> None:
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.failures: list[str] = []

    def take_rtp(self, data: bytes, at: float) -> bool:
        self.rtp.append(data)
        return True

    def take_rtcp(self, data: bytes, at: float) -> bool:
        self.rtcp.append(data)
        return True
