"""Chromium with JsSIP: registered to Kamailio over WSS, and connected to us directly. RFC 7118, RFC 8829."""

from __future__ import annotations

import asyncio
import ssl
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from interop.baresip_phone import Baresip
from interop.browser_phone import BrowserPhone, browser_phones
from interop.kamailio_server import DOMAIN, PASSWORD, Kamailio
from interop.processes import HOST

from sipclient import Account, Call, Client, bridge
from sipclient.media.sound.avfile import AvReader
from sipclient.media.tones import ToneDetector
from sipclient.media.tones.detector import tone_level

LIMIT = 60  # seconds
OURS, ITS = 1000, 440  # Hz: what we play, and what the browser does


@pytest_asyncio.fixture
async def open_phone(tmp_path: Path) -> AsyncIterator[Any]:
    async with browser_phones(tmp_path) as opener:
        yield opener


async def registered(open_phone: Any, kamailio: Kamailio, **options: Any) -> BrowserPhone:
    phone: BrowserPhone = await open_phone(options.get("microphone", False))
    server = f"wss://{HOST}:{kamailio.ports['wss']}/ws"
    await phone.do("start", {"uri": f"sip:web@{DOMAIN}", "password": PASSWORD, "server": server, **options})
    await phone.until("registered")
    return phone


class Ear:
    """Waits until a tone is heard on a call for a while."""

    def __init__(self, call: Call, frequency: float) -> None:
        self._frequency = frequency
        self._detector: ToneDetector | None = None
        self._heard = asyncio.Event()
        call.voice.stream.listen(self)

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        if self._detector is None or self._rate != rate:
            self._detector, self._rate = ToneDetector(self._frequency, rate=rate), rate
        self._detector.feed(pcm)
        if self._detector.heard > 20:
            self._heard.set()

    async def __call__(self) -> None:
        await self._heard.wait()


async def talk(phone: BrowserPhone, call: Call, ours: int = OURS, its: int = ITS) -> None:
    """Sound both ways, measured at both ends."""
    call.play(f"%(60000,0,{ours})")
    await Ear(call, its)()
    await phone.hears(ours)


async def called(phone: BrowserPhone, client: Client, target: str) -> Call:
    """The browser calls, and we answer."""
    async with client.incoming() as calls:
        await phone.do("call", target)
        incoming = await anext(calls)
        assert incoming.headers.get("X-From") == "a browser"
        incoming.ring()
        call = await incoming.answer()
    await phone.until("confirmed")
    return call


def sides(path: Path) -> tuple[bytes, bytes, int]:
    """The last half second of both sides of a recording, and its rate."""
    with wave.open(str(path)) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
    left, right = (b"".join(frames[at : at + 2] for at in range(start, len(frames), 4))[-rate:] for start in (0, 2))
    return left, right, rate


def ends(recorded: bytes, file: Path) -> tuple[bytes, bytes, int]:
    """The first and the last half second of what a browser recorded, and its rate."""
    file.write_bytes(recorded)
    reader = AvReader(file)
    pcm = reader.read(30 * reader.rate)
    reader.close()
    assert len(pcm) > 2 * reader.rate * 1.5
    return pcm[: reader.rate], pcm[-reader.rate :], reader.rate


@asynccontextmanager
async def robot(kamailio: Kamailio, **options: Any) -> AsyncIterator[Client]:
    async with asyncio.timeout(LIMIT), Client(kamailio.account(**options)) as client:
        yield client
        assert client.failures == 0


async def test_the_browser_registers(kamailio: Kamailio, open_phone: Any) -> None:
    await registered(open_phone, kamailio)


async def test_we_register_the_same_way(kamailio: Kamailio) -> None:
    async with asyncio.timeout(20):
        for transport in ("ws", "wss"):
            async with Client(kamailio.account(transport)) as client:
                assert client.is_registered()


