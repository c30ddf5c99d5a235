"""The real peers, each started by the tests themselves and ended with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interop.browser_phone import ARGUMENTS
from interop.coturn_server import Coturn
from interop.kamailio_server import Kamailio
from interop.processes import lacking, need
from interop.sipp_peer import Sipp

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test below this directory needs a real peer."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    chromium = need("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("playwright is not installed here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def kamailio(tmp_path: Path) -> Iterator[Kamailio]:
    """A Kamailio that knows nothing yet."""
    directory = tmp_path / "kamailio"
    directory.mkdir()
    server = Kamailio(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def sipp(tmp_path: Path) -> Iterator[Sipp]:
    """Starts SIPp scenarios, and ends those that still run."""
    runner = Sipp(tmp_path)
    try:
        yield runner
    finally:
        runner.stop()


@pytest.fixture
def coturn(tmp_path: Path) -> Iterator[Coturn]:
    """A TURN server."""
    directory = tmp_path / "coturn"
    directory.mkdir()
    server = Coturn(directory)
    try:
        yield server
    finally:
        server.stop()
