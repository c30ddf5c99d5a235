"""What is sent, for whoever wants to hear that too: the other side of a recording."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.media.seams import Sink, Source


class Tap:
    """A Source that gives what another gives, and tells a Sink of it. `time` is the clock of what else the Sink hears,
    in seconds: the loop's. Without a source it gives nothing, and the Sink hears nothing: that is silence."""

    def __init__(self, sink: Sink, time: Callable[[], float], source: Source | None = None) -> None:
        self.source = source
        self._sink = sink
        self._time = time

    def frame(self, samples: int, rate: int) -> bytes | None:
        """See Source."""
        pcm = None if self.source is None else self.source.frame(samples, rate)
        if pcm:
            self._sink.heard(pcm, rate, self._time())
        return pcm
