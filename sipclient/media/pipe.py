"""Sound from one stream to another: heard here, sent there. Pure."""

from __future__ import annotations

from sipclient.media.sound.resample import Resampler

_MOST = 0.2  # seconds that may wait in it
_KEEP = 0.06  # of which these stay when it overflows


class Pipe:
    """A Sink of one stream and a Source of another; both go by one clock, so hardly anything waits in it."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._rate = 0
        self._resampler: Resampler | None = None

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        """See Sink."""
        if not self._rate:  # nobody asked yet
            return
        if self._resampler is None or self._resampler.source != rate:
            self._resampler = Resampler(rate, self._rate)
        self._waiting += self._resampler.resample(pcm)
        if len(self._waiting) > 2 * _MOST * self._rate:
            del self._waiting[: len(self._waiting) - 2 * int(_KEEP * self._rate)]

    def frame(self, samples: int, rate: int) -> bytes | None:
        """See Source."""
        if rate != self._rate:
            self._rate, self._resampler = rate, None
            self._waiting.clear()
        if len(self._waiting) < 2 * samples:
            return None
        pcm = bytes(self._waiting[: 2 * samples])
        del self._waiting[: 2 * samples]
        return pcm
