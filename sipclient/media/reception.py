"""How well a stream arrives: loss and jitter as receiver reports count them. RFC 3550 §6.4.1, appendix A. Pure."""

from __future__ import annotations

import msgspec

_LEAP = 3000  # sequence numbers that a source may jump ahead and still be the same run (RFC 3550 A.1)
_WORD = 1 << 32


class Block(msgspec.Struct, frozen=True):
    """One report block. `fraction` of packets lost since the last, in 256ths; `lost` in all, below 0 where
    packets came twice; `highest` sequence number with its cycles; `jitter` in ticks of the codec's clock;
    `last_report` of the source that came and the `delay` since then, in 1/65536 s, 0 where none came."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int = 0
    delay: int = 0


class Reception:
    """What came of one source (SSRC). `received` counts all its packets."""

    __slots__ = (
        "_base",
        "_cycles",
        "_expected_then",
        "_highest",
        "_jitter",
        "_received_then",
        "_transit",
        "received",
        "ssrc",
    )

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.received = 0
        self._jitter = 0.0
        self._transit: int | None = None
        self._restart(sequence)

    def _restart(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self._cycles = 0
        self.received = 0
        self._expected_then = 0
        self._received_then = 0

    def arrived(self, sequence: int, timestamp: int | None, now: int) -> None:
        """A packet came. `now` is ticks of the codec's clock by our own clock; `timestamp` None: it is that of
        an event's beginning, which says nothing of jitter."""
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < _LEAP:
            if sequence < self._highest:
                self._cycles += 0x10000
            self._highest = sequence
        elif ahead < 0x10000 - _LEAP:
            self._restart(sequence)  # too far to be late or early: the source began anew
            self._transit = None
        self.received += 1
        if timestamp is None:
            return
        transit = (now - timestamp) % _WORD
        if self._transit is not None:
            moved = (transit - self._transit) % _WORD
            self._jitter += (min(moved, _WORD - moved) - self._jitter) / 16
        self._transit = transit

    @property
    def jitter(self) -> float:
        """In ticks of the codec's clock. RFC 3550 §6.4.1, appendix A.8."""
        return self._jitter

    @property
    def expected(self) -> int:
        """Packets that the sequence numbers tell of."""
        return self._cycles + self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Packets expected and not received, below 0 where some came twice."""
        return self.expected - self.received

    def block(self, last_report: int = 0, delay: int = 0) -> Block:
        """The report of this moment; the next counts its fraction from here. The two are of Block."""
        expected = self.expected
        interval = expected - self._expected_then
        lost = interval - (self.received - self._received_then)
        self._expected_then, self._received_then = expected, self.received
        fraction = min(255, (lost << 8) // interval) if interval > 0 and lost > 0 else 0
        return Block(
            self.ssrc,
            fraction,
            expected - self.received,
            (self._cycles + self._highest) % _WORD,
            int(self._jitter) % _WORD,
            last_report,
            delay,
        )
