"""How long a subscription is granted for, and when to ask for more (RFC 6665 §4.1.2.2)."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.protocol.backoff import refresh_after
from sipclient.protocol.core import Core
from sipclient.protocol.timers import Timer, due_at


class Lifetime:
    """Two deadlines: when to ask, and when it is over. All durations are seconds from now."""

    __slots__ = ("_core", "_end", "_on_due", "_on_end", "_refresh")

    def __init__(self, core: Core, on_due: Callable[[], None], on_end: Callable[[object], None]) -> None:
        self._core = core
        self._on_due = on_due
        self._on_end = on_end
        self._refresh: Timer | None = None
        self._end: Timer | None = None

    def grant(self, seconds: float) -> None:
        """So long from now on, whatever was granted before."""
        self.end_in(seconds)
        self.ask_in(refresh_after(self._core, seconds))

    def shorten(self, seconds: float, *, first: bool) -> None:
        """The notifier says how long is left: never refresh later than that, but do not move an earlier refresh."""
        end = self._core.now + seconds
        if first or self._end is None or end < due_at(self._end):
            self.end_in(seconds)
        if self._refresh is None or due_at(self._refresh) >= end:
            self.ask_in(refresh_after(self._core, seconds))

    def retry(self, wait: float, at_least: float) -> None:
        """Ask again after `wait`, and more than once before the end; but not before `at_least`."""
        if self._end is not None:  # pragma: no branch - what is refreshed has an end
            wait = min(wait, max((due_at(self._end) - self._core.now) / 2, 1.0))
        self.ask_in(max(wait, at_least))

    def ask_in(self, seconds: float) -> None:
        """Ask then."""
        self.ask_no_more()
        self._refresh = self._core.timers.start(self._core.now + seconds, self._due)

    def _due(self, _: object) -> None:
        self._refresh = None
        self._on_due()

    def ask_no_more(self) -> None:
        """It is being asked for, or not wanted any more."""
        self._core.timers.stop(self._refresh)
        self._refresh = None

    def end_in(self, seconds: float, on_end: Callable[[object], None] | None = None) -> None:
        """It is over then."""
        self._core.timers.stop(self._end)
        self._end = self._core.timers.start(self._core.now + seconds, on_end or self._on_end)

    def stop(self) -> None:
        """It is over now."""
        self.ask_no_more()
        self._core.timers.stop(self._end)
        self._end = None
