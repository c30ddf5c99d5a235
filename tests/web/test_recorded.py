"""The recordings over HTTP."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import pytest
from web.conftest import DIAL, WEB


@pytest.fixture
async def sound(stage: Any, tmp_path: Path) -> bytes:
    """A robot with a folder of recordings, in which is one; its bytes."""
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x00\x40\x00\x00" * 8000)
    await stage.start(dial=f'{DIAL}{WEB}recordings = "{tmp_path}"\n')
    return path.read_bytes()


async def test_a_list_of_them(stage: Any, sound: bytes) -> None:
    (only,) = (await stage.get("/v1/recordings"))["items"]
    assert (only["id"], only["format"], only["bytes"]) == ("a.wav", "audio/wav", len(sound))
    assert (only["seconds"], only["channels"], only["complete"], only["call"]) == (1.0, 2, True, "")


async def test_no_folder_no_recordings(stage: Any) -> None:
    await stage.start()
    assert (await stage.get("/v1/recordings"))["items"] == []
    assert (await stage.get("/v1/recordings/a.wav", 404))["code"] == "not-found"


async def test_its_waveform(stage: Any, sound: bytes) -> None:
    shown = await stage.get("/v1/recordings/a.wav?waveform=4")
    assert shown["peaks"] == [[0.5, 0.0]] * 4 and shown["seconds"] == 1.0
    assert (await stage.get("/v1/recordings/a.wav?waveform=0", 422))["status"] == 422


async def test_the_sound_whole(stage: Any, sound: bytes) -> None:
    response = await stage.client.get("/v1/recordings/a.wav")
    assert (response.status_code, response.content) == (200, sound)
    assert response.headers["content-type"] == "audio/wav" and response.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=40-", 40, 32043), ("bytes=-4", 32040, 32043), ("bytes=0-99999999", 0, 32043)],
)
async def test_a_part_of_the_sound(stage: Any, sound: bytes, asked: str, first: int, last: int) -> None:
    response = await stage.client.get("/v1/recordings/a.wav", headers={"Range": asked})
    assert response.status_code == 206 and response.content == sound[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(sound)}"


@pytest.mark.parametrize("asked", ["bytes=40000-", "bytes=9-3", "bytes=-0", "lines=1-2", "bytes=0-1,3-4", "bytes=-"])
async def test_a_part_that_is_none(stage: Any, sound: bytes, asked: str) -> None:
    response = await stage.client.get("/v1/recordings/a.wav", headers={"Range": asked})
    assert response.status_code == 416 and response.headers["content-range"] == f"bytes */{len(sound)}"


@pytest.mark.parametrize("id", ["..%2Fa.wav", "%2Fetc%2Fpasswd", "b.wav", "a.wav%00", ".a.wav"])
async def test_no_way_leads_out_of_the_folder(stage: Any, sound: bytes, id: str) -> None:
    assert (await stage.client.get(f"/v1/recordings/{id}")).status_code == 404
