"""Robustness 17, HTTP.

Every endpoint but the page's shell, `/healthz` and `/openapi.json` needs a token away from loopback; Host, Origin and
content type are checked; no CORS wildcard; bodies are bounded. Shown over every operation that the description names.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from robot.conftest import QUEUE, settle
from web.conftest import WebStage

from sipclient.robot.metrics import Metrics
from sipclient.robot.tokens import Keys, Scope, make_token
from sipclient.web.access import Access
from sipclient.web.app import build
from sipclient.web.guard import SMALL

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
# What each operation needs. One that is new stands in none of them, and fails until somebody has thought about it.
OPEN = {"GET /healthz"}
READ = {
    "GET /metrics",
    "GET /v1/accounts",
    "GET /v1/bridges",
    "GET /v1/bridges/{id}",
    "GET /v1/callbacks",
    "GET /v1/callbacks/{id}",
    "GET /v1/calls",
    "GET /v1/calls/{id}",
    "GET /v1/events",
    "GET /v1/extensions",
    "GET /v1/recordings",
    "GET /v1/recordings/{id}",
    "GET /v1/rules",
    "GET /v1/rules/{name}",
    "GET /v1/status",
    "POST /v1/rules/{name}/simulate",
    "POST /v1/traces",
}
CALL = {
    "DELETE /v1/bridges/{id}",
    "DELETE /v1/callbacks/{id}",
    "DELETE /v1/calls/{id}",
    "POST /v1/bridges",
    "POST /v1/callbacks",
    "POST /v1/calls",
    "POST /v1/calls/{id}/dtmf",
    "POST /v1/calls/{id}/hold",
    "POST /v1/calls/{id}/play",
    "POST /v1/calls/{id}/record",
    "POST /v1/calls/{id}/transfer",
}
MAY: dict[Scope, set[str]] = {"read": READ, "call": READ | CALL, "admin": READ | CALL}


@pytest.fixture
async def stage() -> AsyncIterator[WebStage]:
    stage = WebStage()
    await stage.start(QUEUE)
    yield stage
    assert stage.robot is not None and stage.robot.client.failures == 0
    await stage.client.aclose()
    await stage.stop()


async def operations(stage: WebStage) -> list[str]:
    described = await stage.get("/openapi.json")
    return [f"{method.upper()} {path}" for path, item in described["paths"].items() for method in item]


async def ask(client: httpx.AsyncClient, operation: str, headers: dict[str, str]) -> httpx.Response:
    """The operation, of something that is not there, with a body that is none of its bodies: it changes nothing."""
    method, path = operation.split()
    url = re.sub(r"\{.*?\}", "nobody", path)
    if path == "/v1/events":
        url += "?after=-1"  # refused, for a stream would never end
    if method != "POST":
        return await client.request(method, url, headers=headers)
    return await client.request(method, url, headers=headers | JSON, content=b'{"none": 1}')


async def test_every_operation_has_its_scope(stage: WebStage, tmp_path: Path) -> None:
    file = str(tmp_path / "tokens.toml")
    tokens = {scope: make_token(file, scope, scope, NOW, None) for scope in MAY}
    assert stage.robot is not None
    time = iter(range(0, 1_000_000, 10))  # nobody is slowed down
    keys = Keys(file, lambda: NOW, lambda: 0.0)
    app = build(stage.robot, Metrics(), access=Access(keys, lambda: float(next(time))))
    found = await operations(stage)
    assert set(found) == OPEN | READ | CALL
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://192.0.2.1") as client:
        for operation in found:
            for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {tokens['admin']}"}):
                answer = await ask(client, operation, wrong)
                assert (answer.status_code == 401) is (operation not in OPEN), operation
            for scope, may in MAY.items():
                answer = await ask(client, operation, {"Authorization": f"Bearer {tokens[scope]}"})
                if operation in may | OPEN:
                    assert answer.status_code in (200, 404, 409, 422), (operation, scope, answer.text)
                else:
                    assert (answer.status_code, answer.json()["code"]) == (403, "scope"), (operation, scope)


async def test_no_page_of_another_site_asks_anything(stage: WebStage) -> None:
    for operation in await operations(stage):
        for headers, code in (
            ({"Host": "evil.example"}, "host"),
            ({"Origin": "https://evil.example"}, "origin"),
            ({"Origin": "null"}, "origin"),
            ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, "origin"),
        ):
            answer = await ask(stage.client, operation, headers)
            assert (answer.status_code, answer.json()["code"]) == (403, code), operation
            assert not [name for name in answer.headers if name.startswith("access-control-")]
        path = re.sub(r"\{.*?\}", "nobody", operation.split()[1])
        preflight = await stage.client.options(path, headers={"Access-Control-Request-Method": "POST"})
        assert not [name for name in preflight.headers if name.startswith("access-control-")]


HOSTILE = [
    b"[" * 10_000,
    b'{"to":' * 10_000,
    b'{"to": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    b'{"x": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    b'{"to": "7000", "timeout": NaN}',
    b'{"to": "7000", "timeout": Infinity}',
    b'{"to": "7000", "timeout": 1e999}',
    b'{"to": "7000", "timeout": 1e308}',
    b'{"to": "7000", "timeout": ' + b"9" * 5_000 + b"}",
    b'{"to": "7000", "retry": {"on": [1e400]}}',
    b'{"to": "7000", "retry": {"on": [' + b"9" * 5_000 + b"]}}",
    b'{"to": "7000", "retry": {"on": [-1]}}',
    b'{"to": "7000", "retry": {"on": ["5xx"], "times": ' + b"9" * 400 + b"}}",
    b'{"to": "7000", "retry": {"on": ["5xx"], "wait": 1e300}}',
    b'{"to": "\\ud800"}',
    b'{"to": "\\udfff\\ud800", "account": "\\ud800"}',
    b'{"to": "7000", "caller_id": "\\ud800"}',
    b'{"to": "7000", "headers": {"X-A": "\\ud800"}}',
    b'{"to": "\xff\xfe"}',
    b'{"to": "7000\\u0000"}',
    b"\xff\xfe{\x00}\x00",
    b'{"to": "7000"} trailing',
    b'{"extension": "1001", "expires": 1e300}',
    b'{"extension": "1001", "expires": "9999999999d"}',
    b'{"extension": "1001", "at": "9999-12-31T23:59:59+00:00"}',
    b'{"extension": "1001", "at": "0001-01-01T00:00:00+14:00"}',
    b'{"extension": "\\ud800", "caller": "\\ud800"}',
]


async def test_a_hostile_body_is_refused_whoever_reads_it(stage: WebStage) -> None:
    posts = [each for each in await operations(stage) if each.startswith("POST") and "{id}" not in each]
    for operation in posts:
        path = operation.split()[1].replace("{name}", "queue")
        for body in HOSTILE:
            answer = await stage.client.post(path, content=body, headers=JSON)
            simulated = path.endswith("simulate") and b'"at"' in body  # no moment is too far away to be judged
            assert answer.status_code in ((200, 422) if simulated else (400, 403, 422)), (path, body[:60], answer.text)
            if answer.status_code != 200:
                assert answer.json()["code"] in ("bad-request", "invalid-value", "not-allowed", "unreadable")
        if path != "/v1/traces":
            answer = await stage.client.post(path, content=b" " * (SMALL + 1), headers=JSON)
            assert answer.status_code == 413
    assert stage.world is not None and not stage.world.invites


CALL_BODY = {"to": "7000", "caller_id": '"Ann" <1001>', "headers": {"X-A": "b"}, "variables": {"order": "42"}}
PLACES: dict[str, Any] = {
    "to": lambda bad: {"to": f"7000{bad}"},
    "target": lambda bad: {"to": f"7000|{bad}7001"},
    "account": lambda bad: {"account": f"pbx{bad}"},
    "caller_id": lambda bad: {"caller_id": f'"An{bad}n" <1001>'},
    "caller": lambda bad: {"caller_id": f"1001{bad}"},
    "header": lambda bad: {"headers": {f"X-A{bad}": "b"}},
    "value": lambda bad: {"headers": {"X-A": f"b{bad}"}},
    "variable": lambda bad: {"variables": {f"order{bad}": "42"}},
    "variable's value": lambda bad: {"variables": {"order": f"42{bad}"}},
    "id": lambda bad: {"id": f"order{bad}42"},
    "dial string": lambda bad: {"to": "{origination_caller_id_name=A" + bad + "}7000"},
    "exported": lambda bad: {"to": "{sip_h_X-B=c" + bad + "}7000"},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("bad", ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0", "\x1b", "\x7f"])
async def test_no_text_of_a_body_becomes_a_header_of_its_own(stage: WebStage, place: str, bad: str) -> None:
    """Robustness 15, over HTTP: refused, in every place, and neither written down nor sent."""
    answer = await stage.client.post("/v1/calls", json=CALL_BODY | PLACES[place](bad))
    await settle()
    assert answer.status_code in (403, 422), answer.text
    assert "\\r\\nX-Evil" not in answer.text and not stage.world.invites and not stage.world.jobs
    headers = {"Idempotency-Key": "k\x7f"}
    assert (await stage.client.post("/v1/calls", json=CALL_BODY, headers=headers)).status_code == 422


@pytest.mark.parametrize(
    "to",
    [
        "0900",
        "7000,0900",
        "0900,7000",
        "7000|0900",
        "7000:_:0900",
        "7000,7001|0900",
        "user/0900",
        "sofia/gateway/pbx/0900",
        "sofia/gateway/pbx/7000|sofia/gateway/pbx/0900",
        "{origination_uuid=x}0900",
        "[leg_timeout=5]7000,[leg_timeout=5]0900",
        "sip:7000@evil.example",
        "sip:7000@pbx.example.com;maddr=192.0.2.66",
        "sip:7000@pbx.example.com?Route=%3Csip:192.0.2.66%3E",
        "tel:+900",
    ],
)
async def test_every_target_of_a_dial_string_is_held_against_the_list(stage: WebStage, to: str) -> None:
    """Robustness 16, over HTTP."""
    answer = await stage.client.post("/v1/calls", json={"to": to})
    await settle()
    assert answer.status_code in (403, 422), answer.text
    plan = await stage.client.post("/v1/calls?plan=true", json={"to": to})
    assert plan.status_code == 422 or not json.loads(plan.text)["allowed"]
    assert not stage.world.invites and not stage.world.jobs
