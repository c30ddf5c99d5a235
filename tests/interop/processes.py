"""Other people's programs as children of the tests: found, started on free loopback ports, and always ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import pytest

HOST = "127.0.0.1"
PATIENCE = 10.0  # seconds a program has to come up, and to go down
POLL = 0.02


def need(program: str) -> str:
    """The path of a program. Where it is missing the test is skipped; with SIPCLIENT_NO_SKIP=1 it fails."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    return path or lacking(f"{program} is not installed here")


def lacking(why: str) -> NoReturn:
    """Skip the test for want of a peer; with SIPCLIENT_NO_SKIP=1 that is a failure."""
    if os.environ.get("SIPCLIENT_NO_SKIP") == "1":
        pytest.fail(f"{why}, and SIPCLIENT_NO_SKIP=1 allows no skip")
    pytest.skip(why)


def outer_address() -> str:
    """An IPv4 address of this machine that is not loopback: some peers do no ICE without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: only the way there is asked for
        except OSError:
            lacking("this machine has no address but loopback")
        found: str = probe.getsockname()[0]
        return found


_given: set[int] = set()  # nothing is bound to a port yet when the next one is asked for


def free_port(*, run: int = 1) -> int:
    """A loopback port that is free for UDP and TCP alike, and never the same twice; with a `run`, an even one, and so
    many in a row are free."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        wanted = set(range(port, port + run))
        if (run == 1 or port % 2 == 0) and not wanted & _given and all(map(_is_free, wanted)):
            _given.update(wanted)
            return port


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True


def fill(template: Path, words: Mapping[str, object], into: Path) -> Path:
    """Write a template with its @WORDS@ filled in."""
    text = template.read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", str(value))
    into.write_text(text)
    return into


def answers_options(port: int, user: str = "", host: str = HOST) -> bool:
    """Whether something at that UDP port answers an OPTIONS."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        probe.settimeout(0.1)
        ours = probe.getsockname()[1]
        target = f"sip:{user}@{host}:{port}" if user else f"sip:{host}:{port}"
        probe.sendto(
            (
                f"OPTIONS {target} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {host}:{ours};branch=z9hG4bKready{time.monotonic_ns()};rport\r\n"
                f"From: <sip:probe@{host}:{ours}>;tag=ready\r\nTo: <{target}>\r\nCall-ID: ready-{ours}\r\n"
                "CSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            (host, port),
        )
        try:
            return probe.recv(4096).startswith(b"SIP/2.0 ")
        except OSError:
            return False


class Child:
    """A running program in a session of its own, so that ending it ends what it started too."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        directory: Path,
        environment: Mapping[str, str] = MappingProxyType({}),
        spoken_to: bool = False,
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.PIPE if spoken_to else subprocess.DEVNULL,
                env={**os.environ, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def say(self, text: str) -> None:
        """Give it text, as if typed; for one that is `spoken_to`."""
        if self.process.stdin is not None and self.running:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()

    def wait_ready(self, ready: Callable[[], bool]) -> None:
        """Poll until `ready`; fails with the log where the program dies or takes too long."""
        end = time.monotonic() + PATIENCE
        while not ready():
            if not self.running:
                pytest.fail(f"{self.process.args!r} ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                pytest.fail(f"{self.process.args!r} is not ready after {PATIENCE} s:\n{self.tail()}")
            time.sleep(POLL)

    def tail(self, characters: int = 4000) -> str:
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def stop(self, how: signal.Signals = signal.SIGTERM, patience: float = 3.0) -> None:
        """End it and all its children, by force where it does not obey within `patience` seconds."""
        for each in (how, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, each)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
