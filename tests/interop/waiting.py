"""Waiting for other programs: they set no event of ours, so it is short polls, and never longer than said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from interop.processes import POLL


async def until(
    met: Callable[[], object], what: str, patience: float = 10.0, *, now: Callable[[], object] = str
) -> None:
    """Poll until a condition is met; after `patience` seconds fail with `what` it was, and what is `now` instead."""
    try:
        async with asyncio.timeout(patience):
            while not met():  # noqa: ASYNC110 - see above
                await asyncio.sleep(POLL)
    except TimeoutError:
        pytest.fail(f"{what}: not within {patience:g} s. {now()}")
