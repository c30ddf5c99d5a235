"""What the robot does, as OpenTelemetry spans, and their way to a collector."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from robot.conftest import HEAD, settle

from sipclient.config import OtelConfig, load
from sipclient.config.model import Text
from sipclient.errors import InvalidValue
from sipclient.face.progress import BridgeProgress
from sipclient.protocol.events import Calling
from sipclient.robot import files, told
from sipclient.robot.hooks import NO_HOOKS
from sipclient.robot.spans import Spans, exporting, spans
from sipclient.robot.spans import open as open_spans
from sipclient.robot.spans.exporting import exported, provider_of

RETRY = '[[rules]]\nname = "queue"\ncall = { to = "7000", retry = { on = ["USER_BUSY"], times = 1, wait = "10s" } }\n'


class Seen:
    """An observer of the robot on the stage, and the spans that have ended."""

    def __init__(self, stage: Any) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self.spans = Spans(provider.get_tracer("test"), stage.world.clock.wall)

    def ended(self) -> list[ReadableSpan]:
        return list(self._memory.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        (found,) = (each for each in self.ended() if each.name == name)
        return found


@pytest.fixture
def seen(stage: Any) -> Seen:
    return Seen(stage)


def about(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("sipclient."): value for name, value in (span.attributes or {}).items()}


def lasted(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    assert parent.context is not None
    return child.parent is not None and child.parent.span_id == parent.context.span_id


# --- rules ----------------------------------------------------------------------------------------------


async def test_a_firing_is_a_span_and_its_call_a_child(stage: Any, seen: Seen) -> None:
    await stage.start(observers=[seen.spans])
    world = stage.world
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(12)
    assert seen.ended() == []
    world.engine.end()
    await world.clock.advance(1)
    call, rule = seen.ended()
    assert (call.name, rule.name) == ("call", "rule queue") and is_child(call, rule)
    expected = {"rule": "queue", "account": "pbx", "extension": "1001", "episode": 1}
    assert about(rule).items() >= expected.items() and about(rule)["because"]
    expected = {"to": "7000", "call_id": "call-1", "attempt": 1, "status": 200, "answered": True}
    assert about(call).items() >= (expected | {"cause": "NORMAL_CLEARING", "by": "remote"}).items()
    assert [event.name for event in call.events] == ["answered"]
    assert (lasted(call), lasted(rule)) == (12, 12)
    assert {each.status.status_code for each in (call, rule)} == {StatusCode.UNSET}


async def test_attempts_are_children_of_one_firing(stage: Any, seen: Seen) -> None:
    await stage.start(RETRY, observers=[seen.spans])
    world = stage.world
    world.engine.outcomes = [486, 486]
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(5)
    assert [each.name for each in seen.ended()] == ["call"]
    await world.clock.advance(10)
    first, second, rule = seen.ended()
    assert [about(each)["attempt"] for each in (first, second)] == [1, 2]
    assert is_child(first, rule) and is_child(second, rule) and lasted(rule) == 10
    assert "another attempt" in [event.name for event in rule.events]
    for each in (first, second, rule):
        assert (each.status.status_code, each.status.description) == (StatusCode.ERROR, "486 USER_BUSY")


async def test_a_firing_ends_where_no_further_attempt_is_made(stage: Any, seen: Seen) -> None:
    await stage.start(RETRY, observers=[seen.spans])
    world = stage.world
    world.engine.outcomes = [486]
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(2)
    await world.go("1001", "on-the-phone")
    await world.clock.advance(20)
    rule = seen.one("rule queue")
    assert rule.status.description == "486 USER_BUSY" and rule.events[-1].name == "no further attempt"


async def test_a_firing_ends_with_its_rule(stage: Any, seen: Seen) -> None:
    robot = await stage.start(RETRY, observers=[seen.spans])
    world = stage.world
    world.engine.outcomes = [486]
    await world.go("1001", "on-the-phone", "ready")
    await world.clock.advance(2)
    await robot.reload(load(HEAD), NO_HOOKS)
    assert seen.one("rule queue").status.description == "486 USER_BUSY"


async def test_a_call_that_is_not_placed_is_an_error_of_its_firing(stage: Any, seen: Seen) -> None:
    stage.store.trouble = ""
    await stage.start(observers=[seen.spans])
    stage.store.trouble = "the disk is full"
    await stage.world.go("1001", "on-the-phone", "ready")
    await stage.world.clock.advance(1)
    (rule,) = seen.ended()
    assert rule.status.status_code is StatusCode.ERROR and "the disk is full" in (rule.status.description or "")
    stage.store.trouble = ""


async def test_a_hook_and_the_calls_it_places(stage: Any, seen: Seen) -> None:
    async def on_ready(change: Any, client: Any) -> None:
        call = await client.call("7001")
        call.hangup()
        raise ValueError("no such customer")

    rules = '[[rules]]\nname = "ask"\nrun = "hooks.py:on_ready"\n'
    await stage.start(rules, observers=[seen.spans], hooks={"hooks.py:on_ready": on_ready})
    await stage.world.go("1001", "on-the-phone", "ready")
    await stage.world.clock.advance(1)
    rule, hook, call = seen.one("rule ask"), seen.one("hook hooks.py:on_ready"), seen.one("call")
    assert is_child(hook, rule) and is_child(call, hook)
    assert call.status.status_code is StatusCode.UNSET
    for each in (rule, hook):
        assert each.status.status_code is StatusCode.ERROR and "no such customer" in (each.status.description or "")


# --- what reaches us, and bridges -----------------------------------------------------------------------


class Desk:
    """Spans that hear what a test tells them."""

    def __init__(self, stage: Any, seen: Seen) -> None:
        self.calls: dict[int, Any] = {}
        self.seen = seen
        rules = SimpleNamespace(rules={})
        client = SimpleNamespace(call_of=self.calls.get, events=self.events)
        self._news: asyncio.Queue[BridgeProgress] = asyncio.Queue()
        scene: Any = SimpleNamespace(client=client, clock=stage.world.clock, judge=SimpleNamespace(rules=rules))
        seen.spans.begin(scene)

    async def events(self) -> Any:
        while True:
            yield await self._news.get()

    def leg(self, id: int, bridge: str, call_id: str, to: str) -> None:
        self.calls[id] = SimpleNamespace(name=bridge)
        self.seen.spans.heard(Calling(id, call_id))
        self.seen.spans.told(told.CallPlaced(f"{bridge} call {id}", 1, "pbx", to, "", call_id))

    def over(self, job: str, status: int, cause: str, answered: bool) -> None:
        self.seen.spans.told(told.CallOver(job, 1, status, cause, 16, "", "remote", answered))

    async def joined(self, *news: BridgeProgress) -> None:
        for each in news:
            self._news.put_nowait(each)
        await settle()


async def test_a_bridge_has_a_leg_on_each_side(stage: Any, seen: Seen) -> None:
    desk = Desk(stage, seen)
    desk.leg(1, "order-17", "order-17-a1", "1001")
    desk.leg(2, "order-17", "order-17-b1", "1002")
    await desk.joined(BridgeProgress("order-17", "a", "answered"), BridgeProgress("order-17", "", "bridged"))
    desk.over("order-17 call 1", 200, "NORMAL_CLEARING", True)
    desk.over("order-17 call 2", 200, "NORMAL_CLEARING", True)
    await desk.joined(BridgeProgress("order-17", "", "ended", status=200, cause="NORMAL_CLEARING"))
    a, b, bridge = seen.ended()
    assert is_child(a, bridge) and is_child(b, bridge) and bridge.parent is None
    assert (about(a)["leg"], about(b)["leg"], about(bridge)["bridge"]) == ("a", "b", "order-17")
    assert [event.name for event in bridge.events] == ["bridged"]
    assert bridge.status.status_code is StatusCode.UNSET
    await seen.spans.aclose()


async def test_a_bridge_that_fails_says_why(stage: Any, seen: Seen) -> None:
    desk = Desk(stage, seen)
    desk.leg(1, "order-1", "order-1-a1", "1001")
    desk.over("order-1 call 1", 486, "USER_BUSY", False)
    await desk.joined(
        BridgeProgress("order-1", "", "failed", status=486, cause="USER_BUSY", reason="a: busy"),
        BridgeProgress("order-2", "", "failed", reason="not allowed"),
    )
    _, first, second = seen.ended()
    assert [each.status.description for each in (first, second)] == ["486 USER_BUSY", "not allowed"]
    assert about(second)["bridge"] == "order-2"
    await seen.spans.aclose()


async def test_a_call_with_a_name_of_its_own_is_no_leg(stage: Any, seen: Seen) -> None:
    desk = Desk(stage, seen)
    desk.leg(1, "order-a1", "order-a1-1", "1001")
    desk.leg(2, "", "0f-a1", "1002")
    desk.over("order-a1 call 1", 200, "NORMAL_CLEARING", True)
    desk.over(" call 2", 200, "NORMAL_CLEARING", True)
    assert [(each.name, each.parent, "leg" in about(each)) for each in seen.ended()] == [("call", None, False)] * 2
    await seen.spans.aclose()


@pytest.mark.parametrize(("step", "code"), [("rejected", StatusCode.UNSET), ("failed", StatusCode.ERROR)])
async def test_a_call_that_reaches_us(stage: Any, seen: Seen, step: str, code: StatusCode) -> None:
    desk = Desk(stage, seen)
    hear = seen.spans.told
    hear(told.CallReceived("incoming/1", "pbx", "0301234", "\udcff", "100", "c1", 2))
    hear(told.HookStarted("incoming/1", "h.py:f"))
    hear(told.CallPlaced("incoming/1 call 3", 1, "pbx", "7000", "", "c2"))
    hear(told.CallRinging("incoming/1 call 3", 180, "Ringing"))
    hear(told.CallRedirected("incoming/1 call 3", 302, ("sip:a@b",), "sip:a@b"))
    hear(told.HookEnded("incoming/1", "h.py:f"))
    hear(told.IncomingStep("incoming/1", step, "why"))
    desk.over("incoming/1 call 3", 200, "NORMAL_CLEARING", True)
    desk.over("incoming/1", 486, "USER_BUSY", False)
    hook, call, incoming = seen.ended()
    assert incoming.name == "incoming call" and is_child(hook, incoming) and is_child(call, hook)
    assert [event.name for event in call.events] == ["ringing", "redirected"]
    assert about(incoming).items() >= {"caller": "0301234", "caller_name": "?", "entry": 2, "status": 486}.items()
    assert incoming.status.status_code is code and [event.name for event in incoming.events] == [step]
    await seen.spans.aclose()


# --- bounds ---------------------------------------------------------------------------------------------


async def test_open_spans_are_bounded_and_cut_short_at_the_end(
    stage: Any, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_spans, "MOST", 3)
    Desk(stage, seen)
    for number in range(5):
        seen.spans.told(told.RuleFired("r", "pbx", "1", number, f"r/pbx/1/{number}", "x" * 5000))
    assert [about(each)["episode"] for each in seen.ended()] == [0, 1] and len(seen.spans._open) == 3
    await seen.spans.aclose()
    assert len(seen.ended()) == 5 and all(about(each)["unfinished"] for each in seen.ended())
    assert max(len(about(each)["because"]) for each in seen.ended()) == open_spans.LONGEST
    for late in (told.CallAnswered("r/pbx/1/1"), told.HookEnded("r/pbx/1/1", "h"), told.JobAbandoned("r", "", "")):
        seen.spans.told(late)
    assert len(seen.ended()) == 5


# --- the way to a collector -----------------------------------------------------------------------------


class Collector:
    """Answers with `status`, after `delay` seconds, and keeps what it was given."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []
        self.status = 200
        self.release = threading.Event()
        self.release.set()
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ours.release.wait(20)
                ours.requests.append((self.path, ExportTraceServiceRequest.FromString(body)))
                self.send_response(ours.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    made = Collector()
    yield made
    made.release.set()
    made.server.shutdown()
    made.server.server_close()


def config_of(endpoint: str = "", service_name: str = "") -> OtelConfig:
    return OtelConfig(endpoint=Text(endpoint), service_name=Text(service_name))


@pytest.mark.parametrize("path", ["", "/", "/v1/traces"])
async def test_spans_arrive_at_the_collector(collector: Collector, path: str) -> None:
    async with exported(config_of(collector.url + path), pytest.fail) as observer:
        observer.told(told.RuleFired("r", "pbx", "1001", 1, "r/pbx/1001/1", "it is ready"))
        observer.told(told.CallNotPlaced("r/pbx/1001/1", "too many calls"))
    ((where, request),) = collector.requests
    (resource,) = request.resource_spans
    (span,) = resource.scope_spans[0].spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert (where, span.name, named["service.name"]) == ("/v1/traces", "rule r", "sipclient")
    assert (span.status.message, "service.version" in named) == ("too many calls", True)


async def test_the_environment_says_what_the_file_does_not(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "desk")
    for given, name in (("", "desk"), ("queue", "queue")):
        async with exported(config_of("", given), pytest.fail) as observer:
            observer.told(told.RuleFired("r", "pbx", "1001", 1, "r/pbx/1001/1", ""))
        attributes = collector.requests.pop()[1].resource_spans[0].resource.attributes
        assert [each.value.string_value for each in attributes if each.key == "service.name"] == [name]
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(InvalidValue, match="OTEL_"):
        provider_of(config_of(collector.url), pytest.fail)


async def test_a_collector_that_hangs_keeps_nobody_waiting(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "FLUSH", 0.1)
    collector.release.clear()
    async with exported(config_of(collector.url), lambda text: None) as observer:
        observer.told(told.RuleFired("r", "pbx", "1001", 1, "r/pbx/1001/1", ""))
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_what_is_lost_is_told_once_and_its_end_too() -> None:
    heard: list[str] = []
    outcomes: list[Any] = [
        exporting.SpanExportResult.FAILURE,
        ValueError("a header"),
        exporting.SpanExportResult.SUCCESS,
    ]

    class Exporter(InMemorySpanExporter):
        def export(self, spans: Any) -> Any:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    reporting = exporting.Reporting(Exporter(), heard.append)
    for _ in range(3):
        reporting.export([ReadableSpan("a"), ReadableSpan("b")])
    assert len(heard) == 2 and "does not take spans" in heard[0] and "again; 4" in heard[1]


# --- unasked --------------------------------------------------------------------------------------------


def test_nothing_of_it_is_loaded_unasked() -> None:
    import subprocess
    import sys

    code = "import sys, sipclient.robot.service; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_part_of_the_extra_is_not_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.spans_there() and "otel" not in files.lacking_extras()

    def lacking(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(files, "find_spec", lacking)
    assert not files.spans_there()


def test_the_page_names_every_attribute() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/spans.md").read_text()
    for name in ("rule", "account", "extension", "episode", "because", "call_id", "attempt", "leg", "unfinished"):
        assert f"`{name}`" in page, name
    assert spans.Spans.__name__ in page
