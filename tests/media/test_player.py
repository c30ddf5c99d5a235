"""Players: every kind of file at every rate, loops, pauses, silence; and what cannot be played says why."""

from __future__ import annotations

import asyncio
import math
import os
import random
import struct
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.measure import level, noise_ratio, samples, share, sine

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.codecs import encoder
from sipclient.media.sound import Outcome, Player, open_source
from sipclient.media.sound.wav import WavReader
from sipclient.sdp.codecs import Codec


def frames(player: Player, rate: int = 8000, most: int = 5000) -> list[bytes]:
    """Everything it gives, in packets of 20 ms."""
    out: list[bytes] = []
    while (frame := player.frame(rate // 50, rate)) is not None and len(out) < most:
        assert len(frame) == rate // 50 * 2
        out.append(frame)
    return out


def wav(path: Path, pcm: bytes, rate: int, width: int = 2, channels: int = 1) -> Path:
    """A wav as Python's own library writes it."""
    numbers = samples(pcm)
    if width == 1:
        data = bytes((n >> 8) + 128 for n in numbers)
    else:
        data = b"".join((n << 8 * (width - 2)).to_bytes(width, "little", signed=True) for n in numbers)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return path


def chunked(path: Path, kind: int, channels: int, rate: int, bits: int, data: bytes, **more: bytes | int) -> Path:
    """A wav written by hand: other codings, chunks before the sound, lengths that lie."""
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits) + bytes(more.get("extension", b""))  # type: ignore[arg-type]
    body = b"WAVE" + bytes(more.get("before", b"")) + b"fmt " + struct.pack("<I", len(fmt)) + fmt  # type: ignore[arg-type]
    body += b"data" + struct.pack("<I", int(more.get("length", len(data)))) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_wav_of_any_rate_and_width_is_heard_as_it_is(tmp_path: Path, rate: int, width: int) -> None:
    heard = b"".join(frames(open_source(str(wav(tmp_path / "a.wav", sine(1000, 1, rate), rate, width)))))
    assert len(heard) == pytest.approx(16000, abs=640)
    settled = heard[3200:14400]
    assert level(settled) == pytest.approx(-10, abs=0.1)
    assert share(settled, 1000, 8000) > 0.999


@pytest.mark.parametrize("extra", [True, False], ids=["with PyAV", "base install"])
def test_the_base_install_plays_a_stereo_wav_of_a_cd_over_g711(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: bool
) -> None:
    if not extra:
        monkeypatch.setattr(pyav, "find_spec", lambda name: None)
    left, right = samples(sine(400, 0.5, 44100)), samples(sine(1500, 0.5, 44100))
    both = array("h", [n for pair in zip(left, right, strict=True) for n in pair]).tobytes()
    heard = b"".join(frames(open_source(wav(tmp_path / "cd.wav", both, 44100, 2, 2))))[1600:-1600]
    assert share(heard, 400, 8000) == pytest.approx(0.5, abs=0.02)
    assert share(heard, 1500, 8000) == pytest.approx(0.5, abs=0.02)


def test_a_wav_at_the_rate_of_the_call_is_played_sample_by_sample(tmp_path: Path) -> None:
    tone = sine(440, 0.5, 8000)
    assert b"".join(frames(open_source(wav(tmp_path / "a.wav", tone, 8000)))) == tone


@pytest.mark.parametrize(("kind", "name"), [(7, "PCMU"), (6, "PCMA")])
def test_a_wav_of_g711_is_played_in_the_base_install(tmp_path: Path, kind: int, name: str) -> None:
    tone = sine(440, 0.5, 8000)
    path = chunked(tmp_path / "a.wav", kind, 1, 8000, 8, encoder(Codec(name)).encode(tone))
    assert noise_ratio(tone, b"".join(frames(open_source(path)))) > 35


def test_a_header_with_extension_and_chunks_before_the_sound_is_read(tmp_path: Path) -> None:
    tone = sine(440, 0.1, 8000)
    data = b"".join((n << 8).to_bytes(3, "little", signed=True) for n in samples(tone))
    guid = b"\x16\x00\x18\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
    extra = b"LIST\x05\x00\x00\x00INFOx\x00"
    path = chunked(tmp_path / "a.wav", 0xFFFE, 1, 8000, 24, data, extension=guid, before=extra)
    assert b"".join(frames(open_source(path))) == tone


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 10**9])
def test_what_a_recording_that_was_cut_off_holds_is_played(tmp_path: Path, length: int) -> None:
    tone = sine(440, 0.1, 8000)
    path = chunked(tmp_path / "a.wav", 1, 1, 8000, 16, tone + b"\x01", length=length)
    assert b"".join(frames(open_source(path))) == tone


