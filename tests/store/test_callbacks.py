"""Who camps on an extension survives in the store."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sipclient.errors import StoreError
from sipclient.store import CallbackRecord, CallbackState, Store, open_store
from sipclient.store.schema import MIGRATIONS, migrate
from tests.store.records import START, extension, job


def callback(id: str = "cb-1", after: float = 0.0, **fields: Any) -> CallbackRecord:
    at = START + timedelta(seconds=after)
    known: dict[str, Any] = {"account": "pbx", "extension": "1001", "expires": at + timedelta(hours=1)}
    return CallbackRecord(id=id, **{**known, "created": at, "updated": at, **fields})


async def test_a_callback_comes_back_whole(url: str) -> None:
    record = callback(caller="555", caller_name='Ann "ü"', variables={"ticket": "17"})
    async with open_store(url) as store:
        await store.save_callback(record)
    async with open_store(url) as store:
        assert await store.callback("cb-1") == record
        assert await store.waiting_callbacks() == [record]
        assert await store.callback("none") is None


async def test_a_callback_is_renewed_in_its_place(store: Store) -> None:
    await store.save_callback(callback())
    await store.save_callback(callback("cb-2", after=1))
    later = callback(caller_name="Ann", variables={"a": "b"}, updated=START + timedelta(seconds=9))
    await store.save_callback(later)
    assert [each.id for each in await store.waiting_callbacks()] == ["cb-1", "cb-2"]
    assert await store.callback("cb-1") == later
    assert [each.id for each in await store.callbacks(limit=1)] == ["cb-2"]


async def test_a_callback_and_the_call_that_serves_it_are_one(store: Store) -> None:
    await store.save_callback(callback())
    served = msgspec.structs.replace(callback(), state=CallbackState.SERVED, job="rule/pbx/1001/cb-1")
    assert await store.add_job(job("rule/pbx/1001/cb-1"), [extension()], served)
    assert await store.waiting_callbacks() == []
    assert await store.callback("cb-1") == served


async def test_old_callbacks_are_forgotten_but_for_those_that_wait(store: Store) -> None:
    await store.save_callback(callback())
    for number, state in enumerate((CallbackState.SERVED, CallbackState.EXPIRED, CallbackState.CANCELLED)):
        await store.save_callback(callback(f"cb-over-{number}", state=state))
    await store.save_callback(callback("cb-new", after=60, state=CallbackState.EXPIRED))
    await store.prune(START + timedelta(seconds=30))
    assert {each.id for each in await store.callbacks()} == {"cb-1", "cb-new"}


async def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    with sqlite3.connect(path) as connection:
        migrate(connection, "sqlite:robot.db", MIGRATIONS[:1])
    async with open_store(f"sqlite:{path}") as store:
        await store.save_callback(callback())
        assert await store.waiting_callbacks() == [callback()]


async def test_a_callback_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "robot.db"
    async with open_store(f"sqlite:{path}") as store:
        await store.save_callback(callback())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE callback SET state = 'odd'")
    async with open_store(f"sqlite:{path}") as store:
        with pytest.raises(StoreError, match="callback 'cb-1' in the store cannot be read"):
            await store.callbacks()
