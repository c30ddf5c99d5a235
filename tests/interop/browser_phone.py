"""A telephone in Chromium (JsSIP), and the page server it is loaded from."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from interop.processes import HOST, lacking, need

PAGES = Path(__file__).parent / "browser"
PATIENCE = 15.0  # seconds
POLL = 0.05
ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--ignore-certificate-errors",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class BrowserPhone:
    """One page with one telephone. `do("call", "sip:...")` runs a function of its `phone`."""

    def __init__(self, page: Any, origin: str) -> None:
        self.origin = origin
        self._page = page
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    async def do(self, function: str, *arguments: Any) -> Any:
        """Run `phone.FUNCTION(...)` in the page."""
        return await self._page.evaluate(f"(given) => phone.{function}(...given)", list(arguments))

    async def get(self, name: str) -> Any:
        """`phone.NAME`."""
        return await self._page.evaluate(f"phone.{name}")

    async def until(self, what: str) -> None:
        """Wait until it said something that begins so."""
        await self.holds(lambda said: any(each.startswith(what) for each in said), what)

    async def holds(self, condition: Callable[[list[str]], bool], what: str = "") -> None:
        """Wait until a condition holds of all it said."""
        said: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(said := await self.get("said")):  # noqa: ASYNC110  # a page has no asyncio.Event
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise AssertionError(f"not {what!r} but {said}; console: {self.console[-20:]}") from None

    async def recorded(self) -> bytes:
        """End what `record` began; the file."""
        return base64.b64decode(await self.do("file"))

    async def hears(self, frequency: float, tolerance: float = 12.0, level: float = -40.0) -> dict[str, float]:
        """Wait until the loudest tone it hears is this one (Hz)."""
        heard: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    heard = await self.do("heard")
                    if heard and abs(heard["frequency"] - frequency) < tolerance and heard["level"] > level:
                        return dict(heard)
                    await asyncio.sleep(POLL)
        except TimeoutError:
            state = await self.do("state")
            raise AssertionError(f"heard {heard}, not {frequency} Hz; {state}; {self.console[-20:]}") from None


@asynccontextmanager
async def browser_phones(directory: Path) -> AsyncIterator[Callable[[], Any]]:
    """Chromium with a page server; `await open()` gives a fresh page, each like a browser of its own."""
    chromium = need("chromium")
    if not (PAGES / "node_modules" / "jssip.bundle.js").exists():
        lacking(f"JsSIP is not there: cd {PAGES} && npm install && npm run build")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        lacking("playwright is not installed here")
    handler = partial(_Quiet, directory=str(PAGES))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://localhost:{server.server_port}"  # a secure context, as https would be
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))

                async def open_phone(microphone: bool = False) -> BrowserPhone:
                    context = await browser.new_context(
                        ignore_https_errors=True, permissions=["microphone"] if microphone else []
                    )
                    phone = BrowserPhone(await context.new_page(), origin)
                    await phone._page.goto(f"{origin}/phone.html")
                    return phone

                try:
                    yield open_phone
                finally:
                    await browser.close()
        finally:
            server.shutdown()
