"""The two seams between a stream of packets and sound: what it sends, and who listens to it.

PCM is signed 16-bit samples in the machine's byte order, mono, as `bytes`.
"""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """Whatever is to be sent: a player, a tone, the other side of a bridge."""

    def frame(self, samples: int, rate: int) -> bytes | None:
        """The next `samples` at `rate` a second, for one packet: shorter is filled up with silence. None:
        nothing now, which is silence too, and not the end."""


class Sink(Protocol):
    """Whoever listens: a recorder, the other side of a bridge, a detector."""

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        """Sound for `at` (the loop's seconds), `rate` samples a second, one packet long. It comes without
        gaps, silence too, for as long as the stream is listened to; the rate may change in between."""
