"""The times, causes and sound of calls, whoever placed them."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.call import Call
from sipclient.media.stats import StreamStats
from sipclient.protocol.causes import NAMES
from sipclient.protocol.events import Answered, CallEnded, Calling, Event, IncomingCall, Ringing
from sipclient.robot.metrics.families import Families

OTHER = "OTHER"  # the cause of no list


class _Live:
    """A call that has not ended."""

    __slots__ = ("account", "answered_at", "began", "direction", "quiet")

    def __init__(self, account: str, direction: str, began: float) -> None:
        self.account = account
        self.direction = direction
        self.began = began
        self.quiet = direction == "outgoing"  # until it rings
        self.answered_at: float | None = None


class CallTimes:
    """Follows each call from the INVITE to its end. `find` gives the Call of an id."""

    def __init__(self, families: Families, time: Callable[[], float], find: Callable[[int], Call | None]) -> None:
        self._families = families
        self._time = time
        self._find = find
        self._live: dict[int, _Live] = {}
        self._calls: dict[int, Call] = {}  # of those answered: at their end nobody else has them any more

    def heard(self, event: Event) -> None:
        """What the engine says of a call; all else is passed over."""
        match event:
            case Calling() if event.id not in self._live:
                call = self._find(event.id)
                self._live[event.id] = _Live(call.account if call is not None else "", "outgoing", self._time())
            case IncomingCall():
                self._live[event.id] = _Live(event.account, "incoming", self._time())
            case Ringing():
                self._rings(event)
            case Answered():
                self._answered(event)
            case CallEnded():
                self._ended(event)

    def _rings(self, event: Ringing) -> None:
        live = self._live.get(event.id)
        if live is not None and live.quiet:
            live.quiet = False
            self._families.ringing.labels(live.account).observe(self._time() - live.began)

    def _answered(self, event: Answered) -> None:
        live = self._live.get(event.id)
        if live is None or live.answered_at is not None:
            return
        live.answered_at = self._time()
        if live.direction == "outgoing":
            self._families.setup.labels(live.account).observe(live.answered_at - live.began)
        call = self._find(event.id)
        if call is not None:
            self._calls[event.id] = call

    def _ended(self, event: CallEnded) -> None:
        live = self._live.pop(event.id, None) or _Live("", "outgoing", 0.0)  # none: it never left
        cause = event.cause if event.cause in NAMES else OTHER
        answered = "yes" if event.answered else "no"
        self._families.calls.labels(live.account, live.direction, cause, answered).inc()
        if live.answered_at is not None:
            lasted = self._time() - live.answered_at
            self._families.duration.labels(live.account, live.direction).observe(lasted)
        call = self._calls.pop(event.id, None)
        stats = call.stats if call is not None else None
        if stats is not None and stats.received:
            self._sounded(stats, live.account)

    def _sounded(self, stats: StreamStats, account: str) -> None:
        families = self._families
        families.loss.labels(account).observe(stats.lost_share)
        families.jitter.labels(account).observe(stats.jitter)
        if stats.mos is not None:
            families.mos.labels(account).observe(stats.mos)
        if stats.round_trip is not None:
            families.round_trip.labels(account).observe(stats.round_trip)
