"""SIPp as a phone, a queue or a troublesome server: one scenario of `sipp/` in one process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from types import MappingProxyType

import pytest
from interop.processes import HOST, POLL, Child, fill, free_port, need

SCENARIOS = Path(__file__).parent / "sipp"
LIMIT = 55  # seconds after which SIPp itself gives up a scenario

_HEADING = re.compile(rb"^-{20,} [^\n]*\n(\w+) message (sent|received) [^\n]*\n\n", re.MULTILINE)


class Sipp:
    """Starts scenarios in one directory and ends them all."""

    def __init__(self, directory: Path) -> None:
        self._binary = need("sipp")
        self._directory = directory
        self._serial = count(1)
        self._runs: list[Run] = []

    def start(
        self,
        scenario: str,
        *,
        port: int = 0,
        to: int = 0,
        calls: int = 1,
        keys: Mapping[str, str] = MappingProxyType({}),
        words: Mapping[str, str] = MappingProxyType({}),
        login: tuple[str, str] = ("", ""),
        transport: str = "udp",
        pause: int = 300,
        echo: bool = False,
        media: str = HOST,
    ) -> Run:
        """Play a scenario `calls` times (0: until stopped) from `port`, to the port `to` where it begins itself.

        A `<pause/>` without a length of its own takes `pause` milliseconds. `keys` are SIPp's own keywords; `words`
        are filled in before SIPp reads the file, for what it wants literally (methods and status codes). `echo`: what
        comes to its media port on the host `media`, and to the one after next, goes back to its sender.
        """
        port, media_port = port or free_port(), free_port(run=4)
        stem = f"{scenario}-{next(self._serial)}"
        messages, errors, logs = (self._directory / f"{stem}.{end}" for end in ("messages", "errors", "logs"))
        file = fill(SCENARIOS / f"{scenario}.xml", words, self._directory / f"{stem}.xml")
        command = [
            self._binary,
            *([f"{HOST}:{to}"] if to else []),
            *("-sf", str(file), "-i", HOST, "-p", str(port), "-mi", media),
            *("-mp", str(media_port), "-nostdin", "-pause_msg_ign"),
            *("-t", {"udp": "u1", "tcp": "t1"}[transport], "-d", str(pause)),
            *("-trace_msg", "-message_file", str(messages), "-trace_err", "-error_file", str(errors)),
            *("-trace_logs", "-log_file", str(logs)),
            *(("-m", str(calls), "-timeout", f"{LIMIT}s", "-timeout_error") if calls else ()),
            *(word for name, value in keys.items() for word in ("-key", name, value)),
            *(["-rtp_echo"] if echo else []),
            *(("-au", login[0], "-ap", login[1]) if login[0] else ()),
        ]
        child = Child(command, self._directory / f"{stem}.screen", directory=self._directory)
        run = Run(child, port, media_port, messages, errors, logs)
        self._runs.append(run)
        if not to:
            child.wait_ready(lambda: _bound(port, transport))
        return run

    def stop(self) -> None:
        """End whatever still runs."""
        for run in self._runs:
            run.stop()


class Run:
    """One SIPp process."""

    def __init__(self, child: Child, port: int, media_port: int, messages: Path, errors: Path, logs: Path) -> None:
        self.port = port
        self.media_port = media_port
        self._child = child
        self._messages = messages
        self._errors = errors
        self._logs = logs

    async def finish(self, patience: float = LIMIT + 5.0) -> None:
        """Wait for its end, and fail with what it met where that is not a good one."""
        async with asyncio.timeout(patience):
            while self._child.running:  # noqa: ASYNC110 - another process sets no event of ours
                await asyncio.sleep(POLL)
        if self._child.process.returncode:
            pytest.fail(f"SIPp ended with {self._child.process.returncode}:\n{self.trouble}")

    def stop(self) -> None:
        """End it."""
        self._child.stop()

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._child.running

    @property
    def trouble(self) -> str:
        """Its errors, and the messages before them."""
        errors = self._errors.read_text(errors="replace")[-4000:] if self._errors.exists() else self._child.tail()
        messages = self._messages.read_text(errors="replace")[-8000:] if self._messages.exists() else ""
        return f"{errors}\n{messages}"

    @property
    def logged(self) -> str:
        """What its `<log>` actions wrote."""
        return self._logs.read_text() if self._logs.exists() else ""

    def received(self, start: bytes = b"") -> list[bytes]:
        """The messages that reached it and begin so, in order, repetitions included."""
        return [data for way, data in self._traced() if way == b"received" and data.startswith(start)]

    def sent(self, start: bytes = b"") -> list[bytes]:
        """The messages it sent that begin so."""
        return [data for way, data in self._traced() if way == b"sent" and data.startswith(start)]

    def _traced(self) -> Iterator[tuple[bytes, bytes]]:
        text = self._messages.read_bytes() if self._messages.exists() else b""
        headings = list(_HEADING.finditer(text))
        ends = [*(heading.start() for heading in headings[1:]), len(text)]
        for heading, end in zip(headings, ends, strict=False):
            yield heading[2], text[heading.end() : end]


def _bound(port: int, transport: str) -> bool:
    table = Path(f"/proc/net/{transport}").read_text()
    return f"0100007F:{port:04X}" in table
