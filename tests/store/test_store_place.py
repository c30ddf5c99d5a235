"""A file that is removed or replaced while the store is open."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sipclient.store import JobRecord, JobState, open_store

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def job(episode: int) -> JobRecord:
    return JobRecord(
        id=f"q/pbx/1001/{episode}",
        rule="q",
        account="pbx",
        extension="1001",
        episode=episode,
        state=JobState.CALLING,
        created=NOW,
        updated=NOW,
        detail={},
    )


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_removed_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, replaced: bool
) -> None:
    path = tmp_path / "robot.db"
    caplog.set_level(logging.WARNING, "sipclient")
    async with open_store(f"sqlite:{path}") as store:
        await store.add_job(job(1))
        assert caplog.records == []
        path.rename(tmp_path / "elsewhere")
        if replaced:
            path.touch()
        for episode in (2, 3):
            assert await store.add_job(job(episode))
        (told,) = caplog.records
        assert told.getMessage().startswith(f"sqlite:{path} was removed or replaced while it was in use")
        (tmp_path / "elsewhere").replace(path)
        await store.add_job(job(4))
        path.unlink()
        await store.add_job(job(5))
        assert len(caplog.records) == 2


async def test_a_store_in_memory_has_no_file_to_lose(caplog: pytest.LogCaptureFixture) -> None:
    async with open_store("sqlite::memory:") as store:
        await store.add_job(job(1))
    assert caplog.records == []
