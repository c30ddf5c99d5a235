"""What the media sessions of one process share: the loop, the randomness, the tickers, the ports in use."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from sipclient.media.ports import EF, PortPair, Ports
from sipclient.media.suites import needed

if TYPE_CHECKING:
    from sipclient.media.certificate import Certificate

_EARLY = 0.01  # of an interval: a loop may call back a little before the time


class Handle(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Forget it."""


class Loop(Protocol):
    """What media need of an event loop; asyncio's and uvloop's have it."""

    def time(self) -> float:
        """Monotonic seconds."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Handle:
        """Call back at `when`."""

    def add_reader(self, fd: int, callback: Callable[[], None], /) -> None:
        """Call back whenever the socket has something to read."""

    def remove_reader(self, fd: int, /) -> object:
        """No more."""


class Ticker:
    """Calls everyone who joined once an interval (seconds), by one timer and without drift: moments are
    counted from the first, so that lateness never adds up. It rests when nobody is there."""

    __slots__ = ("_count", "_handle", "_interval", "_loop", "_members", "_start")

    def __init__(self, loop: Loop, interval: float) -> None:
        self._loop = loop
        self._interval = interval
        self._members: dict[Callable[[int, float], None], None] = {}
        self._handle: Handle | None = None
        self._start = 0.0
        self._count = 0

    def join(self, tick: Callable[[int, float], None]) -> None:
        """Call `tick(intervals, now)` from now on; `intervals` is how many passed since the last call: one,
        unless the process was held up."""
        self._members[tick] = None
        if self._handle is None:
            self._start, self._count = self._loop.time(), 0
            self._arm()

    def leave(self, tick: Callable[[int, float], None]) -> None:
        """No more; not having joined is no error."""
        self._members.pop(tick, None)
        if not self._members and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        self._handle = self._loop.call_at(self._start + (self._count + 1) * self._interval, self._rang)

    def _rang(self) -> None:
        now = self._loop.time()
        passed = max(0, int((now - self._start) / self._interval + _EARLY) - self._count)
        self._count += passed
        self._arm()  # first, so that a member's error cannot stop the others' time
        if passed:
            for tick in tuple(self._members):
                if tick in self._members:  # a tick may make another leave
                    tick(passed, now)


class RtpEngine:
    """Shared by all RTP sessions of a process: one ticker for each packet length, one list of ports in use.

    `draw(bits)` gives that many random bits.
    """

    def __init__(self, loop: Loop, draw: Callable[[int], int] = secrets.randbits) -> None:
        self.loop = loop
        self.draw = draw
        self._tickers: dict[float, Ticker] = {}
        self._ports: dict[tuple[str, tuple[int, int]], Ports] = {}
        self._certificate: Certificate | None = None

    def ticker(self, interval: float) -> Ticker:
        """The ticker of this interval, in seconds."""
        ticker = self._tickers.get(interval)
        if ticker is None:
            ticker = self._tickers[interval] = Ticker(self.loop, interval)
        return ticker

    @property
    def certificate(self) -> Certificate:
        """What DTLS shows, made with the first call that has any. Raises MediaError where the extra is missing."""
        if self._certificate is None:
            made: type[Certificate] = needed("sipclient.media.certificate").Certificate
            self._certificate = made(datetime.now(UTC))
        return self._certificate

    def open_ports(self, host: str, span: tuple[int, int], dscp: int = EF) -> PortPair:
        """An even port for RTP and the next for RTCP, both bound, and marked so. Raises MediaError."""
        ports = self._ports.get((host, span))
        if ports is None:
            ports = self._ports[host, span] = Ports(host, span, self.draw(16))
        return ports.open(dscp)
