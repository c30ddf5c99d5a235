"""Libraries that take long to load are loaded beside the loop, by the calls that will need them, and by no other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import av
import pytest

from sipclient.errors import MediaError
from sipclient.media import pyav
from sipclient.media.loading import is_loaded, load
from sipclient.media.sound import Resampler, late, open_source
from sipclient.media.sound.avfile import AvReader
from sipclient.media.sound.late import LateReader
from sipclient.media.tones.detector import tone_level
from tests.media.tone import Humming

SLOW = "import threading\nthread = threading.get_ident()\n"
PLAYED = """
import asyncio, sys
from pathlib import Path
from sipclient.errors import MediaError
from sipclient.media.loading import is_loaded
from sipclient.media.sound import Recorder, Resampler, open_source

async def main():
    player = open_source(Path(sys.argv[1]))
    Resampler(16000, 8000)
    Recorder(sys.argv[2], "a.mp3").close()
    assert not is_loaded("av")
    silent = heard = 0
    while (frame := player.frame(160, 8000)) is not None:
        silent, heard = silent + (not heard and not any(frame)), heard + any(frame)
        await asyncio.sleep(0.002)
    try:
        await player.finished
        print("silence before it:", silent > 0, "heard:", heard)
    except MediaError as error:
        print(error)
    late = open_source(Path(sys.argv[1])) if "damaged" not in sys.argv[1] else None
    print(type(late._readers[0]).__name__ if late else "")

asyncio.run(main())
"""
CALL = """
import asyncio, sys
from sipclient.media import RtpSession

async def main():
    a, b = (RtpSession("127.0.0.1", codecs=("{0}",)) for _ in "ab")
    await a.apply(await b.answer(await a.offer()))
    print(*(name for name in ("av", "aioice", "OpenSSL", "pylibsrtp") if name in sys.modules))
    await a.close(), await b.close()

asyncio.run(main())
"""


async def test_a_thread_loads_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_load.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    await load(("slow_to_load", "there_is_no_such_module"))
    assert sys.modules.pop("slow_to_load").thread != threading.get_ident()


@pytest.mark.parametrize(("codec", "loaded"), [("PCMU", ""), ("G722", "av"), ("opus", "av")])
def test_a_call_has_what_its_codec_needs_before_the_first_packet(codec: str, loaded: str) -> None:
    run = subprocess.run([sys.executable, "-c", CALL.format(codec)], capture_output=True, text=True, timeout=30)
    assert (run.stdout.strip(), run.stderr) == (loaded, "")


def encoded(path: Path) -> Path:
    """A second of 1000 Hz as mp3."""
    with av.open(str(path), "w", format="mp3") as out:
        stream = out.add_stream("libmp3lame", rate=16_000)
        stream.layout = "mono"
        pcm = Humming(1000).frame(16_000, 16_000)
        assert pcm is not None
        frame = av.AudioFrame(format="s16p", layout="mono", samples=16_000)
        frame.sample_rate = 16_000
        frame.planes[0].update(pcm)
        out.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def test_the_first_file_that_needs_pyav_has_it_loaded_beside_the_loop(tmp_path: Path) -> None:
    run = played(encoded(tmp_path / "a.mp3"))
    words, heard, last = run.stdout.replace("heard:", "\n").splitlines()
    assert (words.strip(), last, run.stderr) == ("silence before it: True", "AvReader", "")
    assert 50 <= int(heard) <= 56  # all of it, and what mp3 adds at either end


def test_what_is_wrong_with_that_file_is_told_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "damaged.mp3"
    path.write_bytes(b"ID3" + bytes(range(256)) * 4)
    run = played(path)
    assert run.stdout.splitlines()[0].startswith(f"{path} cannot be played: ")
    assert "Traceback" not in run.stderr


def played(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PLAYED, str(path), str(path.parent)], capture_output=True, text=True, timeout=30
    )


async def test_a_file_that_is_not_wanted_any_more_is_closed_once_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyav, "is_loaded", lambda name: False)
    player = open_source(encoded(tmp_path / "a.mp3"))
    (reader,) = player._readers
    assert isinstance(reader, LateReader)
    player.stop()
    opened = await asyncio.wrap_future(reader._opened)
    assert opened._container is None
    reader.rewind()
    player.stop()


def test_where_no_loop_waits_a_file_is_opened_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyav, "is_loaded", lambda name: False)
    (reader,) = open_source(encoded(tmp_path / "a.mp3"))._readers
    assert isinstance(reader, AvReader)


async def test_a_rate_is_changed_by_our_own_filter_until_pyav_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(Resampler(16_000, 8_000)._converter).__name__ == "_Swr"
    pieces = [Humming(1000).frame(16_000, 16_000)[at : at + 640] for at in range(0, 32_000, 640)]  # type: ignore[index]
    with monkeypatch.context() as patch:
        patch.setattr(pyav, "is_loaded", lambda name: False)
        resampler = Resampler(16_000, 8_000)
        first = [resampler.resample(piece) for piece in pieces[:25]]
        assert type(resampler._converter).__name__ == "_Filter"
    after = [resampler.resample(piece) for piece in pieces[25:]]
    assert type(resampler._converter).__name__ == "_Swr"
    assert {len(each) for each in (*first, *after)} == {320}
    assert tone_level(b"".join(first[5:]), 1000, 8_000) > -20 < tone_level(b"".join(after[1:]), 1000, 8_000)


def test_a_module_that_is_half_loaded_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_loaded("av") and not is_loaded("there_is_no_such_module")
    monkeypatch.setattr(sys.modules["av"].__spec__, "_initializing", True, raising=False)
    assert not is_loaded("av")


async def test_what_surprises_the_thread_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "AvReader", lambda path: 1 // 0)
    reader = LateReader(tmp_path / "a.mp3")
    await asyncio.wait([asyncio.wrap_future(reader._opened)])
    with pytest.raises(MediaError, match=r"a.mp3 cannot be played: ZeroDivisionError"):
        reader.read(160)
    reader.close()
