"""What goes into the store comes out of it, also of the next one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from sipclient.errors import InvalidValue, StoreError
from sipclient.store import UNFINISHED, JobState, Store, open_store
from tests.store.records import START, extension, job


async def test_a_job_is_written_once_and_comes_back_whole(url: str) -> None:
    record = job(cause="USER_BUSY", status=486, attempt=2, detail={"to": "7000", "headers": [["X-A", "ü"]], "n": 1.5})
    async with open_store(url) as store:
        assert await store.add_job(record) is True
        assert await store.add_job(msgspec.structs.replace(record, rule="other")) is False
    async with open_store(url) as store:
        assert await store.add_job(record) is False
        assert await store.job(record.id) == record
        assert await store.job("none") is None


async def test_a_job_moves_on(store: Store) -> None:
    await store.add_job(job())
    answered = msgspec.structs.replace(
        job(), state=JobState.ANSWERED, status=200, cause="NORMAL_CLEARING", attempt=3, detail={"x": None}
    )
    later = msgspec.structs.replace(answered, updated=START + timedelta(hours=1))
    assert await store.update_job(later) is True
    assert await store.job(later.id) == later
    assert await store.update_job(job("none")) is False
    assert await store.jobs() == [later]


async def test_lists_of_jobs(store: Store) -> None:
    for n, state in enumerate(JobState):
        await store.add_job(job(f"job-{n}", after=n, state=state))
    assert [record.id for record in await store.jobs(limit=2)] == ["job-5", "job-4"]
    assert [record.state for record in await store.jobs(JobState.FAILED)] == [JobState.FAILED]
    assert tuple(record.state for record in await store.unfinished()) == UNFINISHED


async def test_the_states_of_extensions(store: Store) -> None:
    await store.save_extensions([])
    await store.save_extensions([extension("1002", "ringing"), extension("1001", "ready", episode=3)])
    await store.save_extensions([extension("1001", "on-the-phone", after=5, episode=4, open=True)])
    await store.save_extensions([extension("1001", account="other")])
    assert await store.extensions("pbx") == [
        extension("1001", "on-the-phone", after=5, episode=4, open=True),
        extension("1002", "ringing"),
    ]
    assert len(await store.extensions("other")) == 1
    assert await store.extensions("nobody") == []


async def test_a_job_and_the_state_it_follows_from_are_one(store: Store) -> None:
    states = [extension(episode=7)]
    assert await store.add_job(job(episode=7), states)
    assert not await store.add_job(job(episode=7), [extension(state="offline", episode=7)])
    assert await store.extensions("pbx") == [extension(state="offline", episode=7)]


async def test_no_episode_comes_back_below_that_of_a_job(store: Store) -> None:
    await store.save_extensions([extension("1001", "on-the-phone", episode=2, open=True), extension("1003", episode=9)])
    await store.add_job(job("a", episode=5, after=1))
    await store.add_job(job("b", episode=4, after=2))
    await store.add_job(job("c", episode=3, extension="1002", after=3))
    await store.add_job(job("d", episode=8, extension="1003"))
    await store.add_job(job("e", episode=50, account="other"))
    assert await store.extensions("pbx") == [
        extension("1001", "on-the-phone", episode=5, open=False),
        extension("1002", "unknown", episode=3, after=3),
        extension("1003", episode=9),
    ]


async def test_what_is_old_and_finished_is_forgotten(store: Store) -> None:
    done: dict[str, Any] = {"state": JobState.DONE}
    await store.save_extensions([extension(episode=3)])
    await store.add_job(job("old", episode=2, **done))
    await store.add_job(job("latest", episode=3, **done))
    await store.add_job(job("new", episode=1, after=10, **done))
    await store.add_job(job("still", episode=1))
    await store.add_job(job("outside", episode=0, **done))
    await store.add_job(job("unwatched", extension="x", episode=1, **done))
    assert await store.prune(START + timedelta(seconds=10)) == 3
    assert {record.id for record in await store.jobs()} == {"latest", "new", "still"}


async def test_any_number_is_forgotten(store: Store) -> None:
    await asyncio.gather(*(store.add_job(job(f"j{n}", episode=0, state=JobState.FAILED)) for n in range(4001)))
    assert await store.prune(START + timedelta(days=1)) == 4001


async def test_moments_are_kept_in_utc_and_sort_as_they_are(store: Store) -> None:
    berlin = timezone(timedelta(hours=1))
    await store.add_job(job("second", created=datetime(2026, 1, 1, 12, 0, tzinfo=berlin)))
    await store.add_job(job("first", created=datetime(2026, 1, 1, 10, 59, 59, 999999, tzinfo=UTC)))
    assert [record.id for record in await store.jobs()] == ["second", "first"]
    found = await store.job("second")
    assert found is not None and found.created == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert found.created.tzinfo is UTC


async def test_a_moment_without_a_time_zone_is_refused(store: Store) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    for call in (
        store.add_job(job(created=naive)),
        store.update_job(job(updated=naive)),
        store.save_extensions([extension(changed=naive)]),
        store.prune(naive),
    ):
        with pytest.raises(InvalidValue, match="time zone"):
            await call


async def test_calls_that_wait_together_are_written_together_and_in_order(url: str) -> None:
    async with open_store(url) as store:
        writes = [store.save_extensions([extension(episode=n)]) for n in range(300)]
        await asyncio.gather(*writes)
        assert (await store.extensions("pbx"))[0].episode == 299


async def test_one_bad_value_costs_the_others_nothing(store: Store) -> None:
    outcomes = await asyncio.gather(
        store.add_job(job("warm-up")),
        store.add_job(job("a")),
        store.add_job(job("half a \ud800 character")),
        store.add_job(job("b", episode=2**70)),
        store.add_job(job("c")),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Exception)] == [True, True, True]
    assert [type(outcome) for outcome in outcomes[2:4]] == [StoreError, StoreError]
    assert {record.id for record in await store.jobs()} == {"warm-up", "a", "c"}


async def test_who_no_longer_waits_is_left_out(store: Store) -> None:
    first = asyncio.create_task(store.add_job(job("first")))
    await asyncio.sleep(0)
    second = asyncio.create_task(store.add_job(job("second")))
    third = asyncio.create_task(store.add_job(job("third")))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    assert await third
    assert [record.id for record in await store.jobs()] in (["third", "first"], ["third"])
    assert await store.job("second") is None


async def test_closing_finishes_what_waits(url: str) -> None:
    async with open_store(url) as store:
        tasks = [asyncio.create_task(store.add_job(job(f"j{n}"))) for n in range(2500)]
        await asyncio.sleep(0)
    assert all(await asyncio.gather(*tasks))
    with pytest.raises(StoreError, match="is closed"):
        await store.jobs()
    async with open_store(url) as store:
        assert len(await store.jobs(limit=10_000)) == 2500
