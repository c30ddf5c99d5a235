"""kill -9 at any moment: what was acknowledged is there, once.

`SIPCLIENT_KILLS=200` kills more often than the usual 20 times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from sipclient.store import JobState, open_store
from tests.store.records import job

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SIPCLIENT_KILLS", "20"))


def run_and_kill(url: str, first: int, lines: int) -> list[tuple[str, int]]:
    """Let a writer say so many lines, kill it, and give all it said."""
    command = [sys.executable, str(Path(__file__).with_name("writer.py")), url, str(first)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    return [(line.split()[0], int(line.split("-")[1])) for line in said]


async def test_nothing_acknowledged_is_lost_and_nothing_is_twice(tmp_path: Path) -> None:
    await kill_again_and_again(f"sqlite:{tmp_path}/robot.db", KILLS)


async def kill_again_and_again(url: str, times: int) -> None:
    """A writer to the store of this URL, killed and started again; then what is there is held against what it said."""
    draw = random.Random(24)
    added: set[int] = set()
    ended: set[int] = set()
    for _ in range(times):
        # Begin again below the last: a restarted robot meets the episodes it has seen.
        said = run_and_kill(url, max(0, max(added, default=0) - 5), draw.randrange(60))
        for word, number in said:
            if word == "a":
                assert number not in added, "a job was placed a second time"
                added.add(number)
            elif word == "u":
                ended.add(number)
    assert added
    async with open_store(url) as store:
        kept = {int(record.id.split("-")[1]): record for record in await store.jobs(limit=10**6)}
        assert added <= kept.keys()
        assert all(kept[number].state is JobState.DONE for number in ended)
        (state,) = await store.extensions("pbx")
        assert state.episode >= max(added)
        assert not await store.add_job(job(f"job-{max(added)}"))
