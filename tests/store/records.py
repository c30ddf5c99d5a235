"""Records to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sipclient.store import ExtensionRecord, JobRecord

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def job(id: str = "rule/pbx/1001/1", after: float = 0.0, **fields: Any) -> JobRecord:
    """A job, made so many seconds after START."""
    at = START + timedelta(seconds=after)
    known: dict[str, Any] = {"rule": "rule", "account": "pbx", "extension": "1001", "episode": 1}
    return JobRecord(id=id, **{**known, "created": at, "updated": at, **fields})


def extension(name: str = "1001", state: str = "ready", after: float = 0.0, **fields: Any) -> ExtensionRecord:
    """The state of an extension of account pbx."""
    at = START + timedelta(seconds=after)
    return ExtensionRecord(**{"account": "pbx", "extension": name, "state": state, "changed": at, **fields})
