"""Sound with SIPp: it plays a capture, or sends back what it hears, so that a tone heard here went both ways."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import pytest
from interop.processes import HOST
from interop.sipp_line import called, calling
from interop.sipp_peer import Run, Sipp
from interop.waiting import until

from sipclient import Call
from sipclient.media.carrier import Carrier
from sipclient.media.codecs import encoder
from sipclient.media.rtp import RtpPacket
from sipclient.media.rtp_session import RtpSession
from sipclient.media.stats import StreamStats
from sipclient.sdp import PCMU, AudioStream
from tests.media.tone import Humming, Listener

LIMIT = 25
TONE = 440  # Hz, ours
KEYS = "159#"
NEXT = {"HOST": "[media_ip]", "PORT": "[media_port+2]"}  # where SIPp echoes, too
ELSEWHERE = "127.0.0.2"


def agreed(call: Call) -> AudioStream:
    assert isinstance(call.media, RtpSession) and call.media.stream is not None
    assert call.media.stream.agreed is not None
    return call.media.stream.agreed


def stats(call: Call) -> StreamStats:
    assert call.stats is not None
    return call.stats


async def hears(call: Call, frequency: int = TONE) -> None:
    """Half a second of that tone."""
    ear = Listener(frequency)
    stream = call.voice.stream
    await until(lambda: stats(call).received > 10, "packets come", now=lambda: stats(call))
    stream.listen(ear)
    await until(lambda: ear.blocks >= 10, "the buffer is filled")
    ear.again()
    await until(lambda: ear.blocks >= 25, "half a second is heard")
    assert ear.score > 0.6
    stream.leave(ear)


def heard_from(call: Call) -> object:
    """Where the last good packet came from."""
    carrier = call.voice.stream.transport
    assert isinstance(carrier, Carrier) and carrier._udp is not None
    return carrier._udp._rtp_lane.sure


def hum(call: Call) -> None:
    call.voice.stream.source = Humming(TONE)


async def test_a_reinvite_moves_the_media_and_the_next_takes_them_back(sipp: Sipp) -> None:
    """RFC 3264 §8.3.1: to another port in the middle of a call, and both ways of the sound go with it."""
    run = sipp.start("sound_moves", words={**NEXT, "MORE": "a=sendrecv"}, echo=True, pause=2500)
    async with asyncio.timeout(LIMIT), calling(run.port, media="rtp") as client, client.call("7000") as call:
        hum(call)
        first = agreed(call).port
        await hears(call)
        await until(lambda: agreed(call).port == first + 2, "the re-INVITE")
        await hears(call)
        assert agreed(call).port == first + 2
        await until(lambda: agreed(call).port == first, "the second re-INVITE")
        await hears(call)
        await until(lambda: len(run.sent(b"ACK")) == 2, "it is acknowledged")
        assert stats(call).lost < 5
        call.hangup()
        await run.finish()


async def test_a_reinvite_moves_the_media_to_another_host(sipp: Sipp) -> None:
    """RFC 3264 §8.3.1: another address, where another SIPp sends back what it hears. What we hear in between has been
    there, for only there our packets go, and only from there packets are taken."""
    there = sipp.start("silent", echo=True, media=ELSEWHERE)
    place = {"HOST": ELSEWHERE, "PORT": str(there.media_port), "MORE": "a=sendrecv"}
    run = sipp.start("sound_moves", words=place, echo=True, pause=2500)
    async with asyncio.timeout(LIMIT), calling(run.port, media="rtp") as client, client.call("7000") as call:
        hum(call)
        first = (agreed(call).host, agreed(call).port)
        assert first[0] == HOST
        await hears(call)
        await until(lambda: agreed(call).host == ELSEWHERE, "the re-INVITE")
        await hears(call)
        assert (agreed(call).host, agreed(call).port) == (ELSEWHERE, there.media_port)
        assert heard_from(call) == (ELSEWHERE, there.media_port)
        await until(lambda: agreed(call).host == HOST, "the second re-INVITE")
        await hears(call)
        assert (agreed(call).host, agreed(call).port) == heard_from(call) == first
        await until(lambda: len(run.sent(b"ACK")) == 2, "it is acknowledged")
        assert stats(call).lost < 10
        call.hangup()
        await run.finish()


async def test_a_reinvite_to_a_place_that_only_sends(sipp: Sipp) -> None:
    """Music on hold from another port: nothing is sent there; then the call goes on where it was."""
    run = sipp.start("sound_moves", words={**NEXT, "MORE": "a=sendonly"}, echo=True, pause=1500)
    async with asyncio.timeout(LIMIT), calling(run.port, media="rtp") as client, client.call("7000") as call:
        hum(call)
        await hears(call)
        await until(lambda: not agreed(call).direction.sends, "the hold")
        sent = stats(call).sent
        await asyncio.sleep(0.3)
        assert stats(call).sent == sent
        await until(lambda: agreed(call).direction.sends, "the resume")
        await hears(call)
        await until(lambda: len(run.sent(b"ACK")) == 2, "it is acknowledged")
        call.hangup()
        await run.finish()


@pytest.mark.parametrize(("answer", "version"), [("", "1"), ("+2", "1"), ("+2", "2")])
async def test_early_media_then_the_answer_with_the_same_description_or_another(
    sipp: Sipp, answer: str, version: str
) -> None:
    """RFC 3960 §3: sound comes with the 183; the 200 repeats its description, or is that of another place."""
    run = sipp.start("sound_early", words={"ANSWER": answer, "VERSION": version}, echo=True, pause=2500)
    async with asyncio.timeout(LIMIT), calling(run.port, media="rtp") as client:
        call = client.dial("7000")
        await until(lambda: call.state == "early" and call.stats is not None, "early media", now=lambda: call)
        await until(lambda: agreed(call), "its description reached the media")
        early = agreed(call).port
        hum(call)
        await hears(call)
        assert call.answered_at is None
        await call.answered()
        await hears(call)
        assert agreed(call).port == early + int(answer or 0)
        call.hangup()
        await call.ended()
        await run.finish()


async def test_a_late_offer_carries_sound(sipp: Sipp) -> None:
    """Ours is in the 200, theirs in the ACK: RFC 3261 §13.2.1."""
    async with asyncio.timeout(LIMIT), called(media="rtp") as (client, port):
        calls = client.incoming()
        run = sipp.start("call_without_offer", to=port, echo=True, pause=2500)
        call = await (await anext(calls)).answer()
        await until(lambda: call.stats is not None and agreed(call), "the description in the ACK")
        hum(call)
        await hears(call)
        await call.ended()
        await run.finish()


def capture(file: Path) -> None:
    """What SIPp is to play: three seconds of 1000 Hz in PCMU, then keys (RFC 4733)."""
    coder, tone, sequence = encoder(PCMU), Humming(1000), 0
    packets = []
    for sequence in range(150):
        pcm = tone.frame(160, 8000)
        assert pcm is not None
        packets.append((0, sequence, 160 * sequence, coder.encode(pcm)))
    for key in KEYS:
        begun = 160 * (sequence + 1)
        code = "0123456789*#".index(key)
        for update in range(10):
            sequence += 1
            end = 0x80 * (update >= 7)
            packets.append((101, sequence, begun, struct.pack("!BBH", code, 10 | end, 160 * min(update + 1, 8))))
    with file.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for place, (kind, number, stamp, payload) in enumerate(packets):
            data = bytes(RtpPacket(kind, number, stamp, 0x51BB, payload, marker=not place))
            udp = struct.pack("!HHHH", 4000, 4000, 8 + len(data), 0) + data
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
            frame = bytes(12) + b"\x08\0" + head + udp
            seconds, micros = divmod(20_000 * place, 1_000_000)
            out.write(struct.pack("<IIII", seconds, micros, len(frame), len(frame)) + frame)


async def test_what_it_plays_from_a_capture_is_heard_and_its_keys_are_read(sipp: Sipp, tmp_path: Path) -> None:
    file = tmp_path / "tone.pcap"
    capture(file)
    run: Run = sipp.start("sound_played", words={"PCAP": file})
    async with asyncio.timeout(LIMIT), calling(run.port, media="rtp") as client, client.call("7000") as call:
        recording = call.record(tmp_path / "heard.wav", stereo=True)
        await hears(call, 1000)
        assert await call.digits(len(KEYS), timeout=10, terminator="") == KEYS
        assert (stats(call).lost, stats(call).ignored, stats(call).malformed) == (0, 0, 0)
        call.hangup()
        assert (await recording).seconds > 2
        await run.finish()
