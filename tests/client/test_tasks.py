"""The owner of tasks leaves none behind."""

from __future__ import annotations

import asyncio

import pytest

from sipclient.face.tasks import Tasks


async def test_closing_lets_work_finish() -> None:
    tasks, done = Tasks(), []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(1)

    tasks.spawn(work())
    await tasks.close(1.0)
    assert done == [1]
    assert len(tasks) == 0


async def test_closing_cancels_what_does_not_finish() -> None:
    tasks = Tasks()
    tasks.spawn(asyncio.Event().wait())  # type: ignore[arg-type]
    await tasks.close(0.0)
    assert len(tasks) == 0


async def test_work_that_fails_is_logged_when_it_does(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()

    async def work() -> None:
        raise RuntimeError("broken")

    tasks.spawn(work())
    await tasks.close(1.0)
    assert "broken" in caplog.text


async def test_nothing_under_way_closes_at_once() -> None:
    await Tasks().close(60.0)