@pytest.mark.parametrize(("ours", "its"), [(1000, 440), (440, 1000)])
async def test_a_call_is_recorded_at_both_ends(
    kamailio: Kamailio, open_phone: Any, tmp_path: Path, ours: int, its: int
) -> None:
    """Here with each voice on its side, there by the browser itself; a tone is measured in both files."""
    async with robot(kamailio) as client:
        phone = await registered(open_phone, kamailio, tone=its)
        call = await called(phone, client, f"sip:robot@{DOMAIN}")
        await phone.do("record")
        await asyncio.sleep(1.0)  # nothing is said yet
        recording = call.record(tmp_path / "call.wav", stereo=True)
        await talk(phone, call, ours, its)
        await asyncio.sleep(1.0)
        its_file = await phone.recorded()
        await phone.do("hangup")
        assert (await call.ended()).by == "remote"
        left, right, rate = sides((await recording).path)
        assert tone_level(left, its, rate) > -25 > tone_level(left, ours, rate)
        assert tone_level(right, ours, rate) > -25 > tone_level(right, its, rate)
        before, after, rate = ends(its_file, tmp_path / "browser.webm")
        assert tone_level(before, ours, rate) < -50  # we had not spoken yet
        assert tone_level(after, ours, rate) > -25 > tone_level(after, its, rate)


async def test_keys_and_hold_both_ways(kamailio: Kamailio, open_phone: Any) -> None:
    async with robot(kamailio) as client:
        phone = await registered(open_phone, kamailio)
        call = await called(phone, client, f"sip:robot@{DOMAIN}")
        await talk(phone, call)
        await phone.do("press", "12#")
        assert await call.digits(timeout=10) == "12"
        await call.dtmf("59", method="info")  # what comes by RTP a page never hears of
        assert await phone.get("keys") == ["5", "9"]
        await call.hold()
        await phone.until("hold by peer")
        await call.resume()
        await phone.until("unhold by peer")
        await talk(phone, call)
        await phone.do("hold", True)
        sent = call.stats.sent if call.stats is not None else 0
        await asyncio.sleep(0.5)
        assert call.stats is not None and call.stats.sent <= sent + 1  # it wants to hear nothing
        await phone.do("hold", False)
        await talk(phone, call)
        call.hangup()
        await phone.until("ended")


async def test_the_browser_comes_to_our_own_listener(open_phone: Any, tmp_path: Path, kamailio: Kamailio) -> None:
    """No PBX at all: its INVITE comes over a WebSocket of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(kamailio.certificate, kamailio.directory / "key.pem")
    account = Account(f"sip:robot@{HOST}", register=False, keepalive=0.0, browsers=True, server=f"udp:{HOST}:9")
    async with asyncio.timeout(LIMIT), Client(account) as client:
        phone: BrowserPhone = await open_phone()
        _, port = await client.listen("wss", HOST, tls=context, origins=[phone.origin])
        server = f"wss://{HOST}:{port}/"
        await phone.do("start", {"uri": f"sip:web@{HOST}", "server": server, "register": False})
        await phone.until("connected")
        call = await called(phone, client, f"sip:robot@{HOST}")
        await talk(phone, call)
        await phone.do("press", "7")
        assert await call.digits(1) == "7"
        call.hangup()
        await phone.until("ended")
        assert client.failures == 0


async def test_a_browser_bridged_to_a_plain_phone(kamailio: Kamailio, open_phone: Any, tmp_path: Path) -> None:
    """The call that got 488, as a call: opus and DTLS on one side, G.711 and nothing on the other."""
    directory = tmp_path / "baresip"
    directory.mkdir()
    telephone = Baresip(directory)  # it plays 440 Hz
    try:
        # The plain phone is called directly, the browser comes by way of Kamailio.
        plain = Account(f"sip:robot@{HOST}", name="plain", server=f"udp:{HOST}:{telephone.port}", register=False)
        async with asyncio.timeout(LIMIT), Client(kamailio.account(), plain) as client, telephone:
            phone = await registered(open_phone, kamailio, tone=OURS)
            async with client.incoming() as calls:
                await phone.do("call", f"sip:robot@{DOMAIN}")
                from_browser = await (await anext(calls)).answer()
            to_phone = await client.call("phone", account="plain")
            joined = bridge(from_browser, to_phone)
            recording = joined.record(tmp_path / "bridge.wav")
            await phone.hears(440)
            await Ear(from_browser, OURS)()
            await asyncio.sleep(1.0)
            assert from_browser.stats is not None and from_browser.stats.codec == "opus"
            assert to_phone.stats is not None and to_phone.stats.codec == "PCMU"
            await phone.do("hangup")
            await joined
            assert (await to_phone.ended()).by == "local"
            browser, plain_side, rate = sides((await recording).path)
            assert tone_level(browser, OURS, rate) > -25 > tone_level(browser, 440, rate)
            assert tone_level(plain_side, 440, rate) > -25 > tone_level(plain_side, OURS, rate)
            assert client.failures == 0
    finally:
        telephone.stop()
