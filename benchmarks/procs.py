"""Processes that are measured: started, told what to do line by line, and asked for the CPU time they used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).resolve().parent
COMPILED = HERE.parent / "build" / "compiled"  # the package with its core compiled, where `make` could build it
SUFFIX = "-compiled"  # of the contestants that run on it


def contestants(*names: str) -> tuple[str, ...]:
    """These, without those on the compiled core where it was not built."""
    return tuple(name for name in names if not name.endswith(SUFFIX) or COMPILED.is_dir())


class Process:
    """A Python process, on the compiled core or not. `cpu()` is what it used so far, user and system, in seconds."""

    def __init__(self, *arguments: str, quiet: bool = False, compiled: bool = False) -> None:
        home = COMPILED if compiled else HERE.parent
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if quiet else subprocess.PIPE,
            text=True,
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(home)},
            bufsize=1,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def tell(self, line: str) -> None:
        """Write a line to it."""
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def hear(self, first: str) -> str:
        """The rest of the next line, which must begin with this word."""
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        word, _, rest = line.strip().partition(" ")
        if word != first:
            raise RuntimeError(f"{self._process.args!r} said {line!r} instead of {first!r}")
        return rest

    def ask(self, line: str, first: str) -> str:
        """Write a line, and wait for the answer that begins with this word."""
        self.tell(line)
        return self.hear(first)

    def cpu(self) -> float:
        """Seconds of CPU, by the process's own clock: the kernel has one for each (Linux, clock_getcpuclockid)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def memory(self) -> int:
        """Resident bytes."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) * 1024


def script(name: str, *arguments: object, compiled: bool = False) -> Process:
    """One of the scripts of this folder, running."""
    return Process(str(HERE / name), *map(str, arguments), compiled=compiled)


def module(name: str, *arguments: str, quiet: bool = False, compiled: bool = False) -> Process:
    """A module as a program, running; `quiet` drops what it says."""
    return Process("-m", name, *arguments, quiet=quiet, compiled=compiled)


def spread(values: Sequence[float]) -> str:
    """The lowest and highest, to say how far a median can be trusted."""
    return f"{min(values):.1f}..{max(values):.1f}"
