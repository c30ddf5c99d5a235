"""The spans that have not ended: a bounded number, whatever becomes of what they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeAlias

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

MOST = 10_000  # spans open at once; of more, the oldest ends unfinished
LONGEST = 512  # characters of an attribute

Value: TypeAlias = str | int | bool
Key: TypeAlias = tuple[str, str]  # what it is (`run`, `hook`, `call`, `bridge`), and its name


class OpenSpan:
    """One of them. `rule` is the rule, account, extension and episode of a firing; `failure` why it has failed."""

    __slots__ = ("failure", "over_at", "rule", "span", "waits")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.rule: tuple[str, str, str, int] | None = None
        self.failure = ""
        self.over_at: int | None = None  # when its last call ended, until it is known whether another follows
        self.waits = False  # for another attempt


class OpenSpans:
    """Begins, finds and ends spans by what they are about, each at the moment the wall clock shows."""

    def __init__(self, tracer: Tracer, wall: Callable[[], datetime]) -> None:
        self._tracer = tracer
        self._wall = wall
        self._open: dict[Key, OpenSpan] = {}

    def __len__(self) -> int:
        return len(self._open)

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return int(self._wall().timestamp() * 1_000_000) * 1000

    def get(self, what: str, name: str) -> OpenSpan | None:
        """The one that is about this; None where there is none, or no more."""
        return self._open.get((what, name))

    def all(self, what: str) -> Iterator[tuple[str, OpenSpan]]:
        """Those of one sort, by name; they may be ended meanwhile."""
        return ((name, each) for (sort, name), each in list(self._open.items()) if sort == what)

    def begin(
        self,
        what: str,
        name: str,
        title: str,
        parent: OpenSpan | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        **about: Value,
    ) -> OpenSpan:
        """One more. What was open under the same name ends."""
        self.end(what, name)
        if len(self._open) >= MOST:
            self.cut_short(*next(iter(self._open)))
        context = None if parent is None else set_span_in_context(parent.span)
        span = self._tracer.start_span(title, context, kind, _attributes(about), start_time=self.now())
        made = self._open[what, name] = OpenSpan(span)
        return made

    def note(self, open_span: OpenSpan | None, event: str, **about: Value) -> None:
        """Something happened on the way; to one that is not open, nothing."""
        if open_span is not None:
            open_span.span.add_event(event, _attributes(about), self.now())

    def end(self, what: str, name: str, failure: str = "", at: int | None = None, **about: Value) -> None:
        """It is over, failed where `failure` says why; at `at`, in nanoseconds since 1970, or now."""
        ending = self._open.pop((what, name), None)
        if ending is None:
            return
        ending.span.set_attributes(_attributes(about))
        if failure := failure or ending.failure:
            ending.span.set_status(Status(StatusCode.ERROR, _text(failure)))
        ending.span.end(self.now() if at is None else at)

    def cut_short(self, what: str, name: str) -> None:
        """What becomes of it is not waited for."""
        self.end(what, name, unfinished=True)

    def close(self) -> None:
        """Whatever is open is cut short."""
        for key in list(self._open):
            self.cut_short(*key)


def _attributes(about: dict[str, Value]) -> dict[str, Value]:
    """With the prefix of this program: OpenTelemetry has no names for SIP. What is empty is left out."""
    return {
        f"sipclient.{name}": _text(value) if isinstance(value, str) else value
        for name, value in about.items()
        if value != ""
    }


def _text(value: str) -> str:
    """As the exporter can write it: one lone surrogate would cost a whole batch."""
    return value[:LONGEST].encode(errors="replace").decode()
