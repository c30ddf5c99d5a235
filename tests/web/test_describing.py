"""The description of the API: OpenAPI 3.1, every operation with its errors and an example that is one."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from sipclient.robot.desk import CallPlan
from sipclient.robot.views.bridges import BridgeShape
from sipclient.robot.views.rehearsal import Question, SimulatedShape
from sipclient.robot.views.shapes import AccountShape, CallShape, ExtensionShape, RuleShape, StatusShape
from sipclient.robot.wishes import BridgeWish, CallWish, DtmfWish, HoldWish, PlayWish, RecordWish, TransferWish
from sipclient.web.callbacks import CallbackShape, CallbackWish
from sipclient.web.calling import CallDetail
from sipclient.web.examples import EXAMPLES
from sipclient.web.lists import Page

REQUESTS: dict[str, Any] = {
    "POST /v1/rules/{name}/simulate": Question,
    "POST /v1/calls": CallWish,
    "POST /v1/calls/{id}/play": PlayWish,
    "POST /v1/calls/{id}/record": RecordWish,
    "POST /v1/calls/{id}/dtmf": DtmfWish,
    "POST /v1/calls/{id}/hold": HoldWish,
    "POST /v1/calls/{id}/transfer": TransferWish,
    "POST /v1/bridges": BridgeWish,
    "POST /v1/callbacks": CallbackWish,
}
RESPONSES: dict[str, Any] = {
    "POST /v1/rules/{name}/simulate": SimulatedShape,
    "GET /healthz": dict[str, str],
    "GET /v1/status": StatusShape,
    "GET /v1/accounts": Page[AccountShape],
    "GET /v1/extensions": Page[ExtensionShape],
    "GET /v1/rules": Page[RuleShape],
    "GET /v1/rules/{name}": RuleShape,
    "GET /v1/calls": Page[CallShape],
    "GET /v1/calls/{id}": CallDetail,
    "GET /v1/bridges": Page[BridgeShape],
    "GET /v1/callbacks": Page[CallbackShape],
}


def response_of(operation: str) -> Any:
    usual = {"calls": CallShape, "bridges": BridgeShape, "callbacks": CallbackShape}
    return RESPONSES.get(operation) or usual[operation.split("/")[2]]


@pytest.mark.parametrize("operation", EXAMPLES)
def test_an_example_is_what_it_stands_for(operation: str) -> None:
    example = EXAMPLES[operation]
    assert ("request" in example) == (operation in REQUESTS)
    if "request" in example:
        msgspec.convert(example["request"], REQUESTS[operation])
    whole = response_of(operation)
    if "response 200" in example:
        msgspec.convert(example["response 200"], CallPlan)
    read = msgspec.convert(example["response"], whole)
    assert set(msgspec.json.decode(msgspec.json.encode(read))) <= set(example["response"])


async def test_every_operation_has_its_errors_and_an_example(stage: Any) -> None:
    await stage.start()
    described = await stage.get("/openapi.json")
    assert described["openapi"].startswith("3.1") and "Problem" in described["components"]["schemas"]
    for path, item in described["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            assert operation["summary"] and operation["description"] and operation["tags"], name
            assert "application/problem+json" in operation["responses"]["4XX"]["content"], name
            for status, response in operation["responses"].items():
                media = response.get("content", {}).get("application/json")
                if status.startswith("2") and media is not None and not re.match(r"/v1/(recordings|traces)", path):
                    assert "example" in media, name


async def test_allow_names_every_method_of_a_path(stage: Any) -> None:
    """RFC 9110 §15.5.6, whoever handles which of them."""
    await stage.start()
    described = await stage.get("/openapi.json")
    for path, item in described["paths"].items():
        url = re.sub(r"\{.*?\}", "x", path)
        for method in ("OPTIONS", "PUT"):
            response = await stage.client.request(method, url)
            assert response.status_code == (204 if method == "OPTIONS" else 405), url
            assert set(response.headers["allow"].split(", ")) == {each.upper() for each in item} | {"OPTIONS"} | (
                {"HEAD"} if "get" in item else set()
            )
    assert (await stage.client.request("OPTIONS", "/v1/nothing/here")).status_code == 404


async def test_bodies_are_described_with_all_their_bounds(stage: Any) -> None:
    await stage.start()
    described = await stage.get("/openapi.json")
    for item in described["paths"].values():
        for operation in item.values():
            if "requestBody" in operation:
                (content,) = operation["requestBody"]["content"].values()
                name = content["schema"]["$ref"].rpartition("/")[2]
                assert described["components"]["schemas"][name]["additionalProperties"] is False, name
    variables = described["components"]["schemas"]["CallWish"]["properties"]["variables"]
    assert (variables["maxProperties"], variables["additionalProperties"]["maxLength"]) == (50, 1024)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"to": "7000", "stereo": 0}', "stereo: true or false is wanted, not a whole number"),
        (b'{"to": "7000", "stereo": "true"}', "stereo: true or false is wanted, not a text"),
        (
            b'{"to": "7000", "retry": {"on": ["5xx"], "times": "3"}}',
            "retry.times: a whole number is wanted, not a text",
        ),
        (b"[]", "the body: an object is wanted, not a list"),
        (b"null", "a body is needed: a JSON object"),
        (b"{}", "to: is missing"),
        (b'{"to": "7000", "call": 1}', "call: there is no such key here"),
        (b'{"to": "7000", "a\\r\\nb": 1}', "a\\r\\nb: there is no such key here"),
        (b'{"to": "7000", "retry": {"wait": 1}}', "retry.on: is missing"),
        (
            b'{"to": "7000", "retry": {"on": [true]}}',
            "retry.on[0]: a whole number or a text is wanted, not true or false",
        ),
        (b'{"to": "7000", "retry": {"on": []}}', "retry.on: at least 1 entries are taken"),
        (b'{"to": "7000", "retry": {"on": [486], "times": 0}}', "retry.times: a number of at least 1 is wanted"),
        (b'{"to": ""}', "to: at least 1 characters are taken"),
        (b'{"to": 7000}', "to: a text is wanted, not a whole number"),
        (b'{"to": "7000", "headers": {"X-A": null}}', "headers[...]: a text is wanted, not null"),
        (b"", "a body is needed: a JSON object"),
    ],
)
async def test_bodies_are_read_as_they_are_described(stage: Any, body: bytes, detail: str) -> None:
    await stage.start()
    response = await stage.client.post("/v1/calls", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["detail"]) == (422, detail)


async def test_what_was_made_leads_to_all_that_is_done_with_it(stage: Any) -> None:
    await stage.start()
    paths = (await stage.get("/openapi.json"))["paths"]
    known = {operation["operationId"]: path for path, item in paths.items() for operation in item.values()}
    followed = set()
    for kind in ("calls", "bridges", "callbacks"):
        for link in paths[f"/v1/{kind}"]["post"]["responses"]["201"]["links"].values():
            assert link["parameters"] == {"id": "$response.body#/id"}
            followed.add(known[link["operationId"]])
    assert followed == {
        path
        for path in paths
        if path.endswith("}") and path.count("/") == 3 and "{id}" in path and "recordings" not in path
    } | {path for path in paths if "/calls/{id}/" in path}
