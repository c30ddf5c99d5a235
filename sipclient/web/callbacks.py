"""Callbacks: who camps on an extension is served by a rule when it becomes ready, first come, first served."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from sipclient.robot.callbacks import EXPIRES, Callbacks
from sipclient.robot.desk import Order
from sipclient.robot.wishes import Duration, Headers, Target, Text, Wish, seconds
from sipclient.store import CallbackRecord, CallbackState
from sipclient.web.calling import Key, created
from sipclient.web.idempotency import Idempotency
from sipclient.web.lists import MOST, Cursor, Limit, Page, page_of
from sipclient.web.problems import Refused

_WORDS: dict[CallbackState, Literal["waiting", "done", "expired", "cancelled"]] = {
    CallbackState.WAITING: "waiting",
    CallbackState.SERVED: "done",
    CallbackState.EXPIRED: "expired",
    CallbackState.CANCELLED: "cancelled",
}


class CallbackWish(Wish, frozen=True):
    """Camp on an extension. `caller` and `variables` are there for the rule's templates; `expires` ends it unheard."""

    extension: Target
    account: Text = ""
    caller: Text = ""
    caller_name: Text = ""
    variables: Headers = msgspec.field(default_factory=dict)
    expires: Duration = EXPIRES


class CallbackShape(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who camps on an extension, or did. `position` counts from 1 while he waits; `job` is what served him."""

    id: str
    extension: str
    account: str
    caller: str
    caller_name: str
    variables: dict[str, str]
    created: datetime
    expires: datetime
    state: Literal["waiting", "done", "expired", "cancelled"]
    position: int | None
    job: str | None


@post("/v1/callbacks", tags=["callbacks"], summary="Camp on an extension")
async def camp_on(
    camping: NamedDependency[Callbacks],
    idempotency: NamedDependency[Idempotency],
    who: NamedDependency[str],
    data: JSONBody[CallbackWish],
    idempotency_key: Key = None,
) -> Response[CallbackShape]:
    """A rule with `armed = "on-request"` acts for the first who waits when the extension becomes ready, at once
    where it is; the next has his turn after that."""

    async def make() -> tuple[object, Order]:
        record = await camping.ask(
            data.extension,
            data.variables,
            seconds("expires", data.expires),
            caller=data.caller,
            caller_name=data.caller_name,
            account=data.account,
        )
        return _shape(camping, await camping.get(record.id) or record), Order(record.id, _done, _done)

    response: Response[CallbackShape] = created(await idempotency.once(idempotency_key, who, data, make))
    return response


@get("/v1/callbacks", tags=["callbacks"], summary="Who camps on what")
async def callbacks(camping: NamedDependency[Callbacks], limit: Limit = 50, cursor: Cursor = "") -> Page[CallbackShape]:
    """Those who wait, in their order, then the latest who do no longer."""
    waiting = camping.waiting
    known = {record.id for record in waiting}
    over = [record for record in await camping.list(MOST) if record.id not in known]
    shapes = [_shape(camping, record) for record in (*waiting, *over)]
    return page_of(shapes, limit, cursor, lambda each: each.id)


@get("/v1/callbacks/{id:str}", tags=["callbacks"], summary="One who camps")
async def callback(camping: NamedDependency[Callbacks], id: FromPath[str]) -> CallbackShape:
    """Whether he waits, and what served him."""
    return _shape(camping, await _found(camping, id))


@delete("/v1/callbacks/{id:str}", tags=["callbacks"], summary="Camp no longer", status_code=200)
async def leave(camping: NamedDependency[Callbacks], id: FromPath[str]) -> CallbackShape:
    """Once it is over, this does nothing."""
    record = await _found(camping, id)
    return _shape(camping, await camping.cancel(id) or record)


async def _found(camping: Callbacks, id: str) -> CallbackRecord:
    record = await camping.get(id)
    if record is None:
        raise Refused(404, "not-found", f"there is no callback {id}")
    return record


def _shape(camping: Callbacks, record: CallbackRecord) -> CallbackShape:
    here = (record.account, record.extension)
    queue = [each.id for each in camping.waiting if (each.account, each.extension) == here]
    fields: dict[str, Any] = {
        name: getattr(record, name)
        for name in ("id", "extension", "account", "caller", "caller_name", "variables", "created", "expires")
    }
    position = queue.index(record.id) + 1 if record.id in queue else None
    return CallbackShape(**fields, state=_WORDS[record.state], position=position, job=record.job or None)


def _done() -> None:
    """There is nothing to be done, nor undone: whoever camps is written down already."""


CAMPING = [camp_on, callbacks, callback, leave]
