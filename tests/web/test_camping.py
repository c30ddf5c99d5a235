"""Extensions camped on over HTTP: first come, first served."""

from __future__ import annotations

from typing import Any

import pytest
from robot.conftest import DIAL, settle
from web.conftest import WEB

RULES = """
[[rules]]
name = "asked"
armed = "on-request"
call = { to = "7001", headers = { X-Order = "{variables.order}", X-Caller = "{caller}" } }
"""


async def camp(stage: Any, status: int = 201, key: str = "", **wish: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    response = await stage.client.post("/v1/callbacks", json=wish, headers=headers)
    assert response.status_code == status, response.text
    await settle()
    return response.json()


async def test_first_come_first_served(stage: Any) -> None:
    await stage.start(RULES, dial=DIAL + WEB)
    await stage.world.go("1001", "on-the-phone")
    first = await camp(stage, extension="1001", caller="2001", variables={"order": "17"}, expires="1h")
    second = await camp(stage, extension="1001", caller="2002", variables={"order": "18"})
    assert (first["state"], first["position"], second["position"]) == ("waiting", 1, 2)
    assert (await stage.get("/v1/extensions"))["items"][0]["callbacks"] == 2
    assert [each["id"] for each in (await stage.get("/v1/callbacks"))["items"]] == [first["id"], second["id"]]
    await stage.world.go("1001", "ready")
    invite = next(each for each in stage.world.invites if each.to == "7001")
    assert dict(invite.headers) == {"X-Order": "17", "X-Caller": "2001"}
    served = await stage.get(f"/v1/callbacks/{first['id']}")
    assert (served["state"], served["position"]) == ("done", None) and served["job"].startswith("asked/")
    assert (await stage.get(f"/v1/callbacks/{second['id']}"))["position"] == 1
    gone = await stage.client.delete(f"/v1/callbacks/{second['id']}")
    assert (gone.status_code, gone.json()["state"]) == (200, "cancelled")
    assert (await stage.client.delete(f"/v1/callbacks/{second['id']}")).json()["state"] == "cancelled"
    assert (await stage.client.get("/v1/callbacks/nobody")).status_code == 404


async def test_a_key_camps_once(stage: Any) -> None:
    await stage.start(RULES)
    await stage.world.go("1001", "on-the-phone")
    first = await camp(stage, key="k", extension="1001")
    assert await camp(stage, key="k", extension="1001") == first
    assert len((await stage.get("/v1/callbacks"))["items"]) == 1
    await camp(stage, 409, key="k", extension="1002")


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"extension": "4711"}, 409),
        ({"extension": "1001", "account": "nobody"}, 409),
        ({"extension": "1001", "expires": "never"}, 422),
        ({"extension": "1001", "expires": 0}, 422),
        ({"extension": "1001", "variables": {"a b": "c"}}, 422),
        ({"extension": "1001", "caller": "a\r\nb"}, 422),
        ({"extension": ""}, 422),
        ({}, 422),
    ],
)
async def test_what_cannot_be_camped_on(stage: Any, wish: Any, status: int) -> None:
    await stage.start(RULES)
    await camp(stage, status, **wish)
    assert (await stage.get("/v1/callbacks"))["items"] == []


@pytest.mark.parametrize("bad", ["\r\nX-Evil: 1", "\n", "\0", "\x1b"])
@pytest.mark.parametrize("place", ["extension", "caller", "caller_name", "order", "order's value"])
async def test_no_control_character_is_kept_for_a_template(stage: Any, place: str, bad: str) -> None:
    await stage.start(RULES, dial=DIAL + WEB)
    wish: dict[str, Any] = {"extension": "1001", "caller": "2001", "caller_name": "Ann", "variables": {"order": "17"}}
    if place == "order":
        wish["variables"] = {f"order{bad}": "17"}
    elif place == "order's value":
        wish["variables"] = {"order": f"17{bad}"}
    else:
        wish[place] += bad
    assert (await camp(stage, 422, **wish))["code"] == "invalid-value"
    assert (await stage.get("/v1/callbacks"))["items"] == [] and not stage.world.invites
