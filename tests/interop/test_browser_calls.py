"""Chromium with JsSIP and our robot, through Kamailio over WSS: sound both ways, on every way there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from interop.browser_phone import BrowserPhone, browser_phones
from interop.coturn_server import PASSWORD as RELAY_PASSWORD
from interop.coturn_server import USER as RELAY_USER
from interop.coturn_server import Coturn
from interop.kamailio_server import DOMAIN, PASSWORD, Kamailio
from interop.waiting import until

from sipclient import Call, Client
from sipclient.media import RtpSession
from sipclient.sdp import parse
from tests.media.tone import Humming, Listener

OURS, THEIRS = 1000, 440  # Hz
LIMIT = 60


@pytest_asyncio.fixture
async def open_phone(tmp_path: Path) -> AsyncIterator[Any]:
    async with browser_phones(tmp_path) as opener:
        yield opener


async def registered(open_phone: Any, kamailio: Kamailio, **options: Any) -> BrowserPhone:
    phone: BrowserPhone = await open_phone(options.get("microphone", False))
    server = f"wss://127.0.0.1:{kamailio.ports['wss']}/ws"
    own = {"uri": f"sip:web@{DOMAIN}", "password": PASSWORD, "server": server, "tone": THEIRS}
    await phone.do("start", {**own, **options})
    await phone.until("registered")
    return phone


def session_of(call: Call) -> RtpSession:
    assert isinstance(call.media, RtpSession)
    return call.media


async def both_hear(phone: BrowserPhone, call: Call, theirs: bool = True) -> None:
    """The tone of each, measured at the other. What comes of a fake microphone is no pure tone."""
    stream, ear = session_of(call).stream, Listener(THEIRS)
    assert stream is not None
    stream.source = Humming(OURS)
    stream.listen(ear)
    await until(lambda: stream.stats.received > 50, "we hear packets", 20, now=lambda: (call, stream.stats))
    await phone.hears(OURS)
    if theirs:
        ear.again()
        await until(lambda: ear.blocks >= 25, "half a second is heard")
        assert ear.score > 0.6
    assert stream.agreed is not None and stream.agreed.codec.name == "opus"


@pytest.mark.parametrize("microphone", [False, True], ids=["mDNS candidates", "host candidates"])
async def test_it_calls_us(kamailio: Kamailio, open_phone: Any, microphone: bool) -> None:
    """Whoever may use the microphone shows its addresses, others hide them behind names of multicast DNS."""
    async with asyncio.timeout(LIMIT), Client(kamailio.account("wss")) as client:
        calls = client.incoming()
        phone = await registered(open_phone, kamailio, microphone=microphone)
        await phone.do("call", f"sip:robot@{DOMAIN}")
        incoming = await anext(calls)
        call = await incoming.answer()
        await phone.until("confirmed")
        await both_hear(phone, call, theirs=not microphone)
        candidates = [line for line in incoming.request.body.splitlines() if line.startswith(b"a=candidate:")]
        assert any(b".local " in line for line in candidates) != microphone
        call.hangup()
        await phone.until("ended")
        assert client.failures == 0


async def test_it_calls_us_with_video_first_and_all_on_one_transport(kamailio: Kamailio, open_phone: Any) -> None:
    """A video call under max-bundle: the audio has no candidates of its own. Both hear each other, and again after
    either has held the call."""
    async with asyncio.timeout(LIMIT), Client(kamailio.account("wss")) as client:
        calls = client.incoming()
        phone = await registered(open_phone, kamailio, video=True)
        await phone.do("call", f"sip:robot@{DOMAIN}")
        incoming = await anext(calls)
        offer = parse(incoming.request.body)
        assert [media.kind for media in offer.media] == ["video", "audio"]
        assert offer.media[0].first("candidate") and not offer.media[1].first("candidate")
        call = await incoming.answer()
        await phone.until("confirmed")
        await both_hear(phone, call)
        await call.hold()
        await phone.until("hold by peer")
        await call.resume()
        await phone.until("unhold by peer")
        await both_hear(phone, call)
        await phone.do("hold", True)
        await phone.do("hold", False)
        await both_hear(phone, call)
        call.hangup()
        await phone.until("ended")
        assert client.failures == 0


async def test_we_call_it(kamailio: Kamailio, open_phone: Any) -> None:
    async with asyncio.timeout(LIMIT), Client(kamailio.account("wss", media="webrtc")) as client:
        phone = await registered(open_phone, kamailio)
        call = client.dial("web")
        await phone.until("incoming")
        await phone.do("answer")
        await call.answered()
        await both_hear(phone, call)
        call.hangup()
        await phone.until("ended")
        assert client.failures == 0


@pytest.mark.parametrize("whose", ["ours", "the browser's"])
async def test_through_coturn_as_the_only_way(kamailio: Kamailio, open_phone: Any, coturn: Coturn, whose: str) -> None:
    server = {"urls": coturn.url, "username": RELAY_USER, "credential": RELAY_PASSWORD}
    options: dict[str, Any] = {"iceServers": [server], "iceTransportPolicy": "relay"} if whose != "ours" else {}
    more = {"turn": coturn.url, "turn_username": RELAY_USER, "turn_password": RELAY_PASSWORD} if whose == "ours" else {}
    account = kamailio.account("wss", media="webrtc", **more)
    async with asyncio.timeout(LIMIT), Client(account) as client:
        calls = client.incoming()
        phone = await registered(open_phone, kamailio, **options)
        await phone.do("call", f"sip:robot@{DOMAIN}")
        call = await (await anext(calls)).answer()
        await both_hear(phone, call)
        agreed = session_of(call).stream.agreed  # type: ignore[union-attr]
        kinds = (
            {each.kind for each in agreed.ice.candidates} if agreed is not None and agreed.ice is not None else set()
        )
        assert (kinds == {"relay"}) == (whose != "ours")
        if whose == "ours":
            assert b"typ relay" in bytes(session_of(call)._sent or b"")
        assert client.failures == 0


async def test_keys_hold_and_resume(kamailio: Kamailio, open_phone: Any) -> None:
    """Its keys reach us, it falls silent while we hold it, and both hear each other again after."""
    async with asyncio.timeout(LIMIT), Client(kamailio.account("wss", media="webrtc")) as client:
        calls = client.incoming()
        phone = await registered(open_phone, kamailio)
        await phone.do("call", f"sip:robot@{DOMAIN}")
        call = await (await anext(calls)).answer()
        await both_hear(phone, call)
        keys = asyncio.create_task(call.digits(2))
        for key in "4#":
            await phone.do("press", key)
        assert await keys in ("4#", "4")  # `#` ends what is asked for
        await call.hold()
        await phone.until("hold by peer")
        stream = session_of(call).stream
        assert stream is not None
        await asyncio.sleep(0.3)  # what was under way
        still = stream.stats.received
        await asyncio.sleep(0.5)
        assert stream.stats.received - still <= 2
        await call.resume()
        await phone.until("unhold by peer")
        await both_hear(phone, call)
        assert client.failures == 0
