"""What a call says, hears, records and presses, over real sockets between two clients of our own making."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sipclient import Account, Call, CallFailed, Client, MediaError, SipError, bridge
from sipclient.media.tones.detector import ToneDetector, tone_level
from sipclient.protocol.events import SendInCall

TIMEOUT = 20
TONE_440 = "%(60000,0,440)"
TONE_1000 = "%(60000,0,1000)"


class Ear:
    """Waits until a tone is heard on a call."""

    def __init__(self, call: Call, frequency: float, rate: int = 8000) -> None:
        self._detector = ToneDetector(frequency, rate=rate)
        self._heard = asyncio.Event()
        self._stream = call.voice.stream
        self._stream.listen(self)

    def heard(self, pcm: bytes, rate: int, at: float) -> None:
        if self._detector.feed(pcm):
            self._heard.set()

    async def __call__(self) -> None:
        await self._heard.wait()
        self._stream.leave(self)


async def hears(call: Call, frequency: float) -> None:
    await Ear(call, frequency)()


@asynccontextmanager
async def talking(pbx: Any, **options: Any) -> AsyncIterator[tuple[Client, Call, Call]]:
    """A client, its call, and the other end of it at the PBX."""
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, keepalive=0.0, **options)) as client:
        async with pbx.client.incoming() as calls:
            ours, theirs = await connected(client, calls)
            yield client, ours, theirs
            ours.hangup()
            await asyncio.gather(ours.ended(), theirs.ended())
        assert client.failures == 0


async def connected(client: Client, calls: Any, to: str = "7000", account: str | None = None) -> tuple[Call, Call]:
    async with asyncio.TaskGroup() as tasks:
        placing = tasks.create_task(client.dial(to, account=account).answered())
        theirs = await (await anext(calls)).answer()
    return placing.result(), theirs


async def test_each_side_hears_what_the_other_plays(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, theirs):
        playing = ours.play(TONE_440)
        theirs.play(TONE_1000)
        await asyncio.gather(hears(theirs, 440), hears(ours, 1000))
        playing.stop()
        await playing
        assert ours.stats is not None and ours.stats.codec == "PCMU" and ours.stats.received > 0


async def test_who_is_called_may_make_the_offer(pbx: Any) -> None:
    """RFC 3261 §13.2.1: no description in the INVITE, theirs in the 200, ours in the ACK."""
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, keepalive=0.0)) as client:
        async with pbx.client.incoming() as calls:
            placed = client.dial("7000", late_offer=True)
            incoming = await anext(calls)
            assert not incoming.request.body
            theirs, ours = await incoming.answer(), await placed.answered()
            ours.play(TONE_440)
            theirs.play(TONE_1000)
            await asyncio.gather(hears(theirs, 440), hears(ours, 1000))
            ours.hangup()
            await asyncio.gather(ours.ended(), theirs.ended())
        assert client.failures == 0


async def test_what_ends_by_itself_is_awaited_and_then_there_is_silence(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, theirs):
        await ours.play("%(200,0,440)", "silence_stream://60", loops=2)
        assert ours.voice.stream.source is None or not ours.voice.stream.source.frame(160, 8000)
        first = ours.play(TONE_440)
        ours.play(TONE_1000)  # in its place
        await first
        await hears(theirs, 1000)
        assert "paused" not in repr(first)


async def test_what_cannot_be_played_or_recorded(pbx: Any, tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_bytes(b"this is no sound")
    async with talking(pbx) as (_, ours, _theirs):
        with pytest.raises(MediaError, match=r"no\.wav"):
            ours.play(tmp_path / "no.wav")
        with pytest.raises(MediaError, match="no such directory"):
            ours.record(tmp_path / "nowhere" / "a.wav")
    with pytest.raises(MediaError, match="has ended"):
        ours.play(TONE_440)


async def test_a_recording_has_each_voice_on_its_side(pbx: Any, tmp_path: Path) -> None:
    async with talking(pbx) as (_, ours, theirs):
        recording = ours.record(tmp_path / "call.wav", stereo=True)
        ours.play(TONE_440)
        theirs.play(TONE_1000)
        await hears(ours, 1000)
        await asyncio.sleep(0.5)
    done = await recording
    assert done.path == recording.path == tmp_path / "call.wav" and done.seconds > 0.4
    with wave.open(str(done.path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        samples = file.readframes(file.getnframes())
    left = b"".join(samples[at : at + 2] for at in range(0, len(samples), 4))[-6400:]
    right = b"".join(samples[at + 2 : at + 4] for at in range(0, len(samples), 4))[-6400:]
    assert tone_level(left, 1000, 8000) > -20 > tone_level(left, 440, 8000)
    assert tone_level(right, 440, 8000) > -20 > tone_level(right, 1000, 8000)


@pytest.mark.parametrize("method", ["auto", "rtp", "info"])
async def test_keys_are_pressed_and_collected(pbx: Any, method: str) -> None:
    async with talking(pbx) as (_, ours, theirs):
        collecting = asyncio.create_task(theirs.digits(timeout=10))
        await ours.dtmf("12*#", method=method, seconds=0.06, gap=0.06)
        assert await collecting == "12*"


async def test_digits_by_count_time_and_end(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, theirs):
        await ours.dtmf("1,234", method="info", gap=0.0)
        assert await theirs.digits(2) == "12"
        assert await theirs.digits(9, timeout=5, between=0.05) == "34"
        assert await theirs.digits(1, timeout=0.01) == ""
        waiting = asyncio.create_task(theirs.digits(1))
        ours.hangup()
        assert await waiting == ""


async def test_a_key_that_is_none_and_a_way_there_is_not(pbx: Any) -> None:
    async with talking(pbx, codecs=("PCMU",)) as (client, ours, theirs):
        with pytest.raises(ValueError, match="no key"):
            await ours.dtmf("x")
        with pytest.raises(ValueError, match="auto, rtp, info"):
            await ours.dtmf("1", method="tone")
        for method, seconds, gap in (("info", float("nan"), 0.1), ("auto", 0.1, -1.0), ("rtp", 0.0, 0.1)):
            with pytest.raises(ValueError, match="held for more than 0"):
                await ours.dtmf("1", method=method, seconds=seconds, gap=gap)
        with pytest.raises(MediaError, match="no keys by RTP"):
            await ours.dtmf("1", method="rtp")
        await ours.dtmf("1")  # then it goes by INFO
        assert await theirs.digits(1) == "1"
        client.do(SendInCall(ours.id, 99, "INFO", (), b"Signal=nonsense", "application/dtmf-relay"))
        client.do(SendInCall(ours.id, 98, "INFO", (), b"5", "application/dtmf"))
        assert await theirs.digits(1) == "5"


async def test_hold_and_resume(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, theirs):
        theirs.play(TONE_1000)
        await hears(ours, 1000)
        await ours.hold()
        assert ours.held
        ours.play(TONE_440)
        await hears(theirs, 440)  # music for who is held
        received = ours.stats.received  # type: ignore[union-attr]
        await asyncio.sleep(0.2)
        assert ours.stats.received - received <= 1  # type: ignore[union-attr, operator]
        await ours.resume()
        assert not ours.held
        await hears(ours, 1000)


async def test_a_hold_that_is_refused(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, theirs):

        async def refuse(offer: bytes) -> bytes:
            raise MediaError("not now")

        theirs._within.descriptions.describe = refuse  # type: ignore[method-assign]
        with pytest.raises(CallFailed) as failed:
            await ours.hold()
        assert failed.value.status == 488 and not ours.held
        del theirs._within.descriptions.describe
        await ours.hold()


async def test_holds_that_cross_are_both_taken(pbx: Any) -> None:
    """RFC 3261 §14.1: 491 is no refusal, and is tried again."""
    async with talking(pbx) as (_, ours, theirs):
        await asyncio.gather(ours.hold(), theirs.hold())
        assert ours.held and theirs.held
        await asyncio.gather(ours.resume(), theirs.resume())
        ours.play(TONE_440)
        theirs.play(TONE_1000)
        await asyncio.gather(hears(theirs, 440), hears(ours, 1000))


async def test_a_hold_nobody_waits_for_any_more_is_what_the_far_end_was_told(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, theirs):
        holding = asyncio.create_task(ours.hold())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        await asyncio.gather(*(ours.hold() for _ in range(3)), ours.resume(), ours.hold())
        assert ours.held
        await ours.resume()
        theirs.play(TONE_1000)
        await hears(ours, 1000)
        ours.hangup()
        with pytest.raises(SipError, match="only an answered call"):
            await ours.hold()


@asynccontextmanager
async def two_calls(pbx: Any) -> AsyncIterator[tuple[Call, Call, Call, Call]]:
    """Two calls of one client, each followed by its far end."""
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, keepalive=0.0)) as client:
        async with pbx.client.incoming() as calls:
            a, far_a = await connected(client, calls, "1001")
            b, far_b = await connected(client, calls, "1002")
            yield a, far_a, b, far_b
        assert client.failures == 0


async def test_a_bridge_carries_voices_and_keys_and_ends_both(pbx: Any, tmp_path: Path) -> None:
    async with two_calls(pbx) as (a, far_a, b, far_b):
        joined = bridge(a, b)
        recording = joined.record(tmp_path / "bridge.wav")
        far_a.play(TONE_440)
        far_b.play(TONE_1000)
        await asyncio.gather(hears(far_b, 440), hears(far_a, 1000))
        await far_a.dtmf("1", method="info")
        assert await far_b.digits(1) == "1"
        far_a.voice.stream.source = None
        await far_a.dtmf("2", method="rtp")
        assert await far_b.digits(1) == "2"
        far_b.hangup()
        await joined
        await asyncio.gather(a.ended(), b.ended(), far_a.ended())
        done = await recording
        assert done.seconds > 0.2


async def test_a_bridge_that_is_parted_leaves_both_calls(pbx: Any) -> None:
    async with two_calls(pbx) as (a, far_a, b, far_b):
        with pytest.raises(MediaError, match="to itself"):
            bridge(a, a)
        async with bridge(a, b) as joined:
            far_a.play(TONE_440)
            await hears(far_b, 440)
        joined.part()
        assert a.end is None and b.end is None
        await joined
        a.play(TONE_1000)
        await hears(far_a, 1000)
        a.hangup()
        await a.ended()
        with pytest.raises(MediaError, match="answered"):
            bridge(a, b)
        b.hangup()
        await b.ended()


# --- transfers --------------------------------------------------------------------------------------


@asynccontextmanager
async def telephone(server: str = "udp:127.0.0.1:9") -> AsyncIterator[tuple[Any, str]]:
    """A client that follows transfers and calls by way of `server`: the calls that come to it, and where it is."""
    account = Account(
        "sip:phone@127.0.0.1", server=server, register=False, keepalive=0.0, peers=("127.0.0.0/8",), refer="allow"
    )
    async with Client(account, follow=lambda contact: True) as phone, phone.incoming() as calls:
        _, port = await phone.listen("udp", "127.0.0.1")
        yield calls, f"udp:127.0.0.1:{port}"
        assert phone.failures == 0


@asynccontextmanager
async def desk() -> AsyncIterator[tuple[Client, Any, Any]]:
    """A client with two accounts, one at a telephone and one at the telephone that one calls: the calls of both."""
    async with asyncio.timeout(TIMEOUT), telephone() as (target_calls, target), telephone(target) as (calls, phone):
        accounts = [
            Account("sip:robot@127.0.0.1", name=name, server=server, register=False, keepalive=0.0)
            for name, server in (("phone", phone), ("target", target))
        ]
        async with Client(*accounts) as client:
            yield client, calls, target_calls
            assert client.failures == 0


async def test_a_blind_transfer() -> None:
    """RFC 5589 §6.1: the telephone calls 8000 in our stead, and both our ends are gone."""
    async with desk() as (client, calls, target_calls):
        ours, theirs = await connected(client, calls)
        transferring = asyncio.create_task(ours.transfer("8000"))
        incoming = await anext(target_calls)
        incoming.ring()
        assert incoming.headers.get("Referred-By") == "<sip:robot@127.0.0.1>"
        assert str(incoming.to.uri) == "sip:8000@127.0.0.1"
        answered = await incoming.answer()
        await transferring
        await asyncio.gather(ours.ended(), theirs.ended())
        assert theirs.successor is not None and theirs.successor.state == "answered"
        answered.hangup()
        await theirs.successor.ended()


async def test_a_transfer_to_somebody_busy_leaves_the_call() -> None:
    async with desk() as (client, calls, target_calls):
        ours, _theirs = await connected(client, calls)
        transferring = asyncio.create_task(ours.transfer("8000"))
        (await anext(target_calls)).reject(486)
        with pytest.raises(CallFailed) as failed:
            await transferring
        assert (failed.value.status, failed.value.cause) == (486, "USER_BUSY")
        assert ours.end is None
        ours.hangup()
        await ours.ended()


async def test_an_attended_transfer() -> None:
    """RFC 5589 §7: the far end of one call takes the place of our end of the other."""
    async with desk() as (client, calls, target_calls):
        ours, theirs = await connected(client, calls)
        consulting, consulted = await connected(client, target_calls, account="target")
        transferring = asyncio.create_task(ours.transfer(consulting))
        incoming = await anext(target_calls)
        assert incoming.replaces is consulted
        taken = await incoming.answer()
        await transferring
        await asyncio.gather(*(each.ended() for each in (ours, theirs, consulting, consulted)))
        assert theirs.successor is not None
        taken.play(TONE_440)
        await hears(theirs.successor, 440)
        taken.hangup()
        await taken.ended()


async def test_a_transfer_nobody_hears_of_again() -> None:
    async with desk() as (client, calls, _target_calls):
        ours, theirs = await connected(client, calls)
        with pytest.raises(CallFailed, match="408"):
            await ours.transfer("8000", timeout=0.2)
        ours.hangup()
        await asyncio.gather(ours.ended(), theirs.ended())
        with pytest.raises(MediaError, match="answered"):
            await ours.transfer("8000")


async def test_a_transfer_that_is_cut_short_by_the_end_of_the_call() -> None:
    async with desk() as (client, calls, target_calls):
        ours, theirs = await connected(client, calls)
        transferring = asyncio.create_task(ours.transfer("8000"))
        incoming = await anext(target_calls)
        theirs.hangup()
        await transferring  # whoever leaves when all is on its way has done what was asked
        await ours.ended()
        incoming.reject(486)


async def test_who_follows_no_transfers_says_so(pbx: Any) -> None:
    async with talking(pbx) as (_, ours, _theirs):
        with pytest.raises(CallFailed) as failed:
            await ours.transfer("8000")
        assert failed.value.status == 603 and ours.end is None
