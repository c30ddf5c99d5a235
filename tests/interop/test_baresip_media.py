"""Encrypted and ICE calls with a real phone, both ways: its 440 Hz measured here, and that it hears us."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from interop.baresip_phone import Baresip
from interop.processes import HOST, free_port, outer_address
from interop.sipp_line import account
from interop.waiting import until

from sipclient import Call, Client
from sipclient.media.rtp_session import RtpSession
from sipclient.transport import udp, whereabouts
from tests.media.tone import Humming, Listener

Start: TypeAlias = Callable[..., Baresip]

LIMIT = 25
ELSEWHERE = "127.0.0.2"
TONE = 440  # Hz, what the phone plays

KINDS = {
    "srtp": (";mediaenc=srtp-mand", "srtp", "PCMU"),
    "srtp, opus": (";mediaenc=srtp-mand", "srtp", "opus"),
    "dtls": (";mediaenc=dtls_srtp", "webrtc", "opus"),
    "dtls, G.722": (";mediaenc=dtls_srtp", "webrtc", "G722"),
    "plain, opus": ("", "rtp", "opus"),
}


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Start]:
    phones: list[Baresip] = []

    def start(settings: str, codec: str, listen: str = HOST, mux: bool = False) -> Baresip:
        phones.append(Baresip(tmp_path, f"audio_codecs={codec}{settings}", listen, mux))
        return phones[-1]

    yield start
    for each in phones:
        each.stop()


async def both_hear(phone: Baresip, call: Call) -> RtpSession:
    """The phone's tone is in what we hear, and the phone hears something of us."""
    media = call.media
    assert isinstance(media, RtpSession) and media.stream is not None
    ear = Listener(TONE)
    media.stream.source = Humming(350)
    media.stream.listen(ear)
    await until(lambda: "CALL_RTPESTAB" in phone.told, "baresip hears us", now=lambda: phone.told)
    stream = media.stream
    await until(lambda: stream.stats.received > 20, "we hear baresip", now=lambda: stream.stats)
    ear.again()
    await until(lambda: ear.blocks >= 25, "half a second is heard")
    assert ear.score > 0.6
    assert stream.stats.ignored < 25  # what comes before the codec is loaded, with the first call
    return media


def local_host(session: RtpSession) -> str:
    """The address its packets leave from: the old one until the new one is agreed on."""
    carrier = session._carrier
    assert carrier is not None
    used = carrier._left or carrier._udp
    return used.host if used is not None else ""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_placed_to_it(phone: Start, kind: str) -> None:
    settings, media, codec = KINDS[kind]
    there = phone(settings, codec)
    ours = account(there.port, media=media, codecs=(codec, "telephone-event"))
    async with asyncio.timeout(LIMIT), there, Client(ours) as client:
        async with client.call("phone") as call:
            session = await both_hear(there, call)
            agreed = session.stream.agreed if session.stream is not None else None
            assert agreed is not None and agreed.codec.name == codec
            assert (agreed.crypto is not None, agreed.dtls is not None) == (media == "srtp", media == "webrtc")
        assert (await call.ended()).cause == "NORMAL_CLEARING"
        assert client.failures == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_received_from_it(phone: Start, kind: str) -> None:
    """An account that offers plain RTP takes what the phone asks for."""
    settings, _, codec = KINDS[kind]
    there = phone(settings, codec)
    port = free_port()
    async with asyncio.timeout(LIMIT), there, Client(account(there.port, local=port, media="rtp")) as client:
        calls = client.incoming()
        there.do("dial", f"sip:robot@{HOST}:{port}")
        call = await (await anext(calls)).answer()
        await both_hear(there, call)
        there.do("hangup")
        end = await call.ended()
        assert (end.by, end.cause) == ("remote", "NORMAL_CLEARING")
        assert client.failures == 0


async def test_ice_and_dtls_with_a_call_placed_to_it(phone: Start) -> None:
    outer = outer_address()
    there = phone(";mediaenc=dtls_srtp;medianat=ice", "opus", outer, True)
    ours = msgspec.structs.replace(account(there.port, host=outer, media="webrtc"), local=f"{outer}:0")
    async with asyncio.timeout(LIMIT), there, Client(ours) as client:
        async with client.call("phone") as call:
            session = await both_hear(there, call)
            agreed = session.stream.agreed if session.stream is not None else None
            assert agreed is not None and agreed.ice is not None and agreed.dtls is not None
        assert client.failures == 0


@pytest.mark.parametrize("protection", ["", ";mediaenc=dtls_srtp", ";mediaenc=srtp-mand"])
async def test_ice_with_a_call_received_from_it(phone: Start, protection: str) -> None:
    """Not only browsers do ICE: RTP/AVP and SDES with it too, and without rtcp-mux RTCP on a port of its own."""
    outer, port = outer_address(), free_port()
    there = phone(f"{protection};medianat=ice", "PCMU", outer)
    ours = msgspec.structs.replace(account(there.port, host=outer, media="rtp"), local=f"{outer}:{port}")
    async with asyncio.timeout(LIMIT), there, Client(ours) as client:
        calls = client.incoming()
        there.do("dial", f"sip:robot@{outer}:{port}")
        call = await (await anext(calls)).answer()
        session = await both_hear(there, call)
        agreed = session.stream.agreed if session.stream is not None else None
        assert agreed is not None and agreed.ice is not None
        there.do("hangup")
        assert (await call.ended()).by == "remote"
        assert client.failures == 0


@pytest.mark.parametrize("kind", ["plain, opus", "srtp"])
async def test_our_media_move_to_another_host(phone: Start, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our address changes in the call: baresip takes the re-INVITE, and its tone comes to the new address, where the
    socket of the old one is closed. That routing chooses another address is what has to be said on loopback."""
    settings, media, codec = KINDS[kind]
    there = phone(settings, codec)
    ours = account(there.port, media=media, codecs=(codec, "telephone-event"))
    async with asyncio.timeout(LIMIT), there, Client(ours) as client, client.call("phone") as call:
        session = await both_hear(there, call)
        assert local_host(session) == HOST
        for module in (udp, whereabouts):
            monkeypatch.setattr(module, "source_address", lambda remote: ELSEWHERE)
        await until(lambda: local_host(session) == ELSEWHERE, "the media are there")
        await both_hear(there, call)
        assert call.end is None
        assert client.failures == 0
