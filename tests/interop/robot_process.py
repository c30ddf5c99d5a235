"""`sipclient run robot.toml` as a process of its own, watched by its log."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from interop.kamailio_server import PASSWORD, Kamailio
from interop.processes import HOST, Child
from interop.waiting import until

ROOT = Path(__file__).parents[2]
ROBOT = """
[accounts.pbx]
address   = "sip:robot@pbx.test"
password  = "{password}"
server    = "{transport}:{host}:{port}"
keepalive = "5s"
{tls}
[[watch]]
extensions = ["1001"]

[[rules]]
name = "ready-calls-queue"
when = {{ extensions = ["10*"], from = "on-the-phone", to = "ready" }}

[rules.call]
to        = "7000"
caller_id = '"Ext {{extension}} is free" <{{extension}}>'
headers   = {{ X-Extension = "{{extension}}", X-Source = "robot" }}

[dial]
allow = ["7000"]

[store]
url = "sqlite:robot.db"
"""


class RobotProcess:
    """A robot in a directory of its own; its store outlives it."""

    def __init__(self, directory: Path, kamailio: Kamailio, transport: str, *options: str, text: str = ROBOT) -> None:
        self._directory = directory
        self._options = options
        self._log = directory / "robot.log"
        self._child: Child | None = None
        tls = f'tls_ca = "{kamailio.certificate}"' if transport == "tls" else ""
        port = kamailio.ports[transport]
        words = text.format(password=PASSWORD, transport=transport, host=HOST, port=port, tls=tls)
        (directory / "robot.toml").write_text(words)

    def start(self) -> None:
        """Begin to run; the log begins anew."""
        self._log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sipclient", "run", "robot.toml", "--log-format", "json", "-v", *self._options]
        self._child = Child(command, self._log, directory=self._directory, environment={"PYTHONPATH": str(ROOT)})

    def kill(self) -> None:
        """As a crash does it."""
        self._stop(signal.SIGKILL)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; its exit status, and the seconds it took."""
        began = time.monotonic()
        return self._stop(signal.SIGTERM), time.monotonic() - began

    def _stop(self, how: signal.Signals) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        child.stop(how, patience=8.0)
        status = child.process.returncode
        return int(status) if status is not None else -1

    def told(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The lines of the log that are such an event and have such fields."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        words = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        wanted = {"event": event, **fields}.items()
        return [word for word in words if wanted <= {key: word.get(key) for key in dict(wanted)}.items()]

    @property
    def state(self) -> str:
        """What it last said of 1001."""
        changes = self.told("state-changed", extension="1001")
        return str(changes[-1]["after"]) if changes else "unknown"

    @property
    def notifies(self) -> int:
        """How many NOTIFYs reached it."""
        return sum(str(word["message"]).startswith("NOTIFY") for word in self.told("received"))

    async def shows(self, state: str) -> None:
        """Wait until it says so of 1001."""
        await until(lambda: self.state == state, f"1001 becomes {state}", now=self.tail)

    def tail(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-4000:] if self._log.exists() else ""
