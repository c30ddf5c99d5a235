"""A disk that is really full, or gone: asked over HTTP, each is refused clearly or kept, and nothing is lost."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from web.full_disk import Disk, LimitedFiles, Served, disks

from tests.client.loopback.conftest import Pbx
from tests.client.loopback.test_sound import TONE_440, TONE_1000, hears

CONFIG = """
recordings = "disk/recordings"
[accounts.gate]
address = "sip:robot@127.0.0.1"
server = "udp:127.0.0.1:{port}"
register = false
keepalive = "0s"
peers = ["127.0.0.0/8"]
[dial]
allow = ["1???"]
[web]
listen = "127.0.0.1:0"
[store]
url = "{store}"
"""
TIMEOUT = 20  # seconds


class Telephones:
    """Everybody whom the robot may call; `calls` are those that ring."""

    def __init__(self, pbx: Pbx, calls: Any) -> None:
        self.port = pbx.ports["udp"]
        self._calls = calls

    async def answered(self) -> Any:
        """The next call, answered."""
        return await (await self.ringing()).answer()

    async def ringing(self) -> Any:
        """The next call."""
        return await anext(self._calls)


@pytest.fixture
async def phones() -> AsyncIterator[Telephones]:
    pbx = Pbx()
    await pbx.start()
    try:
        async with pbx.client.incoming() as calls:
            yield Telephones(pbx, calls)
    finally:
        await pbx.client.aclose()


@pytest.fixture(params=disks())
def disk(request: pytest.FixtureRequest) -> Disk:
    made: Disk = request.param()
    return made


@asynccontextmanager
async def serving(
    disk: Disk, folder: Path, phones: Telephones, store: str = "sqlite::memory:"
) -> AsyncIterator[Served]:
    text = CONFIG.format(port=phones.port, store=store)
    async with Served(disk, folder, text) as robot, asyncio.timeout(TIMEOUT):
        yield robot
    assert not any("Traceback" in line for line in robot.said), "".join(robot.said)


async def test_full_at_the_beginning(disk: Disk, tmp_path: Path, phones: Telephones) -> None:
    """Nobody is called; without the recording, or once there is room, everybody is."""
    async with serving(disk, tmp_path, phones) as robot:
        disk.fill()
        for path, body in (("/v1/bridges", {"a": "1001", "b": "1002"}), ("/v1/calls", {"to": "1001"})):
            refusal = await robot.post(path, 503, **body, record="both.wav")
            assert refusal["code"] == "recordings"
            assert refusal["detail"] == f"nothing can be recorded now: recordings: {disk.why}: nobody is called"
            assert (await robot.http.get(path)).json()["items"] == []
        made = await robot.post("/v1/calls", 201, to="1001")
        call = await phones.answered()
        await robot.until(f"/v1/calls/{made['id']}", state="answered")
        refusal = await robot.post(f"/v1/calls/{made['id']}/record", 503)
        assert refusal["code"] == "recordings"
        disk.free()
        await robot.post(f"/v1/calls/{made['id']}/record", 200, record="later.wav")
        call.hangup()
        await robot.hears("recording-complete")
        assert [each["id"] for each in (await robot.http.get("/v1/recordings")).json()["items"]] == ["later.wav"]


@pytest.mark.parametrize(("form", "room"), [("wav", 32 * 1024), ("mp3", 12 * 1024)])
async def test_full_in_the_middle(disk: Disk, tmp_path: Path, phones: Telephones, form: str, room: int) -> None:
    """The call goes on, everybody is told, and what was written can be heard."""
    name = f"both.{form}"
    async with serving(disk, tmp_path, phones) as robot:
        disk.fill(but=room)
        made = await robot.post("/v1/bridges", 201, a="1001", b="1002", record=name)
        far_a, far_b = await phones.answered(), await phones.answered()
        far_a.play(TONE_440)
        far_b.play(TONE_1000)
        failed = await robot.hears("recording-failed")
        assert (failed["recording"], failed["bridge"]) == (name, made["id"])
        assert failed["reason"].endswith(f" s: {disk.why}") and str(tmp_path) not in failed["reason"]
        await asyncio.gather(hears(far_a, 1000), hears(far_b, 440))
        await robot.until(f"/v1/bridges/{made['id']}", state="bridged", recording=name)
        far_b.hangup()
        bridge = await robot.until(f"/v1/bridges/{made['id']}", state="ended", cause="NORMAL_CLEARING")
        noted = [each["detail"] for each in bridge["timeline"] if each["event"] == "recording-failed"]
        assert noted == [failed["reason"]]
        shown = (await robot.http.get("/v1/recordings")).json()["items"][0]
        assert (shown["id"], shown["complete"], shown["failed"]) == (name, False, failed["reason"])
        sound = (await robot.http.get(f"/v1/recordings/{name}")).content
        assert 4096 < len(sound) <= room
        if form == "wav":
            with wave.open(io.BytesIO(sound)) as file:
                assert file.getnframes() * 4 == len(sound) - 44 and file.getnchannels() == 2
        drawn = (await robot.http.get(f"/v1/recordings/{name}?waveform=3")).json()
        assert drawn["seconds"] > 0.3 and max(left for left, _ in drawn["peaks"]) > 0.05


async def test_a_folder_that_is_none_or_goes_away(tmp_path: Path, phones: Telephones) -> None:
    """What is in its place is named; it is made anew where it is needed; one that goes in the middle is told of."""
    disk = LimitedFiles()
    async with serving(disk, tmp_path, phones) as robot:
        folder = tmp_path / "disk" / "recordings"
        folder.touch()
        refusal = await robot.post("/v1/calls", 503, to="1001", record=True)
        assert refusal["detail"] == "nothing can be recorded now: recordings: File exists: nobody is called"
        folder.unlink()
        made = await robot.post("/v1/calls", 201, to="1001", record="a.wav")
        ringing = await phones.ringing()
        folder.rmdir()  # before it is answered
        call = await ringing.answer()
        failed = await robot.hears("recording-failed")
        assert (failed["call"], failed["recording"]) == (made["id"], "a.wav")
        assert failed["reason"] == "recordings cannot be kept in recordings: there is no such directory"
        shown = await robot.until(f"/v1/calls/{made['id']}", state="answered", recordings=[])
        assert shown["timeline"][-1]["event"] == "recording-failed"
        robot.told.clear()
        again = await robot.post(f"/v1/calls/{made['id']}/record", 200, record="b.wav")
        assert again["recordings"] == ["b.wav"]
        folder.rename(tmp_path / "moved")  # while it is recorded
        call.hangup()
        failed = await robot.hears("recording-failed")
        assert failed["recording"] == "b.wav" and failed["reason"].endswith(" s: No such file or directory")
        assert (tmp_path / "moved" / "b.wav").stat().st_size >= 44
        await robot.until(f"/v1/calls/{made['id']}", state="ended", cause="NORMAL_CLEARING")


async def test_a_store_that_is_full(disk: Disk, tmp_path: Path, phones: Telephones) -> None:
    """Nobody is called of whom nothing can be written down; a call under way goes on, and its end is written later."""
    async with serving(disk, tmp_path, phones, "sqlite:disk/robot.db") as robot:
        made = await robot.post("/v1/calls", 201, to="1001")
        call = await phones.answered()
        await robot.until(f"/v1/calls/{made['id']}", state="answered")
        disk.fill()
        for path, body in (("/v1/bridges", {"a": "1001", "b": "1002"}), ("/v1/calls", {"to": "1001"})):
            refusal = await robot.post(path, 503, **body)
            assert refusal["code"] == "store" and "it cannot be written down" in refusal["detail"]
        call.hangup()
        await robot.until(f"/v1/calls/{made['id']}", state="ended", cause="NORMAL_CLEARING")
        disk.free()
        await robot.post("/v1/calls", 201, to="1001")
        (await phones.answered()).hangup()
