"""`[listen]`: browsers reach the robot itself, over secure WebSocket. RFC 7118."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from support.certificates import certificate
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sipclient.config import load
from sipclient.errors import ListenFailed
from sipclient.message import Response, parse
from sipclient.robot import told
from sipclient.robot.hooks import NO_HOOKS
from sipclient.robot.robot import Robot
from sipclient.store import open_store

ACCOUNT = '[accounts.pbx]\naddress = "sip:robot@127.0.0.1"\nregister = false\nkeepalive = "0s"\n'
LISTEN = '[listen]\nwss = "127.0.0.1:0"\norigins = ["https://app.example.com"]\ncertificate = "{0}"\n'
INVITE = (
    "INVITE sip:robot@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WSS abc.invalid;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    "From: <sip:me@abc.invalid>;tag=1\r\nTo: <sip:robot@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:me@abc.invalid;transport=ws>\r\nContent-Length: 0\r\n\r\n"
)


def listening(path: Path) -> Any:
    return load(ACCOUNT + LISTEN.format(path.name))


async def test_a_browser_reaches_the_robot(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    heard: list[told.Told] = []
    async with (
        open_store("sqlite::memory:") as store,
        Robot(listening(path), store=store, tell=heard.append, folder=str(tmp_path)) as robot,
    ):
        (where,) = (each for each in heard if isinstance(each, told.Listening))
        assert where.words() == f"listening for browsers at wss://127.0.0.1:{where.port}"
        trusting = ssl.create_default_context(cafile=str(path))
        uri = f"wss://127.0.0.1:{where.port}/"
        async with connect(uri, ssl=trusting, subprotocols=["sip"], origin="https://app.example.com") as browser:  # type: ignore[list-item, arg-type]
            await browser.send(INVITE)
            async with asyncio.timeout(5):
                answers = [parse(str(await browser.recv()).encode()) for _ in range(2)]
            assert [each.status for each in answers if isinstance(each, Response)] == [100, 480]
        with pytest.raises(InvalidStatus):
            await connect(uri, ssl=trusting, subprotocols=["sip"], origin="https://evil.example.com")  # type: ignore[list-item, arg-type]
        await robot.reload(load(ACCOUNT), NO_HOOKS)
        said = [each.words() for each in heard]
        assert "error: [listen] has changed: that needs a restart" in said
        assert "reloaded: accounts unchanged, +0 -0 watched extensions, 0 rules" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read: No such file or directory"), ("no PEM", "must hold a certificate with its key")],
)
async def test_a_certificate_that_is_none(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "robot.pem"
    if content is not None:
        path.write_text(content)
    async with open_store("sqlite::memory:") as store:
        with pytest.raises(ListenFailed) as refused:
            async with Robot(listening(path), store=store, tell=lambda _: None, folder=str(tmp_path)):
                pass
    assert str(path) in str(refused.value) and words in str(refused.value)
