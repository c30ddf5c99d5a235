"""An office for the page: `sipclient lab` as its PBX, and `sipclient run` with `[web]`, both processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.request import urlopen

from interop.processes import HOST, POLL, Child, answers_options, free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "lab-secret"  # the lab's own, on loopback
PATIENCE = 10.0  # seconds

ROBOT = """
dry_run = {dry_run}

[accounts.pbx]
address  = "sip:robot@{host}"
server   = "udp:{host}:{pbx}"
password = "{password}"

[[watch]]
extensions = ["1001-1005"]

{rules}

[dial]
allow = ["7000", "9198", "9196", "486"]
calls_per_second = 50

[store]
url = "sqlite:robot.db"

[web]
listen = "{host}:{web}"
recordings = "recordings"
{more}
"""


class LabOffice:
    """The lab, and a robot that may be started again."""

    def __init__(self, directory: Path, rules: str) -> None:
        self._directory = directory
        self._rules = rules
        self._ports = {"pbx": free_port(), "web": free_port()}
        self._log = directory / "robot.log"
        self._lab: subprocess.Popen[str] | None = None
        self._robot: Child | None = None

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{HOST}:{self._ports['web']}/"

    # --- coming and going ---------------------------------------------------------------------------

    def open(self) -> None:
        """Start the lab."""
        command = [sys.executable, "-m", "sipclient", "lab", "--port", str(self._ports["pbx"]), "--tls-port", "0"]
        with (self._directory / "lab.log").open("w") as log:
            self._lab = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True
            )
        self._wait(lambda: answers_options(self._ports["pbx"]), "the lab answers")

    def start(self, *, dry_run: bool = False, more: str = "") -> None:
        """Start the robot, and wait until it serves the page and has seen every extension."""
        text = ROBOT.format(
            dry_run=str(dry_run).lower(), rules=self._rules, host=HOST, password=PASSWORD, more=more, **self._ports
        )
        (self._directory / "robot.toml").write_text(text)
        self._log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sipclient", "run", "robot.toml", "--log-format", "json"]
        self._robot = Child(command, self._log, directory=self._directory, environment={"PYTHONPATH": str(ROOT)})
        self._wait(self._is_up, "the robot serves", self.log)

    def kill(self) -> None:
        """As a crash ends the robot: it forgets nothing, and leaves nothing in order."""
        if self._robot is not None:
            self._robot.process.kill()
            self._robot.process.wait()
            self._robot = None

    def close(self) -> None:
        """End both."""
        if self._robot is not None:
            self._robot.stop(patience=6.0)
        if self._lab is not None:
            self._lab.kill()
            self._lab.wait()

    # --- what happens -------------------------------------------------------------------------------

    def tell(self, command: str) -> None:
        """Type a command at the lab's console."""
        assert self._lab is not None and self._lab.stdin is not None
        self._lab.stdin.write(command + "\n")
        self._lab.stdin.flush()

    def told(self, event: str, fields: Mapping[str, object] = MappingProxyType({})) -> list[dict[str, Any]]:
        """The robot's events of that name and with such fields."""
        words = [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]
        return [word for word in words if word["event"] == event and fields.items() <= word.items()]

    def busy_and_ready(self, extension: str) -> None:
        """An extension goes on the phone, and is ready again: an episode."""
        before = len(self.told("state-changed", {"extension": extension}))
        self.tell(f"state {extension} on-the-phone")
        self._wait(lambda: self._changes(extension) > before, f"{extension} goes on the phone", self.log)
        self.tell(f"state {extension} ready")
        self._wait(lambda: self._changes(extension) > before + 1, f"{extension} is ready", self.log)

    def log(self) -> str:
        """What the robot said."""
        return self._log.read_text() if self._log.exists() else ""

    def _changes(self, extension: str) -> int:
        return len(self.told("state-changed", {"extension": extension}))

    def _is_up(self) -> bool:
        try:
            with urlopen(f"{self.url}healthz", timeout=1) as answer:
                return bool(answer.status == 200) and all(self._changes(str(each)) for each in range(1001, 1006))
        except OSError:
            return False

    def _wait(self, met: Any, what: str, now: Any = str) -> None:
        end = time.monotonic() + PATIENCE
        while not met():
            assert time.monotonic() < end, f"{what}: not within {PATIENCE:g} s.\n{now()[-4000:]}"
            time.sleep(POLL)
