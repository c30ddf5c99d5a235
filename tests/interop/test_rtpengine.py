"""Kamailio with rtpengine between: every kind of media of ours, and a plain phone that sends back what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from interop.kamailio_server import DOMAIN, Kamailio
from interop.rtpengine_server import Rtpengine
from interop.sipp_peer import Sipp
from interop.test_sipp_sound import agreed, hears, hum, stats
from interop.waiting import until

from sipclient import Client

Start: TypeAlias = Callable[[str, str], Kamailio]

LIMIT = 30
PLAIN = "replace-origin ICE=remove RTP/AVP rtcp-mux-demux"
BROWSER = "replace-origin ICE=force UDP/TLS/RTP/SAVPF rtcp-mux-offer generate-mid"
SDES = "replace-origin ICE=remove RTP/SAVP rtcp-mux-demux"


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Start]:
    running: list[Rtpengine | Kamailio] = []

    def start(to_called: str, to_caller: str) -> Kamailio:
        engine = Rtpengine(tmp_path)
        running.append(engine)
        directory = tmp_path / "kamailio"
        directory.mkdir()
        server = Kamailio(directory, engine.port, to_called, to_caller)
        running.append(server)
        server.start()
        return server

    yield start
    for each in reversed(running):
        each.stop()


@pytest.mark.parametrize(
    ("media", "to_us", "encrypted"),
    [("rtp", PLAIN, ""), ("srtp", SDES, "crypto"), ("webrtc", BROWSER, "dtls")],
)
async def test_a_call_through_it(proxy: Start, sipp: Sipp, media: str, to_us: str, encrypted: str) -> None:
    server = proxy(PLAIN, to_us)
    run = sipp.start("queue", port=server.queue, echo=True)
    async with asyncio.timeout(LIMIT), Client(server.account(media=media)) as client:
        async with client.call("7000") as call:
            hum(call)
            await hears(call)
            stream = agreed(call)
            assert stream.codec.name == "PCMU"
            assert (stream.crypto is not None, stream.dtls is not None, stream.ice is not None) == (
                encrypted == "crypto",
                encrypted == "dtls",
                encrypted == "dtls",
            )
            assert stats(call).ignored < 5
        await call.ended()
        await run.finish()
        assert client.failures == 0


async def test_a_plain_phone_reaches_us_as_webrtc_and_we_hold_and_resume(proxy: Start) -> None:
    """One of us in plain RTP, one behind it that is offered what rtpengine offers a browser."""
    server = proxy(BROWSER, PLAIN)
    callers = server.account(media="rtp")
    async with asyncio.timeout(LIMIT), Client(callers) as caller, Client(server.account()) as called:
        calls = called.incoming()
        placing = asyncio.create_task(caller.dial(f"sip:robot@{DOMAIN}").answered())
        incoming = await anext(calls)
        theirs = await incoming.answer()
        ours = await placing
        assert agreed(theirs).dtls is not None and agreed(theirs).ice is not None
        hum(ours)
        await hears(theirs)
        hum(theirs)
        await hears(ours)
        await ours.hold()
        await until(lambda: not agreed(theirs).direction.sends, "the hold")
        await ours.resume()
        await hears(ours)
        await hears(theirs)
        ours.hangup()
        await theirs.ended()
        assert (caller.failures, called.failures) == (0, 0)
