"""The bridges: two calls each, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from sipclient.face.progress import BridgeProgress
from sipclient.robot.views.shapes import CallShape, Moment

ENDED = 200  # bridges remembered after their end
MOMENTS = 200

BridgeState: TypeAlias = Literal["dialling-a", "dialling-b", "announcing", "bridged", "ended", "failed"]


class LegShape(msgspec.Struct, kw_only=True):
    """One side: who is called, and how far that is. `call` is the call under way or the last one, `calls` are all."""

    to: str
    state: str = "waiting"
    attempt: int = 0
    call: str | None = None
    calls: list[str] = []
    status: int = 0
    cause: str = ""


class BridgeShape(msgspec.Struct, kw_only=True):
    """Two calls. Where it failed, `leg` is the side that was not reached."""

    id: str
    state: BridgeState
    a: LegShape
    b: LegShape
    created: datetime
    bridged: datetime | None = None
    ended: datetime | None = None
    cause: str = ""
    reason: str = ""
    leg: str = ""
    recording: str | None = None
    variables: dict[str, str] = {}
    timeline: list[Moment] = []


class Bridges:
    """Those under way, and the latest that ended."""

    def __init__(self) -> None:
        self._live: dict[str, BridgeShape] = {}
        self._ended: dict[str, BridgeShape] = {}

    def get(self, id: str) -> BridgeShape | None:
        """One of them; None for one that is unknown or forgotten."""
        return self._live.get(id) or self._ended.get(id)

    def all(self) -> Iterator[BridgeShape]:
        """The latest first."""
        yield from reversed(self._live.values())
        yield from reversed(self._ended.values())

    def open(self, id: str, a: str, b: str, variables: dict[str, str], at: datetime) -> BridgeShape:
        """One that somebody asks for."""
        shape = BridgeShape(
            id=id,
            state="dialling-a",
            a=LegShape(to=a),
            b=LegShape(to=b),
            created=at,
            variables=variables,
            timeline=[Moment(at=at, event="requested")],
        )
        self._live[id] = shape
        return shape

    def leg(self, id: str, call: CallShape) -> bool:
        """A call was placed for one of its sides, as its Call-ID says; False where there is no such bridge."""
        shape = self._live.get(id)
        if shape is None:
            return False
        side = shape.b if call.call_id.startswith(f"{id}-b") else shape.a
        side.call = call.id
        side.calls.append(call.id)
        return True

    def progress(self, news: BridgeProgress, at: datetime) -> None:
        """What became of it, or of one of its calls."""
        shape = self._live.get(news.id)
        if shape is None or (not news.leg and news.state in ("failed", "ended")):  # of its end `close` tells
            return
        if news.leg:
            side = shape.a if news.leg == "a" else shape.b
            side.state, side.status, side.cause = news.state, news.status, news.cause
            side.attempt = news.attempt or side.attempt
            if shape.state == "dialling-a" and shape.a.state == "answered":
                shape.state = "dialling-b"
        elif news.state == "bridged":
            shape.state, shape.bridged = "bridged", at
        elif news.state == "announcing":
            shape.state = "announcing"
        how = f"{news.status or ''} {news.cause}".strip() if news.state in ("ended", "waiting") else ""
        again = f"{how}: another attempt in {news.seconds:g} s" if news.state == "waiting" else how
        event = f"{news.leg}-{news.state}" if news.leg else news.state
        _note(shape, at, event, again)

    def note(self, id: str, at: datetime, event: str, detail: str) -> None:
        """Something more for its timeline."""
        shape = self.get(id)
        if shape is not None:
            _note(shape, at, event, detail)

    def close(self, id: str, at: datetime, cause: str, reason: str, leg: str = "") -> None:
        """It ended, or never came to be."""
        shape = self._live.pop(id, None)
        if shape is None:
            return
        shape.state = "ended" if shape.bridged is not None else "failed"
        shape.ended, shape.cause, shape.reason, shape.leg = at, cause, reason, leg
        shape.timeline.append(Moment(at=at, event=shape.state, detail=" ".join(filter(None, (leg, cause, reason)))))
        self._ended[id] = shape
        if len(self._ended) > ENDED:
            del self._ended[next(iter(self._ended))]


def _note(shape: BridgeShape, at: datetime, event: str, detail: str) -> None:
    shape.timeline.append(Moment(at=at, event=event, detail=detail))
    del shape.timeline[1 : max(1, len(shape.timeline) - MOMENTS + 1)]