def test_what_follows_the_sound_is_not_played(tmp_path: Path) -> None:
    path = chunked(tmp_path / "a.wav", 1, 1, 8000, 16, sine(440, 0.1, 8000) + b"LIST" * 999, length=1600)
    assert len(b"".join(frames(open_source(path)))) == 1600


FMT = b"fmt \x10\x00\x00\x00"
BROKEN = [
    (b"", "is not a wav file: it is empty"),
    (b"<!DOCTYPE html><html>", "is not a wav file: it begins with b'<!DOCTYPE ht', not with RIFF and WAVE"),
    (b"RIFF\x00\x00\x00\x00AVI LIST", "is not a wav file"),
    (b"RIFF\x04\x00\x00\x00WAVE", "is a broken wav file: it has no sound in it"),
    (b"RIFF\x04\x00\x00\x00WAVE" + b"junk\x00\x00\x00\x00" * 2000, "it has no sound in it"),
    (b"RIFF\x04\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd", "its sound comes before the chunk that says what it is"),
    (b"RIFF\x04\x00\x00\x00WAVE" + FMT + b"\x01\x00\x01", "its header is cut off"),
    (b"RIFF\x04\x00\x00\x00WAVE" + FMT + struct.pack("<HHIIHH", 1, 1, 3, 6, 2, 16), "its sampling rate is 3 Hz"),
    (b"RIFF\x04\x00\x00\x00WAVE" + FMT + struct.pack("<HHIIHH", 1, 0, 8000, 0, 0, 16), "it has 0 channels"),
    (b"RIFF\x04\x00\x00\x00WAVE" + FMT + struct.pack("<HHIIHH", 1, 99, 8000, 0, 0, 16), "it has 99 channels"),
    (b"RIFF\x04\x00\x00\x00WAVE" + FMT + struct.pack("<HHIIHH", 1, 2, 8000, 0, 3, 16), "do not take 3 bytes"),
]


@pytest.mark.parametrize(("content", "why"), BROKEN, ids=[why for _, why in BROKEN])
def test_a_wav_that_is_not_one_is_one_clear_error_with_its_name(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "hello.wav"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"hello\.wav") as caught:
        open_source(str(path))
    assert why in str(caught.value)


