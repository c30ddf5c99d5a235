"""The stream of events: its numbers, its bounds, and coming back."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sipclient.robot.told import CallAnswered, Notice, Started
from sipclient.robot.views.events import EventLog
from sipclient.web import streaming
from sipclient.web.problems import Refused
from sipclient.web.streaming import Readers

AT = datetime(2026, 3, 2, 12, 0, 0, 123000, UTC)


def log(kept: int = 2000) -> EventLog:
    return EventLog(AT, kept)


async def read(stream: Any, count: int) -> list[tuple[str, str, Any]]:
    """So many events: id, name, data."""
    found = []
    async for chunk in stream:
        text = chunk.decode()
        if text.startswith(("retry", ":")):
            continue
        lines = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        found.append((lines["id"], lines["event"], json.loads(lines["data"])))
        if len(found) == count:
            break
    return found


async def test_an_event_is_what_the_log_writes_with_its_number() -> None:
    events = log()
    readers = Readers(events)
    stream = await readers.read(events.last, None)
    events.add(Started(1, 2, 3), AT)
    events.add(Notice("debug", "nobody's news"), AT)
    events.add(CallAnswered("queue/pbx/1001/1"), AT)
    first, second = await read(stream, 2)
    number = int(AT.timestamp() * 1000) + 1
    assert first == (
        str(number),
        "started",
        {
            "seq": number,
            "at": "2026-03-02T12:00:00.123+00:00",
            "event": "started",
            "accounts": 1,
            "extensions": 2,
            "rules": 3,
        },
    )
    assert (second[0], second[1]) == (str(number + 1), "call-answered")


async def test_coming_back_with_the_last_number_misses_nothing() -> None:
    events = log()
    for number in range(5):
        events.add(CallAnswered(str(number)), AT)
    stream = await Readers(events).read(events.first + 2, None)
    assert [data["job"] for _, _, data in await read(stream, 3)] == ["2", "3", "4"]


async def test_what_is_gone_is_told_first() -> None:
    events = log(kept=3)
    for number in range(10):
        events.add(CallAnswered(str(number)), AT)
    gap, after = await read(await Readers(events).read(events.first + 2, None), 2)
    assert (gap[1], gap[2]) == ("gap", {"lost": 5})
    assert after[2]["job"] == "7"
    (unknown,) = await read(await Readers(events).read(5, None), 1)
    assert (unknown[1], unknown[2]) == ("gap", {"lost": None})
    (later,) = await read(await Readers(events).read(events.last + 1000, None), 1)
    assert later[2] == {"lost": None}


async def test_a_reader_of_some_events_is_not_told_of_others() -> None:
    events = log()
    for number in range(300):
        events.add(Started(number, 0, 0), AT)
    events.add(CallAnswered("here"), AT)
    ((_, name, data),) = await read(await Readers(events).read(events.first, frozenset({"call-answered"})), 1)
    assert (name, data["job"]) == ("call-answered", "here")


async def test_a_heartbeat_where_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.0)
    events = log()
    stream = await Readers(events).read(events.last, None)
    assert [await anext(stream), await anext(stream)] == [b"retry: 2000\n\n", b": here\n\n"]


async def test_a_stream_ends_with_the_robot() -> None:
    events = log()
    stream = await Readers(events).read(events.last, None)
    reading = asyncio.ensure_future(read(stream, 1))
    await asyncio.sleep(0)
    events.close()
    assert await reading == []


async def test_so_many_read_along_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "READERS", 1)
    events = log()
    readers = Readers(events)
    stream = await readers.read(events.last, None)
    await anext(stream)
    with pytest.raises(Refused) as refusal:
        await readers.read(events.last, None)
    assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "5"})
    await stream.aclose()
    await readers.read(events.last, None)


def test_memory_is_bounded() -> None:
    events = log(kept=10)
    for number in range(1000):
        events.add(CallAnswered(str(number)), AT)
    assert len(events._events) == 10 and events.oldest == events.last - 9
