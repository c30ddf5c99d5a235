"""baresip as a phone that answers by itself, rings others when told, and hears what is said to it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Self

from interop.processes import HOST, Child, answers_options, fill, free_port, lacking, need

CONFIGURATION = Path(__file__).parent / "baresip" / "config"


def _modules() -> Path:
    places = ("usr/lib/baresip/modules", "usr/lib/*/baresip/modules", "usr/local/lib/baresip/modules")
    found = [module.parent for place in places for module in Path("/").glob(f"{place}/ausine.so")]
    return found[0] if found else lacking("the modules of baresip are not installed here")


class Baresip:
    """One phone. `async with` gives it its ears: the events of its calls, told over its control port."""

    def __init__(
        self,
        directory: Path,
        settings: str = "audio_codecs=PCMU,PCMA",
        listen: str = HOST,
        mux: bool = False,
        *,
        tone: int = 440,
        answers: bool = True,
        hears: bool = False,
        user: str = "phone",
        most: int = 4,
    ) -> None:
        """It is called `user`, and busy once it has `most` calls.
        `settings` are parameters of its account, as baresip writes them: `mediaenc=srtp-mand;medianat=ice`.
        `listen` is its address for SIP; with `mux` it has RTCP on the port of RTP. It plays
        `tone` (Hz), answers by itself unless told otherwise, and with `hears` writes that to
        `dump-*-dec.wav` in its directory."""
        binary, modules = need("baresip"), _modules()
        self.port = free_port(run=2)  # it takes the next one for TLS
        self._control = free_port()
        words = {
            "LISTEN": listen,
            "MUX": "yes" if mux else "no",
            "SIP": self.port,
            "CONTROL": self._control,
            "MODULES": modules,
            "TONE": tone,
            "MOST": most,
            "EARS": f"module sndfile.so\nsnd_path {directory}" if hears else "",
        }
        fill(CONFIGURATION, words, directory / "config")
        mode = "auto" if answers else "manual"
        (directory / "accounts").write_text(f"<sip:{user}@{listen}>;regint=0;answermode={mode};{settings}\n")
        (directory / "contacts").touch()
        self._child = Child([binary, "-f", str(directory)], directory / "baresip.log", directory=directory)
        self._child.wait_ready(lambda: answers_options(self.port, user, listen))
        self.told: list[str] = []  # the types of the events so far
        self._listening: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        reader, self._writer = await asyncio.open_connection(HOST, self._control)
        self._listening = asyncio.create_task(self._listen(reader))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None and self._writer is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._writer.close()

    def stop(self) -> None:
        """End it."""
        self._child.stop()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:  # netstrings: length, colon, JSON, comma
            length = int((await reader.readuntil(b":"))[:-1])
            word: dict[str, Any] = json.loads(await reader.readexactly(length))
            await reader.readexactly(1)
            if word.get("event"):
                self.told.append(str(word["type"]))

    def do(self, command: str, params: str = "") -> None:
        """Give it a command of its menu."""
        text = json.dumps({"command": command, "params": params})
        if self._writer is not None:
            self._writer.write(f"{len(text)}:{text},".encode())
