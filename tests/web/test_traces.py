"""`POST /v1/traces`: a trace is read in a process of its own, and told."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from sipclient.web import inspecting, traces
from sipclient.web.traces import Inspection

ROOT = Path(__file__).resolve().parents[2]
MISMATCH = ROOT / "sip_traces" / "asterisk" / "codec-mismatch-488.pcap"


async def post(stage: Any, body: dict[str, Any], status: int = 200) -> Any:
    response = await stage.client.post("/v1/traces", json=body, timeout=60)
    assert response.status_code == status, response.text
    return response.json()


async def test_a_capture_is_drawn_and_explained(stage: Any) -> None:
    await stage.start()
    data = base64.b64encode(MISMATCH.read_bytes()).decode()
    told = await post(stage, {"name": MISMATCH.name, "base64": data})
    best = told["findings"][0]
    assert (best["id"], best["confidence"]) == ("codec-mismatch", "high")
    assert all(best[each] for each in ("title", "evidence", "fix", "disproved_by")) and told["messages"] > 1
    first = told["ladder"]["messages"][0]
    assert first["summary"].startswith("OPTIONS") and {first["from"], first["to"]} <= set(told["ladder"]["hosts"])
    assert "488" in told["ladder"]["text"] and told["format"] == "pcap"


async def test_a_damaged_paste(stage: Any) -> None:
    await stage.start()
    text = next((ROOT / "sip_traces" / "damaged").glob("*.txt")).read_text()
    told = await post(stage, {"name": "paste", "text": text})
    assert told["repaired"] == len(told["repairs"]) > 0
    assert told["repairs"][0]["message"] >= 1 and told["repairs"][0]["repairs"]
    assert told["ladder"]["messages"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "nothing of the kind"}, "no trace"),
        ({"base64": "UEsDBAo="}, "zip"),
        ({"base64": "???"}, "base64: "),
        ({}, "as text, or as base64"),
        ({"text": "a", "base64": "YQ=="}, "as text, or as base64"),
        ({"text": "a", "more": 1}, "more"),
    ],
)
async def test_what_is_no_trace_is_said(stage: Any, body: dict[str, Any], words: str) -> None:
    await stage.start()
    problem = await post(stage, body, 422)
    assert words in problem["detail"] and problem["status"] == 422


async def test_a_trace_may_be_larger_than_other_bodies_and_not_too_large(stage: Any) -> None:
    await stage.start()
    assert (await post(stage, {"text": "x" * 200_000}, 422))["code"] == "unreadable"
    assert (
        await stage.client.post("/v1/traces", content=b"x", headers={"Content-Type": "text/plain"})
    ).status_code == 415
    large = {"Content-Type": "application/json", "Content-Length": str(25 * 1024 * 1024)}
    assert (await stage.client.post("/v1/traces", content=b"", headers=large)).status_code == 413


async def test_what_takes_too_long_is_given_up_and_its_process_ends(stage: Any, monkeypatch: Any) -> None:
    await stage.start()
    monkeypatch.setattr(traces, "PATIENCE", 0.01)
    problem = await post(stage, {"text": "INVITE sip:a@b SIP/2.0\r\n\r\n"}, 422)
    assert problem["detail"] == traces.TOO_LONG


async def test_so_many_wait_and_no_more(monkeypatch: Any) -> None:
    inspection = Inspection()
    gate = asyncio.Event()

    async def slow(data: bytes) -> Any:
        await gate.wait()

    monkeypatch.setattr(traces, "_read", slow)
    waiting = [asyncio.create_task(inspection.of(b"")) for _ in range(traces.WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(traces.Refused, match="other traces"):
        await inspection.of(b"")
    gate.set()
    await asyncio.gather(*waiting)
    await inspection.of(b"")


def test_a_long_trace_is_drawn_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspecting, "DRAWN", 2)
    found = inspecting.inspected(MISMATCH.read_bytes())
    assert len(found.ladder.messages) == 2 and found.ladder.lost > 0
