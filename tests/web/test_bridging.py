"""Bridges and sounds asked for over HTTP, by a whole robot over real sockets on loopback."""

from __future__ import annotations

import asyncio
import re
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sipclient import Account, BridgeFailed, BridgeProgress, Client
from sipclient.cli.bridge import words_of
from sipclient.config import load
from sipclient.face.wishes import BridgeOptions
from sipclient.robot import Robot
from sipclient.robot.metrics import Metrics
from sipclient.robot.spans import Spans
from sipclient.store import open_store
from sipclient.web.app import build
from tests.client.loopback.conftest import Pbx
from tests.client.loopback.test_sound import TONE_440, TONE_1000, hears

TIMEOUT = 20
CONFIG = """
recordings = "recordings"
[accounts.gate]
address = "sip:robot@127.0.0.1"
server = "udp:127.0.0.1:{port}"
register = false
keepalive = "0s"
peers = ["127.0.0.0/8"]
[dial]
allow = ["1???"]
[web]
listen = "127.0.0.1:0"
"""


class Office:
    """A robot, its API, and the telephones that it reaches."""

    def __init__(self, robot: Robot, client: httpx.AsyncClient, calls: Any, spans: InMemorySpanExporter) -> None:
        self.spans = spans
        self.robot = robot
        self.client = client
        self.calls = calls

    async def next(self) -> Any:
        return await anext(self.calls)

    async def post(self, path: str, status: int = 201, **body: Any) -> Any:
        response = await self.client.post(path, json=body)
        assert response.status_code == status, response.text
        return response.json()

    async def span(self, name: str) -> Any:
        while True:
            for span in self.spans.get_finished_spans():
                if span.name == name:
                    return span
            await asyncio.sleep(0.01)

    async def until(self, path: str, **wanted: Any) -> Any:
        while True:
            found = (await self.client.get(path)).json()
            if all(found[name] == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.01)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    pbx = Pbx()
    await pbx.start()
    config = load(CONFIG.format(port=pbx.ports["udp"]))
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    observers = [Spans(provider.get_tracer("test"))]
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            open_store("sqlite::memory:") as store,
            Robot(config, store=store, tell=lambda news: None, folder=str(tmp_path), observers=observers) as robot,
            pbx.client.incoming() as calls,
        ):
            transport = httpx.ASGITransport(build(robot, Metrics()))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                yield Office(robot, client, calls, spans)
            assert robot.client.failures == 0
    finally:
        await pbx.client.aclose()


async def test_two_numbers_are_called_and_joined(office: Office, tmp_path: Path) -> None:
    made = await office.post(
        "/v1/bridges",
        a="{origination_uuid=order-17}sofia/gateway/gate/1001",
        b="user/1002",
        record="both.wav",
        variables={"order": "17"},
        ringback="%(2000,4000,440,480)",
    )
    assert (made["id"], made["state"], made["variables"]) == ("order-17", "dialling-a", {"order": "17"})
    a = await office.next()
    assert a.headers.get("X-order") == "17"
    far_a = await a.answer()
    b = await office.next()
    assert (await office.until("/v1/bridges/order-17", state="dialling-b"))["a"]["state"] == "answered"
    await asyncio.gather(hears(far_a, 440), hears(far_a, 480))
    far_b = await b.answer()
    await office.until("/v1/bridges/order-17", state="bridged")
    far_a.play(TONE_440)
    far_b.play(TONE_1000)
    await asyncio.gather(hears(far_b, 440), hears(far_a, 1000))
    far_b.hangup()
    bridge = await office.until("/v1/bridges/order-17", state="ended")
    assert (await far_a.ended()).by == "remote"
    assert (bridge["cause"], bridge["recording"]) == ("NORMAL_CLEARING", "both.wav")
    assert (tmp_path / "recordings" / "both.wav").stat().st_size > 44
    leg = (await office.client.get(f"/v1/calls/{bridge['a']['call']}")).json()
    assert (leg["bridge"], leg["to"], leg["state"]) == ("order-17", "1001", "ended")
    first = leg["ladder"]["messages"][0]
    assert (first["summary"].split()[0], first["sent"], first["tone"]) == ("INVITE", True, "request")
    assert "INVITE" in leg["ladder"]["text"] and len(leg["ladder"]["hosts"]) == 2
    taken = await office.post("/v1/bridges", 422, a="1001", b="1002", id="order-17")
    assert taken["detail"] == "id: order-17 is taken already"
    assert [each["id"] for each in (await office.client.get("/v1/bridges")).json()["items"]] == ["order-17"]


