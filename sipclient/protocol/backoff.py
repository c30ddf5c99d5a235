"""How long to wait before the next try."""

from __future__ import annotations

from sipclient.protocol.core import Core

RAISES = 2  # how often in a row we ask again with what a 422 or 423 demands: who raises each time would never end


class Backoff:
    """Doubling waits with jitter between `first` and `most` seconds."""

    __slots__ = ("_core", "_role", "failures", "first", "most")

    def __init__(self, core: Core, role: str, first: float, most: float) -> None:
        self._core = core
        self._role = role
        self.first = first
        self.most = most
        self.failures = 0

    def wait(self, at_least: float = 0.0) -> float:
        """Seconds until the next try; each call counts as one more failure."""
        base = min(self.first * 2.0 ** min(self.failures, 20), self.most)
        self.failures += 1
        return max(at_least, self._core.ids.spread(self._role, 0.75 * base, base))

    def reset(self) -> None:
        """A try succeeded."""
        self.failures = 0


def refresh_after(core: Core, granted: float) -> float:
    """When to refresh what was granted for `granted` seconds, spread so that many do not come at once.

    A refresh that is lost takes 32 s to fail (RFC 3261 Timer F) and must leave time for another: so 40 s before
    the end at the latest, or at half of what is too short for that. Never sooner than in a second, however little
    was granted: that would be a storm.
    """
    latest = max(granted / 2, min(0.9 * granted, granted - 40.0), 1.25)
    return core.ids.spread("refresh", 0.8 * latest, latest)
