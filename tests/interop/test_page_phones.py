"""The page acts upon calls to real telephones: baresip is played to, pressed keys to, transferred and hung up."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from interop.baresip_phone import Baresip
from interop.page_in_chromium import opened, press, says, up
from interop.processes import HOST, POLL, Child, free_port

from sipclient.media.tones.detector import tone_level

ROOT = Path(__file__).parents[2]
RATE = 8000
LOUD = -35.0  # dB, where a tone is heard
ROBOT = """
[accounts.ann]
address  = "sip:robot@{host}"
server   = "udp:{host}:{ann}"
register = false
codecs   = ["PCMU"]

[accounts.bob]
address  = "sip:robot@{host}"
server   = "udp:{host}:{bob}"
register = false
codecs   = ["PCMU"]

[dial]
allow = ["ann", "bob", "sip:bob@{host}:{bob}"]

[web]
listen = "{host}:{web}"
"""


class Phones:
    """Ann and Bob, who answer by themselves and write down what they hear, and a robot that calls each directly."""

    def __init__(self, directory: Path, ending: ExitStack) -> None:
        self.directory = directory
        self.phones: dict[str, Baresip] = {}
        for name in ("ann", "bob"):
            (directory / name).mkdir()
            self.phones[name] = Baresip(directory / name, "audio_codecs=PCMU", user=name, tone=600, hears=True)
            ending.callback(self.phones[name].stop)
        self.web = free_port()
        self.url = f"http://{HOST}:{self.web}/"
        ports = {name: phone.port for name, phone in self.phones.items()}
        (directory / "robot.toml").write_text(ROBOT.format(host=HOST, web=self.web, **ports))
        command = [sys.executable, "-m", "sipclient", "run", "robot.toml"]
        robot = Child(command, directory / "robot.log", directory=directory, environment={"PYTHONPATH": str(ROOT)})
        ending.callback(robot.stop)
        robot.wait_ready(self._serves)

    def _serves(self) -> bool:
        try:
            with urlopen(f"{self.url}healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def bob(self) -> str:
        """Where Bob is reached by others."""
        return f"sip:bob@{HOST}:{self.phones['bob'].port}"

    def hears(self, name: str, hertz: int) -> bool:
        """Whether a tone was in the last half second of what a telephone heard in its latest call."""
        files = sorted((self.directory / name).glob("dump-*-dec.wav"), key=lambda each: each.stat().st_mtime)
        heard = files[-1].read_bytes()[44:][-RATE:] if files else b""  # the file is complete only at its end
        return len(heard) == RATE and tone_level(heard, hertz, RATE) > LOUD

    def log(self, name: str) -> str:
        """What a telephone said."""
        return (self.directory / name / "baresip.log").read_text(errors="replace")


def wait(page: Any, met: Callable[[], object], what: str, patience: float = 8.0) -> None:
    """Poll until it is met, while the page goes on."""
    end = time.monotonic() + patience
    while not met():
        assert time.monotonic() < end, f"{what}: not within {patience:g} s"
        page.wait_for_timeout(POLL * 1000)


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    with ExitStack() as ending:
        yield Phones(tmp_path_factory.mktemp("phones"), ending)


@pytest.fixture
def page(browser: Any, phones: Phones) -> Iterator[Any]:
    with opened(browser, phones.url) as page:
        yield page


def answered(page: Any, name: str) -> Any:
    """A call to a telephone, from the dial box; its place among those that are up."""
    dial = page.locator("#dial")
    dial.get_by_label("Number").fill(name)
    press(dial, "Call")
    says(up(page, name), "Answered")
    return up(page, name)


def test_a_tone_is_played_until_it_is_stopped(page: Any, phones: Phones) -> None:
    call = answered(page, "ann")
    press(call, "Play to ann")
    dialog = page.get_by_role("dialog", name="Play to ann")
    dialog.get_by_label("What").fill("missing.wav")
    press(dialog, "Play")
    says(dialog, "The sound cannot be had", "missing.wav")
    dialog.get_by_label("What").fill("%(1000,0,1000)")
    dialog.get_by_label("Until it is stopped").check()
    press(dialog, "Play")
    wait(page, lambda: phones.hears("ann", 1000), "Ann hears the tone")
    press(call, "Play to ann")
    press(page.get_by_role("dialog"), "Stop what plays")
    wait(page, lambda: not phones.hears("ann", 1000), "Ann hears it no more")
    press(call, "Hang up ann")
    call.wait_for(state="detached")


def test_both_legs_of_a_bridge_are_played_to_or_one_alone(page: Any, phones: Phones) -> None:
    dial, live = page.locator("#dial"), page.locator("#live")
    dial.get_by_label("Bridge A and B").check()
    dial.get_by_label("A", exact=True).fill("sofia/gateway/ann/ann")
    dial.get_by_label("B", exact=True).fill("sofia/gateway/bob/bob")
    press(dial, "Bridge")
    says(live, "Talking")
    wait(page, lambda: phones.hears("ann", 600) and phones.hears("bob", 600), "they hear each other")
    for whom, heard in (("B", (False, True)), ("Both", (True, True))):
        live.get_by_role("button", name="Play to the bridge").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label(whom, exact=True).check()
        dialog.get_by_label("What").fill("%(1000,0,1000)")
        dialog.get_by_label("Until it is stopped").check()
        press(dialog, "Play")
        wait(
            page, lambda heard=heard: (phones.hears("ann", 1000), phones.hears("bob", 1000)) == heard, f"{whom} hear it"
        )  # type: ignore[misc]
    press(live, "Hang up both")
    live.locator(".bridge").wait_for(state="detached")


def test_keys_reach_a_telephone_and_it_is_transferred_where_that_is_allowed(page: Any, phones: Phones) -> None:
    call = answered(page, "ann")
    press(call, "Send digits to ann")
    page.get_by_role("dialog", name="Send digits").get_by_label("Digits").fill("12#")
    page.keyboard.press("Enter")
    says(page.locator("#toasts"), "Sent 12# to ann")
    wait(page, lambda: phones.log("ann").count("received DTMF") == 3, "Ann is sent all three")
    for key in "12#":
        assert f"received DTMF: '{key}'" in phones.log("ann")
    for target, words in (("sip:eve@example.org", "[dial] allow does not name"), (phones.bob, "is transferred to")):
        press(call, "Transfer ann")
        page.get_by_role("dialog", name="Transfer").get_by_label("To").fill(target)
        page.keyboard.press("Enter")
        says(page.locator("#toasts"), words)
    call.wait_for(state="detached")  # ours is over, and the two talk to each other
    wait(page, lambda: phones.hears("bob", 600), "Bob hears Ann")
    assert "Call established: sip:ann@" in phones.log("bob")
