"""A call seen from the user's side, with the engine's events told by hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sipclient.call import Call, Dialling
from sipclient.errors import CallFailed, InvalidValue, MediaError
from sipclient.face.causes import reason_of
from sipclient.face.course import CallState
from sipclient.face.tasks import Tasks
from sipclient.protocol.events import (
    Answered,
    AnswerOffer,
    CallEnded,
    Calling,
    Follow,
    Hangup,
    Invite,
    OfferReceived,
    Redirected,
    Ringing,
)

BUSY = CallEnded(1, 486, "USER_BUSY", 17, "Busy Here", "remote", False)
GONE = CallEnded(1, 200, "NORMAL_CLEARING", 16, "OK", "remote", True)
INVITE = Invite(1, "pbx", "7000")


class Desk:
    """The client's side of one call."""

    def __init__(self, media: Any = None) -> None:
        self.told: list[Any] = []
        self.refuse: Exception | None = None
        self.tasks = Tasks()
        self.media = media
        self.call = Call(self, 1, "pbx", "7000", self.open if media is not None else None)

    async def open(self) -> Any:
        return self.media

    def do(self, command: Any) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.told.append(command)

    def tell(self, event: Any) -> None:
        self.call.handle(event)

    def spawn(self, work: Any) -> None:
        self.tasks.spawn(work)


@pytest.fixture(name="desk")
def desk_fixture() -> Desk:
    return Desk()


@pytest.fixture(name="talking")
async def talking_fixture(bench: Any, settle: Any) -> Desk:
    """A call with media that was answered."""
    desk = Desk(bench.media)
    desk.call.place(INVITE)
    await settle()
    desk.tell(Calling(1, "call-id"))
    desk.tell(Answered(1, None, b"their answer"))
    await settle()
    return desk


@pytest.mark.parametrize(
    ("events", "states"),
    [
        ([Calling(1, "c"), Ringing(1, 180, "Ringing"), Answered(1), GONE], "calling ringing answered ended"),
        ([Calling(1, "c"), Ringing(1, 183, "Progress", b"v=0"), Answered(1), GONE], "calling early answered ended"),
        (
            [Calling(1, "c"), Ringing(1, 180, "Ringing"), Ringing(1, 183, "P", b"v=0"), Ringing(1, 180, "R"), BUSY],
            "calling ringing early ended",
        ),
        ([Calling(1, "c"), Ringing(1, 183, "Progress"), Ringing(1, 181, "Forwarded"), BUSY], "calling ended"),
        ([Calling(1, "c"), Calling(1, "c"), Answered(1), Answered(1), GONE], "calling answered ended"),
    ],
)
async def test_the_states_come_in_order_and_only_forward(desk: Desk, events: list[Any], states: str) -> None:
    for event in events:
        desk.tell(event)
    assert [state async for state in desk.call] == states.split()


async def test_whoever_follows_a_call_hears_each_state_as_it_comes(desk: Desk, settle: Any) -> None:
    heard: list[str] = []

    async def follow() -> None:
        async for state in desk.call:
            heard.append(state)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow())
        await settle()
        assert heard == []
        desk.tell(Calling(1, "c"))
        await settle()
        assert heard == ["calling"]
        desk.tell(Ringing(1, 180, "Ringing"))
        desk.tell(BUSY)
    assert heard == ["calling", "ringing", "ended"]


async def test_a_refused_call_says_how_it_was_refused(desk: Desk) -> None:
    desk.tell(Calling(1, "abc@host"))
    desk.tell(BUSY)
    with pytest.raises(CallFailed) as failed:
        await desk.call.answered()
    assert (failed.value.status, failed.value.cause, failed.value.reason) == (486, "USER_BUSY", "Busy Here")
    assert await desk.call.ended() == BUSY
    assert (desk.call.status, desk.call.cause, desk.call.call_id) == (486, "USER_BUSY", "abc@host")
    assert repr(desk.call) == "<Call 1 '7000' ended USER_BUSY>"


async def test_an_answered_call_that_ended_was_answered_all_the_same(desk: Desk) -> None:
    desk.tell(Answered(1))
    desk.tell(CallEnded(1, 0, "NORMAL_CLEARING", 16, "", "local", True))
    assert await desk.call.answered() is desk.call
    assert desk.call.status == 200
    assert desk.call.answered_at is not None and desk.call.answered_at.tzinfo is not None