async def test_a_bridge_is_a_span_and_its_legs_are_children(office: Office) -> None:
    for status in (0, 486):
        made = await office.post("/v1/bridges", a="1001", b="1002", ringback="silence_stream://-1")
        far_a = await (await office.next()).answer()
        b = await office.next()
        if status:
            b.reject(status)
        else:
            await b.answer()
            await office.until(f"/v1/bridges/{made['id']}", state="bridged")
            far_a.hangup()
        await office.until(f"/v1/bridges/{made['id']}", state="failed" if status else "ended")
        await far_a.ended()
        bridge = await office.span("bridge")
        legs = [each for each in office.spans.get_finished_spans() if each.parent == bridge.context]
        assert sorted(str((each.attributes or {})["sipclient.leg"]) for each in legs) == ["a", "b"]
        assert (bridge.attributes or {})["sipclient.bridge"] == made["id"] and bridge.parent is None
        assert bridge.status.description == ("486 USER_BUSY" if status else None)
        office.spans.clear()


async def test_a_bridge_that_fails_says_which_side_and_why(office: Office) -> None:
    made = await office.post("/v1/bridges", a="1001", b="1002", announcement="silence_stream://500")
    far_a = await (await office.next()).answer()
    (await office.next()).reject(486)
    await office.until(f"/v1/bridges/{made['id']}", state="announcing")
    bridge = await office.until(f"/v1/bridges/{made['id']}", state="failed")
    assert (bridge["leg"], bridge["cause"], bridge["b"]["status"]) == ("b", "USER_BUSY", 486)
    assert {side: bridge[side]["state"] for side in "ab"} == {"a": "ended", "b": "ended"}
    assert [each["event"] for each in bridge["timeline"]][-3:] == ["announcing", "a-ended", "failed"]
    await far_a.ended()


async def test_a_bridge_is_hung_up_while_both_talk(office: Office) -> None:
    made = await office.post("/v1/bridges", a="1001", b="1002")
    far = [await (await office.next()).answer() for _ in "ab"]
    await office.until(f"/v1/bridges/{made['id']}", state="bridged")
    gone = (await office.client.delete(f"/v1/bridges/{made['id']}")).json()
    assert (gone["state"], gone["cause"], gone["reason"]) == ("ended", "NORMAL_CLEARING", "hung up")
    assert [(await each.ended()).cause for each in far] == ["NORMAL_CLEARING"] * 2


