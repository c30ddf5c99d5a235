"""A store of SQLite's; tests/interop/test_postgres.py runs the same tests with another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sipclient.store import Store, open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/robot.db"


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with open_store("sqlite::memory:") as opened:
        yield opened
