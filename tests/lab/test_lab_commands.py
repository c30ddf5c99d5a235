"""`sipclient demo` and `sipclient lab` as processes: what they print, and their exit status."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from rich.console import Console

from sipclient.cli import demo

LIMIT = 20  # seconds, after which a process that hangs has failed


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    return kept | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"} | more


def run(*arguments: str, typed: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sipclient", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, input=typed, timeout=LIMIT, env=environment(**env), encoding="utf-8"
    )


def test_the_demo_proves_everything_in_time() -> None:
    began = time.monotonic()
    done = run("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - began < 8
    assert "\x1b" not in done.stdout
    assert done.stdout.count("✔") == 8 and "✘" not in done.stdout
    for words in ("NOTIFY on-the-phone", "INVITE 7000", 'INVITE "Ext 1001 is free" <1001>', "[accounts.pbx]"):
        assert words in done.stdout
    assert done.stdout.count("INVITE 7000") == 1


def test_the_demo_with_every_message_in_colour_and_in_ascii() -> None:
    done = run("demo", "--all", FORCE_COLOR="1", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "\x1b[" in done.stdout and "401 Unauthorized" in done.stdout and "ACK" in done.stdout
    assert done.stdout.isascii()
    assert "\x1b[" not in run("demo", FORCE_COLOR="", NO_COLOR="1").stdout


def test_a_demo_that_proves_nothing_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "PATIENCE", 0.3)
    assert asyncio.run(demo._demo(Console(), False)) == 1
    shown = capsys.readouterr().out
    assert "Not finished: it was not done after 0.3 seconds" in shown
    assert "✔ the robot registered" in shown and "✘ the agent's phone showed" in shown
    assert re.search(r"\d of 8 not proven", shown)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabProcess:
    """`sipclient lab`, and somebody who types."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sipclient", "lab", "--port", str(free_port()), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        self.shown = ""

    def __enter__(self) -> LabProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def until(self, words: str) -> str:
        """Read on until these words were shown."""
        assert self.process.stdout is not None
        end = time.monotonic() + LIMIT
        while words not in self.shown:
            assert time.monotonic() < end, f"{words!r} was never shown:\n{self.shown}"
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                assert data, f"it ended without {words!r}:\n{self.shown}"
                self.shown += data.decode()
        before, _, self.shown = self.shown.partition(words)
        return before


def test_the_console() -> None:
    with LabProcess("--phones", "1001,1002", "--digest", "SHA-256,MD5") as lab:
        assert "lab-secret" in lab.until("Commands:")
        lab.until("1002 is ready")
        lab.type("call 1001 1002")
        lab.until("1002 is on-the-phone")
        lab.type("hangup 1001")
        lab.until("1001 hangs up")
        lab.type("state 1004 on-hold")
        lab.until("1004 is on-hold")
        lab.type("hangup 1001")
        lab.until("! 1001 has no call")
        lab.type("call 1004 1001")
        lab.until("! the lab has no phone for 1004")
        lab.type("dance")
        lab.until("! 'dance' is no command")
        lab.type("messages 1001 2")
        lab.type("help")
        lab.until("call EXT NUMBER")
        lab.type("status")
        lab.until("1004     Dave           on-hold")
        lab.type("quit")
        assert lab.process.wait(LIMIT) == 0


def test_a_pbx_that_has_only_ipv6(tmp_path: Path) -> None:
    """The robot.toml that the lab prints does there what it does anywhere."""
    with LabProcess("--host", "::1", "--phones", "1001,1002,2001") as lab:
        lab.until("A robot.toml for it:")
        file = tmp_path / "robot.toml"
        file.write_text(textwrap.dedent(lab.until("Commands:").lstrip("\n")))
        lab.until("2001 is ready")
        with subprocess.Popen(
            [sys.executable, "-m", "sipclient", "run", str(file)],
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            env=environment(),
            text=True,
        ) as robot:
            lab.until("robot is ready")
            lab.type("call 1001 1002")
            lab.until("1002 is on-the-phone")
            lab.type("hangup 1001")
            lab.until("2001 answers robot")
            robot.terminate()
            log = robot.communicate(timeout=LIMIT)[0]
        assert robot.returncode == 0
        assert '> call to 7000 as "Ext 1001 is free" <1001>' in log
        assert "answered" in log


def test_a_scenario_and_an_interrupt(tmp_path: Path) -> None:
    script = tmp_path / "day.txt"
    script.write_text("1003 is busy\n1001 calls 1002, talks 0.5 s, hangs up\n")
    with LabProcess("--script", str(script)) as lab:
        lab.until("1003 is on-the-phone")
        lab.until("1001 calls 1002")
        lab.until("the script is done")
        lab.process.send_signal(signal.SIGINT)
        assert lab.process.wait(LIMIT) == 0


def test_wrong_use(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("1001 dances\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        for arguments, problem in (
            (("--port", port), "another program uses"),
            (("--host", "nowhere"), "--host is an IP address"),
            (("--phones", "9999"), "no extension '9999'"),
            (("--digest", "ROT13"), "--digest takes"),
            (("--certificate", str(tmp_path / "none.pem")), "--certificate"),
            (("--script", str(tmp_path / "none.txt")), "--script"),
            (("--script", str(bad)), "line 1: '1001 dances' is no command"),
        ):
            done = run("lab", *arguments)
            assert done.returncode == 2 and problem in done.stderr and "Traceback" not in done.stderr, arguments