async def test_a_bridge_is_hung_up_while_b_rings(office: Office) -> None:
    made = await office.post("/v1/bridges", a="1001", b="1002")
    far_a = await (await office.next()).answer()
    b = await office.next()
    b.ring()
    gone = (await office.client.delete(f"/v1/bridges/{made['id']}")).json()
    assert (gone["state"], gone["cause"]) == ("failed", "ORIGINATOR_CANCEL")
    await far_a.ended()
    await b.call.ended()
    assert (await office.client.delete(f"/v1/bridges/{made['id']}")).status_code == 200
    assert (await office.client.get("/v1/bridges/nobody")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"a": "1001", "b": "0900"}, 403),
        ({"a": "1001,0900", "b": "1002"}, 403),
        ({"a": "1001", "b": "1002|0900"}, 403),
        ({"a": "1001", "b": "[leg_timeout=5]user/0900,1002"}, 403),
        ({"a": "1001\r\nX-Evil: 1", "b": "1002"}, 422),
        ({"a": "1001", "b": "1002\0"}, 422),
        ({"a": "1001", "b": "1002", "caller_id": "x\r\nX-Evil: 1"}, 422),
        ({"a": "1001", "b": "1002", "variables": {"x": "\r\nX-Evil: 1"}}, 422),
        ({"a": "1001", "b": "1002", "variables": {"x\r\nX-Evil": "1"}}, 422),
        ({"a": "1001", "b": "1002", "record": "x\0.wav"}, 422),
        ({"a": "1001", "b": "1002", "ringback": "/etc/passwd"}, 422),
        ({"a": "{ringback=/etc/passwd}1001", "b": "1002"}, 422),
        ({"a": "1001", "b": "1002", "announcement": "../x.wav"}, 422),
        ({"a": "1001", "b": "1002", "record": "../../x.wav"}, 422),
        ({"a": "1001", "b": "1002", "record": "x.exe"}, 422),
        ({"a": "1001", "b": "1002", "headers": {"X-A": "\n"}}, 422),
        ({"a": "1001", "b": "1002", "id": "../x"}, 422),
        ({"a": "1001", "b": "1002", "timeout": "never"}, 422),
        ({"a": "1001"}, 422),
        ({"a": "1001", "b": "{absolute_nonsense=1}1002"}, 422),
    ],
)
async def test_what_is_refused_calls_nobody(office: Office, body: Any, status: int) -> None:
    problem = await office.post("/v1/bridges", status, **body)
    assert problem["detail"]
    assert (await office.client.get("/v1/bridges")).json()["items"] == []
    assert not office.robot.client.calls


async def test_a_call_plays_records_holds_and_presses_keys(office: Office, tmp_path: Path) -> None:
    made = await office.post("/v1/calls", to="1001", record="first.wav")
    far = await (await office.next()).answer()
    path = f"/v1/calls/{made['id']}"
    await office.until(path, state="answered")
    await office.post(f"{path}/play", 200, play="%(1000,0,440)", loops=None)
    await hears(far, 440)
    await office.post(f"{path}/play", 200, stop=True)
    assert (await office.post(f"{path}/hold", 200))["held"]
    assert not (await office.post(f"{path}/hold", 200, hold=False))["held"]
    keys = far.keys()
    await office.post(f"{path}/dtmf", 200, digits="12")
    assert [await anext(keys), await anext(keys)] == ["1", "2"]
    call = await office.post(f"{path}/record", 200, record="second.wav")
    assert call["recordings"] == ["first.wav", "second.wav"]
    await office.post(f"{path}/record", 200, stop=True)
    assert (tmp_path / "recordings" / "second.wav").stat().st_size >= 44
    assert (await office.post(f"{path}/record", 422, record="second.wav"))["detail"].endswith("already")
    gone = (await office.client.delete(path)).json()
    assert (gone["state"], gone["by"]) == ("ended", "local")
    events = [each["event"] for each in gone["timeline"]]
    assert events == [
        "requested", "calling", "answered", "play", "play", "held", "resumed", "dtmf", "record", "record",
        "over", "ended",
    ]  # fmt: skip


async def test_a_call_that_plays_to_the_end_and_hangs_up(office: Office) -> None:
    made = await office.post("/v1/calls", to="1001", play="%(100,0,440)", hangup_after_play=True)
    await (await office.next()).answer()
    call = await office.until(f"/v1/calls/{made['id']}", state="ended")
    assert (call["by"], call["cause"]) == ("local", "NORMAL_CLEARING")


