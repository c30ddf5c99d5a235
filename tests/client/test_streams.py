"""Bounded streams: nobody waits to put, everybody may read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sipclient.errors import WatchFailed
from sipclient.face.streams import Stream


def stream_of(limit: int = 3) -> tuple[Stream[int], list[str]]:
    closed: list[str] = []
    return Stream("numbers", limit, lambda: closed.append("closed")), closed


async def test_what_was_put_is_read_in_order_and_then_the_end_comes() -> None:
    stream, _ = stream_of()
    stream.put(1)
    stream.put(2)
    stream.end()
    stream.put(3)
    assert [item async for item in stream] == [1, 2]


async def test_the_oldest_goes_when_the_reader_lags_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    stream, _ = stream_of(limit=3)
    for number in range(10):
        stream.put(number)
    stream.end()
    assert [item async for item in stream] == [7, 8, 9]
    assert stream.dropped == 7
    assert caplog.text.count("dropped") == 1


async def test_falling_behind_again_is_said_again(caplog: pytest.LogCaptureFixture, settle: Any) -> None:
    stream, _ = stream_of(limit=1)
    for _ in range(2):
        stream.put(1)
        stream.put(2)
        assert await anext(stream) == 2
        waiting = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await settle()
        stream.put(3)
        assert await waiting == 3
    assert caplog.text.count("dropped") == 2


async def test_two_readers_share_what_comes(settle: Any) -> None:
    stream, _ = stream_of()

    async def read() -> list[int]:
        return [item async for item in stream]

    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read()) for _ in range(2)]
        await settle()
        stream.put(1)
        stream.put(2)
        await settle()
        stream.end()
    assert sorted(item for reader in readers for item in reader.result()) == [1, 2]


async def test_an_error_comes_after_what_waits() -> None:
    stream, _ = stream_of()
    stream.put(1)
    stream.end(WatchFailed("refused"))
    assert await anext(stream) == 1
    for _ in range(2):
        with pytest.raises(WatchFailed):
            await anext(stream)


async def test_leaving_closes_once_and_forgets_what_waits() -> None:
    stream, closed = stream_of()
    async with stream:
        stream.put(1)
    await stream.aclose()
    assert closed == ["closed"]
    assert [item async for item in stream] == []


async def test_a_cancelled_reader_loses_nothing(settle: Any) -> None:
    stream, _ = stream_of()
    reader = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
    await settle()
    stream.put(1)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    stream.end()
    assert [item async for item in stream] == [1]
