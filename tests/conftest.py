"""What holds for every test.

With SIPCLIENT_NO_SKIP=1, as in CI, a test that is skipped fails: a missing peer must not hide behind a green run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest


def pytest_configure() -> None:
    """A shell that runs the tests in the background has them ignore SIGINT, and so would the programs they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that says why it was skipped."""
    report = yield
    if report.skipped and os.environ.get("SIPCLIENT_NO_SKIP") == "1":
        report.outcome = "failed"
        report.longrepr = f"skipped, and SIPCLIENT_NO_SKIP=1 allows no skip: {report.longrepr}"
    return report
