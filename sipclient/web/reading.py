"""What is so: status, accounts, extensions, rules and calls."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from sipclient.presence import State as Presence
from sipclient.robot.views import Views
from sipclient.robot.views.shapes import (
    AccountShape,
    CallShape,
    ExtensionShape,
    RuleShape,
    State,
    StatusShape,
)
from sipclient.web.lists import Cursor, Limit, Page, page_of
from sipclient.web.problems import Refused

Account = Annotated[str, QueryParameter(max_length=100, description="Those of this account alone.")]
OfState = Annotated[Presence | None, QueryParameter(name="state", description="Those in this state alone.")]
OfCallState = Annotated[State | None, QueryParameter(name="state", description="Those in this state alone.")]
OfExtension = Annotated[
    str, QueryParameter(max_length=300, description="Tell how the rule judged the last change of this extension.")
]


@get("/healthz", tags=["service"], summary="Whether it runs", opt={"open": True})
async def healthz() -> dict[str, str]:
    """Liveness, for whoever restarts what does not answer."""
    return {"status": "ok"}


@get("/v1/status", tags=["service"], summary="How the robot is")
async def status(views: NamedDependency[Views]) -> StatusShape:
    """Version, accounts registered, subscriptions lost, how far `[dial]` is used, and what `check` warns of."""
    return views.status()


@get("/v1/accounts", tags=["state"], summary="The accounts")
async def accounts(views: NamedDependency[Views], limit: Limit = 50, cursor: Cursor = "") -> Page[AccountShape]:
    """Whether each is registered, since when, and what went wrong last."""
    return page_of(views.accounts(), limit, cursor, lambda account: account.name)


@get("/v1/extensions", tags=["state"], summary="The presence board")
async def extensions(
    views: NamedDependency[Views],
    limit: Limit = 50,
    cursor: Cursor = "",
    account: Account = "",
    in_state: OfState = None,
) -> Page[ExtensionShape]:
    """Every watched extension: its state, since when, and how restless it has been."""
    found = views.extensions(account, str(in_state or ""))
    return page_of(found, limit, cursor, lambda each: f"{each.account}/{each.extension}")


@get("/v1/rules", tags=["state"], summary="The rules")
async def rules(views: NamedDependency[Views], limit: Limit = 50, cursor: Cursor = "") -> Page[RuleShape]:
    """When each acted last, and which condition kept it from acting on its last change."""
    return page_of(views.rules(), limit, cursor, lambda rule: rule.name)


@get("/v1/rules/{name:str}", tags=["state"], summary="One rule")
async def rule(
    views: NamedDependency[Views], name: FromPath[str], account: Account = "", extension: OfExtension = ""
) -> RuleShape:
    """The same for one rule; with `extension` and `account`, how it judged the last change of that extension."""
    found = views.rule(name, account, extension)
    if found is None:
        raise Refused(404, "not-found", f"there is no rule {name}")
    return found


@get("/v1/calls", tags=["calls"], summary="The calls")
async def calls(
    views: NamedDependency[Views],
    limit: Limit = 50,
    cursor: Cursor = "",
    account: Account = "",
    in_state: OfCallState = None,
) -> Page[CallShape]:
    """Those under way and the latest that ended, the newest first: the rules', the hooks', those asked for here, and
    those that reached us."""
    found = (
        call for call in views.calls.all() if account in ("", call.account) and in_state in (None, call.state)
    )  # fmt: skip
    return page_of(found, limit, cursor, lambda call: call.id)


READING = [healthz, status, accounts, extensions, rules, rule, calls]
