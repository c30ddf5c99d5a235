"""An example for each operation that takes or gives JSON, by method and path; a test holds them against the shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_AT = "2026-03-02T12:00:00Z"
_CALL: dict[str, Any] = {
    "id": "call-3f9c2b7a1d0e4c5f8a6b",
    "direction": "out",
    "created": _AT,
    "state": "answered",
    "account": "pbx",
    "to": "7000",
    "from": "",
    "caller_id": '"Ext 1001 is free" <1001>',
    "call_id": "call-3f9c2b7a1d0e4c5f8a6b-1-7c1e",
    "answered": "2026-03-02T12:00:04Z",
    "ended": None,
    "status": 200,
    "cause": "",
    "reason": "",
    "by": "",
    "attempt": 1,
    "retry_at": None,
    "variables": {"order": "42"},
    "headers": {"X-Extension": "1001"},
    "held": False,
    "bridge": None,
    "rule": "",
    "extension": "",
    "job": "call-3f9c2b7a1d0e4c5f8a6b call 1",
    "recordings": [],
    "timeline": [
        {"at": _AT, "event": "requested", "detail": ""},
        {"at": _AT, "event": "calling", "detail": "7000"},
        {"at": "2026-03-02T12:00:04Z", "event": "answered", "detail": ""},
    ],
}
_LADDER = {
    "hosts": ["192.0.2.20:5060", "192.0.2.10:5060"],
    "messages": [
        {
            "at": _AT,
            "seconds": 0.0,
            "from": "192.0.2.20:5060",
            "to": "192.0.2.10:5060",
            "summary": "INVITE 7000",
            "detail": "",
            "tone": "request",
            "sent": True,
            "copies": 0,
        }
    ],
    "text": "",
    "lost": 0,
}
_BRIDGE: dict[str, Any] = {
    "id": "order-42",
    "state": "dialling-b",
    "a": {"to": "1001", "state": "answered", "attempt": 1, "call": "c-1", "calls": ["c-1"], "status": 200, "cause": ""},
    "b": {"to": "1002", "state": "ringing", "attempt": 1, "call": "c-2", "calls": ["c-2"], "status": 180, "cause": ""},
    "created": _AT,
    "bridged": None,
    "ended": None,
    "cause": "",
    "reason": "",
    "leg": "",
    "recording": None,
    "variables": {"order": "42"},
    "timeline": [{"at": _AT, "event": "requested", "detail": ""}],
}  # fmt: skip
_CALLBACK = {
    "id": "cb-1f0a",
    "extension": "1001",
    "account": "pbx",
    "caller": "1002",
    "caller_name": "",
    "variables": {"order": "42"},
    "created": _AT,
    "expires": "2026-03-02T13:00:00Z",
    "state": "waiting",
    "position": 1,
    "job": None,
}
_EXTENSION = {
    "account": "pbx",
    "extension": "1001",
    "state": "on-the-phone",
    "since": _AT,
    "note": "On the phone",
    "episode": 7,
    "open": True,
    "flaps": 1,
    "subscriptions": [{"package": "presence", "state": "active", "reason": ""}],
    "callbacks": 0,
}
_RULE = {
    "name": "ready-calls-queue",
    "enabled": True,
    "account": "",
    "extensions": ["1001", "20*"],
    "from": ["on-the-phone"],
    "to": ["ready"],
    "settle": 2.0,
    "armed": "always",
    "action": "call 7000",
    "hours": "mon-fri 08:00-18:00 Europe/Berlin",
    "limit": "10 per minute",
    "last_fired": None,
    "last_decision": None,
    "last_suppressed": {
        "at": _AT,
        "account": "pbx",
        "extension": "1001",
        "condition": "hours",
        "detail": "mon 2026-03-02 19:40 is outside mon-fri 08:00-18:00 Europe/Berlin",
    },
    "fired_total": 0,
    "suppressed_total": 1,
    "next_allowed": None,
}
_ACCOUNT = {
    "name": "pbx",
    "address": "sip:robot@pbx.example.com",
    "server": "tls:pbx.example.com",
    "transport": "tls",
    "register": True,
    "registered": True,
    "expires": 300.0,
    "since": _AT,
    "last_error": None,
    "calls": 1,
    "subscriptions": {"active": 2, "pending": 0, "lost": 0},
}
_STATUS = {
    "version": "0.1.0",
    "started": _AT,
    "uptime": 3600.5,
    "dry_run": False,
    "dial": {"calls_at_once": 20, "in_use": 1, "calls_per_second": 5.0, "waiting": 0},
    "accounts": {"total": 1, "registered": 1},
    "subscriptions": {"total": 2, "lost": 0},
    "loop_lag": 0.0004,
    "findings": [],
}
_WISH = {
    "to": "7000",
    "caller_id": '"Ext 1001 is free" <1001>',
    "headers": {"X-Extension": "1001"},
    "variables": {"order": "42"},
    "timeout": "45s",
    "retry": {"on": ["USER_BUSY", "5xx"], "times": 3, "wait": "10s"},
}

_PLANNED = {
    "to": "7000",
    "account": "pbx",
    "request_uri": "sip:7000@pbx.example.com",
    "from": '"Ext 1001 is free" <1001>',
    "headers": {"X-Extension": "1001"},
    "timeout": 45.0,
    "retry": None,
}


def _page(item: Any) -> dict[str, Any]:
    return {"items": [item], "next": None}


def _act(request: Any) -> dict[str, Any]:
    return {"request": request, "response": _CALL}


EXAMPLES: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "GET /healthz": {"response": {"status": "ok"}},
        "GET /v1/status": {"response": _STATUS},
        "GET /v1/accounts": {"response": _page(_ACCOUNT)},
        "GET /v1/extensions": {"response": _page(_EXTENSION)},
        "GET /v1/rules": {"response": _page(_RULE)},
        "GET /v1/rules/{name}": {"response": _RULE},
        "POST /v1/rules/{name}/simulate": {
            "request": {"extension": "1001", "from": "on-the-phone", "to": "ready", "at": "2026-03-02T19:40:11+01:00"},
            "response": {
                "fires": False,
                "extension": "1001",
                "account": "pbx",
                "because": "hours: mon 2026-03-02 19:40 is outside mon-fri 08:00-18:00 Europe/Berlin",
                "actions": [],
                "conditions": [{"name": "edge", "passed": True, "detail": "", "reached": True}],
            },
        },
        "GET /v1/calls": {"response": _page(_CALL)},
        "POST /v1/calls": {
            "request": _WISH,
            "response": _CALL,
            "response 200": {"would": _PLANNED, "targets": [_PLANNED], "allowed": True, "why_not": ""},
        },
        "GET /v1/calls/{id}": {"response": {**_CALL, "ladder": _LADDER}},
        "DELETE /v1/calls/{id}": {"response": {**_CALL, "state": "ended", "cause": "NORMAL_CLEARING", "by": "local"}},
        "POST /v1/calls/{id}/play": _act({"play": "us-ring", "loops": 2}),
        "POST /v1/calls/{id}/record": _act({"record": "order-42.wav"}),
        "POST /v1/calls/{id}/dtmf": _act({"digits": "12#"}),
        "POST /v1/calls/{id}/hold": _act({"hold": True}),
        "POST /v1/calls/{id}/transfer": _act({"to": "1002"}),
        "POST /v1/bridges": {
            "request": {
                "a": "{origination_uuid=order-42}sofia/gateway/pbx/1001",
                "b": "user/1002",
                "ringback": "%(2000,4000,440,480)",
                "record": "order-42.mp3",
            },
            "response": _BRIDGE,
        },
        "GET /v1/bridges": {"response": _page(_BRIDGE)},
        "GET /v1/bridges/{id}": {"response": _BRIDGE},
        "DELETE /v1/bridges/{id}": {"response": {**_BRIDGE, "state": "failed", "cause": "ORIGINATOR_CANCEL"}},
        "POST /v1/callbacks": {
            "request": {"extension": "1001", "caller": "1002", "variables": {"order": "42"}, "expires": "1h"},
            "response": _CALLBACK,
        },
        "GET /v1/callbacks": {"response": _page(_CALLBACK)},
        "GET /v1/callbacks/{id}": {"response": _CALLBACK},
        "DELETE /v1/callbacks/{id}": {"response": {**_CALLBACK, "state": "cancelled", "position": None}},
    }
)
