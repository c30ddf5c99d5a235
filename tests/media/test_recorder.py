"""Recordings: who spoke when, to the frame; whole after a crash; never in the way; never over or outside."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media.measure import level, samples, share, sine

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.sound import Recorder, Recording, open_source
from sipclient.media.sound.timeline import Timeline

FRAME = 0.02
ONE = b"\x10\x27" * 160  # 20 ms at 8 kHz of a constant, easily told from silence


def run(timeline: Timeline, events: list[tuple[float, int, bytes]], rate: int = 8000) -> tuple[bytes, bytes]:
    """Both sides of everything, taken out as a recorder does; events are (at, side, pcm)."""
    left, right = bytearray(), bytearray()
    for at, side, pcm in sorted(events, key=lambda event: event[0]):
        timeline.heard(side, pcm, rate, at)
        for one, other in timeline.ready():
            assert len(one) == len(other) <= 2 * timeline.rate
            left += one
            right += other
    for one, other in timeline.rest():
        left += one
        right += other
    return bytes(left), bytes(right)


def talk(start: float, seconds: float, side: int, delay: float = 0.0) -> list[tuple[float, int, bytes]]:
    return [(start + n * FRAME + delay, side, ONE) for n in range(round(seconds / FRAME))]


def spurts(pcm: bytes, rate: int = 8000) -> list[tuple[float, float]]:
    """Where sound begins and ends, in seconds."""
    out: list[tuple[float, float]] = []
    begun = None
    for n, sample in enumerate((*samples(pcm), 0)):
        if sample and begun is None:
            begun = n
        elif not sample and begun is not None:
            out.append((begun / rate, n / rate))
            begun = None
    return out


def near(found: list[tuple[float, float]], expected: list[tuple[float, float]], within: float = 1e-9) -> bool:
    return len(found) == len(expected) and all(
        abs(a - b) <= within
        for one, other in zip(found, expected, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def test_a_side_that_speaks_later_stands_later_to_the_sample() -> None:
    left, right = run(Timeline(8000), talk(100, 1, 0) + talk(101.5, 0.5, 1))
    assert len(left) == len(right) == 32000
    assert near(spurts(left), [(0, 1)])
    assert near(spurts(right), [(1.5, 2)])


def test_who_sends_nothing_while_silent_stands_where_it_spoke() -> None:
    """Discontinuous transmission, hold and pause: nothing is heard at all, on one side or on both."""
    events = talk(0, 3, 0) + talk(0.5, 0.4, 1) + talk(1.72, 0.3, 1) + talk(9, 0.2, 0) + talk(9.1, 0.2, 1)
    left, right = run(Timeline(8000), events)
    assert near(spurts(left), [(0, 3), (9, 9.2)])
    assert near(spurts(right), [(0.5, 0.9), (1.72, 2.02), (9.1, 9.3)])


def test_a_side_that_only_listens_is_silent() -> None:
    left, right = run(Timeline(8000), talk(5, 1, 1))
    assert left == bytes(16000)
    assert near(spurts(right), [(0, 1)])


@pytest.mark.parametrize("jitter", [0.01, 0.04, 0.06])
def test_jitter_neither_cuts_nor_stretches(jitter: float) -> None:
    draw = random.Random(1)
    events = talk(0, 4, 0)
    events += [(at + draw.random() * jitter, side, pcm) for at, side, pcm in talk(1, 2, 1)]
    _, right = run(Timeline(8000), events)
    assert near(spurts(right), [(1, 3)], FRAME)


def test_a_burst_after_a_stall_is_where_it_was_spoken() -> None:
    spoken = talk(1, 2, 1)
    events = talk(0, 4, 0) + [(max(at, 1.7) if at > 1.4 else at, side, pcm) for at, side, pcm in spoken]
    _, right = run(Timeline(8000), events)
    assert near(spurts(right), [(1, 3)])


def test_clocks_that_drift_apart_stay_within_a_frame_for_ten_minutes() -> None:
    ppm = 200e-6
    marks = range(1000, 30_000, 7000)
    for ppm in (200e-6, -200e-6):
        events = [(n * FRAME, 0, ONE if n in marks else bytes(320)) for n in range(30_000)]
        events += [(at * (1 + ppm), 1, pcm) for at, _, pcm in events]
        left, right = run(Timeline(8000), events)
        for (mine, _), (theirs, _), mark in zip(spurts(left), spurts(right), marks, strict=True):
            assert mine == pytest.approx(mark * FRAME)
            assert theirs == pytest.approx(mark * FRAME * (1 + ppm), abs=FRAME + 0.001)


def test_sides_of_different_rates_share_a_line_of_time() -> None:
    timeline = Timeline(8000)
    for n in range(100):
        timeline.heard(0, sine(500, FRAME, 16000), 16000, n * FRAME)
        timeline.heard(1, sine(1000, FRAME, 48000) if n >= 50 else bytes(1920), 48000, n * FRAME)
    out = list(timeline.rest())
    left, right = (b"".join(column) for column in zip(*out, strict=True))
    assert share(left, 500, 8000) > 0.95
    assert level(right[:15900]) == -float("inf")
    assert level(right[16080:]) == pytest.approx(-10, abs=0.3)


@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.integers(0, 1), st.integers(0, 400), st.sampled_from([8000, 16000])), max_size=40
    )
)
def test_whatever_is_heard_whenever_both_sides_are_of_one_length(heard: list[tuple[float, int, int, int]]) -> None:
    timeline = Timeline(8000)
    total = 0
    for at, side, count, rate in heard:
        timeline.heard(side, bytes(2 * count), rate, at)
        total += sum(len(one) // 2 for one, other in timeline.ready() if len(one) == len(other))
    total += sum(len(one) // 2 for one, other in timeline.rest() if len(one) == len(other))
    assert total == timeline.given <= 8000 * 21 + 400 * 40


def test_a_clock_that_stands_still_holds_no_more_than_so_much() -> None:
    timeline = Timeline(8000)
    for _ in range(5000):
        timeline.heard(0, ONE, 8000, 7.0)
        assert not list(timeline.ready())
    assert sum(len(left) for left, _ in timeline.rest()) == 1000 * 320


async def record(recorder: Recorder, seconds: float = 2.0, rate: int = 8000) -> Recording:
    """The left voice is 440 Hz throughout, the right one 1000 Hz in its second half."""
    left, right = sine(440, FRAME * 5, rate, -16), sine(1000, FRAME * 5, rate, -16)
    for n in range(round(seconds / FRAME / 5)):
        at = 50 + n * FRAME * 5
        recorder.left.heard(left, rate, at)
        if n * FRAME * 5 >= seconds / 2:
            recorder.right.heard(right, rate, at)
    recorder.close()
    return await recorder.finished


def read(path: Path) -> tuple[wave.Wave_read, bytes]:
    with wave.open(str(path), "rb") as file:
        return file, file.readframes(file.getnframes())


async def test_a_stereo_recording_has_each_voice_on_its_side(tmp_path: Path) -> None:
    done = await record(Recorder(tmp_path, "call.wav", stereo=True))
    file, data = read(done.path)
    assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
    assert done == Recording(tmp_path / "call.wav", 2.0, 44 + 2 * 32000)
    assert done.path.stat().st_size == done.bytes
    both = samples(data)
    left, right = both[0::2].tobytes(), both[1::2].tobytes()
    assert share(left, 440, 8000) > 0.99
    assert right[:16000] == bytes(16000)
    assert share(right[16000:], 1000, 8000) > 0.99


async def test_a_mono_recording_is_the_mix_of_both(tmp_path: Path) -> None:
    done = await record(Recorder(str(tmp_path), "call.wav", rate=16000))
    file, data = read(done.path)
    assert (file.getnchannels(), file.getframerate(), done.seconds) == (1, 16000, 2.0)
    assert share(data[:32000], 440, 16000) > 0.99
    assert share(data[32000:], 1000, 16000) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("suffix", ["mp3", "opus", "ogg"])
@pytest.mark.parametrize("stereo", [True, False])
async def test_mp3_and_opus_hold_what_was_heard(tmp_path: Path, suffix: str, stereo: bool) -> None:
    av = pytest.importorskip("av")
    done = await record(Recorder(tmp_path, f"call.{suffix}", rate=16000, stereo=stereo))
    assert done.seconds == 2.0
    assert done.bytes == done.path.stat().st_size < 24000
    with av.open(str(done.path)) as container:
        assert container.streams.audio[0].channels == (2 if stereo else 1)
    player = open_source(done.path)
    heard = b"".join(iter(lambda: player.frame(160, 8000), None))
    assert len(heard) / 16000 == pytest.approx(2, abs=0.2)
    assert share(heard[3200:14400], 440, 8000) > 0.95
    assert share(heard[17600:28800], 1000, 8000) > 0.4


@pytest.mark.parametrize("suffix", ["wav", "mp3", "opus"])
async def test_a_recording_of_nothing_is_complete_too(tmp_path: Path, suffix: str) -> None:
    recorder = Recorder(tmp_path, f"call.{suffix}")
    recorder.close()
    recorder.close()
    recorder.left.heard(ONE, 8000, 1.0)
    done = await recorder.finished
    assert (done.seconds, done.bytes) == (0.0, done.path.stat().st_size)
    assert "finished" in repr(recorder)


async def test_while_paused_there_is_silence_and_time_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "call.wav")
    for n in range(100):
        if n == 30:
            recorder.pause()
            assert "paused" in repr(recorder)
        if n == 60:
            recorder.resume()
            assert "recording" in repr(recorder)
        recorder.left.heard(ONE, 8000, n * FRAME)
    recorder.close()
    _, data = read((await recorder.finished).path)
    assert near(spurts(data), [(0, 0.6), (1.2, 2.0)])


async def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_text("precious")
    done = await asyncio.gather(*(record(Recorder(tmp_path, "call.wav"), 0.2) for _ in range(3)))
    assert [each.path.name for each in done] == ["call-1.wav", "call-2.wav", "call-3.wav"]
    assert (tmp_path / "call.wav").read_text() == "precious"


@pytest.mark.parametrize(
    "name", ["../out.wav", "a/../../out.wav", "/tmp/out.wav", "", ".wav", "link/out.wav", "a\0b.wav"]
)
def test_no_name_leads_outside_of_the_directory(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "recordings"
    inside.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (inside / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MediaError):
        Recorder(inside, name)
    assert not list(tmp_path.rglob("*.wav"))


async def test_folders_inside_of_it_are_made(tmp_path: Path) -> None:
    done = await record(Recorder(tmp_path, "2026/11/call.wav"), 0.2)
    assert done.path == tmp_path / "2026/11/call.wav"


REFUSED = [
    ("call.txt", 8000, "a recording is one of .wav, .mp3, .opus, .ogg"),
    ("call", 8000, "a recording is one of .wav, .mp3, .opus, .ogg"),
    ("call.opus", 44100, "44100 samples a second cannot be written as .opus; 8000, 12000, 16000, 24000, 48000 can"),
    ("call.mp3", 9000, "9000 samples a second cannot be written as .mp3"),
    ("call.wav", 1, "1 samples a second cannot be written as .wav; 4000 to 192000 can"),
]


@pytest.mark.parametrize(("name", "rate", "why"), REFUSED)
def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, rate: int, why: str) -> None:
    with pytest.raises(MediaError) as caught:
        Recorder(tmp_path, name, rate=rate)
    assert why in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_none_or_forbidden_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no such directory"):
        Recorder(tmp_path / "gone", "call.wav")
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match=r"the recording .*call\.wav cannot be made: "):
        Recorder(tmp_path, "file/call.wav")


def test_without_the_extra_mp3_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyav, "find_spec", lambda module: None)
    with pytest.raises(MediaError, match=r"recording call\.mp3 needs the extra: pip install 'sipclient\[media\]'"):
        Recorder(tmp_path, "call.mp3")
    assert not list(tmp_path.iterdir())


RECORDING = """
import asyncio, resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from media.measure import sine
from sipclient.errors import MediaError
from sipclient.media.sound import Recorder

