"""Chromium with JsSIP: registered to Kamailio over WSS, and connected to us directly. RFC 7118, RFC 8829."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from interop.browser_phone import BrowserPhone, browser_phones
from interop.kamailio_server import DOMAIN, PASSWORD, Kamailio

from sipclient import Client


@pytest_asyncio.fixture
async def open_phone(tmp_path: Path) -> AsyncIterator[Any]:
    async with browser_phones(tmp_path) as opener:
        yield opener


async def registered(open_phone: Any, kamailio: Kamailio, **options: Any) -> BrowserPhone:
    phone: BrowserPhone = await open_phone(options.get("microphone", False))
    server = f"wss://127.0.0.1:{kamailio.ports['wss']}/ws"
    await phone.do("start", {"uri": f"sip:web@{DOMAIN}", "password": PASSWORD, "server": server, **options})
    await phone.until("registered")
    return phone


async def test_the_browser_registers(kamailio: Kamailio, open_phone: Any) -> None:
    await registered(open_phone, kamailio)


async def test_we_register_the_same_way(kamailio: Kamailio) -> None:
    async with asyncio.timeout(20):
        for transport in ("ws", "wss"):
            async with Client(kamailio.account(transport)) as client:
                assert client.is_registered()
