"""Two numbers dialled and joined by `client.bridge`, over real sockets: what each hears, and every way it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sipclient import Account, BridgeFailed, BridgeProgress, CallFailed, Client, InvalidValue, MediaError
from sipclient.face.wishes import tone_for
from sipclient.media.tones.detector import tone_level
from sipclient.protocol.events import Answered, InCallRequest, InCallResponded, SendInCall
from tests.client.loopback.test_sound import TONE_440, TONE_1000, hears

TIMEOUT = 20


class Desk:
    """A client to bridge with, the calls that reach the PBX, and what was told of them."""

    def __init__(self, client: Client, calls: Any) -> None:
        self.client = client
        self.calls = calls
        self.told: list[BridgeProgress] = []
        self.connecting: Any = None

    def bridge(self, a: str, b: str, **more: Any) -> asyncio.Task[Any]:
        connecting = self.connecting = self.client.bridge(a, b, on_progress=self.told.append, **more)

        async def connect() -> Any:
            return await connecting

        return asyncio.create_task(connect())

    async def next(self) -> Any:
        return await anext(self.calls)

    def states(self, leg: str) -> list[str]:
        return [each.state for each in self.told if each.leg == leg]


@pytest.fixture
async def desk(pbx: Any) -> AsyncIterator[Desk]:
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, keepalive=0.0, name="gate")) as client:
        async with pbx.client.incoming() as calls:
            yield Desk(client, calls)
        assert client.failures == 0
        for call in client.calls:  # hung up, whether or not that was confirmed already
            await call.ended()


@asynccontextmanager
async def failing(task: asyncio.Task[Any]) -> AsyncIterator[Any]:
    with pytest.raises(BridgeFailed) as caught:
        yield caught
        await task


async def test_the_second_is_called_once_the_first_answered_and_voices_pass(desk: Desk, tmp_path: Path) -> None:
    ringback = "{origination_uuid=order-17,ringback=%(2000,4000,440,480)}"
    bridging = desk.bridge(
        f"{ringback}sofia/gateway/gate/1001", "user/1002", variables={"order": "17"}, record=tmp_path / "both.wav"
    )
    a = await desk.next()
    assert a.request.call_id.startswith("order-17-a1-")
    assert a.headers.get("X-order") == "17"
    far_a = await a.answer()
    b = await desk.next()
    assert b.request.call_id.startswith("order-17-b1-")
    b.ring()
    await asyncio.gather(hears(far_a, 440), hears(far_a, 480))
    far_b = await b.answer()
    bridge = await bridging
    far_a.play(TONE_440)
    far_b.play(TONE_1000)
    await asyncio.gather(hears(far_b, 440), hears(far_a, 1000))
    await asyncio.sleep(0.5)  # of real sound, for the recording
    far_b.hangup()
    await bridge
    assert (await far_a.ended()).by == "remote"
    assert desk.states("a")[:2] == ["calling", "answered"]
    assert desk.states("b")[:3] == ["calling", "ringing", "answered"]
    assert {each.id for each in desk.told} == {"order-17"}
    await desk.connecting.recording
    with wave.open(str(tmp_path / "both.wav")) as recording:
        assert recording.getnchannels() == 2
        frames = recording.readframes(recording.getnframes())
    end = len(frames) // 4 * 4
    last = frames[max(0, end - 8000 * 2) : end]  # half a second at its end
    left = b"".join(last[at : at + 2] for at in range(0, len(last), 4))
    right = b"".join(last[at + 2 : at + 4] for at in range(0, len(last), 4))
    assert tone_level(left, 440, 8000) > tone_level(left, 1000, 8000)
    assert tone_level(right, 1000, 8000) > tone_level(right, 440, 8000)


async def test_every_event_carries_the_id_and_the_variables(desk: Desk) -> None:
    async with desk.client.events() as news:
        bridging = desk.bridge("{shift=late}1001", "1002", id="order-17", variables={"order": "17"})
        a = await desk.next()
        assert a.headers.get("X-shift") == "late"
        await a.answer()
        b = await desk.next()
        assert "X-shift" not in b.headers
        ours = next(call for call in desk.client.calls if call.call_id == b.request.call_id)
        assert (ours.name, ours.variables) == ("order-17", {"order": "17"})
        await b.answer()
        bridge = await bridging
        bridge.b.hangup()
        await bridge
        told = []
        async for each in news:
            told += [each] if isinstance(each, BridgeProgress) else []
            if told and (told[-1].leg, told[-1].state) == ("", "ended"):
                break
    assert told == desk.told
    assert {each.id for each in told} == {"order-17"}
    assert all(each.variables == {"order": "17"} for each in told if each.leg == "b")
    assert all(each.variables == {"order": "17", "shift": "late"} for each in told if each.leg != "b")
    assert [each.state for each in told if not each.leg] == ["bridged", "ended"]
    assert desk.states("a") == ["calling", "answered", "ended"] == desk.states("b")


async def test_variables_are_filled_in(desk: Desk) -> None:
    """In the caller ID and the headers of both, whichever dial string says them; a value is no template itself."""
    told = {
        "caller_id": '"Order {variables.order}" <{variables.order}>',
        "headers": {"X-Words": "{variables.text} {{}}"},
    }
    bridging = desk.bridge(
        "{order=17,origination_caller_id_name={variables.text}}1001",
        "[sip_h_X-Own={variables.order}]1002",
        variables={"text": "{variables.order}"},
        **told,
    )
    for name, user, own in (("{variables.order}", "robot", None), ("Order 17", "17", "17")):
        incoming = await desk.next()
        assert (incoming.from_.display_name, incoming.caller) == (name, user)
        assert incoming.headers.get("X-Words") == "{variables.order} {}"
        assert (incoming.headers.get("X-Own"), incoming.headers.get("X-text")) == (own, "{variables.order}")
        await incoming.answer()
    bridge = await bridging
    bridge.a.hangup()
    await bridge
    for wrong in ({"caller_id": "{variables.no}"}, {"headers": {"X-A": "{variables.no}"}}):
        with pytest.raises(InvalidValue, match='there is no variable "no"'):
            desk.client.bridge("1001", "1002", **wrong)
        with pytest.raises(InvalidValue, match='there is no variable "no"'):
            await desk.client.call("1001", **wrong)
    with pytest.raises(InvalidValue, match="control character"):
        desk.client.dial("1001", "{variables.a}", variables={"a": "1\0"})
    with pytest.raises(InvalidValue, match='there is no variable "no"'):
        desk.client.bridge("[sip_h_X-A={variables.no}]1001", "1002")
    call = desk.client.dial("1003", "{variables.a}", {"X-B": "{variables.a}"}, variables={"a": "5"})
    incoming = await desk.next()
    assert (incoming.caller, incoming.headers.get("X-B")) == ("5", "5")
    incoming.reject()
    await call.ended()


async def test_a_failed_bridge_tells_the_end_of_each_call_and_why(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", announcement="%(100,0,440)")
    await (await desk.next()).answer()
    (await desk.next()).reject(486, "Busy Here")
    async with failing(bridging):
        pass
    assert desk.states("a") == ["calling", "answered", "ended"]
    assert desk.states("b") == ["calling", "ended"]
    announcing, last = (each for each in desk.told if not each.leg)
    assert (announcing.state, announcing.status, announcing.reason) == ("announcing", 486, last.reason)
    assert (last.state, last.status, last.cause) == ("failed", 486, "USER_BUSY")
    assert last.reason == "b: 486 USER_BUSY (Busy Here)"


async def test_a_busy_number_is_told_to_who_waits(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", ringback="de-ring")
    far_a = await (await desk.next()).answer()
    (await desk.next()).reject(486)
    async with failing(bridging) as caught:
        await hears(far_a, 425)
    assert (caught.value.leg, caught.value.status, caught.value.cause) == ("b", 486, "USER_BUSY")
    assert str(caught.value).startswith("b: 486 USER_BUSY")
    assert "cause=17" in far_a.end.reason or far_a.end.q850 == 17


async def test_the_time_limit_of_the_whole_cuts_the_tone_and_not_the_cause(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", timeout=1.5)
    far_a = await (await desk.next()).answer()
    (await desk.next()).reject(486)
    async with failing(bridging) as caught:
        await far_a.ended()
    assert (caught.value.leg, caught.value.cause) == ("b", "USER_BUSY")


async def test_an_announcement_in_place_of_a_tone(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", announcement="%(300,0,1000)")
    far_a = await (await desk.next()).answer()
    (await desk.next()).reject(404)
    async with failing(bridging):
        await hears(far_a, 1000)


async def test_the_first_leaves_while_the_second_rings(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", ringback="")
    far_a = await (await desk.next()).answer()
    b = await desk.next()
    b.ring()
    async with failing(bridging) as caught:
        far_a.hangup()
        assert (await b.call.ended()).cause == "ORIGINATOR_CANCEL"
    assert (caught.value.leg, caught.value.cause) == ("a", "ORIGINATOR_CANCEL")


async def test_the_first_is_not_reached_and_the_second_never_called(desk: Desk) -> None:
    bridging = desk.bridge("1001|1003", "1002", retry={"on": ["USER_BUSY"], "times": 1, "wait": "50ms"})
    async with failing(bridging) as caught:
        for status in (404, 486, 486, 404):
            (await desk.next()).reject(status)
    assert (caught.value.leg, caught.value.status) == ("a", 404)
    assert desk.states("b") == []
    assert desk.states("a").count("waiting") == 1


async def test_all_at_once_the_first_to_answer_is_it(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002,1003")
    await (await desk.next()).answer()
    first, second = await desk.next(), await desk.next()
    first.ring()
    await second.answer()
    assert (await first.call.ended()).cause in ("ORIGINATOR_CANCEL", "NORMAL_CLEARING")
    bridge = await bridging
    bridge.a.hangup()
    await bridge


async def test_both_are_dialled_at_once_by_choice(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", at_once=True, ringback=TONE_440)
    calls = [await desk.next(), await desk.next()]
    by_number = {call.request.uri.user: call for call in calls}
    far_b = await by_number["1002"].answer()
    await hears(far_b, 440)
    far_a = await by_number["1001"].answer()
    bridge = await bridging
    far_a.hangup()
    far_b.hangup()  # both at once
    await bridge


async def test_one_of_both_is_not_reached(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", at_once=True, announcement="%(100,0,440)")
    calls = [await desk.next(), await desk.next()]
    by_number = {call.request.uri.user: call for call in calls}
    far_a = await by_number["1001"].answer()
    async with failing(bridging) as caught:
        by_number["1002"].reject(486)
        await far_a.ended()
    assert caught.value.leg == "b"


async def test_a_full_disk_is_told_and_the_calls_go_on(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: object, **__: object) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    bridging = desk.bridge("1001", "1002", record=tmp_path / "both.wav")
    await (await desk.next()).answer()
    far_b = await (await desk.next()).answer()
    bridge = await bridging
    far_b.hangup()
    await bridge
    (told,) = [each for each in desk.told if each.state == "not-recorded"]
    assert told.reason == f"the recording {tmp_path}/both.wav cannot be made: No space left on device"
    assert desk.connecting.recording is None


async def test_a_recording_that_can_never_be_is_told_before_anybody_is_called(desk: Desk, tmp_path: Path) -> None:
    for path in (tmp_path / "both.flv", tmp_path / "nowhere" / "both.wav"):
        with pytest.raises(MediaError):
            await desk.client.bridge("1001", "1002", record=path, on_progress=desk.told.append)
    assert [each.state for each in desk.told] == ["failed", "failed"]


async def test_time_limits(desk: Desk) -> None:
    bridging = desk.bridge("1001", "1002", timeout=0.3)
    async with failing(bridging) as caught:
        call = await desk.next()
        await call.call.ended()
    assert (caught.value.leg, caught.value.cause) == ("a", "NO_ANSWER")
    bridging = desk.bridge("[leg_timeout=300ms]1001", "1002")
    async with failing(bridging) as caught:
        await (await desk.next()).call.ended()
    assert caught.value.cause == "NO_ANSWER"


async def test_leaving_hangs_up_both_and_cancelling_cancels(desk: Desk) -> None:
    async def answer_two() -> list[Any]:
        return [await (await desk.next()).answer(), await (await desk.next()).answer()]

    answering = asyncio.create_task(answer_two())
    async with desk.client.bridge("1001", "1002") as bridge:
        assert bridge.a.end is None
    for far in await answering:
        await far.ended()
    bridging = desk.bridge("1001", "1002")
    call = await desk.next()
    bridging.cancel()
    await call.call.ended()
    await asyncio.wait([bridging])


async def test_wrong_use_is_told_before_anybody_is_called(desk: Desk) -> None:
    for wrong in ("loopback/1", "sofia/gateway/other/1"):
        with pytest.raises(InvalidValue):
            desk.client.bridge("1001", wrong)
    with pytest.raises(InvalidValue, match="no id"):
        desk.client.bridge("1001", "1002", id="a b")
    with pytest.raises(InvalidValue, match="retry"):
        desk.client.bridge("1001", "1002", retry={"on": ["BUSY"]})
    for name, one, other in (
        ("origination_uuid", "a", "b"),
        ("ringback", "us-ring", "uk-ring"),
        ("RECORD_STEREO", "true", "false"),
        ("hangup_after_bridge", "true", "false"),
    ):
        with pytest.raises(InvalidValue, match=f"{name}: a says .*, b says .*, and a bridge has one"):
            desk.client.bridge(f"{{{name}={one}}}1001", f"{{{name}={other}}}1002")
    with pytest.raises(MediaError):
        await desk.client.bridge("1001", "1002", ringback="no-such-file.wav")
    with pytest.raises(InvalidValue):
        await desk.client.bridge("[sip_h_Via=x]1001", "1002")


async def test_a_transfer_by_one_side_leads_the_other_to_who_is_called(pbx: Any) -> None:
    """RFC 5589 §6.1: the first transfers the second to 1003, and is gone."""
    ours = pbx.account(register=False, keepalive=0.0, refer="allow")
    async with asyncio.timeout(TIMEOUT), Client(ours, follow=lambda contact: True) as client:
        async with pbx.client.incoming() as calls:
            desk = Desk(client, calls)
            bridging = desk.bridge("1001", "1002")
            far_a = await (await desk.next()).answer()
            far_b = await (await desk.next()).answer()
            bridge = await bridging
            first, over = bridge.a, asyncio.ensure_future(bridge)
            transferring = asyncio.create_task(far_a.transfer("sip:1003@127.0.0.1"))
            far_c = await (await desk.next()).answer()
            await transferring
            await first.ended()
            far_c.play(TONE_1000)
            await hears(far_b, 1000)
            assert bridge.a is first.successor and bridge.b.end is None
            far_c.hangup()
            await over
            await far_b.ended()
        assert client.failures == 0


async def test_who_transfers_may_be_gone_before_anybody_answers(pbx: Any) -> None:
    """RFC 5589 §6.1: the other side waits for whom it was transferred to, and is hung up where nobody is reached."""
    ours = pbx.account(register=False, keepalive=0.0, refer="allow")
    async with asyncio.timeout(TIMEOUT), Client(ours, follow=lambda contact: True) as client:
        async with pbx.client.incoming() as calls:
            for reached in (True, False):
                desk = Desk(client, calls)
                bridging = desk.bridge("1001", "1002")
                far_a = await (await desk.next()).answer()
                far_b = await (await desk.next()).answer()
                over = asyncio.ensure_future(await bridging)
                transferring = asyncio.create_task(far_a.transfer("sip:1003@127.0.0.1"))
                third = await desk.next()
                far_a.hangup()
                await far_a.ended()
                await asyncio.wait([transferring])
                assert far_b.end is None and not over.done()
                if reached:
                    far_c = await third.answer()
                    far_c.play(TONE_1000)
                    await hears(far_b, 1000)
                    far_c.hangup()
                else:
                    third.reject(486)
                await over
                await far_b.ended()
        assert client.failures == 0


async def test_a_transfer_that_fails_leaves_the_bridge_as_it_was(pbx: Any) -> None:
    """RFC 3515 §2.4.5: who asked hears why, and both go on talking."""
    ours = pbx.account(register=False, keepalive=0.0, refer="allow")
    async with asyncio.timeout(TIMEOUT), Client(ours, follow=lambda contact: True) as client:
        async with pbx.client.incoming() as calls:
            desk = Desk(client, calls)
            bridging = desk.bridge("1001", "1002")
            far_a = await (await desk.next()).answer()
            far_b = await (await desk.next()).answer()
            bridge = await bridging
            over = asyncio.ensure_future(bridge)
            transferring = asyncio.create_task(far_a.transfer("sip:1003@127.0.0.1"))
            (await desk.next()).reject(486)
            with pytest.raises(CallFailed) as raised:
                await transferring
            assert raised.value.status == 486
            far_a.play(TONE_1000)
            await hears(far_b, 1000)
            assert not over.done()
            far_b.hangup()
            await over
        assert client.failures == 0


async def test_an_attended_transfer_by_one_side_names_the_call_that_is_replaced(pbx: Any) -> None:
    """RFC 5589 §7: the INVITE carries Replaces and Referred-By, and the other side talks to who took its place."""
    ours = pbx.account(register=False, keepalive=0.0, refer="allow")
    asker = pbx.account(register=False, keepalive=0.0, name="asker")
    async with asyncio.timeout(TIMEOUT), Client(ours, follow=lambda contact: True) as client, Client(asker) as other:
        async with pbx.client.incoming() as calls:
            desk = Desk(client, calls)
            bridging = desk.bridge("1001", "1002")
            far_a = await (await desk.next()).answer()
            far_b = await (await desk.next()).answer()
            over = asyncio.ensure_future(await bridging)
            consulting = other.dial("1003")
            async with other.events() as news:
                consulted = await (await desk.next()).answer()
                answer = (await anext(_each(news, Answered))).response
                named = f"{answer.call_id};to-tag={answer.to_tag};from-tag={answer.from_tag}"
            refer_to = f"<sip:1003@127.0.0.1?Replaces={quote(named, safe='')}>"
            async with pbx.client.events() as news:
                pbx.client.do(
                    SendInCall(far_a.id, 77, "REFER", (("Refer-To", refer_to), ("Referred-By", "<sip:1001@x>")))
                )
                replacing = await desk.next()
                assert (await anext(_each(news, InCallResponded))).status == 202
            assert replacing.replaces is consulted
            assert replacing.headers.get("Replaces") == named
            assert replacing.headers.get("Referred-By") == "<sip:1001@x>"
            far_c = await replacing.answer()
            await consulting.ended()
            far_a.hangup()
            far_c.play(TONE_1000)
            await hears(far_b, 1000)
            far_c.hangup()
            await over
        assert client.failures == 0


async def _each(news: Any, kind: type) -> AsyncIterator[Any]:
    async for event in news:
        if isinstance(event, kind):
            yield event


async def test_a_call_that_replaces_one_side_takes_its_place(pbx: Any) -> None:
    """RFC 3891 §3: whoever reads calls, or nobody, the bridge goes on with the new one."""
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, keepalive=0.0)) as client:
        async with pbx.client.incoming() as calls:
            desk = Desk(client, calls)
            bridging = desk.bridge("1001", "1002")
            first = await desk.next()
            async with client.events() as news:
                far_a = await first.answer()
                tag = (await anext(_each(news, Answered))).response.to_tag
            far_b = await (await desk.next()).answer()
            bridge = await bridging
            replaced, over = bridge.a, asyncio.ensure_future(bridge)
            ours = first.request
            port = ours.contacts[0].uri.port
            named = f"{ours.call_id};to-tag={ours.from_tag};from-tag={tag}"
            account = Account("sip:x@127.0.0.1", server=f"udp:127.0.0.1:{port}", register=False, keepalive=0.0)
            async with Client(account) as elsewhere:
                phone = await elsewhere.call("robot", headers={"Replaces": named})
                await far_a.ended()
                phone.play(TONE_1000)
                await hears(far_b, 1000)
                assert bridge.a is replaced.successor
                phone.hangup()
                await phone.ended()
            await over
            await far_b.ended()
        assert client.failures == 0


async def test_who_talks_on_one_side_is_shown_to_the_other(pbx: Any) -> None:
    """RFC 3311 §5.1: a PBX tells of the agent who took a call by an UPDATE without a description."""
    agent = (("P-Asserted-Identity", '"Agent" <sip:agent@127.0.0.1>'), ("Privacy", "id"))
    async with asyncio.timeout(TIMEOUT), Client(pbx.account(register=False, keepalive=0.0)) as client:
        async with pbx.client.incoming() as calls, pbx.client.events() as news:
            desk = Desk(client, calls)
            bridging = desk.bridge("1001", "1002")
            far_a = await (await desk.next()).answer()
            far_b = await (await desk.next()).answer()
            bridge = await bridging
            other = (("Remote-Party-ID", "<sip:x@y>;party=called"),)
            for request, who in enumerate((agent, agent, (), other)):  # the third keeps the session alive
                pbx.client.do(SendInCall(far_b.id, request, "UPDATE", who))
            told: list[Any] = []
            while len(told) < 2:
                event = await anext(news)
                told += [event.message] if isinstance(event, InCallRequest) and event.id == far_a.id else []
            first, second = told
            assert first.headers.get("P-Asserted-Identity") == agent[0][1] and first.headers.get("Privacy") == "id"
            assert second.headers.get("P-Asserted-Identity") == "<sip:x@y>"  # as the account's identity has it
            bridge.part()
            bridge.a.hangup()
            bridge.b.hangup()
        assert client.failures == 0


async def test_an_account_without_sound_cannot_be_bridged(pbx: Any) -> None:
    async with Client(pbx.account(register=False, keepalive=0.0, media="none")) as client:
        with pytest.raises(InvalidValue, match="no sound"):
            client.bridge("1001", "1002")


def test_the_tone_that_says_why() -> None:
    assert tone_for("de-ring", "USER_BUSY") == "de-busy"
    assert tone_for("${uk-ring}", "NO_ANSWER") == "uk-congestion"
    assert tone_for("%(2000,4000,440,480)", "USER_BUSY") == "us-busy"
    assert tone_for("xx-ring", "USER_BUSY") == "us-busy"
