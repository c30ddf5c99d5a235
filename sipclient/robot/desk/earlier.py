"""What earlier runs left of calls and bridges that were asked for: their records, as they are shown."""

from __future__ import annotations

from sipclient.robot.views.bridges import BridgeShape, LegShape
from sipclient.robot.views.shapes import CallShape
from sipclient.store import JobRecord, JobState, Store


async def earlier_call(store: Store, id: str) -> CallShape | None:
    """A call that was asked for in an earlier run, or is forgotten here. Raises StoreError."""
    record = await _record(store, id, "to")
    if record is None:
        return None
    return CallShape(
        id=id,
        direction="out",
        created=record.created,
        ended=record.updated,
        state="ended",
        to=str(record.detail["to"]),
        status=record.status,
        cause=record.cause,
        reason=_reason(record),
    )


async def earlier_bridge(store: Store, id: str) -> BridgeShape | None:
    """The same for a bridge."""
    record = await _record(store, id, "a")
    if record is None:
        return None
    return BridgeShape(
        id=id,
        state="ended" if record.state is JobState.DONE else "failed",
        a=LegShape(to=str(record.detail["a"]), state="ended"),
        b=LegShape(to=str(record.detail["b"]), state="ended"),
        created=record.created,
        ended=record.updated,
        cause=record.cause,
        reason=_reason(record),
    )


async def _record(store: Store, id: str, key: str) -> JobRecord | None:
    """The record of what was asked for over HTTP; `key` is what only a call's has, or only a bridge's."""
    record = await store.job(id)
    if record is None or key not in record.detail or record.detail.get("by") != "http":
        return None
    return record


def _reason(record: JobRecord) -> str:
    return str(record.state) if record.state is JobState.ABANDONED else ""
