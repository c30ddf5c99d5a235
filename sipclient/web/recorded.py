"""The recordings: which there are, what they look like, and their sound, in parts where a player asks for parts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.response import Stream

from sipclient.media.sound.waveform import MOST_BARS, Waveform
from sipclient.robot.recordings import Recordings, RecordingShape
from sipclient.web.lists import Cursor, Limit, Page, page_of
from sipclient.web.problems import Refused

AT_ONCE = 64 * 1024  # bytes
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)

Bars: TypeAlias = Annotated[
    int | None, QueryParameter(name="waveform", ge=1, le=MOST_BARS, description="So many bars of its waveform instead.")
]
Range: TypeAlias = Annotated[
    str | None, HeaderParameter(name="Range", max_length=100, description="One part: `bytes=0-1023` (RFC 9110 §14.2).")
]


@get("/v1/recordings", tags=["recordings"], summary="The recordings")
async def recordings(
    recordings: NamedDependency[Recordings | None], limit: Limit = 50, cursor: Cursor = ""
) -> Page[RecordingShape]:
    """The newest 1000 in the folder that `recordings` names, the newest first."""
    found = await recordings.all() if recordings is not None else []
    return page_of(found, limit, cursor, lambda each: each.id)


@get(
    "/v1/recordings/{id:str}",
    tags=["recordings"],
    summary="One recording",
    responses={
        200: ResponseSpec(Waveform, generate_examples=False, description="The sound; with `waveform`, its bars."),
        206: ResponseSpec(bytes, media_type="audio/*", generate_examples=False, description="A part of the sound."),
    },
)
async def recording(
    recordings: NamedDependency[Recordings | None], id: FromPath[str], bars: Bars = None, part: Range = None
) -> Stream | Response[Waveform]:
    """Its sound, whole or the part that is asked for; with `waveform` a bar for each part of its time, in each a number
    from 0 to 1 for each channel. One that is still made can be heard as far as it is."""
    shape = await recordings.get(id) if recordings is not None else None
    if recordings is None or shape is None:
        raise Refused(404, "not-found", f"there is no recording {id}")
    if bars is not None:
        return Response(await recordings.waveform(id, bars))
    first, last = _asked(part, shape.bytes)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache", "Content-Length": str(last - first + 1)}
    if part is None:
        status = 200
    else:
        status = 206
        headers["Content-Range"] = f"bytes {first}-{last}/{shape.bytes}"
    stream = _sound(recordings.path(id), first, last - first + 1)
    return Stream(stream, status_code=status, media_type=shape.format, headers=headers)


def _asked(part: str | None, size: int) -> tuple[int, int]:
    """The first and the last byte. Refuses a range that is none of this file's (RFC 9110 §14.4)."""
    if part is None:
        return 0, size - 1
    found = _RANGE.fullmatch(part.replace(" ", ""))
    first, last = found.groups() if found is not None else ("", "")
    if first:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    else:
        begin, end = max(0, size - int(last or 0)), size - 1
    if begin > end:
        raise Refused(416, "range", f"the recording has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return begin, end


async def _sound(path: Path, first: int, count: int) -> AsyncIterator[bytes]:
    """So many bytes, read in a thread."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        await asyncio.to_thread(file.seek, first)
        while count > 0 and (part := await asyncio.to_thread(file.read, min(AT_ONCE, count))):
            count -= len(part)
            yield part
    finally:
        file.close()


RECORDINGS = [recordings, recording]
