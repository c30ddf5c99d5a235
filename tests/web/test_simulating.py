"""A rule asked what it would do, over HTTP, by a robot in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from robot.conftest import DIAL
from web.conftest import WEB

RULES = """
[[rules]]
name = "queue"
when = { extensions = ["1001"] }
settle = "2s"
hours = { days = "mon-fri", from = "08:00", to = "18:00", timezone = "UTC" }
call = { to = "7000", caller_id = '"Ext {extension}" <{extension}>', headers = { X-Extension = "{extension}" } }
[[rules]]
name = "limited"
limit = "1 per hour"
call = { to = "7000" }
[[rules]]
name = "asked"
armed = "on-request"
call = { to = "7000" }
[[rules]]
name = "forbidden"
call = { to = "{extension}9" }
"""


ALL = ["extensions", "edge", "missed", "once", "settle", "armed", "hours", "limit", "template", "allow", "dry-run"]


async def ask(stage: Any, rule: str, status: int = 200, **question: str) -> Any:
    """What it answers."""
    response = await stage.client.post(f"/v1/rules/{rule}/simulate", json=question)
    assert response.status_code == status, response.text
    return response.json()


def failing(answer: Any) -> list[str]:
    return [each["name"] for each in answer["conditions"] if not each["passed"]]


async def test_what_would_be_sent(stage: Any) -> None:
    await stage.start(RULES)
    answer = await ask(stage, "queue")
    assert (answer["fires"], answer["extension"], failing(answer)) == (True, "1001", [])
    assert answer["because"] == "1001 would go from on-the-phone to ready"
    wait, call = answer["actions"]
    assert wait == {"kind": "wait", "seconds": 2.0}
    assert call["to"] == "7000" and call["caller_id"] == '"Ext 1001" <1001>'
    assert call["headers"] == {"X-Extension": "1001"}
    assert [each["name"] for each in answer["conditions"]] == ALL
    assert all(each["reached"] for each in answer["conditions"])
    rules = (await stage.get("/v1/rules"))["items"]
    assert [rule["fired_total"] for rule in rules] == [0, 0, 0, 0]  # nothing happened
    assert (await stage.get("/v1/calls"))["items"] == []


@pytest.mark.parametrize(
    ("rule", "question", "first", "detail"),
    [
        ("queue", {"at": "2026-03-02T19:00:00Z"}, "hours", "is outside"),
        ("queue", {"from": "ready", "to": "ringing"}, "edge", "ready to ringing is not on-the-phone to ready"),
        ("queue", {"extension": "1002"}, "extensions", "1002 of pbx is not among 1001"),
        ("queue", {"extension": "4711"}, "watched", "4711 is not watched"),
        ("asked", {"extension": "1001"}, "armed", "nobody camps on 1001"),
        ("forbidden", {"extension": "1001"}, "allow", '[dial] allow does not name "10019"'),
    ],
)
async def test_why_not(stage: Any, rule: str, question: dict[str, str], first: str, detail: str) -> None:
    await stage.start(RULES)
    answer = await ask(stage, rule, **question)
    assert not answer["fires"] and failing(answer)[0] == first
    assert detail in answer["because"]
    (action,) = answer["actions"]
    assert (action["kind"], action["condition"]) == ("suppressed", first)


async def test_a_limit_that_is_used_up_is_free_again_later(stage: Any) -> None:
    await stage.start(RULES)
    await stage.world.go("1001", "on-the-phone", "ready")
    assert failing(await ask(stage, "limited", extension="1001")) == ["limit"]
    assert (await ask(stage, "limited", extension="1001", at="2026-03-02T15:00:00Z"))["fires"]


async def test_an_extension_that_talks_would_close_the_episode_it_is_in(stage: Any) -> None:
    await stage.start(RULES)
    await stage.world.go("1001", "on-the-phone", "ringing")
    assert (await ask(stage, "limited", **{"extension": "1001", "from": "ringing"}))["fires"]
    answer = await ask(stage, "limited", **{"extension": "1001", "from": "ringing", "to": "on-hold"})
    assert failing(answer) == ["edge"]


async def test_a_dry_run_says_what_would_be_next(stage: Any) -> None:
    await stage.start(RULES, dial=DIAL + WEB + "dry_run = true\n")
    answer = await ask(stage, "limited", extension="1001")
    assert failing(answer) == ["dry-run"] and "7000 would have been next" in answer["because"]


async def test_questions_that_cannot_be_answered(stage: Any) -> None:
    await stage.start(RULES)
    assert (await ask(stage, "nothing", 404))["code"] == "not-found"
    assert (await ask(stage, "queue", 422, at="2026-03-02T19:00:00"))["code"] == "invalid-value"
    assert (await ask(stage, "queue", 422, to="asleep"))["code"] == "invalid-value"
    assert (await ask(stage, "queue", 422, account="other"))["code"] == "invalid-value"


async def test_every_condition_is_listed_and_what_was_not_reached_says_so(stage: Any) -> None:
    await stage.start('[[rules]]\nname = "odd"\narmed = "on-request"\ncall = { to = "{variables.who}" }\n')
    answer = await ask(stage, "odd", extension="1001")
    assert [each["name"] for each in answer["conditions"]] == ALL
    told = {each["name"]: each for each in answer["conditions"]}
    assert told["settle"] == {"name": "settle", "passed": True, "detail": "the rule waits for nothing", "reached": True}
    assert not told["template"]["passed"] and told["template"]["reached"]
    for name in ("allow", "dry-run"):
        assert told[name] == {"name": name, "passed": False, "detail": "not reached", "reached": False}
    answer = await ask(stage, "odd", extension="4711")
    assert [each["name"] for each in answer["conditions"]] == ["watched", *ALL]
    assert [each["reached"] for each in answer["conditions"]] == [True, *([False] * len(ALL))]