async def test_a_call_without_answer_has_no_status_of_a_provisional_response(desk: Desk) -> None:
    desk.tell(Ringing(1, 180, "Ringing"))
    desk.tell(CallEnded(1, 0, "NO_ANSWER", 19, "", "timeout", False))
    with pytest.raises(CallFailed, match=r"^NO_ANSWER$"):
        await desk.call.answered()
    assert desk.call.status == 0


def test_hanging_up_carries_a_cause_and_happens_once_it_ended_no_more(desk: Desk) -> None:
    desk.call.place(INVITE)
    desk.call.hangup("user_busy")
    desk.tell(BUSY)
    desk.call.hangup()
    assert desk.told == [INVITE, Hangup(1, 'Q.850;cause=17;text="USER_BUSY"')]


@pytest.mark.parametrize(
    ("cause", "value"),
    [
        (None, ""),
        ("NORMAL_CLEARING", 'Q.850;cause=16;text="NORMAL_CLEARING"'),
        (19, 'Q.850;cause=19;text="NO_ANSWER"'),
        (126, "Q.850;cause=126"),
    ],
)
def test_the_reason_header_of_a_cause(cause: str | int | None, value: str) -> None:
    assert reason_of(cause) == value


@pytest.mark.parametrize("cause", ["UNWANTED", "busy\r\nX: 1", "", 0, 128, -1])
def test_what_is_no_cause_is_refused(desk: Desk, cause: str | int) -> None:
    with pytest.raises(InvalidValue):
        desk.call.hangup(cause)
    assert desk.told == []


MOVED = Redirected(1, 302, ("sip:1@elsewhere.example", "sip:7001@pbx.example.com"))


def test_a_redirection_is_not_followed(desk: Desk) -> None:
    desk.call.place(INVITE)
    desk.tell(MOVED)
    assert desk.told == [INVITE, Hangup(1)]
    assert desk.call.contacts == MOVED.contacts


def test_a_redirection_is_followed_where_the_user_says_so(desk: Desk) -> None:
    call = Call(desk, 1, "pbx", "7000", None, lambda contact: contact.endswith("@pbx.example.com"))
    call.place(INVITE)
    call.handle(MOVED)
    assert desk.told == [INVITE, Follow(1, "sip:7001@pbx.example.com")]


# --- await and async with ------------------------------------------------------------------------------


def dialling(desk: Desk) -> Dialling:
    async def place() -> Call:
        desk.call.place(INVITE)
        return desk.call

    return Dialling(place)


async def test_nothing_is_sent_before_somebody_waits(desk: Desk, settle: Any) -> None:
    waiting = dialling(desk)
    await settle()
    assert desk.told == []
    desk.tell(Answered(1))
    assert await waiting is desk.call
    assert desk.told == [INVITE]


async def test_leaving_hangs_up_and_waits_for_the_end(desk: Desk) -> None:
    asyncio.get_running_loop().call_soon(desk.tell, Answered(1))
    async with dialling(desk) as call:
        assert call.state == "answered"
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(desk.tell, GONE))
    assert desk.told == [INVITE, Hangup(1)]
    assert call.end == GONE


async def test_leaving_a_call_that_has_ended_hangs_up_nothing(desk: Desk) -> None:
    asyncio.get_running_loop().call_soon(desk.tell, Answered(1))
    asyncio.get_running_loop().call_soon(desk.tell, GONE)
    async with dialling(desk) as call:
        assert await call.ended() == GONE
    assert desk.told == [INVITE]


async def test_entering_a_call_that_is_refused_raises(desk: Desk) -> None:
    asyncio.get_running_loop().call_soon(desk.tell, BUSY)
    with pytest.raises(CallFailed, match="486 USER_BUSY"):
        async with dialling(desk):
            pytest.fail("a refused call was entered")
    assert desk.told == [INVITE]


