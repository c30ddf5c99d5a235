"""What is so, over HTTP: fed by the events of a robot in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from robot.conftest import DIAL, HEAD, QUEUE
from web.conftest import WEB

from sipclient.config import load
from sipclient.presence import State
from sipclient.protocol.events import CallEnded, RegistrationLost, Ringing, WatchProblem

TWO = """
[[rules]]
name = "queue"
when = { extensions = ["1001"] }
settle = "2s"
limit = "1 per hour"
call = { to = "7000", retry = { on = ["USER_BUSY"], times = 2, wait = "10s" } }
[[rules]]
name = "lunch"
when = { extensions = ["1002"], from = "ready", to = ["offline", "ringing"] }
call = { to = "7001", account = "pbx" }
"""


async def test_status(stage: Any) -> None:
    await stage.start()
    await stage.world.clock.advance(5)
    status = await stage.get("/v1/status")
    assert status["dial"] == {"calls_at_once": 20, "in_use": 0, "calls_per_second": 5.0, "waiting": 0}
    assert status["accounts"] == {"total": 1, "registered": 1}
    assert status["subscriptions"] == {"total": 6, "lost": 0}
    assert (status["uptime"], status["started"], status["dry_run"]) == (5.0, "2026-03-02T12:00:00Z", False)
    stage.views.findings = ["robot.toml:3: beware"]
    assert (await stage.get("/v1/status"))["findings"] == ["robot.toml:3: beware"]
    await stage.world.go("1001", "on-the-phone", "ready")
    assert (await stage.get("/v1/status"))["dial"]["in_use"] == 1


async def test_the_lag_of_the_loop_is_how_late_the_clock_rang(stage: Any) -> None:
    await stage.start()
    clock = stage.world.clock
    await clock.advance(0.5)
    clock.now += 0.75  # something kept it busy
    await clock.advance(0)
    assert (await stage.get("/v1/status"))["loop_lag"] == pytest.approx(0.25)
    await clock.advance(3)
    assert (await stage.get("/v1/status"))["loop_lag"] == 0


async def test_accounts(stage: Any) -> None:
    await stage.start()
    (account,) = (await stage.get("/v1/accounts"))["items"]
    assert (account["name"], account["registered"], account["expires"]) == ("pbx", True, 300.0)
    assert (account["since"], account["last_error"]) == ("2026-03-02T12:00:00Z", None)
    assert account["subscriptions"] == {"active": 6, "pending": 0, "lost": 0}
    await stage.world.clock.advance(60)
    stage.world.engine.emit(RegistrationLost("pbx", 403, "Forbidden", -1.0))
    (account,) = (await stage.get("/v1/accounts"))["items"]
    assert (account["registered"], account["since"]) == (False, "2026-03-02T12:01:00Z")
    assert account["last_error"] == {
        "at": "2026-03-02T12:01:00Z",
        "status": 403,
        "reason": "Forbidden",
        "retry_in": -1.0,
    }
    await stage.world.go("1001", "on-the-phone", "ready")
    assert (await stage.get("/v1/accounts"))["items"][0]["calls"] == 1


async def test_the_presence_board(stage: Any) -> None:
    await stage.start()
    await stage.world.clock.advance(30)
    await stage.world.go("1001", "on-the-phone", "ready", "on-the-phone")
    first, second, third = (await stage.get("/v1/extensions"))["items"]
    assert (first["extension"], first["state"], first["since"]) == ("1001", "on-the-phone", "2026-03-02T12:00:30Z")
    assert (first["episode"], first["open"], first["flaps"], first["callbacks"]) == (2, True, 3, 0)
    assert (second["state"], second["open"], second["flaps"]) == ("ready", False, 0)
    assert third["subscriptions"] == [
        {"package": "presence", "state": "active", "reason": ""},
        {"package": "dialog", "state": "active", "reason": ""},
    ]
    await stage.world.clock.advance(601)
    assert (await stage.get("/v1/extensions"))["items"][0]["flaps"] == 0
    assert [each["extension"] for each in (await stage.get("/v1/extensions?state=ready"))["items"]] == ["1002", "1003"]
    assert (await stage.get("/v1/extensions?account=other"))["items"] == []


async def test_a_subscription_that_is_lost_shows_until_the_state_is_known_again(stage: Any) -> None:
    await stage.start()
    stage.world.engine.emit(WatchProblem(1, "pbx", "1001", "dialog", 489, "Bad Event", 3600.0, True))
    stage.world.engine.emit(WatchProblem(1, "pbx", "stranger", "dialog", 489, "Bad Event", 3600.0, True))
    (first, *_) = (await stage.get("/v1/extensions"))["items"]
    assert first["subscriptions"][1] == {"package": "dialog", "state": "lost", "reason": "489 Bad Event"}
    assert (await stage.get("/v1/status"))["subscriptions"] == {"total": 6, "lost": 1}
    await stage.world.go("1001", "ringing")
    assert (await stage.get("/v1/status"))["subscriptions"]["lost"] == 0


async def test_a_board_of_one_page_after_another(stage: Any) -> None:
    await stage.start()
    found, cursor = [], ""
    while True:
        page = await stage.get(f"/v1/extensions?limit=2&cursor={cursor}")
        found += [each["extension"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == ["1001", "1002", "1003"]
    assert (await stage.get("/v1/extensions?limit=3"))["next"] is None
    assert (await stage.get("/v1/extensions?cursor=pbx/9999", 422))["code"] == "cursor"


async def test_rules_and_why_they_did_not_act(stage: Any) -> None:
    await stage.start(TWO)
    queue, lunch = (await stage.get("/v1/rules"))["items"]
    assert (queue["settle"], queue["limit"], queue["action"]) == (2.0, "1 per hour", "call 7000")
    assert (queue["last_fired"], queue["fired_total"], queue["next_allowed"]) == (None, 0, None)
    assert (lunch["from"], lunch["to"], lunch["extensions"]) == (["ready"], ["offline", "ringing"], ["1002"])
    await stage.world.go("1001", "on-the-phone")
    queue = await stage.get("/v1/rules/queue")
    assert queue["last_decision"]["condition"] == "edge"
    await stage.world.go("1001", "ready", "ringing")
    queue = await stage.get("/v1/rules/queue")
    assert queue["last_decision"]["condition"] in ("settle", "edge") and queue["suppressed_total"] == 1
    await stage.world.go("1001", "on-the-phone", "ready")
    await stage.world.clock.advance(3)
    queue = await stage.get("/v1/rules/queue")
    assert queue["last_fired"]["because"].startswith("1001 went from on-the-phone to ready")
    assert queue["last_fired"]["job"] == "queue/pbx/1001/2"
    assert (queue["fired_total"], queue["next_allowed"]) == (1, "2026-03-02T13:00:02Z")
    await stage.world.go("1001", "on-the-phone", "ready")
    await stage.world.clock.advance(3)
    queue = await stage.get("/v1/rules/queue?account=pbx&extension=1001")
    assert queue["last_decision"]["condition"] == "limit"
    assert queue["last_decision"]["detail"].startswith("1 per hour is used up")
    assert queue["last_suppressed"]["condition"] == "limit"
    assert (await stage.get("/v1/rules/nobody", 404))["detail"] == "there is no rule nobody"


async def test_a_rule_that_a_reload_took_is_forgotten(stage: Any) -> None:

    robot = await stage.start()
    await stage.world.go("1001", "on-the-phone", "ready")
    other = QUEUE.replace('"queue"', '"other"')
    await robot.reload(load(HEAD.replace(', "1003"', "") + other + DIAL + WEB), {})
    (rule,) = (await stage.get("/v1/rules"))["items"]
    assert (rule["name"], rule["fired_total"]) == ("other", 0)
    board = (await stage.get("/v1/extensions"))["items"]
    assert [(each["extension"], each["episode"]) for each in board] == [("1001", 1), ("1002", 0)]


async def test_a_call_of_a_rule_from_its_beginning_to_its_end(stage: Any) -> None:
    await stage.start(TWO)
    world = stage.world
    world.engine.outcomes = [486, 200]
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(2.5)
    (call,) = (await stage.get("/v1/calls"))["items"]
    assert (call["state"], call["retry_at"], call["ended"]) == ("waiting", "2026-03-02T12:00:12Z", None)
    await world.clock.advance(10)
    world.engine.emit(Ringing(world.invites[1].id, 180, "Ringing"))
    (call,) = (await stage.get("/v1/calls"))["items"]
    assert (call["state"], call["to"], call["rule"], call["extension"]) == ("answered", "7000", "queue", "1001")
    assert (call["attempt"], call["call_id"], call["retry_at"]) == (2, "call-2", None)
    world.engine.end()
    (call,) = (await stage.get("/v1/calls"))["items"]
    assert (call["state"], call["cause"], call["status"], call["by"]) == ("ended", "NORMAL_CLEARING", 200, "remote")
    assert [each["event"] for each in call["timeline"]] == [
        "calling", "ended", "waiting", "calling", "answered", "ringing", "ended",
    ]  # fmt: skip
    assert (await stage.get("/v1/calls?state=answered"))["items"] == []
    assert len((await stage.get("/v1/calls?state=ended&account=pbx"))["items"]) == 1


async def test_only_the_latest_calls_are_remembered(stage: Any) -> None:
    await stage.start()
    stage.views.calls._most = 2
    for _ in range(4):
        await stage.world.go("1001", "on-the-phone", "ready")
        stage.world.engine.end()
    found = (await stage.get("/v1/calls"))["items"]
    assert [call["job"] for call in found] == ["queue/pbx/1001/4", "queue/pbx/1001/3"]
    assert len(stage.views.calls) == 2


async def test_a_call_that_ends_unasked_for_is_nobodys(stage: Any) -> None:
    await stage.start()
    stage.views.heard(CallEnded(99, 200, "NORMAL_CLEARING", 16, "", "remote", True))
    assert (await stage.get("/v1/calls"))["items"] == []


async def test_the_description_is_openapi_31(stage: Any) -> None:
    await stage.start()
    described = await stage.get("/openapi.json")
    assert described["openapi"].startswith("3.1")
    assert set(State) == set(described["components"]["schemas"]["State"]["enum"])
    assert {"/healthz", "/v1/status", "/v1/events", "/v1/calls"} <= set(described["paths"])
    for path in described["paths"].values():
        for operation in path.values():
            assert operation["summary"] and operation["description"] and operation["tags"]


async def test_prometheus_reads_the_metrics(stage: Any) -> None:
    await stage.start()
    await stage.world.go("1001", "on-the-phone", "ready")
    answer = await stage.client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=")
    assert 'sipclient_rule_firings_total{rule="queue"} 1.0' in answer.text
    asked = {"accept": "application/openmetrics-text; version=1.0.0; charset=utf-8"}
    answer = await stage.client.get("/metrics", headers=asked)
    assert answer.headers["content-type"].startswith("application/openmetrics-text") and "# EOF" in answer.text
