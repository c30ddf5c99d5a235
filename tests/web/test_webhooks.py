"""Webhooks: what is told arrives, signed, in order, once, whatever the other server does meanwhile."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from sipclient.config import load
from sipclient.errors import StoreError
from sipclient.robot import told
from sipclient.store import Store, open_store
from sipclient.web.webhooks import Webhooks, webhooks
from sipclient.web.webhooks.posting import Reply, place_of
from sipclient.web.webhooks.signing import key_of, signed
from tests.robot.conftest import Clock

ACCOUNT = '[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n'
OK, DOWN = Reply(204), Reply(503)


class Receiver:
    """Somebody else's server: answers as told, and keeps what it took."""

    def __init__(self) -> None:
        self.reply = OK
        self.tries = 0
        self.taken: list[dict[str, Any]] = []
        self.heads: list[dict[str, str]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        self.tries += 1
        if self.reply.taken:
            self.taken.append(json.loads(body))
            self.heads.append(dict(headers))
        return self.reply

    async def aclose(self) -> None:
        """Nothing is open."""


class Stage:
    """Webhooks on a store in memory, in virtual time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.receiver = Receiver()
        self.told: list[told.Told] = []
        self.webhooks: Webhooks

    async def start(self, table: str = 'url = "https://example.com/hook?key=secret"', run: str = "run1") -> Webhooks:
        hooks = load(f"{ACCOUNT}[[webhooks]]\n{table}\n").webhooks
        clock = self.clock
        self.webhooks = Webhooks(hooks, self.store.outbox, self.receiver, clock, clock.wall, self.told.append, run)
        await self.webhooks.begin()
        return self.webhooks

    async def until(self, condition: Callable[[], bool]) -> None:
        """The store has a thread of its own: turn the loop until it has done its part."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the thread sets no event of ours
                await asyncio.sleep(0)

    async def idle(self) -> None:
        """All that can be done at this moment is done."""
        await self.until(lambda: not self.webhooks.busy)

    async def advance(self, seconds: float) -> None:
        """In steps, after each of which the store has its turn."""
        steps = max(1, min(int(seconds), 400))
        for _ in range(steps):
            await self.clock.advance(seconds / steps)
            await self.idle()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_store("sqlite::memory:") as store:
        stage = Stage(store)
        yield stage
        with suppress(AttributeError):
            await stage.webhooks.aclose()


def placed(job: str = "q/pbx/1001/1", attempt: int = 1) -> told.CallPlaced:
    return told.CallPlaced(job, attempt, "pbx", "7000", "", "call-id@here")


def over(job: str = "q/pbx/1001/1", attempt: int = 1) -> told.CallOver:
    return told.CallOver(job, attempt, 200, "NORMAL_CLEARING", 16, "", "them", True)


async def test_events_arrive_in_order_with_the_numbers_of_their_webhook(stage: Stage) -> None:
    hooks = await stage.start()
    for news in (placed(), told.CallAnswered("q/pbx/1001/1"), over()):
        hooks.hear(news)
    await stage.idle()
    taken = stage.receiver.taken
    assert [(each["seq"], each["event"]) for each in taken] == [
        (1, "call-placed"),
        (2, "call-answered"),
        (3, "call-over"),
    ]
    assert [each["id"] for each in taken] == ["q/pbx/1001/1.1.begin", "run1.2", "q/pbx/1001/1.1.end"]
    assert taken[2]["cause"] == "NORMAL_CLEARING" and taken[0]["at"] == "2026-03-02T12:00:00.000+00:00"


async def test_only_what_a_webhook_asks_for(stage: Stage) -> None:
    hooks = await stage.start('url = "https://example.com/h"\nevents = ["call-*", "rule-fired"]')
    for news in (told.Stopped(), placed(), told.Notice("info", "x"), told.RuleFired("q", "pbx", "1", 1, "j", "b")):
        hooks.hear(news)
    await stage.idle()
    assert [(each["seq"], each["event"]) for each in stage.receiver.taken] == [(1, "call-placed"), (2, "rule-fired")]


async def test_a_signature_proves_the_body(stage: Stage) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
    hooks = await stage.start(f'url = "https://example.com/h"\nsecret = "{secret}"')
    hooks.hear(over())
    await stage.idle()
    head = stage.receiver.heads[0]
    body = json.dumps(stage.receiver.taken[0], separators=(",", ":")).encode()
    content = f"{head['Webhook-Id']}.{head['Webhook-Timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"0123456789abcdef", content, hashlib.sha256)).decode()
    assert head["Webhook-Signature"] == f"v1,{expected}"
    assert head["Webhook-Id"] == "q/pbx/1001/1.1.end" and head["Webhook-Timestamp"] == "1772452800"


def test_a_signature_of_the_specification() -> None:
    """The example that Standard Webhooks gives with its libraries."""
    headers = signed(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert "Webhook-Signature" not in signed("", "id", 1, b"{}")
    assert key_of("plain") == b"plain"


async def test_a_webhook_that_is_down_is_asked_less_and_less_and_gets_everything(stage: Stage) -> None:
    hooks = await stage.start()
    stage.receiver.reply = DOWN
    hooks.hear(placed())
    await stage.idle()
    assert stage.receiver.tries == 1
    for seconds, tries in ((0.9, 1), (0.2, 2), (2, 3), (4, 4), (8, 5), (3600, 15)):
        await stage.advance(seconds)
        assert stage.receiver.tries == tries, seconds
    hooks.hear(over())
    await stage.idle()
    assert stage.receiver.tries == 15  # no more often because there is more
    stage.receiver.reply = OK
    await stage.advance(600)
    assert [each["event"] for each in stage.receiver.taken if each["event"] != "notice"] == ["call-placed", "call-over"]
    assert [each["seq"] for each in stage.receiver.taken] == list(range(1, len(stage.receiver.taken) + 1))
    texts = [each.text for each in stage.told if isinstance(each, told.Notice)]
    assert texts == [
        "webhook https://example.com: it answered 503; what is to be told waits",
        "webhook https://example.com: delivers again",
    ]


async def test_a_server_may_ask_for_a_longer_pause_within_reason(stage: Stage) -> None:
    hooks = await stage.start()
    stage.receiver.reply = Reply(429, after=30)
    hooks.hear(placed())
    await stage.idle()
    await stage.advance(29)
    assert stage.receiver.tries == 1
    stage.receiver.reply = Reply(429, after=10**6)
    await stage.advance(2)
    assert stage.receiver.tries == 2
    stage.receiver.reply = OK
    await stage.advance(3600)
    assert stage.receiver.taken


async def test_after_a_day_an_event_is_given_up_and_the_next_has_its_turn(stage: Stage) -> None:
    hooks = await stage.start()
    stage.receiver.reply = DOWN
    hooks.hear(placed())
    await stage.idle()
    await stage.advance(86_000)
    hooks.hear(over())
    await stage.advance(1000)
    stage.receiver.reply = OK
    await stage.advance(600)
    assert [(each["seq"], each["event"]) for each in stage.receiver.taken] == [(2, "call-over")]
    assert any("event 1 is given up after 24 hours" in each.words() for each in stage.told)


async def test_a_call_has_one_end_also_where_a_crash_came_between(stage: Stage) -> None:
    hooks = await stage.start()
    hooks.hear(placed("mine"))
    hooks.hear(placed("q/pbx/1001/1"))
    hooks.hear(placed("q/pbx/1001/2"))
    hooks.hear(over("q/pbx/1001/2"))
    await stage.idle()
    await hooks.aclose()  # as good as kill -9: nothing else is written

    hooks = await stage.start(run="run2")
    hooks.hear(told.JobAbandoned("q/pbx/1001/1", "7000", "cut short", 1))
    hooks.hear(told.JobAbandoned("q/pbx/1001/2", "7000", "its end was not on the disk", 1))
    await stage.idle()
    assert hooks.owed() == [told.JobAbandoned("mine", "7000", webhooks._LOST, 1)]
    for news in hooks.owed():
        hooks.hear(news)
    await stage.idle()
    assert not hooks.owed()
    ends = [(each["job"], each["event"]) for each in stage.receiver.taken if each["id"].endswith(".end")]
    assert ends == [("q/pbx/1001/2", "call-over"), ("q/pbx/1001/1", "job-abandoned"), ("mine", "job-abandoned")]


async def test_an_order_that_a_crash_cut_short_ends_by_the_ends_of_its_calls(stage: Stage) -> None:
    """A call over HTTP, or a hook, is written down as one thing, and what it calls is told of call by call."""
    hooks = await stage.start()
    hooks.hear(placed("mine call 1"))
    await stage.idle()
    await hooks.aclose()
    hooks = await stage.start(run="run2")
    hooks.hear(told.JobAbandoned("mine", "7000", "cut short", 1))
    for news in hooks.owed():
        hooks.hear(news)
    hooks.hear(told.JobAbandoned("other", "7000", "cut short", 1))
    await stage.idle()
    ends = [each["job"] for each in stage.receiver.taken if each["event"] == "job-abandoned"]
    assert ends == ["mine call 1", "other"]


async def test_what_was_not_delivered_waits_for_the_next_run(stage: Stage) -> None:
    hooks = await stage.start()
    stage.receiver.reply = Reply(problem="ConnectError: nobody there")
    hooks.hear(placed())
    await stage.idle()
    await hooks.aclose()
    stage.receiver.reply = OK
    await stage.start(run="run2")
    await stage.until(lambda: len(stage.receiver.taken) == 1)
    assert stage.receiver.taken[0]["id"] == "q/pbx/1001/1.1.begin"


async def test_a_store_that_fails_costs_time_and_no_event(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = await stage.start()
    post = stage.store.outbox.post

    async def full(*_: Any) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr(stage.store.outbox, "post", full)
    hooks.hear(placed())
    await stage.idle()
    hooks.hear(over())
    await stage.advance(webhooks.PAUSE)
    assert not stage.receiver.taken
    monkeypatch.setattr(stage.store.outbox, "post", post)
    await stage.advance(webhooks.PAUSE)
    assert [each["event"] for each in stage.receiver.taken] == ["call-placed", "call-over"]


async def test_a_webhook_that_is_gone_gets_nothing_more_and_one_that_stays_goes_on(stage: Stage) -> None:
    hooks = await stage.start()
    hooks.hear(placed())
    await stage.idle()
    hooks.adopt(
        load(f'{ACCOUNT}[[webhooks]]\nurl = "https://example.com/hook?key=secret"\nevents = ["call-over"]').webhooks
    )
    hooks.hear(told.CallAnswered("q/pbx/1001/1"))
    hooks.hear(over())
    await stage.idle()
    hooks.adopt(())
    hooks.hear(placed("another"))
    await stage.idle()
    assert [(each["seq"], each["event"]) for each in stage.receiver.taken] == [(1, "call-placed"), (2, "call-over")]


async def test_a_webhook_that_is_away_too_long_loses_the_oldest(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST", 3)
    hooks = await stage.start('url = "https://example.com/h"\nevents = ["call-*"]')
    stage.receiver.reply = DOWN
    for n in range(9):
        hooks.hear(placed(f"job{n}"))
    await stage.idle()
    await stage.advance(3600)
    hooks.hear(placed("last"))
    await stage.idle()
    stage.receiver.reply = OK
    await stage.advance(600)
    assert [each["job"] for each in stage.receiver.taken] == ["job7", "job8", "last"]
    assert any("events lost, the oldest first: 7" in each.words() for each in stage.told)


def test_a_place_is_shown_without_what_may_be_secret() -> None:
    assert place_of("https://user:pass@example.com:8443/secret?token=1") == "https://example.com:8443"
    assert place_of("http://[::1]/x") == "http://[::1]"