@given(content=st.binary(max_size=200), head=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_called_wav_gives_sound_no_longer_than_it_or_the_documented_error(
    tmp_path: Path, content: bytes, head: bool
) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes((b"RIFF\x00\x00\x00\x00WAVE" + FMT + struct.pack("<HH", 1, 1) if head else b"") + content)
    try:
        reader = WavReader(path)
    except MediaError:
        return
    assert len(reader.read(100_000)) <= 2 * len(content) + 100
    reader.close()


def test_a_file_that_is_not_there_or_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.wav: No such file"):
        open_source(str(tmp_path / "gone.wav"))
    with pytest.raises(MediaError, match="that is no file"):
        open_source(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(MediaError, match=r"pipe\.wav: that is no file"):
        open_source(tmp_path / "pipe.wav")


def encoded(path: Path, codec: str, pcm: bytes, rate: int) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = rate
        frame.planes[0].update(pcm)
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=rate, frame_size=stream.frame_size or None
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.mp3", "libmp3lame", 44100),
        ("a.ogg", "libopus", 48000),
        ("a.flac", "flac", 22050),
        ("f.wav", "pcm_f32le", 8000),
    ],
)
def test_what_pyav_reads_is_played(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    player = open_source(encoded(tmp_path / name, codec, sine(1000, 1, rate), rate), loops=2)
    heard = b"".join(frames(player))
    assert len(heard) == pytest.approx(2 * 16000, abs=2 * 1600)
    assert share(heard[3200:14400], 1000, 8000) > 0.99
    assert level(heard[3200:14400]) == pytest.approx(-10, abs=0.5)


def test_a_damaged_or_silent_file_is_named_with_its_fault(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "a.mp3").write_bytes(b"this is no mp3 at all" * 10)
    with pytest.raises(MediaError, match=r"a\.mp3 cannot be played: Invalid data"):
        open_source(tmp_path / "a.mp3")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError, match=r"list\.m3u8 cannot be played"):
        open_source(tmp_path / "list.m3u8")


def test_a_video_without_sound_is_refused_and_one_of_an_unknown_coding(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "mute.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match=r"mute\.mkv cannot be played: there is no sound in it"):
        open_source(tmp_path / "mute.mkv")
    sound = encoded(tmp_path / "a.mkv", "aac", sine(440, 0.2, 44100), 44100).read_bytes()
    (tmp_path / "odd.mkv").write_bytes(sound.replace(b"A_AAC", b"A_XYZ"))
    with pytest.raises(MediaError, match=r"odd\.mkv cannot be played: its sound is coded in a way nobody here knows"):
        open_source(tmp_path / "odd.mkv")


def test_a_title_in_an_old_coding_of_text_stops_nothing(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mkv", "aac", sine(440, 0.2, 44100), 44100)
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"L\xe4vf"))
    assert frames(open_source(path))


