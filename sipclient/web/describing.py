"""The description of the API as it is served: what litestar reads off the handlers, with our errors and examples."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from sipclient.robot.views.rehearsal import Question
from sipclient.robot.wishes import BridgeWish, CallWish, DtmfWish, HoldWish, PlayWish, RecordWish, TransferWish
from sipclient.web.callbacks import CallbackWish
from sipclient.web.examples import EXAMPLES
from sipclient.web.problems import MEDIA_TYPE
from sipclient.web.traces import TraceUpload

BODIES = (
    Question,
    CallWish,
    PlayWish,
    RecordWish,
    DtmfWish,
    HoldWish,
    TransferWish,
    BridgeWish,
    CallbackWish,
    TraceUpload,
)

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "An error (RFC 9457): `code` is a stable word for programs, `detail` a sentence for people.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
    },
    "examples": [
        {
            "type": "about:blank#not-allowed",
            "title": "Forbidden",
            "status": 403,
            "detail": '[dial] allow does not name "0900123456": nothing was sent',
            "instance": "/v1/calls",
            "code": "not-allowed",
        }
    ],
}
_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_REFUSED = {
    "4XX": {"description": "Refused: `code` says why.", "content": _CONTENT},
    "503": {"description": "Not now: too many wait, or the store cannot be written.", "content": _CONTENT},
}


class Described(JsonRenderPlugin):
    """The description, completed once."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._whole: dict[str, Any] | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """It, as JSON."""
        if self._whole is None:
            self._whole = completed(openapi_schema)
        return super().render(request, self._whole)


def completed(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with every error there may be, and an example for each operation."""
    schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    # Bodies are described by what reads them: with every bound, and that other keys are refused.
    _, bodies = msgspec.json.schema_components(BODIES, ref_template="#/components/schemas/{name}")
    schema["components"]["schemas"] |= bodies
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            operation["responses"].pop("400", None)
            operation["responses"] |= _REFUSED
            if path in ("/healthz",):
                operation["security"] = []
            _illustrate(operation, EXAMPLES.get(f"{method.upper()} {path}", {}))
    _join(schema["paths"])
    return schema


def _illustrate(operation: dict[str, Any], example: dict[str, Any]) -> None:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None and "request" in example:
        body["example"] = example["request"]
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None and "response" in example:
            content["example"] = example.get(f"response {status}", example["response"])


def _join(paths: dict[str, Any]) -> None:
    """Say what may follow: from the answer that made something to all that is done with its id."""
    for kind in ("calls", "bridges", "callbacks"):
        created = paths[f"/v1/{kind}"]["post"]["responses"]["201"]
        created["links"] = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {"id": "$response.body#/id"},
                "description": operation["summary"],
            }
            for path, item in paths.items()
            if path.startswith(f"/v1/{kind}/{{")
            for operation in item.values()
        }
