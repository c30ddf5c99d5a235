"""Two real telephones called and joined: what the first hears while the second rings, speech, the recording."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from interop.baresip_phone import Baresip
from interop.sipp_line import account
from interop.waiting import until

from sipclient import BridgeProgress, Client
from sipclient.media.tones.detector import tone_level

LIMIT = 45
RATE = 8000
LOUD = -35.0  # dB, where a tone is heard


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[tuple[Baresip, Baresip]]:
    """A answers by itself, plays 1000 Hz and writes down what it hears; B rings until told, and plays 600 Hz."""
    started: list[Baresip] = []
    try:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        started.append(Baresip(tmp_path / "a", "audio_codecs=PCMU", tone=1000, hears=True))
        started.append(Baresip(tmp_path / "b", "audio_codecs=PCMU", tone=600, answers=False))
        yield started[0], started[1]
    finally:
        for each in started:
            each.stop()


def sides(path: Path) -> list[bytes]:
    """The channels of a wav file of 16 bits."""
    with wave.open(str(path)) as file:
        count, frames = file.getnchannels(), file.readframes(file.getnframes())
    samples = [frames[at : at + 2] for at in range(0, len(frames) - 1, 2)]
    return [b"".join(samples[side::count]) for side in range(count)]


def when(pcm: bytes, hertz: float, step: float = 0.1) -> list[bool]:
    """For each tenth of a second, whether the tone is there."""
    size = int(RATE * step) * 2
    return [tone_level(pcm[at : at + size], hertz, RATE) > LOUD for at in range(0, len(pcm) - size, size)]


def runs(heard: list[bool]) -> list[tuple[bool, float]]:
    """Sound and silence in turn, each with its seconds."""
    found: list[tuple[bool, float]] = []
    for each in heard:
        last = found.pop() if found and found[-1][0] is each else (each, 0.0)
        found.append((each, last[1] + 0.1))
    return found


async def test_two_phones_are_called_and_joined(phones: tuple[Baresip, Baresip], tmp_path: Path) -> None:
    a, b = phones
    accounts = [
        msgspec.structs.replace(account(phone.port, media="rtp", codecs=("PCMU", "telephone-event")), name=name)
        for name, phone in (("a", a), ("b", b))
    ]
    told: list[BridgeProgress] = []
    async with asyncio.timeout(LIMIT), a, b, Client(*accounts) as client:
        connecting = client.bridge(
            "{ringback=%(2000,4000,440,480)}sofia/gateway/a/phone",
            "sofia/gateway/b/phone",
            id="order-17",
            record=tmp_path / "both.wav",
            on_progress=told.append,
        )
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(after_two_rings(b, told))
            bridge = await connecting
            await answering
        await until(lambda: "CALL_RTPESTAB" in a.told and "CALL_RTPESTAB" in b.told, "both hear")
        await asyncio.sleep(1.5)  # of speech
        b.do("hangup")
        await bridge
        assert (await bridge.a.ended()).by == "local"
        assert (await bridge.b.ended()).by == "remote"
        recording = connecting.recording
        assert recording is not None
        await recording
        assert client.failures == 0
    assert [each.state for each in told if each.leg == "b"] == ["calling", "ringing", "answered", "ended"]

    left, right = sides(tmp_path / "both.wav")
    speech = -int(1.2 * RATE) * 2, -int(0.2 * RATE) * 2  # a second of it, near the end
    assert tone_level(left[slice(*speech)], 1000, RATE) > LOUD > tone_level(left[slice(*speech)], 600, RATE)
    assert tone_level(right[slice(*speech)], 600, RATE) > LOUD > tone_level(right[slice(*speech)], 1000, RATE)

    (dump,) = (tmp_path / "a").glob("dump-*-dec.wav")
    heard = sides(dump)[0]
    for hertz in (440, 480):
        rings = [seconds for sounds, seconds in runs(when(heard, hertz)) if sounds]
        assert rings[0] == pytest.approx(2.0, abs=0.3)
        pauses = [seconds for sounds, seconds in runs(when(heard, hertz))[1:] if not sounds]
        assert pauses[0] == pytest.approx(4.0, abs=0.3)
    assert any(when(heard, 600))  # B's voice


async def after_two_rings(b: Baresip, told: list[BridgeProgress]) -> None:
    """B answers within its second ring, seven seconds after it began to ring."""
    await until(lambda: any(each.state == "ringing" for each in told), "B rings")
    await asyncio.sleep(7)
    b.do("accept")
