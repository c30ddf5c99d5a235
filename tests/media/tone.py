"""A tone to send and an ear that measures it: sound is never judged by listening."""

from __future__ import annotations

from sipclient.media.tones.detector import ToneDetector
from sipclient.media.tones.notation import parse_tones
from sipclient.media.tones.synthesis import ToneReader


class Humming:
    """A source: one frequency without end."""

    def __init__(self, frequency: int) -> None:
        self._script = parse_tones(f"%(1000,0,{frequency});loops=-1")
        self._reader: tuple[int, ToneReader] | None = None

    def frame(self, samples: int, rate: int) -> bytes | None:
        if self._reader is None or self._reader[0] != rate:
            self._reader = rate, ToneReader(self._script, rate)
        return self._reader[1].read(samples)


class Listener:
    """A sink: how much of what was heard is that frequency."""

    def __init__(self, frequency: int) -> None:
        self._frequency = frequency
        self._detector: tuple[int, ToneDetector] | None = None

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        if self._detector is None or self._detector[0] != rate:
            self._detector = rate, ToneDetector(self._frequency, rate=rate)
        self._detector[1].feed(pcm)

    @property
    def score(self) -> float:
        """0 to 1."""
        return 0.0 if self._detector is None else self._detector[1].score

    @property
    def blocks(self) -> int:
        """Of how many 20 ms that is."""
        return 0 if self._detector is None else self._detector[1].blocks

    def again(self) -> None:
        """Forget what was heard so far."""
        self._detector = None