async def test_a_transfer_is_the_far_ends_to_carry_out(office: Office) -> None:
    made = await office.post("/v1/calls", to="1001")
    await (await office.next()).answer()
    path = f"/v1/calls/{made['id']}"
    await office.until(path, state="answered")
    refused = await office.post(f"{path}/transfer", 409, to="1002")  # its account has refer = deny
    assert refused["code"] == "refused"
    for to in (
        "0900",
        "1002|0900",
        "1002\r\nX-Evil: 1",
        "1002\0",
        "sip:1002@evil.example",
        "sip:1002@127.0.0.1?Route=x",
    ):
        assert (await office.post(f"{path}/transfer", 403, to=to))["code"] == "not-allowed"
    evil = await office.client.delete(f"{path}?cause=%0d%0aX-Evil:1")
    assert evil.status_code == 422 and (await office.client.get(path)).json()["state"] == "answered"


async def test_a_call_that_reaches_us_is_shown_and_hung_up(office: Office) -> None:
    made = await office.post("/v1/calls", to="1001")
    port = re.search(r":(\d+)", (await office.next()).headers.get("Contact") or "")
    assert port is not None
    phone = Account("sip:phone@127.0.0.1", server=f"udp:127.0.0.1:{port[1]}", register=False, keepalive=0.0)
    async with Client(phone) as client, office.robot.client.incoming() as arriving:
        ours = client.dial("robot")
        incoming = await anext(arriving)
        (call,) = (await office.client.get("/v1/calls?state=ringing")).json()["items"]
        assert (call["direction"], call["account"], call["call_id"]) == ("in", "gate", ours.call_id)
        await incoming.answer()
        call = await office.until(f"/v1/calls/{call['id']}", state="answered")
        assert call["ladder"]["messages"][0]["sent"] is False
        gone = (await office.client.delete(f"/v1/calls/{call['id']}")).json()
        assert (gone["state"], gone["by"]) == ("ended", "local")
        await ours.ended()
    await office.client.delete(f"/v1/calls/{made['id']}")


async def test_a_call_that_reaches_us_takes_keys_and_is_held_and_transferred(office: Office) -> None:
    made = await office.post("/v1/calls", to="1001")
    port = re.search(r":(\d+)", (await office.next()).headers.get("Contact") or "")
    assert port is not None
    server = f"udp:127.0.0.1:{port[1]}"
    phone = Account("sip:phone@127.0.0.1", server=server, register=False, keepalive=0.0, refer="allow")
    async with Client(phone, follow=lambda uri: True) as client, office.robot.client.incoming() as arriving:
        ours = client.dial("robot", '"Ann" <555>')
        incoming = await anext(arriving)
        await incoming.answer()
        (call,) = [each for each in (await office.client.get("/v1/calls")).json()["items"] if each["direction"] == "in"]
        path = f"/v1/calls/{call['id']}"
        assert (await office.client.get(path)).json()["call_id"] == ours.call_id
        for method in ("rtp", "info"):
            await office.post(f"{path}/dtmf", 200, digits="12", method=method)
            assert await ours.digits(2, timeout=5) == "12"
        await office.post(f"{path}/hold", 200, hold=True)
        await office.post(f"{path}/hold", 200, hold=False)
        transferring = asyncio.create_task(office.post(f"{path}/transfer", 200, to="1003"))
        third = await anext(arriving)
        assert third.headers.get("Referred-By")
        await third.answer()
        await transferring
        gone = await office.until(path, state="ended")
        assert (gone["direction"], gone["cause"]) == ("in", "NORMAL_CLEARING")
        assert (await office.post(f"{path}/dtmf", 409, digits="1"))["status"] == 409
    await office.client.delete(f"/v1/calls/{made['id']}")


# --- one bridge, asked for in three ways --------------------------------------------------------------

THREE = {"ringback": "%(2000,4000,440,480)", "announcement": "silence_stream://100", "caller_id": '"Front desk" <100>'}
VARYING = {"via", "cseq", "content-length"}


