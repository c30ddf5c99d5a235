"""The description holds: schemathesis asks every operation what it describes, and what it does not.

The robot is whole, on real sockets, with the embedded PBX behind it: calls ring, are answered, and are acted upon.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from sipclient.config import load
from sipclient.errors import TraceError
from sipclient.lab.server import LabServer
from sipclient.lab.values import User
from sipclient.robot import Robot
from sipclient.store import open_store
from sipclient.web import access, traces
from sipclient.web.front import Front
from sipclient.web.inspecting import inspected
from sipclient.web.problems import Refused

ROBOT = """
recordings = "{folder}"
[accounts.pbx]
address = "sip:robot@127.0.0.1"
server = "{server}"
password = "secret"
[[watch]]
extensions = ["1001"]
[[rules]]
name = "queue"
call = {{ to = "9196" }}
[dial]
allow = ["9196", "1001"]
calls_at_once = 20
calls_per_second = 50
[web]
listen = "127.0.0.1:0"
"""
# Not asked: `use_after_free`, for what has ended stays readable by design; `positive_data_acceptance`, for no schema
# says which numbers `[dial] allow` names, which files there are, or what FreeSWITCH would dial.
OPTIONS = {
    "exclude-checks": "use_after_free,positive_data_acceptance",
    "exclude-path": "/v1/events",  # a stream has no end that one could wait for
    "seed": "1",
    "max-examples": "4",
    "phases": "examples,coverage,fuzzing,stateful",
    "request-timeout": "10",
    "suppress-health-check": "all",  # they judge how long it takes
}
PATIENCE = 120.0  # seconds, on a machine that has other things to do; it takes 15 of one that has not


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has tests of its own would only hide the answers: how many requests a second, a process for each trace."""
    monkeypatch.setattr(access, "WRITES", (1e6, 10**6))
    monkeypatch.setattr(access, "READS", (1e6, 10**6))

    async def read(data: bytes) -> object:
        try:
            return await asyncio.to_thread(inspected, data)
        except TraceError as error:
            raise Refused(422, "unreadable", str(error)) from error

    monkeypatch.setattr(traces, "_read", read)


async def test_every_answer_is_as_it_is_described(tmp_path: Path) -> None:
    async with LabServer([User("robot", "secret"), User("1001", "secret")]) as lab:
        config = load(ROBOT.format(server=lab.server(), folder=tmp_path))
        assert config.web is not None
        front = Front(config.web, "")
        async with open_store("sqlite::memory:") as store:
            try:
                async with Robot(config, store=store, tell=lambda news: None) as robot:
                    with front.serving(robot):
                        code, said = await _schemathesis(front._server.address[1], tmp_path)
                    assert robot.client.failures == 0
            finally:
                await front.closed()
    assert code == 0, said


async def _schemathesis(port: int, folder: Path) -> tuple[int | None, str]:
    """Its exit status, and what it says."""
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    url = f"http://127.0.0.1:{port}/openapi.json"
    command = ["run", url, "--no-color", "--generation-deterministic", "--no-shrink", "--continue-on-failure", *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", *command, cwd=folder, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode()