@pytest.mark.parametrize("entered", [False, True])
async def test_cancelling_whoever_waits_cancels_the_call(desk: Desk, settle: Any, entered: bool) -> None:
    async def wait() -> None:
        if entered:
            async with dialling(desk):
                pass
        else:
            await dialling(desk)

    waiting = asyncio.create_task(wait())
    await settle()
    desk.tell(Ringing(1, 180, "Ringing"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert desk.told == [INVITE, Hangup(1)]


# --- media ---------------------------------------------------------------------------------------------


async def test_the_invite_carries_the_offer_and_the_media_hear_the_answer(talking: Desk) -> None:
    assert talking.told == [Invite(1, "pbx", "7000", body=b"our offer")]
    assert talking.media.log == [("offer", b""), ("apply", b"their answer")]


async def test_the_same_description_twice_is_applied_once(bench: Any, settle: Any) -> None:
    desk = Desk(bench.media)
    desk.call.place(INVITE)
    await settle()
    desk.tell(Ringing(1, 183, "Progress", b"early"))
    desk.tell(Answered(1, None, b"early"))
    await settle()
    assert desk.media.log == [("offer", b""), ("apply", b"early")]


async def test_media_that_can_never_flow_end_the_call_and_say_why(talking: Desk) -> None:
    talking.media.fail('no DTLS with the "peer"\r\n in 10 seconds')
    assert talking.told[-1] == Hangup(1, 'Q.850;cause=88;text="no DTLS with the ?peer??? in 10 seconds"')
    talking.tell(CallEnded(1, 0, "NORMAL_CLEARING", 16, "", "local", True))
    assert talking.call.cause == "INCOMPATIBLE_DESTINATION"
    assert talking.call.reason == 'no DTLS with the "peer"\r\n in 10 seconds'
    assert (await talking.call.ended()).reason == talking.call.reason
    talking.media.fail("again")
    assert isinstance(talking.told[-1], Hangup)


async def test_a_new_offer_is_answered(talking: Desk, settle: Any) -> None:
    talking.tell(OfferReceived(1, b"hold", "application/sdp"))
    await settle()
    assert talking.told[-1] == AnswerOffer(1, b"our answer")


async def test_an_offer_that_cannot_be_answered_is_refused_and_the_call_goes_on(talking: Desk, settle: Any) -> None:
    talking.media.trouble = MediaError("no common codec")
    talking.tell(OfferReceived(1, b"video", "application/sdp"))
    await settle()
    assert talking.told[-1] == AnswerOffer(1, status=488, warnings=((399, "no common codec"),))
    assert talking.call.state is CallState.ANSWERED


async def test_an_answer_that_cannot_be_used_ends_the_call(bench: Any, settle: Any) -> None:
    desk = Desk(bench.media)
    desk.call.place(INVITE)
    await settle()
    bench.media.trouble = MediaError("they answered with video")
    desk.tell(Answered(1, None, b"video"))
    await settle()
    assert desk.told[-1] == Hangup(1, 'Q.850;cause=88;text="INCOMPATIBLE_DESTINATION"')


async def test_a_late_offer_in_the_200_is_answered(desk: Desk, settle: Any) -> None:
    desk.call.place(INVITE)
    desk.tell(Answered(1, None, b"their offer", offer=True))
    await settle()
    assert desk.told == [INVITE, AnswerOffer(1, b"")]
    assert desk.call.state is CallState.ANSWERED


async def test_the_end_closes_the_media(talking: Desk, settle: Any) -> None:
    talking.tell(GONE)
    await settle()
    assert talking.media.closed == 1


async def test_hanging_up_before_the_invite_left_sends_nothing(bench: Any, settle: Any) -> None:
    bench.media.gate = asyncio.Event()
    desk = Desk(bench.media)
    desk.call.place(INVITE)
    await settle()
    desk.call.hangup()
    assert (await desk.call.ended()).cause == "ORIGINATOR_CANCEL"
    bench.media.gate.set()
    await settle()
    assert desk.told == []
    assert desk.media.closed >= 1


async def test_no_port_for_media_keeps_the_call_from_being_placed(bench: Any) -> None:
    bench.media.trouble = MediaError("no RTP port free in 10000-10010")
    desk = Desk(bench.media)
    desk.call.place(INVITE)
    with pytest.raises(MediaError, match="no RTP port"):
        await desk.call.answered()
    assert desk.told == []
    end = await desk.call.ended()
    assert (end.cause, end.answered) == ("REQUESTED_CHAN_UNAVAIL", False)


async def test_an_invalid_target_is_raised_from_the_wait_where_the_offer_was_slow(bench: Any) -> None:
    desk = Desk(bench.media)
    desk.refuse = InvalidValue("the target is no address")
    desk.call.place(INVITE)
    with pytest.raises(InvalidValue, match="no address"):
        await desk.call.answered()


async def test_an_invalid_target_is_raised_at_once_without_media(desk: Desk) -> None:
    desk.refuse = InvalidValue("the target is no address")
    with pytest.raises(InvalidValue):
        desk.call.place(INVITE)
