"""Sound: CPU of each codec for a frame of 20 ms, of changing the sampling rate, of a player, of a recorder."""

from __future__ import annotations

import asyncio
import math
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from procs import spread

from sipclient.media import pyav
from sipclient.media.codecs import decoder, encoder
from sipclient.media.sound import Recorder, Resampler, open_source
from sipclient.sdp.codecs import Codec

FRAME = 0.02
OPUS = Codec("opus", clock=48000, channels=2)


def voice(rate: int, seconds: float = 2.0) -> list[bytes]:
    """Frames of what voice is to a codec: pulses of a wandering pitch through a throat of three resonances."""
    pitch, out = 0.0, []
    throat = [(700.0, [0.0, 0.0]), (1200.0, [0.0, 0.0]), (2600.0, [0.0, 0.0])]
    for n in range(round(rate * seconds)):
        pitch += (120 + 20 * math.sin(2 * math.pi * 1.5 * n / rate)) / rate
        pulse, pitch = float(pitch >= 1), pitch % 1
        loud = 0.0
        for frequency, past in throat:
            near = math.exp(-math.pi * 90 / rate)
            past[:] = pulse + 2 * near * math.cos(2 * math.pi * frequency / rate) * past[0] - near**2 * past[1], past[0]
            loud += past[0] * (1 - near)
        out.append(round(max(-32768, min(32767, 60_000 * loud))))
    size = round(rate * FRAME)
    return [array("h", out[at : at + size]).tobytes() for at in range(0, len(out), size)]


def cost(work: Callable[[bytes], object], frames: Sequence[bytes], rounds: int) -> list[float]:
    """CPU µs a frame."""
    found = []
    for _ in range(rounds):
        before = time.process_time()
        for frame in frames:
            work(frame)
        found.append((time.process_time() - before) / len(frames) * 1e6)
    return found


def coded(name: str, codec: Codec, rounds: int, seconds: float, rate: int = 0, fec: bool = False) -> None:
    """Measure one codec both ways, and what stands in for a lost packet."""
    fmtp = {"useinbandfec": "1"} if fec else {}
    to, back = encoder(codec, fmtp, rate), decoder(codec, fmtp, rate)
    frames = voice(to.rate, seconds)
    encoding = cost(to.encode, frames, rounds)
    payloads = [to.encode(frame) for frame in frames]
    decoding = cost(back.decode, payloads, rounds)
    size = round(back.rate * FRAME)

    def lose(payload: bytes) -> None:
        back.decode(payload)
        back.conceal(size)

    concealing = median(cost(lose, payloads, rounds)) - median(decoding)
    print(f"  {name:<24} {median(encoding):9.1f} {median(decoding):9.1f} {concealing:9.1f}   ({spread(encoding)})")


async def recorded(name: str, stereo: bool, rounds: int, seconds: float) -> float:
    """CPU ms for each second of a call of two voices, the thread's included."""
    frames, found = voice(8000, seconds), []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            before = time.process_time()
            recorder = Recorder(Path(folder), name, stereo=stereo)
            for n, frame in enumerate(frames):
                recorder.left.heard(frame, 8000, n * FRAME)
                recorder.right.heard(frame, 8000, n * FRAME)
            recorder.close()
            await recorder.finished
            found.append((time.process_time() - before) / seconds * 1e3)
    return median(found)


def report(rounds: int = 5, seconds: float = 4.0) -> None:
    """Measure and print."""
    extra = pyav.installed()
    print(f"\nSound, CPU µs for 20 ms ({rounds} rounds of {seconds:g} s){'':>6}encode    decode   conceal")
    coded("PCMU", Codec("PCMU"), rounds, seconds)
    coded("PCMA", Codec("PCMA"), rounds, seconds)
    coded("L16, 16 kHz", Codec("L16", clock=16000), rounds, seconds)
    if extra:
        coded("G.722", Codec("G722"), rounds, seconds)
        for rate in (8000, 16000, 48000):
            coded(f"opus, {rate // 1000} kHz", OPUS, rounds, seconds, rate)
            coded(f"opus, {rate // 1000} kHz, FEC", OPUS, rounds, seconds, rate, fec=True)
    print("Sampling rate, CPU µs for 20 ms")
    for source, target in ((8000, 16000), (16000, 8000), (48000, 8000), (44100, 8000)):
        print(f"  {source} to {target:<14}", end="")
        frames = voice(source, seconds)
        for way in ("PyAV", "own") if extra else ("own",):
            found = resampled(way, source, target, frames, rounds)
            print(f" {median(found):9.1f} by {way}", end="")
        print()
    print("A player at 8 kHz, CPU µs for 20 ms")
    player = open_source("us-ring")
    print(f"  us-ring {median(cost(lambda _: player.frame(160, 8000), [b''] * 500, rounds)):26.1f}")
    print("A recorder, CPU ms for each second of a call")
    for name, stereo in (("a.wav", False), ("a.wav", True), *([("a.mp3", True), ("a.opus", True)] if extra else [])):
        took = asyncio.run(recorded(name, stereo, rounds, seconds))
        print(f"  {Path(name).suffix[1:] + (', stereo' if stereo else ', mono'):<24} {took:9.2f}")


def resampled(way: str, source: int, target: int, frames: Sequence[bytes], rounds: int) -> list[float]:
    """One way of changing the rate, whatever is installed."""
    installed = pyav.installed
    pyav.installed = lambda: way == "PyAV"
    try:
        return cost(Resampler(source, target).resample, frames, rounds)
    finally:
        pyav.installed = installed


if __name__ == "__main__":
    report(*map(int, sys.argv[1:]))
