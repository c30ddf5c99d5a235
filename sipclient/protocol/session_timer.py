"""Session timers (RFC 4028): a call whose peer vanished ends, though nobody said BYE."""

from __future__ import annotations

from typing import Protocol

from sipclient.message import Request, Response
from sipclient.protocol.backoff import RAISES
from sipclient.protocol.core import Core
from sipclient.protocol.timers import Timer

MIN_SE = 90  # seconds, RFC 4028 §4


class Timed(Protocol):
    """The call that is timed."""

    def refresh(self) -> None:
        """It is time to refresh it."""

    def expired(self) -> None:
        """The peer did not."""


class SessionTimer:
    """The timer of one call: we refresh at half of the interval, or hang up when the peer did not."""

    __slots__ = ("_core", "_raised", "_timed", "_timer", "interval", "min_se", "ours", "wanted")

    def __init__(self, core: Core, wanted: float, timed: Timed) -> None:
        self._core = core
        self._timed = timed
        self.wanted = int(wanted)  # what we ask for; 0: no session timer
        self.min_se = MIN_SE
        self.interval = 0  # what was agreed; 0: none
        self._raised = 0  # how often in a row a 422 was followed
        self.ours = False  # whether we refresh
        self._timer: Timer | None = None

    def offer(self) -> tuple[tuple[str, str], ...]:
        """The headers of our INVITE or UPDATE (§7.1)."""
        if not self.wanted and not self.interval:
            return ()
        refresher = f";refresher={'uac' if self.ours else 'uas'}" if self.interval else ""
        headers: tuple[tuple[str, str], ...] = (("Session-Expires", f"{self.interval or self.wanted}{refresher}"),)
        return (*headers, ("Min-SE", str(self.min_se))) if self.min_se > MIN_SE else headers

    def raise_to(self, response: Response) -> bool:
        """A 422: ask for no less than its Min-SE (§7.3). False where it asks for nothing new, or each time for more."""
        least = response.min_se or 0
        if least <= self.min_se or least <= (self.interval or self.wanted) or self._raised >= RAISES:
            self._raised = 0
            return False
        self._raised += 1
        self.min_se = self.wanted = least
        self.interval = 0
        return True

    def too_small(self, request: Request) -> bool:
        """Whether the peer asks for less than we accept (§9)."""
        seconds = request.session_expires[0]
        return 0 < seconds < MIN_SE and "timer" in request.supported

    def answer(self, request: Request) -> tuple[tuple[str, str], ...]:
        """Agree as the one who answers (§9): the headers of our 2xx."""
        seconds, refresher = request.session_expires
        if seconds < MIN_SE:  # none, or one that cannot be refused to who knows no timer, and none can be so short
            self.stop()
            return ()
        seconds = min(seconds, 86_400)
        supported = "timer" in request.supported
        refresher = refresher if supported and refresher else ("uac" if supported else "uas")
        self._agree(seconds, ours=refresher == "uas")
        require = (("Require", "timer"),) if refresher == "uac" else ()
        return (("Session-Expires", f"{seconds};refresher={refresher}"), *require)

    def agreed(self, response: Response) -> None:
        """Agree as the one who asked (§7.2): from the 2xx."""
        self._raised = 0
        seconds, refresher = response.session_expires
        if seconds:
            self._agree(max(min(seconds, 86_400), MIN_SE), ours=refresher != "uas")
        else:
            self.stop()

    def _agree(self, seconds: int, *, ours: bool) -> None:
        self.interval, self.ours = seconds, ours
        core = self._core
        core.timers.stop(self._timer)
        # §10: the refresher at half of it; the other gives up a little before the end.
        wait = seconds / 2 if ours else seconds - min(32.0, seconds / 3)
        self._timer = core.timers.start(core.now + wait, self._run)

    def _run(self, _: object) -> None:
        self._timer = None
        if self.ours:
            # If the refresh fails, the session still ends in time.
            wait = self.interval / 2 - min(32.0, self.interval / 3)
            self._timer = self._core.timers.start(self._core.now + wait, lambda _: self._timed.expired())
            self._timed.refresh()
        else:
            self._timed.expired()

    def stop(self) -> None:
        """No session timer any more."""
        self.interval = 0
        self._core.timers.stop(self._timer)
        self._timer = None