def invited(request: Any) -> list[tuple[str, str]]:
    """An INVITE without what must be another one each time: ports, tags, and the ids of calls and sessions."""
    told = [("", request.uri_text)]
    for name, value in request.headers:
        bare = re.sub(r";tag=[^;]+|(?<=127\.0\.0\.1):\d+", "", value)
        if name.lower() not in VARYING:
            told.append((name, bare.rpartition("-")[0] if name == "Call-ID" else bare))
    body = re.sub(r"^(o=\S+) \d+ \d+", r"\1", request.body.decode(), flags=re.M)
    return [*told, ("", re.sub(r"^(m=audio |a=rtcp:)\d+", r"\1", body, flags=re.M))]


async def reached(office: Office, over: asyncio.Task[Any], refuse: int) -> list[Any]:
    """What a bridge was for the telephones: B refuses, or answers and hangs up."""
    a = await office.next()
    far_a = await a.answer()
    b = await office.next()
    b.ring()
    await asyncio.sleep(0.2)
    if refuse:
        b.reject(refuse)
    else:
        far_b = await b.answer()
        await asyncio.sleep(0.5)
        far_b.hangup()
    await over
    end = await far_a.ended()
    return [invited(a.request), invited(b.request), end.cause, end.by, b.call.cause]


async def by_library(account: Account, id: str, record: Path) -> list[BridgeProgress]:
    told: list[BridgeProgress] = []
    how: BridgeOptions = {"id": id, "headers": {"X-Order": "17"}, "record": record, "on_progress": told.append}
    async with Client(account) as client:
        with suppress(BridgeFailed):
            async with client.bridge("1001", "1002", **THREE, **how) as joined:  # type: ignore[misc]
                await joined
    return told


async def by_command(file: Path, id: str, record: Path) -> tuple[int, list[str]]:
    options = [part for name, value in THREE.items() for part in (f"--{name.replace('_', '-')}", value)]
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sipclient", "bridge", "1001", "1002", "--config", str(file), "--id", id, *options),
        *("--header", "X-Order: 17", "--record", str(record)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await command.communicate()
    return command.returncode or 0, [re.sub(r"^ *[\d.]+ s  ", "", line) for line in output.decode().splitlines()]


@pytest.mark.parametrize("refuse", [0, 486])
async def test_the_library_the_command_and_http_do_the_same(office: Office, tmp_path: Path, refuse: int) -> None:
    """The same INVITEs and descriptions, in the same order, with the same ends, told in the same steps."""
    (account,) = office.robot.client.accounts
    file = tmp_path / "robot.toml"
    file.write_text(CONFIG.partition("[web]")[0].format(port=account.server.rpartition(":")[2]))
    paths = [tmp_path / "1.wav", tmp_path / "2.wav", tmp_path / "recordings" / "3.wav"]

    library = asyncio.create_task(by_library(account, "order-17", paths[0]))
    first = await reached(office, library, refuse)
    told = library.result()
    command = asyncio.create_task(by_command(file, "order-17", paths[1]))
    assert await reached(office, command, refuse) == first
    assert command.result() == (1 if refuse else 0, [words_of(each) for each in told])
    await office.post(
        "/v1/bridges", a="1001", b="1002", id="order-17", headers={"X-Order": "17"}, record="3.wav", **THREE
    )
    http = asyncio.create_task(office.until("/v1/bridges/order-17", state="failed" if refuse else "ended"))
    assert await reached(office, http, refuse) == first

    shown = http.result()
    steps = [f"{each.leg}-{each.state}".removeprefix("-") for each in told]
    assert [each["event"] for each in shown["timeline"]] == ["requested", *steps]
    last = {each.leg: each.cause for each in told if each.state in ("ended", "failed")}
    assert {"": shown["cause"], "a": shown["a"]["cause"], "b": shown["b"]["cause"]} == last
    layouts = set()
    for path in paths:
        with wave.open(str(path)) as sound:
            layouts.add((sound.getnchannels(), sound.getframerate(), sound.getsampwidth()))
    assert layouts == {(2, 8000, 2)}