tone = sine(500, 0.02, 8000)
recorder = Recorder(Path(sys.argv[1]), sys.argv[3], stereo=True)
if sys.argv[4] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (20001, 20001))
for n in range(750):
    recorder.left.heard(tone, 8000, n * 0.02)
    recorder.right.heard(tone, 8000, n * 0.02)
print("heard", flush=True)


async def end():
    recorder.close()
    try:
        await recorder.finished
    except MediaError as error:
        print(error)


if sys.argv[4] == "full":
    asyncio.run(end())
else:
    time.sleep(60)
"""
TESTS = str(Path(__file__).parent.parent)


def in_another_process(directory: Path, name: str, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RECORDING, str(directory), TESTS, name, how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("suffix", ["wav", "mp3", "opus"])
def test_a_recording_is_whole_after_the_process_was_killed(tmp_path: Path, suffix: str) -> None:
    if suffix != "wav":
        pytest.importorskip("av")
    process = in_another_process(tmp_path, f"call.{suffix}", "killed")
    assert process.stdout
    assert process.stdout.readline() == "heard\n"
    path = tmp_path / f"call.{suffix}"
    size, deadline = -1, time.monotonic() + 20
    while path.stat().st_size != size or size < 4000:
        assert time.monotonic() < deadline
        size = path.stat().st_size
        time.sleep(0.2)
    process.kill()
    process.communicate()
    if suffix == "wav":
        file, data = read(path)
        assert len(data) == 4 * file.getnframes() == path.stat().st_size - 44
    player = open_source(path)
    heard = b"".join(iter(lambda: player.frame(160, 8000), None))
    assert 13 < len(heard) / 16000 <= 15.2  # of 15 seconds
    assert share(heard[16000:48000], 500, 8000) > 0.95


@pytest.mark.parametrize("suffix", ["wav", "mp3", "opus"])
def test_a_full_disk_is_one_clear_error_and_what_was_written_can_be_played(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files is the full disk that needs no disk."""
    if suffix != "wav":
        pytest.importorskip("av")
    out, err = in_another_process(tmp_path, f"full.{suffix}", "full").communicate(timeout=60)
    told = out.splitlines()[1]
    assert told.startswith(f"the recording {tmp_path}/full.{suffix} ended after ")
    assert told.endswith(" s: File too large")
    assert err.count("\n") == 1  # the log's line
    assert told in err
    path = tmp_path / f"full.{suffix}"
    assert path.stat().st_size <= 20001
    player = open_source(path)
    heard = b"".join(iter(lambda: player.frame(160, 8000), None))
    assert share(heard[3200:8000], 500, 8000) > 0.9


async def test_a_disk_that_stands_still_costs_sound_and_says_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sipclient.media.sound.recorder._MOST_WAITING", 0)
    recorder = Recorder(tmp_path, "call.wav")
    for n in range(200):
        recorder.left.heard(ONE, 8000, n * FRAME)
    monkeypatch.undo()
    for n in range(200, 300):
        recorder.left.heard(ONE, 8000, n * FRAME)
    recorder.close()
    done = await recorder.finished
    assert done.lost == pytest.approx(4, abs=0.6)
    assert caplog.text.count("the disk is too slow for the recording") == 1
