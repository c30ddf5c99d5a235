"""What a recording looks like."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

import pytest

from sipclient.errors import MediaError
from sipclient.media.sound import Recorder
from sipclient.media.sound.waveform import MOST_BARS, waveform

RATE = 8000


def tone(seconds: float, loudness: float) -> array[int]:
    return array("h", (int(32767 * loudness * math.sin(n * 0.345)) for n in range(int(seconds * RATE))))


def a_wav(path: Path, *sides: array[int]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(sides))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array("h", (sample for both in zip(*sides, strict=True) for sample in both)).tobytes())
    return path


def test_each_side_is_as_loud_as_it_is(tmp_path: Path) -> None:
    left, right = tone(1, 0.5) + tone(1, 0), tone(1, 0) + tone(1, 1.0)
    found = waveform(a_wav(tmp_path / "a.wav", left, right), 4)
    assert (found.seconds, found.rate, found.channels) == (2.0, RATE, 2)
    assert [[round(peak, 1) for peak in bar] for bar in found.peaks] == [[0.5, 0], [0.5, 0], [0, 1.0], [0, 1.0]]


@pytest.mark.parametrize("suffix", ["mp3", "opus"])
async def test_what_was_recorded_in_another_form(tmp_path: Path, suffix: str) -> None:
    recorder = Recorder(tmp_path, f"a.{suffix}", stereo=True)
    for n in range(100):
        part = tone(0.02, 0.8).tobytes()
        recorder.left.heard(part, RATE, 0.02 * n)
        recorder.right.heard(bytes(320), RATE, 0.02 * n)
    recorder.close()
    await recorder.finished
    found = waveform(tmp_path / f"a.{suffix}", 10)
    assert found.channels == 2 and found.seconds == pytest.approx(2.0, abs=0.25) and len(found.peaks) == 10
    assert all(bar[0] > 0.5 and bar[1] < 0.1 for bar in found.peaks[1:9])


def test_a_long_recording_takes_no_more_bars(tmp_path: Path) -> None:
    path = a_wav(tmp_path / "a.wav", tone(100, 0.1) + tone(1, 0.9) + tone(99, 0.1))
    found = waveform(path, 200)
    loud = [place for place, (peak,) in enumerate(found.peaks) if peak > 0.5]
    assert len(found.peaks) == 200 and loud[0] in (99, 100) and len(loud) <= 2 and found.seconds == 200
    assert len(waveform(path, 10**9).peaks) <= MOST_BARS
    assert len(waveform(path, -1).peaks) == 1


def test_one_that_is_still_short_or_broken_off(tmp_path: Path) -> None:
    assert waveform(a_wav(tmp_path / "a.wav", array("h")), 10).peaks == []
    short = a_wav(tmp_path / "b.wav", tone(0.001, 1))
    assert len(waveform(short, 10).peaks) == 1
    short.write_bytes(short.read_bytes()[:-3])
    assert len(waveform(short, 10).peaks) == 1


def test_what_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    for path in (tmp_path / "a.wav", tmp_path / "missing.mp3"):
        with pytest.raises(MediaError, match=path.stem):
            waveform(path, 10)


async def test_a_recording_whose_folder_was_taken_away_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    recorder = Recorder(folder, "a.wav")
    folder.rename(tmp_path / "elsewhere")
    recorder.close()
    with pytest.raises(MediaError, match="No such file"):
        await recorder.finished
