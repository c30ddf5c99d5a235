"""What is heard in the place of a lost packet, for codecs that know nothing better: the last pitch period
again and again, fading. After ITU-T G.711 Appendix I, without its delay. Pure."""

from __future__ import annotations

from array import array
from itertools import islice
from operator import mul

_SHORTEST, _LONGEST = 0.0025, 0.0165  # seconds of a pitch period: 400 Hz to 60 Hz
_COMPARED = 0.010  # of sound, when one period is sought
_KEPT = 2 * _LONGEST + _COMPARED
_HOLD, _FADE = 0.010, 0.050  # at full level, then down to nothing: what lasts longer buzzes
_JOIN = 0.004  # from the invented into what comes next


class Concealed:
    """The base of decoders without concealment of their own: tell `heard` everything that is decoded."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._past: list[bytes] = []
        self._kept = 0  # bytes in `_past`
        self._cycle = array("h")
        self._invented = 0  # samples since the last packet that came

    def heard(self, pcm: bytes) -> bytes:
        """What a packet gave, as it should sound: after a loss it is joined to what was made up."""
        if self._invented:
            pcm = self._joined(pcm)
            self._invented = 0
        past = self._past
        past.append(pcm)
        self._kept += len(pcm)
        enough = 2 * int(_KEPT * self.rate)
        while len(past) > 1 and self._kept - len(past[0]) >= enough:
            self._kept -= len(past.pop(0))
        return pcm

    def conceal(self, samples: int) -> bytes:
        """So many samples in the place of a packet that did not come."""
        if not self._invented:
            self._cycle = self._last_period()
        made = self._continued(samples)
        self._invented += samples
        return made.tobytes()

    def recover(self, following: bytes) -> bytes | None:
        """The lost packet out of the one that `following` it came: this codec has no such thing."""
        return None

    def _last_period(self) -> array[int]:
        """The last pitch period of what was heard, or nothing where too little was."""
        tail = array("h")
        tail.frombytes(b"".join(self._past)[-2 * int(_KEPT * self.rate) :])
        compared, longest = int(_COMPARED * self.rate), int(_LONGEST * self.rate)
        if len(tail) < compared + longest:
            return array("h")
        # Every second sample at 8 kHz, every twelfth at 48: speech pitch needs no more.
        step = max(1, self.rate // 4000)
        recent = tail[-compared:]
        coarse = recent[::step]
        best, score = longest, 0.0
        for lag in range(int(_SHORTEST * self.rate), longest + 1, step):
            earlier = tail[-compared - lag : -lag : step]
            match = sum(map(mul, coarse, earlier))
            if match > 0:
                likeness = match * match / (sum(map(mul, earlier, earlier)) or 1)
                if likeness > score:
                    best, score = lag, likeness
        if step > 1:
            best = self._refined(tail, recent, best, step)
        return tail[-best:]

    def _refined(self, tail: array[int], recent: array[int], near: int, step: int) -> int:
        longest = int(_LONGEST * self.rate)
        around = range(max(1, near - step + 1), min(longest, near + step - 1) + 1)
        return max(around, key=lambda lag: sum(map(mul, recent, tail[-len(recent) - lag : -lag])))

    def _continued(self, samples: int) -> array[int]:
        """The cycle, from where it stands, at the level it has faded to."""
        cycle = self._cycle
        if not cycle:
            return array("h", bytes(2 * samples))
        start = self._invented % len(cycle)
        turns = (cycle * (1 + (start + samples) // len(cycle)))[start : start + samples]
        hold, fade = int(_HOLD * self.rate), int(_FADE * self.rate)
        first = self._invented
        return array(
            "h",
            [
                sample if n <= hold else sample * max(0, hold + fade - n) // fade
                for n, sample in enumerate(islice(turns, samples), first)
            ],
        )

    def _joined(self, pcm: bytes) -> bytes:
        new = array("h")
        new.frombytes(pcm)
        width = min(int(_JOIN * self.rate), len(new))
        for n, old in enumerate(self._continued(width)):
            new[n] = (old * (width - n) + new[n] * n) // width
        return new.tobytes()
