"""Two sides of a call on one line of time, whatever each does: silent, late, paused, bursting, drifting. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from sipclient.media.sound.resample import Resampler

WINDOW = 0.3  # seconds: what comes within it tells whether something late is late, or comes after a pause
SLACK = 0.5  # seconds more, for which a side may be late before silence stands in its place
TOLERANCE = 0.02  # seconds that sound may stand from where its time says: one frame
JITTER = 0.06  # the same, where fewer than so many stretches follow within the window to judge by
_TELLING = 5
_MOST_WAITING = 1000  # stretches of sound, should time stand still


class _Side:
    """One voice: what waits for its place, and what has one, as positions in samples."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: Resampler | None = None
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.placed: deque[tuple[int, bytes]] = deque()
        self.end = 0  # of the last that was placed
        self.begun = False

    def converted(self, pcm: bytes, rate: int) -> bytes:
        if rate == self._rate:
            return pcm
        if self._resampler is None or self._resampler.source != rate:
            self._resampler = Resampler(rate, self._rate)
        return self._resampler.resample(pcm)

    def earliest(self) -> float:
        """When the sound that waits began, judged by the stretch that was least late."""
        passed, times = 0, []
        for at, pcm in self.waiting:
            times.append(at - passed / self._rate)
            passed += len(pcm) // 2
        return min(times)

    def place(self, origin: float) -> None:
        """Put the first stretch that waits where it belongs: right after the one before, unless it and all that
        follows within the window say otherwise."""
        passed, late = 0, []
        last = self.waiting[0][0] + WINDOW
        for at, pcm in self.waiting:
            if at > last:
                break
            late.append(round((at - origin) * self._rate) - self.end - passed)
            passed += len(pcm) // 2
        _, pcm = self.waiting.popleft()
        tolerance = round((TOLERANCE if len(late) >= _TELLING else JITTER) * self._rate) if self.begun else 0
        self.begun = True
        if min(late) > tolerance:
            self.end += min(late)
        elif max(late) < -tolerance:  # the peer's clock is fast, or silence was put in too soon
            pcm = pcm[2 * -max(late) :]
        if pcm:
            self.placed.append((self.end, pcm))
            self.end += len(pcm) // 2

    def cut(self, start: int, stop: int) -> bytes:
        """What is placed from `start` to `stop`, and silence where nothing is."""
        out = bytearray(2 * (stop - start))
        while self.placed and self.placed[0][0] < stop:
            at, pcm = self.placed.popleft()
            room = 2 * (stop - at)
            if len(pcm) > room:
                self.placed.appendleft((stop, pcm[room:]))
                pcm = pcm[:room]
            out[2 * (at - start) : 2 * (at - start) + len(pcm)] = pcm
        self.end = max(self.end, stop)
        return bytes(out)


class Timeline:
    """Sound comes in with the time it was heard at; side by side it comes out, most of a second later, at `rate` Hz."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.given = 0  # samples of each side
        self._sides = (_Side(rate), _Side(rate))
        self._origin: float | None = None
        self._now: float | None = None  # of the clock, as far as anything was heard

    def heard(self, side: int, pcm: bytes, rate: int, at: float) -> None:
        """A stretch of sound of side 0 or 1, at `at` seconds. Should time stand still, it is dropped after a while."""
        here = self._sides[side]
        pcm = here.converted(pcm, rate)
        if not pcm or len(here.waiting) >= _MOST_WAITING:
            return
        self._now = at if self._now is None else max(self._now, at)
        here.waiting.append((at, pcm))

    def ready(self) -> Iterator[tuple[bytes, bytes]]:
        """Both sides of what no later sound can change, in stretches of up to a second."""
        return iter(()) if self._now is None else self._cut(self._now - WINDOW, self._now - WINDOW - SLACK)

    def rest(self) -> Iterator[tuple[bytes, bytes]]:
        """Both sides of everything else."""
        return iter(()) if self._now is None else self._cut(self._now, None)

    def _cut(self, placed: float, until: float | None) -> Iterator[tuple[bytes, bytes]]:
        if self._origin is None:
            waiting = [side for side in self._sides if side.waiting]
            if not waiting or (until is not None and min(side.waiting[0][0] for side in waiting) > placed):
                return
            self._origin = min(side.earliest() for side in waiting)
        for side in self._sides:
            while side.waiting and side.waiting[0][0] <= placed:
                side.place(self._origin)
        stop = max(side.end for side in self._sides) if until is None else round((until - self._origin) * self.rate)
        while self.given < stop:
            start, self.given = self.given, min(stop, self.given + self.rate)
            yield self._sides[0].cut(start, self.given), self._sides[1].cut(start, self.given)
