"""Write docs/images/page.png again: the page of a robot that watches a lab, as Debian's Chromium shows it.

    python docs/page_picture.py [dark] [narrow]

It is made by hand and not by `make docs`: the times in it are those of one run. Needs `pip install '.[web,interop]'`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "page.png"
sys.path.insert(0, str(ROOT))

from sipclient.lab.phone import Phone  # noqa: E402
from sipclient.lab.server import LabServer  # noqa: E402
from sipclient.lab.values import Queue, User  # noqa: E402
from sipclient.presence import State  # noqa: E402

PORT = 8099
ROBOT = """
[accounts.pbx]
address      = "sip:robot@127.0.0.1"
server       = "{server}"
password_env = "PBX_PASSWORD"

[[watch]]
extensions = ["1001-1020"]

[[rules]]
name   = "ready-calls-queue"
when   = {{ extensions = ["10*"], from = "on-the-phone", to = "ready" }}
settle = "2s"
call   = {{ to = "7000", caller_id = '"Ext {{extension}} is free" <{{extension}}>' }}

[[rules]]
name  = "night-desk"
hours = {{ days = "sat-sun", from = "20:00", to = "20:30", timezone = "Europe/Berlin" }}
call  = {{ to = "7001" }}

[[rules]]
name  = "wallboard"
limit = "2 per hour"
call  = {{ to = "9196" }}

[[rules]]
name  = "call-me-back"
armed = "on-request"
call  = {{ to = "{{extension}}" }}

[dial]
allow = ["7???", "9196"]

[store]
url = "sqlite:robot.db"

[web]
listen = "127.0.0.1:{port}"
"""
STORY = (  # seconds, extension, state
    (0, "1003", State.ON_THE_PHONE), (0, "1008", State.OFFLINE), (0, "1011", State.ON_THE_PHONE),
    (4, "1014", State.ON_HOLD), (3, "1005", State.ON_THE_PHONE), (9, "1017", State.RINGING),
    (5, "1005", State.READY), (2, "1001", State.ON_THE_PHONE), (6, "1001", State.READY),
    (3, "1009", State.RINGING), (2, "1009", State.ON_THE_PHONE), (3, "1002", State.ON_THE_PHONE),
    (4, "1002", State.READY), (5, "1019", State.RINGING), (2, "1006", State.ON_THE_PHONE),
)  # fmt: skip


async def main(*looks: str) -> None:
    """Play the story, and take the picture at its end."""
    users = [User(str(each), "x") for each in (*range(1001, 1021), 2001)] + [User("robot", "x")]
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(LabServer(users, (Queue("7000", ("2001",)),)))
        for each in range(1001, 1021):
            lab.set_state(str(each), State.READY)
        await stack.enter_async_context(Phone(users[20], lab.server("udp"), answer_after=1.0, talk_for=30.0))
        await stack.enter_async_context(robot(lab.server("udp")))
        for wait, extension, state in STORY:
            await asyncio.sleep(wait)
            lab.set_state(extension, state)
        await asyncio.sleep(3.5)
        await shoot(*looks)


@asynccontextmanager
async def robot(server: str) -> AsyncIterator[None]:
    """`sipclient run` with the page."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "robot.toml").write_text(ROBOT.format(server=server, port=PORT))
        command = [sys.executable, "-m", "sipclient", "run", "robot.toml"]
        environment = {"PYTHONPATH": str(ROOT), "PBX_PASSWORD": "x"}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        try:
            await asyncio.sleep(4)
            yield
        finally:
            process.terminate()
            await process.wait()


async def shoot(*looks: str) -> None:
    """The picture."""
    size = (360, 1400) if "narrow" in looks else (1280, 860)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = await browser.new_page(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if "dark" in looks else "light"
        )
        await page.goto(f"http://127.0.0.1:{PORT}/")
        await page.get_by_text("live", exact=True).wait_for()
        await page.wait_for_timeout(1500)
        await page.screenshot(path=PICTURE)
        await browser.close()


asyncio.run(main(*sys.argv[1:]))
