"""Calls asked for over HTTP: held against [dial], written down, tried again, hung up, and once however often asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from robot.conftest import DIAL, settle
from web.conftest import WEB

from sipclient.errors import StoreError
from sipclient.protocol.events import Hangup, Transfer
from sipclient.robot import told
from sipclient.store import JobState

CALL = {"to": "7000"}


async def post(stage: Any, path: str = "/v1/calls", status: int = 201, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    response = await stage.client.post(path, json=body, headers=headers)
    assert response.status_code == status, response.text
    await settle()
    return response.json()


async def ended(stage: Any, id: str) -> Any:
    for _ in range(200):
        await settle()
        call = await stage.get(f"/v1/calls/{id}")
        if call["state"] == "ended":
            return call
        await asyncio.sleep(0.005)
    raise AssertionError("it has not ended")


async def test_a_call_from_its_request_to_its_end(stage: Any) -> None:
    await stage.start()
    made = await post(
        stage, to="7000", caller_id='"Ann" <1001>', headers={"X-A": "b"}, variables={"order_id": "42"}, timeout="30s"
    )
    assert (made["state"], made["to"], made["account"], made["direction"]) == ("waiting", "7000", "pbx", "out")
    (invite,) = stage.world.invites
    assert (invite.to, invite.caller_id) == ("7000", '"Ann" <1001>')
    assert dict(invite.headers) == {"X-A": "b", "X-order-id": "42"}
    assert invite.call_id.startswith(made["id"])
    call = await stage.get(f"/v1/calls/{made['id']}")
    assert (call["state"], call["variables"]) == ("answered", {"order_id": "42"})
    assert stage.world.jobs[made["id"]].state is JobState.CALLING
    stage.world.engine.end()
    call = await ended(stage, made["id"])
    assert (call["status"], call["cause"], call["by"]) == (200, "NORMAL_CLEARING", "remote")
    assert [each["event"] for each in call["timeline"]] == ["requested", "calling", "answered", "over", "ended"]
    await stage.world.clock.advance(1)
    assert stage.world.jobs[made["id"]].state is JobState.DONE
    assert len((await stage.get("/v1/calls"))["items"]) == 1


async def test_its_variables_are_filled_in(stage: Any) -> None:
    await stage.start()
    body = {"to": "{who=Ann}7000", "variables": {"order": "17"}, "headers": {"X-A": "{variables.who}"}}
    made = await post(stage, caller_id='"{variables.who}" <{variables.order}>', **body)
    (invite,) = stage.world.invites
    assert invite.caller_id == made["caller_id"] == '"Ann" <17>'
    assert dict(invite.headers) == {"X-A": "Ann", "X-who": "Ann", "X-order": "17"}


async def test_it_is_tried_again_as_it_says(stage: Any) -> None:
    await stage.start()
    stage.world.engine.outcomes = [486, 503, 486]
    retry = {"on": ["USER_BUSY", "5xx"], "times": 2, "wait": "1h"}
    made = await post(stage, to="7000", retry=retry)
    call = await stage.get(f"/v1/calls/{made['id']}")
    assert (call["state"], call["attempt"]) == ("waiting", 1) and call["retry_at"]
    for attempts in (2, 3):
        await stage.world.clock.advance(3599)
        assert len(stage.world.invites) == attempts - 1
        await stage.world.clock.advance(1)
        assert len(stage.world.invites) == attempts
    call = await ended(stage, made["id"])
    assert (call["attempt"], call["status"], call["cause"], call["by"]) == (3, 486, "USER_BUSY", "remote")
    assert len(stage.world.invites) == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "0900123456"}, 403, "not-allowed"),
        ({"to": "7000|0900123456"}, 403, "not-allowed"),
        ({"to": "sip:7000@evil.example.com"}, 403, "not-allowed"),
        ({"to": "7000", "account": "nobody"}, 422, "invalid-value"),
        ({"to": "{ringback=us-ring}7000"}, 422, "invalid-value"),
        ({"to": "7000", "caller_id": "{variables.no}"}, 422, "invalid-value"),
        ({"to": "7000", "headers": {"X-A": "{variables.no}"}}, 422, "invalid-value"),
        (
            {"to": "7000", "headers": {"X-A": "{variables.a}"}, "variables": {"a": "1\r\nX-Evil: 1"}},
            422,
            "invalid-value",
        ),
        ({"to": "{execute_on_answer=park}7000"}, 422, "invalid-value"),
        ({"to": "7000", "headers": {"X-A": "b\r\nX-Evil: 1"}}, 422, "invalid-value"),
        ({"to": "7000", "headers": {"X-A\r\nX-Evil": "b"}}, 422, "invalid-value"),
        ({"to": "7000", "headers": {"Via": "b"}}, 422, "invalid-value"),
        ({"to": "{sip_h_Route=<sip:x>}7000"}, 422, "invalid-value"),
        ({"to": "7000", "caller_id": "x\r\nEvil: 1"}, 422, "invalid-value"),
        ({"to": "7000", "variables": {"a\r\n": "b"}}, 422, "invalid-value"),
        ({"to": "7000", "variables": {"a": "\0"}}, 422, "invalid-value"),
        ({"to": "7000\r\nX: 1"}, 422, "invalid-value"),
        ({"to": "7000", "timeout": "soon"}, 422, "invalid-value"),
        ({"to": "7000", "timeout": 0}, 422, "invalid-value"),
        ({"to": "7000", "timeout": -1}, 422, "invalid-value"),
        ({"to": "7000", "retry": {"on": ["BUSY"]}}, 422, "invalid-value"),
        ({"to": "7000", "retry": {"on": []}}, 422, "invalid-value"),
        ({"to": "7000", "id": "a/b"}, 422, "invalid-value"),
        ({"to": "7000", "record": True}, 409, "media"),
        ({"to": "7000", "play": "us-ring"}, 409, "media"),
        ({"to": "7000", "play": "/etc/passwd"}, 422, "invalid-value"),
        ({"to": "7000", "play": "../secret.wav"}, 422, "invalid-value"),
        ({"to": "7000", "play": "tone_stream://path=/etc/passwd"}, 422, "invalid-value"),
        ({"to": "7000", "play": "file:///etc/passwd"}, 422, "invalid-value"),
        ({"to": "7000", "typo": 1}, 422, "invalid-value"),
        ({"to": 7000}, 422, "invalid-value"),
        ({}, 422, "invalid-value"),
        ({"to": ""}, 422, "invalid-value"),
    ],
)
async def test_what_is_refused_sends_and_writes_nothing(stage: Any, body: Any, status: int, code: str) -> None:
    await stage.start()
    problem = await post(stage, status=status, **body)
    assert problem["code"] == code and problem["detail"] and problem["instance"] == "/v1/calls"
    assert not stage.world.invites and not stage.world.jobs
    assert (await stage.get("/v1/calls"))["items"] == []


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'"x"', b"{\xff}", b'{"to": "7000"', b"[" * 60_000])
async def test_what_is_no_json_is_refused(stage: Any, body: bytes) -> None:
    await stage.start()
    response = await stage.client.post("/v1/calls", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422), response.text
    assert response.json()["code"] in ("bad-request", "invalid-value")


async def test_a_plan_says_what_would_be_sent_and_sends_nothing(stage: Any) -> None:
    await stage.start()
    body = {"to": "7000", "caller_id": "1001", "headers": {"X-A": "b"}, "retry": {"on": ["4xx"], "times": 2}}
    plan = await post(stage, "/v1/calls?plan=true", 200, **body)
    assert plan["allowed"] and plan["why_not"] == ""
    assert plan["would"] == {
        "to": "7000",
        "account": "pbx",
        "request_uri": "sip:7000@pbx.example.com",
        "from": "1001",
        "headers": {"X-A": "b"},
        "timeout": 45.0,
        "retry": {"on": ["400-499"], "times": 2, "wait": 10.0, "backoff": 1.0},
    }
    refused = await post(stage, "/v1/calls?plan=true", 200, to="0900")
    assert not refused["allowed"] and "does not name" in refused["why_not"]
    assert not stage.world.invites and not stage.world.jobs


async def test_a_dry_run_dials_nothing_and_says_so(stage: Any) -> None:
    await stage.start(dial=DIAL + WEB + "dry_run = true\n")
    made = await post(stage, to="7000")
    assert (made["state"], made["cause"]) == ("ended", "DRY_RUN")
    assert (await post(stage, "/v1/calls?plan=true", 200, to="7000"))["why_not"].startswith("dry run")
    assert not stage.world.invites
    bridge = await post(stage, "/v1/bridges", 422, a="7000", b="7001")
    assert "no sound" in bridge["detail"]


async def test_calls_wait_for_their_turn(stage: Any) -> None:
    await stage.start(dial=DIAL + "calls_at_once = 1\n" + WEB)
    first, second = await post(stage, to="7000"), await post(stage, to="7001")
    assert len(stage.world.invites) == 1
    assert (await stage.get(f"/v1/calls/{second['id']}"))["state"] == "waiting"
    assert (await stage.get("/v1/status"))["dial"]["waiting"] == 1
    stage.world.engine.end()
    await ended(stage, first["id"])
    await settle()
    assert (await stage.get(f"/v1/calls/{second['id']}"))["state"] == "answered"


async def test_hanging_up_whatever_state_it_is_in(stage: Any) -> None:
    await stage.start(dial=DIAL + "calls_at_once = 1\n" + WEB)
    up, waiting = await post(stage, to="7000"), await post(stage, to="7001")
    gone = await stage.client.delete(f"/v1/calls/{waiting['id']}")
    assert (gone.json()["state"], gone.json()["cause"]) == ("ended", "ORIGINATOR_CANCEL")
    assert len(stage.world.invites) == 1
    gone = await stage.client.delete(f"/v1/calls/{up['id']}?cause=USER_BUSY")
    assert (gone.status_code, gone.json()["state"], gone.json()["by"]) == (200, "ended", "local")
    assert [each.reason for each in stage.world.commanded(Hangup)]
    again = await stage.client.delete(f"/v1/calls/{up['id']}")
    assert (again.status_code, again.json()["state"]) == (200, "ended")
    assert (await stage.client.delete("/v1/calls/nobody")).status_code == 404
    assert (await stage.get("/v1/status"))["dial"] == {
        "calls_at_once": 1, "in_use": 0, "calls_per_second": 5.0, "waiting": 0,
    }  # fmt: skip


async def test_hanging_up_a_call_that_waits_for_another_attempt(stage: Any) -> None:
    await stage.start()
    stage.world.engine.outcomes = [486]
    made = await post(stage, to="7000", retry={"on": ["USER_BUSY"], "wait": "1h"})
    gone = (await stage.client.delete(f"/v1/calls/{made['id']}")).json()
    assert (gone["state"], gone["cause"], gone["by"]) == ("ended", "ORIGINATOR_CANCEL", "local")
    assert len(stage.world.invites) == 1


async def test_a_rules_call_is_hung_up_like_any_other(stage: Any) -> None:
    await stage.start()
    await stage.world.go("1001", "on-the-phone", "ready")
    (call,) = (await stage.get("/v1/calls"))["items"]
    gone = await stage.client.delete(f"/v1/calls/{call['id']}")
    assert gone.json()["state"] == "ended" and not stage.world.engine.live


async def test_what_needs_an_answered_call_says_so(stage: Any) -> None:
    await stage.start()
    stage.world.engine.outcomes = [486]
    made = await post(stage, to="7000")
    for action, body in (
        ("play", {"play": "us-ring"}),
        ("record", {}),
        ("dtmf", {"digits": "1"}),
        ("hold", {}),
        ("transfer", {"to": "7001"}),
    ):
        assert (await post(stage, f"/v1/calls/{made['id']}/{action}", 409, **body))["code"] == "not-answered"
        assert (await post(stage, f"/v1/calls/nobody/{action}", 404, **body))["code"] == "not-found"


async def test_a_call_without_sound_plays_and_records_nothing(stage: Any) -> None:
    await stage.start()
    made = await post(stage, to="7000")
    path = f"/v1/calls/{made['id']}"
    assert (await post(stage, f"{path}/play", 409, play="us-ring"))["code"] == "media"
    assert (await post(stage, f"{path}/play", 422))["detail"] == "play: say what is to be played"
    assert (await post(stage, f"{path}/record", 409))["code"] == "media"
    assert (await post(stage, f"{path}/record", 409, stop=True))["code"] == "refused"
    assert (await post(stage, f"{path}/dtmf", 422, digits="x"))["code"] == "invalid-value"
    assert (await post(stage, f"{path}/transfer", 403, to="0900"))["code"] == "not-allowed"
    assert not stage.world.commanded(Transfer)


# --- Idempotency-Key --------------------------------------------------------------------------------


async def test_two_hundred_requests_at_once_with_one_key_are_one_call(stage: Any) -> None:
    await stage.start()
    headers = {"Idempotency-Key": "a-key"}
    answers = await asyncio.gather(*(stage.client.post("/v1/calls", json=CALL, headers=headers) for _ in range(200)))
    await settle()
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["id"] for each in answers}) == 1
    assert len({each.content for each in answers}) == 1
    assert sum("idempotent-replayed" not in each.headers for each in answers) == 1
    assert len(stage.world.invites) == 1 and len(stage.world.jobs) == 1


async def test_the_first_answer_comes_again_and_another_body_is_refused(stage: Any) -> None:
    await stage.start()
    first = await post(stage, key="k", to="7000", timeout=45)
    stage.world.engine.end()
    await ended(stage, first["id"])
    response = await stage.client.post(
        "/v1/calls", content=b'{"timeout": 45.0, "to":"7000"}',
        headers={"Idempotency-Key": "k", "Content-Type": "application/json"},
    )  # fmt: skip
    assert (response.status_code, response.json()) == (201, first)
    assert response.headers["idempotent-replayed"] == "true"
    assert (await post(stage, key="k", status=409, to="7001"))["code"] == "idempotency-key"
    assert len(stage.world.invites) == 1
    await post(stage, key="k2", to="7000")
    assert len(stage.world.invites) == 2


async def test_a_key_survives_a_restart_and_ends_after_a_day(stage: Any) -> None:
    await stage.start()
    first = await post(stage, key="k", to="7000")
    await stage.die()
    await stage.start()
    assert (await post(stage, key="k", to="7000"))["id"] == first["id"]
    assert len(stage.world.invites) == 1
    (abandoned,) = stage.world.of(told.JobAbandoned)
    assert (abandoned.job, abandoned.to) == (first["id"], "7000")
    await stage.world.clock.advance(1)
    call = await stage.get(f"/v1/calls/{first['id']}")
    assert (call["state"], call["to"], call["reason"]) == ("ended", "7000", "abandoned")
    assert (await stage.client.delete(f"/v1/calls/{first['id']}")).status_code == 200
    await stage.world.clock.advance(24 * 3600 + 1)
    assert (await post(stage, key="k", to="7000"))["id"] != first["id"]


async def test_a_refusal_is_not_kept(stage: Any) -> None:
    await stage.start()
    await post(stage, key="k", status=403, to="0900")
    await post(stage, key="k", to="7000")


@pytest.mark.parametrize("key", [" ", "a b", "\x80", "x" * 256])
async def test_what_is_no_key_is_refused(stage: Any, key: str) -> None:
    await stage.start()
    response = await stage.client.post("/v1/calls", json=CALL, headers={"Idempotency-Key": key.encode("latin-1")})
    assert response.status_code == 422 and not stage.world.invites


async def test_where_nothing_can_be_written_nothing_is_called(stage: Any) -> None:
    await stage.start()
    stage.store.trouble = "the disk is full"
    assert (await post(stage, key="k", status=503, to="7000"))["code"] == "store"
    assert (await post(stage, status=503, to="7000"))["code"] == "store"
    assert not stage.world.invites
    stage.store.trouble = ""

    async def full(answer: Any) -> bool:
        raise StoreError("the disk is full now")

    stage.store.answers.keep = full
    assert (await post(stage, key="k", status=503, to="7000"))["code"] == "store"
    assert not stage.world.invites
    (call,) = (await stage.get("/v1/calls"))["items"]
    assert (call["state"], call["reason"]) == ("ended", "it was not begun")
