"""A player and a recorder on whole streams over a bad network: what is on the disk is what was said."""

from __future__ import annotations

import random
import wave
from array import array
from pathlib import Path

import pytest

from sipclient.media.engine import RtpEngine
from sipclient.media.sound import Player, Recorder, open_source
from sipclient.media.tones import ToneDetector
from sipclient.sdp import G722, OPUS, PCMU, Codec
from tests.media.virtual import VirtualLoop
from tests.media.wire import End, agreement, bad_network


def engine_on(loop: VirtualLoop) -> RtpEngine:
    return RtpEngine(loop, random.Random(3).getrandbits)


@pytest.mark.parametrize(("codec", "number"), [(PCMU, 0), (G722, 9), (OPUS, 111)], ids=["PCMU", "G722", "opus"])
async def test_both_voices_of_a_call_are_on_their_sides_and_in_time(tmp_path: Path, codec: Codec, number: int) -> None:
    loop = VirtualLoop()
    engine = engine_on(loop)
    a = End(engine, agreement(codec, number, event=None))
    b = a.to(End(engine, agreement(codec, number, event=None)))
    for end, seed in ((a, 1), (b, 2)):
        end.wire.delay = bad_network(seed, 0.02, 0.03)
    recorder = Recorder(tmp_path, "call.wav", stereo=True)
    a.stream.listen(recorder.left)
    a.stream.listen_to_ourselves(recorder.right)
    a.stream.source = open_source("%(1000,1000,440);loops=3")
    b.stream.source = open_source("silence_stream://3000", "%(2000,0,1000)")
    loop.run_for(8)
    recorder.close()
    done = await recorder.finished
    assert done.seconds == pytest.approx(8, abs=0.1)
    with wave.open(str(done.path)) as file:
        both = array("h", file.readframes(file.getnframes()))
    theirs, ours = cadence(both[0::2], 1000), cadence(both[1::2], 440)
    assert len(theirs) == 1
    assert theirs[0] == pytest.approx((3, 5), abs=0.15)  # the network and the jitter buffer take some of it
    assert len(ours) == 3
    assert [begin for begin, _ in ours] == pytest.approx([0, 2, 4], abs=0.06)


def cadence(samples: array[int], frequency: float) -> list[tuple[float, float]]:
    """When a tone is heard, from when to when, in blocks of 20 ms; holes of up to 100 ms are none."""
    detector = ToneDetector(frequency, rate=8000)
    out: list[tuple[float, float]] = []
    for n in range(len(samples) // 160):
        if detector.feed(samples[160 * n : 160 * n + 160].tobytes()):
            if out and n * 0.02 - out[-1][1] <= 0.1:
                out[-1] = out[-1][0], (n + 1) * 0.02
            else:
                out.append((n * 0.02, (n + 1) * 0.02))
    return out


async def test_a_player_on_a_stream_says_when_it_is_done_and_silence_follows() -> None:
    loop = VirtualLoop()
    a = End(engine_on(loop), agreement())
    player: Player = open_source("%(500,0,440)")
    a.stream.source = player
    loop.run_for(0.4)
    assert not player.finished.done
    loop.run_for(0.2)
    await player.finished
    before = len(a.wire.rtp)
    loop.run_for(0.2)
    assert len(a.wire.rtp) - before == 10
    assert {packet.payload for packet in a.wire.packets()[-5:]} == {b"\xff" * 160}


def test_who_left_hears_nothing_more_of_what_is_sent() -> None:
    heard: list[int] = []

    class Ear:
        def heard(self, pcm: bytes, rate: int, at: float) -> None:
            heard.append(len(pcm))

    loop = VirtualLoop()
    a = End(engine_on(loop), agreement())
    ear = Ear()
    a.stream.listen_to_ourselves(ear)
    loop.run_for(0.1)
    assert heard == []  # silence is not told
    a.stream.source = open_source("%(5000,0,440)")
    loop.run_for(0.1)
    assert heard == [320] * 5
    a.stream.leave(ear)
    loop.run_for(0.1)
    assert len(heard) == 5
