"""A plain robot costs what it costs: nothing behind an extra is imported until something needs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = {"av", "aiortc", "aioice", "OpenSSL", "websockets", "pylibsrtp", "cryptography", "numpy"}
TOLD = f"import atexit, sys; atexit.register(lambda: print('loaded:', sorted({EXTRAS!r} & set(sys.modules))));"


@pytest.mark.parametrize(
    "program", ["import sipclient", "import sipclient.robot.service", "from sipclient.cli.main import main"]
)
def test_importing(program: str) -> None:
    run = subprocess.run([sys.executable, "-c", TOLD + program], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout.strip()) == (0, "loaded: []"), run.stderr


def test_the_main_job_from_beginning_to_end(tmp_path: Path) -> None:
    """A PBX, telephones and a robot that watches and calls, with sound, all in one process."""
    program = TOLD + "sys.argv = ['sipclient', 'demo']; from sipclient.cli.main import main; main()"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert run.returncode == 0 and "200 OK" in run.stdout, run.stdout + run.stderr
    assert run.stdout.strip().endswith("loaded: []")
