"""Any stream gives frames or FramingLost, however it is cut; nothing but what waits for its end is kept.

Run: python tests/fuzz/fuzz_framer.py -max_total_time=60
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from sipclient.message import DEFAULT, Framer, FramingLost


def feed(data: bytes, size: int) -> tuple[list[bytes], int]:
    """The messages of a stream that comes in pieces of `size`, and the status it ended with (0: it did not)."""
    framer, frames = Framer(), []
    for place in range(0, len(data), size):
        try:
            frames += framer.feed(data[place : place + size])
        except FramingLost as lost:
            return [frame for frame in frames + lost.frames if frame.strip()], lost.status
        if framer.pending > DEFAULT.message:
            raise RuntimeError("more is kept than one message may be long")
    return [frame for frame in frames if frame.strip()], 0


def one(data: bytes) -> None:
    """The first byte says how the rest is cut."""
    if len(data) < 2:
        return
    stream = data[1:]
    if feed(stream, len(stream)) != feed(stream, data[0] + 1):
        raise RuntimeError("framing depends on where the stream is cut")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
