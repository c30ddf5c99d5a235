"""Calls: placed, followed, acted upon, hung up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from sipclient.call import Call
from sipclient.robot.desk import PARTING, CallPlan, Desk
from sipclient.robot.views import Views
from sipclient.robot.views.shapes import CallShape, Ladder
from sipclient.robot.wishes import (
    CallWish,
    DtmfWish,
    HoldWish,
    PlayWish,
    RecordWish,
    TransferWish,
    seconds,
    sounds_of,
)
from sipclient.web.idempotency import Given, Idempotency
from sipclient.web.problems import Refused

Key: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=255,
        description="Yours: the same key with the same body gets the first answer, and nothing is done again.",
    ),
]
Plan: TypeAlias = Annotated[bool, QueryParameter(description="Say what would be sent, and send nothing.")]
Cause: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=60, description="A hangup cause, for the Reason header: `USER_BUSY`.")
]
REPLAYED = "Idempotent-Replayed"


_PLAN = ResponseSpec(
    data_container=CallPlan, generate_examples=False, description="With `plan=true`: what would be sent; nothing was."
)


class CallDetail(CallShape, kw_only=True):
    """A call with its ladder."""

    ladder: Ladder


class Recorded(msgspec.Struct, frozen=True):
    """What is recorded to: the id of the recording."""

    recording: str


@post("/v1/calls", tags=["calls"], summary="Place a call", responses={200: _PLAN})
async def place_call(
    desk: NamedDependency[Desk],
    idempotency: NamedDependency[Idempotency],
    who: NamedDependency[str],
    data: JSONBody[CallWish],
    plan: Plan = False,
    idempotency_key: Key = None,
) -> Response[CallShape | CallPlan]:
    """Written down, then placed as soon as `[dial]` lets it: it waits for its turn, and is tried again as `retry` says.
    With `plan=true` the answer is 200, and says what would be sent. In a dry run nothing is dialled: it has ended with
    the cause `DRY_RUN`."""
    if plan:
        return Response(desk.plan(data), status_code=200)
    given = await idempotency.once(idempotency_key, who, data, lambda: desk.call(data))
    response: Response[CallShape | CallPlan] = created(given)
    return response


def created(given: Given) -> Any:
    """The answer to a request that made something, or to its repetition."""
    headers = {REPLAYED: "true"} if given.replayed else {}
    return Response(given.body, status_code=201, media_type="application/json", headers=headers)


@get("/v1/calls/{id:str}", tags=["calls"], summary="One call")
async def one_call(views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str]) -> CallDetail:
    """With what happened to it, and the messages that went to and fro."""
    shape = shown(views, desk, id) or await desk.earlier_call(id)
    if shape is None:
        raise _unknown(id)
    fields = {name: getattr(shape, name) for name in CallShape.__struct_fields__}
    return CallDetail(**fields, ladder=views.ladders.ladder(shape.call_id))


@delete("/v1/calls/{id:str}", tags=["calls"], summary="Hang up", status_code=200)
async def hang_up(
    views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str], cause: Cause = None
) -> CallShape:
    """In whatever state it is: one that rings is cancelled, one that waits is called no more. Hanging up what has ended
    does nothing."""
    shape = shown(views, desk, id) or await desk.earlier_call(id)
    if shape is None:
        raise _unknown(id)
    if shape.state != "ended" and not await desk.hang_up(id, cause):
        call = desk.live(id)
        if call is None:
            raise Refused(409, "waiting", "it waits for another attempt of its rule, and no call is under way")
        call.hangup(cause)
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING):
                await call.ended()
    return shown(views, desk, id) or shape


@post("/v1/calls/{id:str}/play", tags=["calls"], summary="Play", status_code=200)
async def play(
    views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str], data: JSONBody[PlayWish]
) -> CallShape:
    """Files beside robot.toml, tones (`us-ring`, `%(2000,4000,440,480)`) or silence (`silence_stream://1000`), in place
    of what was played before."""
    call = _up(views, desk, id)
    desk.stop_playing(id)
    if not data.stop:
        sounds = sounds_of(data.play, desk.folder)
        if not sounds:
            raise Refused(422, "invalid-value", "play: say what is to be played")
        desk.playing(id, call.play(*sounds, loops=data.loops, pause=seconds("pause", data.pause)))
    return _noted(views, desk, id, "play", "stop" if data.stop else str(data.play))


@post("/v1/calls/{id:str}/record", tags=["calls"], summary="Record", status_code=200)
async def record(
    views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str], data: JSONBody[RecordWish]
) -> CallShape:
    """From now on, into the folder of recordings; `recordings` of the answer ends in its id. Or stop it."""
    call = _up(views, desk, id)
    if data.stop:
        if not await desk.stop_recording(id):
            raise Refused(409, "refused", "nothing is recorded that was begun here")
        return _noted(views, desk, id, "record", "stop")
    name = desk.record(id, call, data.record, data.stereo)
    return _noted(views, desk, id, "record", name)


@post("/v1/calls/{id:str}/dtmf", tags=["calls"], summary="Press keys", status_code=200)
async def dtmf(
    views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str], data: JSONBody[DtmfWish]
) -> CallShape:
    """By RTP (RFC 4733) where the other side takes that, else by INFO. The answer comes when they are sent."""
    await _up(views, desk, id).dtmf(data.digits, method=data.method)
    return _noted(views, desk, id, "dtmf", data.digits)


@post("/v1/calls/{id:str}/hold", tags=["calls"], summary="Hold, and take back", status_code=200)
async def hold(
    views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str], data: JSONBody[HoldWish]
) -> CallShape:
    """Put the far end on hold, or with `{"hold": false}` take it back."""
    call = _up(views, desk, id)
    await (call.hold() if data.hold else call.resume())
    return _noted(views, desk, id, "held" if data.hold else "resumed", "")


@post("/v1/calls/{id:str}/transfer", tags=["calls"], summary="Transfer", status_code=200)
async def transfer(
    views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str], data: JSONBody[TransferWish]
) -> CallShape:
    """Have the far end call somebody else, whom `[dial] allow` must name. The answer comes when it has; then
    ours ends."""
    call = _up(views, desk, id)
    await call.transfer(data.to, timeout=seconds("timeout", data.timeout) or 30.0)
    return _noted(views, desk, id, "transferred", data.to)


def shown(views: Views, desk: Desk, id: str) -> CallShape | None:
    """A call as it is now."""
    shape = views.calls.get(id)
    call = desk.live(id) if shape is not None else None
    if shape is not None and call is not None:
        shape.held = call.held
    return shape


def _up(views: Views, desk: Desk, id: str) -> Call:
    """The Call of that id, answered and not ended."""
    shape = views.calls.get(id)
    if shape is None:
        raise _unknown(id)
    call = desk.live(id)
    if call is None or call.answered_at is None or call.end is not None:
        raise Refused(409, "not-answered", f"it is {shape.state}: that needs a call that is answered")
    return call


def _noted(views: Views, desk: Desk, id: str, event: str, detail: str) -> CallShape:
    views.calls.note(id, views.now(), event, detail)
    shape = shown(views, desk, id)
    assert shape is not None
    return shape


def _unknown(id: str) -> Refused:
    return Refused(404, "not-found", f"there is no call {id}, or it is forgotten")


CALLING = [place_call, one_call, hang_up, play, record, dtmf, hold, transfer]
