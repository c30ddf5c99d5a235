"""`POST /v1/traces`: a trace is read, drawn and explained; nothing of it is kept."""

from __future__ import annotations

import asyncio
import base64
import binascii
import sys
from asyncio.subprocess import DEVNULL, PIPE

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from sipclient.web.inspecting import Inspected, Unreadable
from sipclient.web.problems import Refused

PATIENCE = 30.0  # seconds for one trace
AT_ONCE = 2  # processes
WAITING = 8  # traces
TOO_LONG = "it takes too long to read here: sipclient explain reads it on the command line"


class TraceUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trace: `text` as it was pasted, or a file as `base64`. `name` is only for you."""

    name: str = ""
    text: str = ""
    base64: str = ""

    def data(self) -> bytes:
        """Its bytes. Refuses what is neither, or both."""
        if bool(self.text) == bool(self.base64):
            raise Refused(422, "invalid-value", "give the trace as text, or as base64")
        if self.text:
            return self.text.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refused(422, "invalid-value", f"base64: {error}") from error


class Inspection:
    """Reads traces in processes of their own, a few at once."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def of(self, data: bytes) -> Inspected:
        """What a trace shows. Refuses what is none, what takes too long, and one more than can wait."""
        if self._waiting >= WAITING:
            raise Refused(503, "busy", "other traces are being read", {"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._turns:
                return await _read(data)
        finally:
            self._waiting -= 1


async def _read(data: bytes) -> Inspected:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sipclient.web.inspecting", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate(data)
    except TimeoutError:
        raise Refused(422, "unreadable", TOO_LONG) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise Refused(422, "unreadable", TOO_LONG)
    answer = msgspec.json.decode(said, type=Inspected | Unreadable)
    if isinstance(answer, Unreadable):
        raise Refused(422, "unreadable", answer.error)
    return answer


@post("/v1/traces", tags=["traces"], summary="Explain a trace", status_code=200, opt={"scope": "read"})
async def explain_trace(inspection: NamedDependency[Inspection], data: JSONBody[TraceUpload]) -> Inspected:
    """A capture, a log or a paste in any form that `sipclient explain` reads, up to 24 MiB of JSON: its ladder, what
    went wrong, with evidence and what would mend it, and what it cannot show. It is read in a process of its own, with
    30 seconds and a bounded memory, and kept nowhere."""
    return await inspection.of(data.data())
