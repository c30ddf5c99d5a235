"""A robot as a process of its own, over HTTP, on a disk that the kernel will not write to any more."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
SIZE = 256 * 1024  # bytes of the small disk
_OWN_MOUNTS = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
_MOUNT = f"mount -t tmpfs -o size={SIZE} tmpfs disk"


class Disk(ABC):
    """The folder `disk` of a process, until it is full and after."""

    why: str  # as the kernel says it

    def command(self, *command: str) -> list[str]:
        """How to start what uses it."""
        return [*command]

    def began(self, pid: int, folder: Path) -> None:
        """It was started."""
        self.pid, self.folder = pid, folder / "disk"

    @abstractmethod
    def fill(self, but: int = 0) -> None:
        """It takes no more, but so many bytes."""

    @abstractmethod
    def free(self) -> None:
        """It does again."""


class SmallDisk(Disk):
    """A real file system of a few pages, that only this process and its children see."""

    why = "No space left on device"

    def command(self, *command: str) -> list[str]:
        return [*_OWN_MOUNTS, "sh", "-c", f'{_MOUNT} && exec "$0" "$@"', *command]

    def began(self, pid: int, folder: Path) -> None:
        self.pid, self.folder = pid, Path(f"/proc/{pid}/root{folder}/disk")

    def fill(self, but: int = 0) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        if but:
            os.truncate(self.folder / "filler", (self.folder / "filler").stat().st_size - but)

    def free(self) -> None:
        (self.folder / "filler").unlink()


class LimitedFiles(Disk):
    """Where nothing may be mounted: files that may not grow (RLIMIT_FSIZE), which every kernel refuses to write."""

    why = "File too large"

    def fill(self, but: int = 0) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (but, resource.RLIM_INFINITY))

    def free(self) -> None:
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@cache
def disks() -> list[type[Disk]]:
    """Those that there can be here: at least one."""
    if not shutil.which("unshare"):
        return [LimitedFiles]
    probe = [*_OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    mounts = subprocess.run(probe, capture_output=True).returncode == 0
    return [SmallDisk, LimitedFiles] if mounts else [LimitedFiles]


class Served:
    """`sipclient run` in a folder, on a disk; `told` is what it tells, `http` asks it."""

    def __init__(self, disk: Disk, folder: Path, config: str) -> None:
        self.disk = disk
        self._folder = folder
        self._process: Process
        self._config = config
        self.told: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._news = asyncio.Event()
        self.http: httpx.AsyncClient

    async def __aenter__(self) -> Served:
        (self._folder / "disk").mkdir(exist_ok=True)
        (self._folder / "robot.toml").write_text(self._config)
        command = [sys.executable, "-m", "sipclient", "run", "robot.toml", "--log-format", "json"]
        self._process = await asyncio.create_subprocess_exec(
            *self.disk.command(*command),
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())
        serving = await self.hears("serving")
        self.disk.began(self._process.pid, self._folder)
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving['port']}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        await self._reading

    async def kill(self) -> None:
        """As a crash does it."""
        self._process.kill()
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.said.append(line.decode())
            with suppress(ValueError):
                self.told.append(json.loads(line))
                self._news.set()

    async def hears(self, event: str) -> dict[str, Any]:
        """The first event of that name."""
        while True:
            self._news.clear()
            for news in self.told:
                if news.get("event") == event:
                    return news
            if self._reading.done():
                raise AssertionError("".join(self.said))
            await asyncio.wait([asyncio.create_task(self._news.wait()), self._reading], return_when="FIRST_COMPLETED")

    async def post(self, path: str, status: int, **body: Any) -> Any:
        response = await self.http.post(path, json=body)
        assert response.status_code == status, response.text
        return response.json()

    async def until(self, path: str, **wanted: Any) -> Any:
        """What is there once it has these values."""
        while True:
            found = (await self.http.get(path)).json()
            if all(found.get(name) == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.01)
