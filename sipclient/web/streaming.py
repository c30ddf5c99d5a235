"""`GET /v1/events`: what happens, as it happens (server-sent events), resumable by number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from sipclient.robot.views.events import EventLog
from sipclient.web.problems import Refused

HEARTBEAT = 15.0  # seconds
READERS = 50
AT_ONCE = 100  # events written together

After = Annotated[int | None, QueryParameter(ge=0, description="The number of the last event that was read.")]
Kinds = Annotated[str, QueryParameter(max_length=1000, description="Events by name, with commas: `call-placed,...`.")]
LastId = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="The same as `after`, as browsers send it.")
]


class Readers:
    """How many read along."""

    def __init__(self, log: EventLog) -> None:
        self.log = log

    async def read(self, after: int, kinds: frozenset[str] | None) -> AsyncIterator[bytes]:
        """The stream of one, from after that number. Whoever falls behind what is kept learns how much is gone."""
        if self.log.readers >= READERS:
            raise Refused(503, "busy", f"{READERS} read along already", {"Retry-After": "5"})
        self.log.readers += 1
        return self._stream(after, kinds)

    async def _stream(self, after: int, kinds: frozenset[str] | None) -> AsyncIterator[bytes]:
        try:
            yield b"retry: 2000\n\n"
            while not self.log.closed:
                lost = self.log.missing(after)
                if lost != 0:
                    after = self.log.oldest - 1
                    yield f"id: {after}\nevent: gap\ndata: {_json({'lost': lost})}\n\n".encode()
                events, after = self.log.since(after, kinds, AT_ONCE)
                for event in events:
                    yield f"id: {event.seq}\nevent: {event.kind}\ndata: ".encode() + event.json + b"\n\n"
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await self.log.more(after)
                except TimeoutError:
                    yield b": here\n\n"
        finally:
            self.log.readers -= 1


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


_STREAM = ResponseSpec(
    data_container=str,
    media_type="text/event-stream",
    generate_examples=False,
    description="Events: `id` is the number, `event` the name, `data` the object that `--log-format json` writes, with "
    "`seq`. Where events are no longer kept, an event `gap` comes first: `lost` of them, null where nobody knows.",
)


@get(
    "/v1/events",
    tags=["events"],
    summary="What happens, as it happens",
    responses={200: _STREAM},
    media_type="text/event-stream",
)
async def events(
    readers: NamedDependency[Readers],
    after: After = None,
    event: Kinds = "",
    last_event_id: LastId = None,
) -> Stream:
    """Server-sent events, from now on, or from after the number given. A comment comes every 15 seconds where nothing
    else does. Whoever does not read for 15 seconds is cut off, and may come back with the number of the last one."""
    begin = after
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 20:
        begin = int(last_event_id)
    names = frozenset(name.strip() for name in event.split(",") if name.strip()) or None
    stream = await readers.read(readers.log.last if begin is None else begin, names)
    return Stream(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
