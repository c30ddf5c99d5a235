"""The folder of recordings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sipclient.errors import InvalidValue, MediaError
from sipclient.media.sound import Recorder, Recording
from sipclient.robot import told
from sipclient.robot.labels import Label, write_label
from sipclient.robot.recordings import FolderUnusable, Recordings


class ARecording:
    """What a call gives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outcome: asyncio.Future[Recording] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, Recording]:
        return self.outcome.__await__()


@pytest.fixture
async def folder(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "recordings", heard.append)


heard: list[told.Told] = []


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    heard.clear()


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("", "call-7@pbx.wav"),
        ("mp3", "call-7@pbx.mp3"),
        (".mp3", "call-7@pbx.mp3"),
        ("a b.wav", None),
        ("talk.MP3", "talk.mp3"),
        ("../../etc/passwd.wav", None),
        ("/etc/x.wav", None),
        ("..wav", None),
        (".hidden.wav", None),
        ("a\\b.wav", None),
        ("talk.exe", None),
        ("talk", None),
        ("x" * 200 + ".wav", None),
        ("a\n.wav", None),
    ],
)
async def test_where_a_recording_goes(folder: Recordings, wish: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(InvalidValue, match=r"no recording:|no name of a recording:"):
            folder.place(wish, "call/7@pbx")
    else:
        assert folder.place(wish, "call/7@pbx") == folder.folder / name
        assert folder.folder.is_dir()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnusable, match="nothing can be recorded now: in: Not a directory"):
        Recordings(tmp_path / "file" / "in", heard.append).place("", "x")


async def test_a_form_that_needs_the_extra_is_refused_before_anybody_is_called(
    folder: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sipclient.media.pyav.installed", lambda: False)
    with pytest.raises(MediaError, match=r"sipclient\[media\]"):
        folder.place("a.mp3", "x")
    assert folder.place("a.wav", "x").name == "a.wav" and not (folder.folder / "a.mp3").exists()


async def test_whose_a_recording_is_and_when_it_is_complete(folder: Recordings) -> None:
    path = folder.place("a.wav", "x")
    path.write_bytes(b"RIFF")
    making = ARecording(path)
    assert folder.begun(making, call="call-1") == "a.wav"  # type: ignore[arg-type]
    found = await folder.get("a.wav")
    assert found is not None and (found.call, found.bytes, found.complete) == ("call-1", 4, False)
    making.outcome.set_result(Recording(path, 1.5, 4))
    await folder.aclose()
    found = await folder.get("a.wav")
    assert found is not None and found.complete
    assert heard == [told.RecordingBegan("a.wav", "call-1", ""), told.RecordingComplete("a.wav", "call-1", "", 1.5, 4)]


async def test_a_recording_that_the_disk_did_not_take(folder: Recordings) -> None:
    making = ARecording(folder.place("a.wav", "x"))
    folder.begun(making, bridge="b-1")  # type: ignore[arg-type]
    making.outcome.set_exception(MediaError("the disk is full"))
    await folder.aclose()
    assert heard[-1] == told.RecordingFailed("a.wav", "", "b-1", "the disk is full")
    assert heard[-1].words() == "recording a.wav broke off: the disk is full (b-1)"


async def test_whose_a_recording_is_outlives_the_robot(folder: Recordings) -> None:
    """With its beginning, its length, and how it ended."""
    for name in ("whole.mp3", "broken.wav"):
        path = folder.place(name, "x")
        path.write_bytes(b"RIFF")
        making = ARecording(path)
        folder.begun(making, call=f"call of {name}", bridge="b-1")  # type: ignore[arg-type]
        if name == "whole.mp3":
            making.outcome.set_result(Recording(path, 1.5, 4))
        else:
            making.outcome.set_exception(MediaError(f"the recording {path} ended after 0.1 s: {'so ' * 1000}"))
    await folder.aclose()
    for name in ("whole.mp3", "broken.wav"):
        os.utime(folder.folder / name, (10**9, 10**9))
    now = {each.id: each for each in await folder.all()}
    assert {each.id: each for each in await Recordings(folder.folder, heard.append).all()} == now
    whole, broken = now["whole.mp3"], now["broken.wav"]
    assert (whole.call, whole.bridge, whole.seconds, whole.complete) == ("call of whole.mp3", "b-1", 1.5, True)
    assert str(broken.failed).startswith("the recording broken.wav ended after 0.1 s: so so") and not broken.complete


async def test_a_recording_that_a_crash_cut_short_says_so(folder: Recordings) -> None:
    path = folder.place("cut.wav", "x")
    path.write_bytes(b"RIFF")
    began = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    write_label(path, Label("call-1", "", began))
    found = await folder.get("cut.wav")
    assert found is not None and (found.call, found.created, found.complete) == ("call-1", began, False)
    assert found.failed == "sipclient ended while it was made"


@pytest.mark.parametrize("label", [b"", b"{", b"[]", b'{"call": 1}', b"\xff" * 9000])
async def test_a_label_that_is_none_is_as_no_label(folder: Recordings, label: bytes) -> None:
    folder.place("a.wav", "x").write_bytes(b"RIFF")
    (folder.folder / ".a.wav.json").write_bytes(label)
    found = await folder.get("a.wav")
    assert found is not None and (found.call, found.complete, found.failed) == ("", True, None)


async def test_the_newest_come_first_and_only_what_is_a_recording(folder: Recordings) -> None:
    assert await folder.all() == []
    for age, name in enumerate(("new.wav", "old.mp3", "older.opus")):
        path = folder.place(name, "x")
        path.touch()
        os.utime(path, (10**9 - age, 10**9 - age))
    for name in ("notes.txt", ".hidden.wav", "with space.wav"):
        (folder.folder / name).touch()
    (folder.folder / "folder.wav").mkdir()
    (folder.folder / "link.wav").symlink_to("/etc/passwd")
    assert [(each.id, each.format) for each in await folder.all()] == [
        ("new.wav", "audio/wav"),
        ("old.mp3", "audio/mpeg"),
        ("older.opus", "audio/ogg"),
    ]
    for id in ("../x.wav", "missing.wav", "link.wav", "folder.wav", "/etc/passwd"):
        assert await folder.get(id) is None


async def test_what_a_recording_looks_like_is_worked_out_once(folder: Recordings, monkeypatch: Any) -> None:
    folder.folder.mkdir()
    recorder = Recorder(folder.folder, "a.wav", stereo=True)
    recorder.left.heard(b"\x00\x40" * 160, 8000, 0.0)
    recorder.close()
    await recorder.finished
    found = await folder.waveform("a.wav", 1)
    assert found.channels == 2 and found.peaks == [[0.5, 0.0]]
    monkeypatch.setattr("sipclient.media.sound.waveform.waveform", None)
    assert await folder.waveform("a.wav", 1) is found
    with pytest.raises(MediaError, match=r"missing\.wav"):
        await folder.waveform("missing.wav", 1)
