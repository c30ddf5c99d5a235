"""The two seams between a stream of packets and sound: what it sends, and who listens to it.

PCM is signed 16-bit samples in the machine's byte order, mono, as `bytes`. Both may be a user's own: what raises is
logged once and left out from then on, and harms nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

log = logging.getLogger("sipclient")


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


def let_hear(sinks: Sequence[Sink], pcm: bytes, rate: int, at: float) -> tuple[Sink, ...]:
    """Let each of them hear it; gives those that could not bear it, which are to be left out."""
    broken: tuple[Sink, ...] = ()
    for sink in sinks:
        try:
            sink.heard(pcm, rate, at)
        except Exception:  # the user's code, and any number of other calls behind us
            log.exception("%s raised while it listened: it hears no more", _named(sink))
            broken += (sink,)
    return broken


class Broken(Exception):
    """A source that raised, or gave what is no PCM: logged already."""


def frame_of(source: Source, samples: int, rate: int) -> bytes | None:
    """What it gives. Raises Broken for a source that is to be left out."""
    try:
        pcm = source.frame(samples, rate)
        if pcm is None or isinstance(pcm, bytes):
            return pcm
        return memoryview(pcm).tobytes()
    except Exception as error:  # the user's code, and any number of other calls behind us
        log.exception("%s was to be sent and raised: there is silence in its place", _named(source))
        raise Broken from error


def _named(part: object) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"  # its own repr may raise as well
