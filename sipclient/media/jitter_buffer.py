"""Packets in as they come, out in order and in time: an adaptive jitter buffer. Pure.

A packet is *due* at its own time (timestamp / clock) plus the least transit seen lately plus a target delay. The
target is what nearly all recent packets needed on top of the least. So the buffer follows jitter, and since the
least is of the last ten seconds only, it follows a sender whose clock is faster or slower than ours: when what
is played strays from what is due by more than a packet, one is left out or one more is made up.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

Item = TypeVar("Item")

_WINDOW = 500  # packets whose transits are remembered: ten seconds of the usual 20 ms
_JUDGE_EVERY = 50  # packets after which the target is set anew; after late ones sooner
_JUDGE_LATE = 10
_COVERED = 0.99  # of the packets in the window are to be in time
_MARGIN = 0.010  # seconds on top: the ticks of our clock are not the sender's
_MOST = 0.5  # seconds of delay; whatever comes later than that is lost
_ASTRAY = 2.0  # seconds by which a timestamp can be wrong before it is that of another run
_HELD = 256  # packets in the buffer at most
_LEAP = 3000  # sequence numbers ahead or behind that are another run (RFC 3550 A.1)
_PATIENCE = 3  # packets made up in a row when there is nothing at all; what follows is silence
_CALM = 5  # packets between two corrections by one packet each
_FAR = 0.2  # seconds off beyond which corrections need not be so gentle


class Missing(msgspec.Struct, Generic[Item], frozen=True):
    """Sound is due now and is not there: to be made up, out of the packet `following` it where it can be."""

    following: Item | None = None


Pulled: TypeAlias = Item | Missing[Item] | None
_NOTHING: Final[Missing[object]] = Missing()


class JitterBuffer(Generic[Item]):
    """Puts the packets of one source in order. `clock` is timestamp ticks a second, `frame` the ticks of one
    packet until they show it themselves.

    Counts: packets that came too `late` or twice (`duplicates`), those that had to be made up (`concealed`),
    `skipped` and `stretched` ones by which the delay was corrected, and those that did not fit (`overflowed`).
    """

    def __init__(self, clock: int, frame: int) -> None:
        self.late = self.duplicates = self.concealed = self.skipped = self.stretched = self.overflowed = 0
        self._clock = clock
        self._frame = frame
        self._target = 2 * frame / clock  # until there is something to judge by
        self._packets: dict[int, tuple[int, Item]] = {}
        self._transits: deque[float] = deque(maxlen=_WINDOW)
        self._unjudged = 0
        self._least = 0.0
        self._highest = -1  # sequence number, counted on beyond 16 bits; -1: nothing came yet
        self._newest = 0  # its timestamp, counted on beyond 32 bits
        self._playing = False
        self._next = 0  # the sequence number to be played
        self._expected = 0  # and its timestamp, if the sender did not pause
        self._dry = 0  # packets in a row made up because there was nothing at all
        self._since = 0  # packets since the last correction

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def delay(self) -> float:
        """Seconds that a packet of the least transit waits here."""
        return self._target

    def restart(self, clock: int, frame: int) -> None:
        """What comes next is of another source, or of another clock; the counts go on."""
        self._clock, self._frame = clock, frame
        self._packets.clear()
        self._highest = -1

    def rest(self) -> None:
        """The sender is silent on purpose: nothing is missing until it speaks again."""
        self._playing = False

    def put(self, sequence: int, timestamp: int, item: Item, at: float) -> None:
        """A packet came at `at` (seconds); its numbers are as in its header."""
        ahead = (sequence - self._highest) & 0xFFFF
        behind = 0x10000 - ahead
        if self._highest < 0 or _LEAP <= ahead <= 0x10000 - _LEAP:
            self._begin(sequence, timestamp)
            ahead = 0
        moved = (timestamp - self._newest) & 0xFFFFFFFF
        time = self._newest + moved - ((moved & 0x80000000) << 1)
        number = self._highest + ahead if ahead < _LEAP else self._highest - behind
        if number > self._highest:
            if number == self._highest + 1 and 0 < moved <= self._clock // 5:
                self._frame = moved
            self._highest, self._newest = number, time
        transit = at - time / self._clock
        if self._transits and abs(transit - self._least) > _ASTRAY:
            self._begin(sequence, timestamp)
            number, time = self._highest, timestamp
            transit = at - time / self._clock
        self._judge(transit)
        if self._playing and number < self._next:
            self.late += 1
            if self._unjudged >= _JUDGE_LATE:
                self._set_target()
        elif number in self._packets:
            self.duplicates += 1
        else:
            self._packets[number] = time, item
            if len(self._packets) > _HELD:
                del self._packets[min(self._packets)]
                self.overflowed += 1

    def pull(self, now: float) -> Pulled[Item]:
        """What is to be heard at `now` (seconds): a packet, something made up, or None for silence."""
        if not self._packets:
            return self._run_dry()
        if not self._playing:
            first = min(self._packets)
            if self._early(first, now) > 0:
                return None
            self._playing, self._next, self._expected = True, first, self._packets[first][0]
        self._dry = 0
        self._since += 1
        if self._next not in self._packets:
            first = min(self._packets)
            if self._early(first, now) > self._frame / self._clock / 2:
                return self._lost()
            self._next, self._expected = first, self._packets[first][0]
        return self._found(now)

    def _found(self, now: float) -> Pulled[Item]:
        """The packet that is next is there: play it, unless it is time to correct the delay."""
        early, frame = self._early(self._next, now), self._frame / self._clock
        time, item = self._packets[self._next]
        if time > self._expected + self._frame // 2:  # the sender was silent before it
            if early > 0:
                return None
        elif self._since > _CALM or abs(early) > _FAR:
            if early > frame:
                self._since = 0
                self.stretched += 1
                return _NOTHING  # type: ignore[return-value]  # without a following item it is of any kind
            if early < -1.5 * frame and self._next + 1 in self._packets:
                self._since = 0
                self.skipped += 1
                self._take()
                time, item = self._packets[self._next]
        self._take()
        return item

    def _take(self) -> None:
        time, _ = self._packets.pop(self._next)
        self._next += 1
        self._expected = time + self._frame

    def _lost(self) -> Missing[Item]:
        self.concealed += 1
        self._next += 1
        self._expected += self._frame
        following = self._packets.get(self._next)
        return Missing(None if following is None else following[1])

    def _run_dry(self) -> Pulled[Item]:
        if not self._playing:
            return None
        self._dry += 1
        if self._dry > _PATIENCE:
            self._playing = False
            return None
        self.concealed += 1
        return _NOTHING  # type: ignore[return-value]

    def _early(self, number: int, now: float) -> float:
        """Seconds until a packet is due, below 0 where it was."""
        return self._packets[number][0] / self._clock + self._least + self._target - now

    def _begin(self, sequence: int, timestamp: int) -> None:
        self._packets.clear()
        self._transits.clear()
        self._unjudged = 0
        self._highest, self._newest = sequence + 0x10000, timestamp  # room for what came before it
        self._playing = False

    def _judge(self, transit: float) -> None:
        self._transits.append(transit)
        self._unjudged += 1
        if len(self._transits) == 1 or transit < self._least:
            self._least = transit
        if self._unjudged >= _JUDGE_EVERY or len(self._transits) == _JUDGE_LATE:
            self._set_target()

    def _set_target(self) -> None:
        transits = sorted(self._transits)
        self._unjudged = 0
        self._least = transits[0]
        self._target = min(transits[int(_COVERED * (len(transits) - 1))] - self._least + _MARGIN, _MOST)
