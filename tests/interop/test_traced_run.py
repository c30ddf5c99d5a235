"""`run --trace-dir` on Debian's Kamailio: what it kept replays to the same calls, to the byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from interop.kamailio_server import PASSWORD, Kamailio
from interop.office import Office
from interop.robot_process import RobotProcess
from interop.sipp_peer import Sipp
from interop.waiting import until

from sipclient.message import parse
from sipclient.trace.replaying.exact import replay_run
from sipclient.trace.replaying.journal import decode, files_of, read_journal, records_of


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_a_live_run_replays_to_the_same_calls(
    kamailio: Kamailio, sipp: Sipp, tmp_path: Path, transport: str
) -> None:
    office, traces = Office(kamailio, sipp), tmp_path / "traces"
    robot = RobotProcess(tmp_path, kamailio, transport, "--trace-dir", str(traces))
    try:
        robot.start()
        phone = office.phone("1001")
        async with asyncio.timeout(60):
            for calls in (1, 2):
                await phone.says("On the phone")
                await robot.shows("on-the-phone")
                await phone.says("Ready")
                await until(lambda calls=calls: len(office.queue.calls) >= calls, "the queue is called", now=robot.tail)
            await until(lambda: office.queue.answered == 2, "both are answered")
            assert robot.stop()[0] == 0, robot.tail()
    finally:
        robot.kill()

    kept = b"".join(path.read_bytes() for path in files_of(traces))
    assert PASSWORD.encode() not in kept
    entries = read_journal(traces)
    first, second = (replay_run(decode(kept.splitlines(), "kept")) for _ in range(2))
    assert str(first) == str(second) and first == second
    assert set(first.summary.verdicts) == {"identical"}
    assert not first.summary.inferred
    assert first.summary.calls == ("to 7000: NORMAL_CLEARING, answered",) * 2
    assert first.summary.rules == ("ready-calls-queue: would have acted 2 times",)
    fired = [line.text for line in first.lines if line.kind == "rule" and " calls " in line.text]
    assert len(fired) == 2
    invites = [parse(record.data) for record in records_of(entries) if record.data.startswith(b"INVITE")]
    assert {each.call_id for each in office.queue.calls} == {each.call_id for each in invites}
