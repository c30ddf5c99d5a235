"""The request of the forum's thread, by newman and by curl: two telephones behind Kamailio, joined and recorded."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
from interop.baresip_phone import Baresip
from interop.kamailio_server import PASSWORD, Kamailio
from interop.processes import HOST, Child, free_port, lacking, need
from interop.test_bridging_phones import LOUD, RATE, runs, sides, when
from interop.waiting import until

from sipclient.media.tones.detector import tone_level

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT / "examples" / "postman" / "sipclient.postman_collection.json"
NEWMAN = Path(__file__).parent / "postman" / "node_modules" / ".bin" / "newman"
LIMIT = 60
ROBOT = """
recordings = "recordings"
[accounts.audiocode]
address = "sip:robot@pbx.test"
password = "{password}"
server = "udp:{host}:{port}"
codecs = ["PCMU"]
[dial]
allow = ["1001", "7000"]
[web]
listen = "{host}:{web}"
"""


class Office:
    """A robot with an API behind Kamailio, and two telephones: 1001 answers by itself, 7000 rings until told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[Any] = []
        for name in ("a", "b", "kamailio", "robot"):
            (directory / name).mkdir()
        self.a = self._stopped_at_end(Baresip(directory / "a", "audio_codecs=PCMU", tone=1000, hears=True, user="1001"))
        self.b = self._stopped_at_end(
            Baresip(directory / "b", "audio_codecs=PCMU", tone=600, answers=False, user="7000")
        )
        kamailio = Kamailio(directory / "kamailio", phone=self.a.port, queue=self.b.port)
        self._stopped_at_end(kamailio)
        kamailio.start()
        self.url = f"http://{HOST}:{(web := free_port())}"
        text = ROBOT.format(password=PASSWORD, host=HOST, port=kamailio.port, web=web)
        (directory / "robot" / "robot.toml").write_text(text)
        self._stopped_at_end(
            Child(
                [sys.executable, "-m", "sipclient", "run", "robot.toml"],
                directory / "robot.log",
                directory=directory / "robot",
                environment={"PYTHONPATH": str(ROOT)},
            )
        )

    def _stopped_at_end(self, started: Any) -> Any:
        self._started.append(started)
        return started

    def stop(self) -> None:
        for each in reversed(self._started):
            each.stop()

    async def curl(self, path: str, *options: str) -> Any:
        """What the API says, by curl; None while it does not answer."""
        words = [need("curl"), "-s", *options, "-H", "Content-Type: application/json", f"{self.url}{path}"]
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        return json.loads(printed) if process.returncode == 0 else None

    async def complete(self, name: str) -> Path:
        """The recording, once it is."""
        while True:
            items = (await self.curl("/v1/recordings"))["items"]
            if any(each["complete"] for each in items if each["id"] == name):
                return self.directory / "robot" / "recordings" / name
            await asyncio.sleep(0.1)

    async def answers(self) -> None:
        """Until the API does."""
        while True:
            if await self.curl("/healthz") is not None:
                return
            await asyncio.sleep(0.1)

    async def bridge(self, id: str, **wanted: Any) -> Any:
        """The bridge, once it is so."""
        while True:
            found = await self.curl(f"/v1/bridges/{id}")
            if all(found.get(name) == value for name, value in wanted.items()):
                return found
            assert found.get("state") != "failed", found
            await asyncio.sleep(0.1)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    office = Office(tmp_path)
    try:
        async with asyncio.timeout(LIMIT), office.a, office.b:
            await office.answers()
            yield office
    finally:
        office.stop()


def mp3_sides(path: Path) -> list[bytes]:
    """The channels of an mp3, as 16 bits at 8000 Hz."""
    with av.open(str(path)) as file:
        assert file.streams.audio[0].codec_context.name.startswith("mp3")
        assert file.streams.audio[0].codec_context.channels == 2
        resampler = av.AudioResampler("s16p", "stereo", RATE)
        frames = [each for frame in file.decode(audio=0) for each in resampler.resample(frame)]
    return [b"".join(bytes(frame.planes[side])[: frame.samples * 2] for frame in frames) for side in (0, 1)]


def assert_each_on_its_side(path: Path) -> None:
    left, right = mp3_sides(path)
    speech = slice(-int(1.2 * RATE) * 2, -int(0.3 * RATE) * 2)  # near the end
    assert tone_level(left[speech], 1000, RATE) > LOUD > tone_level(left[speech], 600, RATE)
    assert tone_level(right[speech], 600, RATE) > LOUD > tone_level(right[speech], 1000, RATE)


async def test_the_request_of_the_thread(office: Office) -> None:
    if not NEWMAN.exists():
        lacking("newman is not installed here: npm install in tests/interop/postman")
    a, b = office.a, office.b
    words = ["run", str(COLLECTION), "--folder", "Join two numbers", "--delay-request", "300", "--reporters", "json"]
    words += ["--reporter-json-export", str(office.directory / "newman.json")]
    for name, value in (("base_url", office.url), ("first", "1001"), ("second", "7000")):
        words += ["--env-var", f"{name}={value}"]
    newman = await asyncio.create_subprocess_exec(need("node"), str(NEWMAN), *words)
    await until(lambda: "CALL_INCOMING" in b.told, "B rings")
    await asyncio.sleep(6.8)  # the first ring is over, and the second has begun
    b.do("accept")
    assert await newman.wait() == 0
    run = json.loads((office.directory / "newman.json").read_text())["run"]
    assert run["failures"] == [] and run["stats"]["assertions"]["total"] >= 4
    first = (await office.curl("/v1/bridges"))["items"][0]
    assert first["variables"] == {} and first["state"] == "bridged"
    await asyncio.sleep(1.5)  # of speech
    b.do("hangup")
    ended = await office.bridge(first["id"], state="ended")
    assert ended["cause"] == "NORMAL_CLEARING"
    await until(lambda: "CALL_CLOSED" in a.told, "B's hang-up ends A")
    assert_each_on_its_side(await office.complete(f"{first['id']}.mp3"))
    heard = max((sides(path)[0] for path in (office.directory / "a").glob("dump-*-dec.wav")), key=len)
    for hertz in (440, 480):
        rings = [seconds for sounds, seconds in runs(when(heard, hertz)) if sounds]
        pauses = [seconds for sounds, seconds in runs(when(heard, hertz))[1:] if not sounds]
        assert rings[0] == pytest.approx(2.0, abs=0.3) and pauses[0] == pytest.approx(4.0, abs=0.3)
    assert any(when(heard, 600))  # B's voice

    # The same by curl; its key again calls nobody.
    (item,) = [each for each in json.loads(COLLECTION.read_text())["item"][0]["item"] if "body" in each["request"]]
    body = item["request"]["body"]["raw"]
    for name, value in (("gateway", "audiocode"), ("first", "1001"), ("second", "7000"), ("bridge_id", "by-curl")):
        body = body.replace("{{" + name + "}}", value)
    rung = b.told.count("CALL_INCOMING")
    for _ in range(2):
        made = await office.curl("/v1/bridges", "-d", body, "-H", "Idempotency-Key: by-curl")
        assert made["id"] == "by-curl"
    await until(lambda: b.told.count("CALL_INCOMING") == rung + 1, "B rings")
    b.do("accept")
    await office.bridge("by-curl", state="bridged")
    await asyncio.sleep(1.5)  # of speech
    b.do("hangup")
    await office.bridge("by-curl", state="ended")
    assert_each_on_its_side(await office.complete("by-curl.mp3"))
    assert b.told.count("CALL_INCOMING") == rung + 1
