"""linphone, both ways: in clear text and encrypted, with and without feedback; tones measured at both ends."""

from __future__ import annotations

import asyncio
import re
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from interop.linphone_phone import Linphone
from interop.processes import HOST, free_port
from interop.sipp_line import account
from interop.waiting import until

from sipclient import Call, Client
from sipclient.media.tones.detector import tone_level
from sipclient.sdp import AudioStream, parse
from tests.media.tone import Humming, Listener
from tests.sdp.rows import rows

Start: TypeAlias = Callable[..., Linphone]

LIMIT = 25
ITS, OURS = 440, 1000  # Hz
SDES = {"encryption": "srtp"}
DTLS = {"encryption": "dtls"}
KINDS = {
    "RTP/AVP": {"codec": "opus"},
    "RTP/AVPF": {"feedback": True, "codec": "PCMU"},
    "RTP/SAVP": {**SDES, "codec": "PCMU"},
    "RTP/SAVPF": {**SDES, "feedback": True, "codec": "opus"},
    "UDP/TLS/RTP/SAVP": {**DTLS, "codec": "opus"},
}


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Start]:
    phones: list[Linphone] = []

    def start(**settings: object) -> Linphone:
        phones.append(Linphone(tmp_path, **settings))  # type: ignore[arg-type]
        return phones[-1]

    yield start
    for each in phones:
        each.stop()


def agreed(call: Call) -> AudioStream:
    stream = call.voice.stream.agreed
    assert stream is not None
    return stream


async def we_hear_it(call: Call) -> None:
    """Its tone, measured here, while it hears ours."""
    stream, ear = call.voice.stream, Listener(ITS)
    stream.source = Humming(OURS)
    stream.listen(ear)
    await until(lambda: stream.stats.received > 20, "we hear linphone", now=lambda: stream.stats)
    ear.again()
    await until(lambda: ear.blocks >= 35, "most of a second is heard")
    assert ear.score > 0.6


async def it_heard_us(phone: Linphone) -> None:
    """Our tone, measured in the file that linphone wrote."""
    phone.do("quit")
    await until(lambda: not phone.running, "linphone ends", now=lambda: phone.said)
    with wave.open(str(phone.heard)) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
    last = frames[-rate:]  # half a second
    assert len(last) == rate
    assert tone_level(last, OURS, rate) > -25 > tone_level(last, ITS, rate)


@pytest.mark.parametrize("kind", ["RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP"])
async def test_a_call_placed_to_it(phone: Start, kind: str) -> None:
    there = phone(**KINDS[kind])
    media = {"RTP/AVP": "rtp", "RTP/SAVP": "srtp", "UDP/TLS/RTP/SAVP": "webrtc"}[kind]
    codecs = (KINDS[kind]["codec"], "telephone-event")
    async with asyncio.timeout(LIMIT), Client(account(there.port, media=media, codecs=codecs)) as client:
        async with client.call("phone") as call:
            await we_hear_it(call)
            assert (agreed(call).crypto is None, agreed(call).dtls is None) == (media != "srtp", media != "webrtc")
            assert agreed(call).codec.name == KINDS[kind]["codec"]
        assert (await call.ended()).cause == "NORMAL_CLEARING"
        await it_heard_us(there)
        assert client.failures == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_received_from_it(phone: Start, kind: str) -> None:
    """An account that offers plain RTP takes what the phone asks for."""
    there, port = phone(**KINDS[kind]), free_port()
    async with asyncio.timeout(LIMIT), Client(account(there.port, local=port, media="rtp")) as client:
        calls = client.incoming()
        there.do(f"call sip:robot@{HOST}:{port}")
        incoming = await anext(calls)
        assert parse(incoming.request.body).media[0].proto == kind
        call = await incoming.answer()
        await we_hear_it(call)
        assert agreed(call).codec.name == KINDS[kind]["codec"]
        there.do("terminate")
        assert (await call.ended()).by == "remote"
        await it_heard_us(there)
        assert client.failures == 0


SHAPES = {
    "plain RTP over IPv6": {},
    "with feedback: RTP/AVPF": {"feedback": True},
    "SRTP, four suites": SDES,
    "DTLS-SRTP and ICE": {**DTLS, "ice": True},
}


def shape(description: str) -> list[str]:
    """Its lines without what differs from call to call and from machine to machine."""
    lines = [line for line in description.splitlines() if line and not line.startswith("a=candidate")]
    kept = [
        re.sub(r"^(o|c)=.*|(inline:|fingerprint:\S+ |ice-ufrag:|ice-pwd:|a=ssrc:).*", r"\1\2", line) for line in lines
    ]
    return [re.sub(r"^m=audio \d+|^a=rtcp:\d+", "", line) for line in kept]


@pytest.mark.parametrize("row", SHAPES)
async def test_the_offers_we_say_are_captured_are_its_own(phone: Start, row: str) -> None:
    """What tests/sdp/rows/linphone.txt holds is what this linphone offers, line by line."""
    (known,) = [each for each in rows() if each.name == f"linphone: {row}"]
    there, port = phone(**SHAPES[row]), free_port()
    async with asyncio.timeout(LIMIT), Client(account(there.port, local=port, media="rtp")) as client:
        calls = client.incoming()
        there.do(f"call sip:robot@{HOST}:{port}")
        incoming = await anext(calls)
        assert shape(incoming.request.body.decode()) == shape(known.offer)
        incoming.reject(486)