def test_files_that_were_joined_are_played_to_the_end(tmp_path: Path) -> None:
    one = encoded(tmp_path / "one.mp3", "libmp3lame", sine(1000, 1, 44100), 44100).read_bytes()
    two = encoded(tmp_path / "two.mp3", "libmp3lame", sine(500, 1, 22050), 22050).read_bytes()
    (tmp_path / "both.mp3").write_bytes(one + two)
    heard = b"".join(frames(open_source(tmp_path / "both.mp3")))
    assert len(heard) == pytest.approx(32000, abs=3200)
    assert share(heard[3200:12800], 1000, 8000) > 0.99
    assert share(heard[-12800:-3200], 500, 8000) > 0.99


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp3", "libmp3lame"), ("ogg", "libopus"), ("m4a", "aac"), ("mkv", "aac")]
)
def test_a_file_with_flipped_and_missing_bytes_gives_sound_or_the_documented_error(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    good = encoded(tmp_path / f"good.{suffix}", codec, sine(1000, 1, 48000), 48000).read_bytes()
    for seed in range(40):
        draw = random.Random(seed)
        content = bytearray(good[: draw.randrange(100, len(good)) if draw.random() < 0.3 else None])
        for _ in range(draw.randint(1, 60)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        (tmp_path / f"bad.{suffix}").write_bytes(content)
        try:
            player = open_source(tmp_path / f"bad.{suffix}")
        except MediaError:
            continue
        assert len(frames(player)) <= 100


@pytest.mark.parametrize("name", ["a.mp3", "float.wav"])
def test_without_the_extra_such_a_file_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    if name == "a.mp3":
        path.write_bytes(b"ID3" + bytes(100))
    else:
        chunked(path, 3, 1, 8000, 32, bytes(400))
    monkeypatch.setattr(pyav, "find_spec", lambda module: None)
    monkeypatch.setattr(pyav, "import_module", lambda module: (_ for _ in ()).throw(ImportError(module)))
    with pytest.raises(MediaError, match=rf"{name}.*needs the extra: pip install 'sipclient\[media\]'"):
        open_source(path)


async def test_the_end_can_be_awaited_by_many_and_a_cancelled_one_spoils_nothing(tmp_path: Path) -> None:
    player = open_source(wav(tmp_path / "a.wav", sine(440, 0.05, 8000), 8000))
    waiting = [asyncio.create_task(wait(player)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert len(frames(player)) == 3  # the last one is filled up with silence
    await asyncio.gather(*waiting[1:])
    await player.finished
    assert player.finished.done
    assert player.frame(160, 8000) is None
    assert repr(player).startswith("<Player finished")


async def wait(player: Player) -> None:
    await player.finished


async def test_an_outcome_comes_once() -> None:
    outcome: Outcome[int] = Outcome()
    assert repr(outcome) == "<Outcome: not yet>"
    outcome.set(3)
    outcome.set(4)
    outcome.fail(MediaError("late"))
    assert await outcome == 3
    assert repr(outcome) == "<Outcome: 3>"
    wrong: Outcome[int] = Outcome()
    wrong.fail(MediaError("the disk is full"))
    with pytest.raises(MediaError, match="the disk is full"):
        await wrong
    assert repr(wrong) == "<Outcome: MediaError('the disk is full')>"


def test_loops_have_pauses_in_between_exact_to_the_sample(tmp_path: Path) -> None:
    tone = sine(440, 0.1, 8000)
    player = open_source(wav(tmp_path / "a.wav", tone, 8000), loops=3, pause=0.04)
    assert b"".join(frames(player)) == (tone + bytes(640)) * 2 + tone
    endless = open_source(tmp_path / "a.wav", loops=None)
    assert b"".join(frames(endless, most=50)) == tone * 10
    assert not endless.finished.done


def test_several_are_played_one_after_the_other(tmp_path: Path) -> None:
    tone = sine(440, 0.1, 8000)
    player = open_source(
        wav(tmp_path / "a.wav", tone, 8000), "silence_stream://60", "%(20,20,1000)", tmp_path / "a.wav"
    )
    heard = b"".join(frames(player))
    assert heard[:1600] == tone
    assert heard[1600 : 1600 + 960] == bytes(960)
    assert share(heard[2560:2880], 1000, 8000) > 0.99
    assert heard[-1600:] == tone


def test_a_paused_player_skips_nothing_and_a_stopped_one_is_finished(tmp_path: Path) -> None:
    tone = sine(440, 0.1, 8000)
    player = open_source(wav(tmp_path / "a.wav", tone, 8000))
    first = player.frame(160, 8000)
    player.pause()
    assert [player.frame(160, 8000) for _ in range(3)] == [None] * 3
    assert "paused" in repr(player)
    player.resume()
    assert "playing" in repr(player)
    assert (first or b"") + b"".join(frames(player)) == tone
    stopped = open_source(tmp_path / "a.wav", loops=None)
    stopped.stop()
    stopped.stop()
    assert stopped.finished.done
    assert stopped.frame(160, 8000) is None


def test_the_rate_may_change_while_it_plays(tmp_path: Path) -> None:
    player = open_source(wav(tmp_path / "a.wav", sine(1000, 1, 16000), 16000))
    for _ in range(10):
        player.frame(160, 8000)
    wide = b"".join(player.frame(320, 16000) or b"" for _ in range(20))
    narrow = b"".join(player.frame(160, 8000) or b"" for _ in range(10))
    assert share(wide[640:], 1000, 16000) > 0.999
    assert share(narrow[640:], 1000, 8000) > 0.999


SILENCES = [
    ("silence_stream://-5", "milliseconds of silence, or -1 for no end"),
    ("silence_stream://x", "milliseconds of silence, or -1 for no end"),
    ("silence_stream://100,0", "milliseconds of silence"),
    ("silence_stream://0", "no time at all"),
]


@pytest.mark.parametrize(("text", "why"), SILENCES)
def test_silence_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(MediaError, match=why):
        open_source(text)


def test_silence_lasts_as_long_as_it_says_and_may_be_soft_noise() -> None:
    assert b"".join(frames(open_source("silence_stream://1500"))) == bytes(24000)
    assert len(frames(open_source("silence_stream://-1"), most=200)) == 200
    noise = b"".join(frames(open_source("silence_stream://1000,400", loops=2)))
    assert len(noise) == 32000
    assert level(noise) == pytest.approx(3 - 52, abs=1)


def test_a_script_in_a_file_is_played(tmp_path: Path) -> None:
    script = tmp_path / "elise.ttml"
    script.write_text("%(20, 0, 659)\n%(20, 0, 622)\n")
    heard = b"".join(frames(open_source(f"tone_stream://path={script};loops=2")))
    assert len(heard) == 2 * 8 * 80
    assert share(heard[:320], 659, 8000) > 0.99
    with pytest.raises(MediaError, match=r"gone\.ttml: No such file"):
        open_source("tone_stream://path=gone.ttml")
    script.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MediaError, match="it is no text"):
        open_source(f"tone_stream://path={script}")


def test_a_file_that_fails_while_it_plays_ends_the_player_with_the_fault(tmp_path: Path) -> None:
    class Failing:
        rate = 8000
        closed = False

        def read(self, samples: int) -> bytes:
            raise MediaError("a.mp3 is damaged")

        def rewind(self) -> None: ...

        def close(self) -> None:
            self.closed = True

    reader = Failing()
    player = Player([reader])
    assert player.frame(160, 8000) is None
    assert repr(player.finished) == "<Outcome: MediaError('a.mp3 is damaged')>"
    assert reader.closed


def test_an_endless_loop_of_nothing_ends(tmp_path: Path) -> None:
    empty = chunked(tmp_path / "empty.wav", 1, 1, 8000, 16, b"")
    player = open_source(empty, loops=None)
    assert player.frame(160, 8000) is None
    assert player.finished.done


def test_the_first_that_cannot_be_played_closes_the_others(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.wav"):
        open_source(wav(tmp_path / "a.wav", bytes(320), 8000), tmp_path / "gone.wav")


@pytest.mark.parametrize(
    ("what", "options", "words"),
    [
        ((), {}, "nothing was named"),
        (("us-ring",), {"loops": 0}, "loops = 0: once or more"),
        (("us-ring",), {"loops": -1}, "None for no end"),
        (("us-ring",), {"pause": -1}, "pause = -1: 0 to"),
        (("us-ring",), {"pause": math.nan}, "pause = nan"),
        (("us-ring",), {"pause": math.inf}, "pause = inf"),
        (("\0.wav",), {}, "null byte"),
        (("a" * 5000,), {}, r"a{80}\.\.\.: File name too long"),
        (("tone_stream://path=\0",), {}, "null byte"),
        (("tone_stream://path=" + "a" * 5000,), {}, "File name too long"),
        (("",), {}, "no file"),
    ],
)
def test_what_a_careless_user_asks_for_is_told_at_once(what: tuple[str, ...], options: Any, words: str) -> None:
    """What a call would meet only later, with nobody there to be told."""
    with pytest.raises(MediaError, match=words) as told:
        open_source(*what, **options)
    assert "\0" not in str(told.value) and len(str(told.value)) < 200


async def test_whatever_a_reader_raises_is_the_end_of_what_is_played() -> None:
    class Surprised:
        rate = 8000
        closed = False

        def read(self, samples: int) -> bytes:
            raise ZeroDivisionError("no such thing")

        def rewind(self) -> None: ...

        def close(self) -> None:
            self.closed = True

    reader = Surprised()
    player = Player([reader])
    assert player.frame(160, 8000) is None and player.frame(160, 8000) is None
    assert reader.closed
    with pytest.raises(MediaError, match="broke off: ZeroDivisionError: no such thing"):
        await player.finished
