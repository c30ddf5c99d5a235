"""Bridges: two numbers called and joined, on the same code as `client.bridge` and `sipclient bridge`."""

from __future__ import annotations

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from sipclient.robot.desk import Desk
from sipclient.robot.views import Views
from sipclient.robot.views.bridges import BridgeShape
from sipclient.robot.wishes import BridgeWish
from sipclient.web.calling import Key, created
from sipclient.web.idempotency import Idempotency
from sipclient.web.lists import Cursor, Limit, Page, page_of
from sipclient.web.problems import Refused


@post("/v1/bridges", tags=["bridges"], summary="Call two numbers, and join them")
async def place_bridge(
    desk: NamedDependency[Desk],
    idempotency: NamedDependency[Idempotency],
    who: NamedDependency[str],
    data: JSONBody[BridgeWish],
    idempotency_key: Key = None,
) -> Response[BridgeShape]:
    """`a` and `b` are numbers, URIs or FreeSWITCH dial strings (`{origination_uuid=42}sofia/gateway/pbx/1001`). `b` is
    dialled once `a` has answered, which hears ringback meanwhile. Whichever hangs up ends both, unless
    `hangup_after_bridge` is false."""
    given = await idempotency.once(idempotency_key, who, data, lambda: desk.bridge(data))
    response: Response[BridgeShape] = created(given)
    return response


@get("/v1/bridges", tags=["bridges"], summary="The bridges")
async def bridges(views: NamedDependency[Views], limit: Limit = 50, cursor: Cursor = "") -> Page[BridgeShape]:
    """Those under way and the latest that ended, the newest first."""
    return page_of(views.bridges.all(), limit, cursor, lambda each: each.id)


@get("/v1/bridges/{id:str}", tags=["bridges"], summary="One bridge")
async def one_bridge(views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str]) -> BridgeShape:
    """How far both sides are, and what happened."""
    return await _found(views, desk, id)


@delete("/v1/bridges/{id:str}", tags=["bridges"], summary="Hang up both", status_code=200)
async def end_bridge(views: NamedDependency[Views], desk: NamedDependency[Desk], id: FromPath[str]) -> BridgeShape:
    """Whatever it does: what rings is cancelled. Hanging up what has ended does nothing."""
    shape = await _found(views, desk, id)
    await desk.hang_up(id)
    return views.bridges.get(id) or shape


async def _found(views: Views, desk: Desk, id: str) -> BridgeShape:
    shape = views.bridges.get(id) or await desk.earlier_bridge(id)
    if shape is None:
        raise Refused(404, "not-found", f"there is no bridge {id}, or it is forgotten")
    return shape


BRIDGING = [place_bridge, bridges, one_bridge, end_bridge]
