"""How soon a lost subscription is asked for again (RFC 6665 §4.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sipclient.protocol.backoff import Backoff
from sipclient.protocol.core import Core

NEVER = -1.0
SLOW_FIRST, SLOW_MOST = 120.0, 1800.0  # seconds between tries of what the PBX refused by name (403, 404, noresource)

# What to do when the notifier ends a subscription. Where RFC 6665 says "should not re-subscribe", we still ask now and
# then: extensions are created again, and a watch is meant to last.
AT_ONCE, SOON, SLOWLY, NOT = "at once", "soon", "slowly", "not"
AFTER_REASON: Mapping[str, str] = MappingProxyType(
    {
        "": AT_ONCE,  # Asterisk ends without one
        "deactivated": AT_ONCE,
        "timeout": AT_ONCE,
        "probation": SOON,
        "giveup": SOON,
        "rejected": SLOWLY,
        "noresource": SLOWLY,
        "invariant": NOT,
    }
)


class Again:
    """The waits of one subscription, longer each time until it has lived for a while."""

    __slots__ = ("_core", "_most", "_slow", "_soon")

    def __init__(self, core: Core, keepalive: float) -> None:
        self._core = core
        self._most = min(max(keepalive, 4.0), 60.0) if keepalive else 60.0  # seconds
        self._soon: Backoff | None = None
        self._slow: Backoff | None = None

    def reset(self) -> None:
        """It lived."""
        self._soon = self._slow = None

    def come_back(self) -> None:
        """The server is back after it was away: what it refuses by name it will refuse still."""
        self._soon = None

    def soon(self) -> Backoff:
        """The waits after what may pass by itself."""
        if self._soon is None:
            self._soon = Backoff(self._core, "subscribe", 1.0, self._most)
        return self._soon

    def after(self, again: str, retry_after: float) -> float:
        """Seconds until the next try: AT_ONCE only the first time, NEVER after NOT."""
        if again == NOT:
            return NEVER
        if again == SLOWLY:
            self._slow = self._slow or Backoff(self._core, "subscribe", SLOW_FIRST, SLOW_MOST)
            return self._slow.wait(retry_after)
        if again == AT_ONCE and self._soon is None and not retry_after:
            self._soon = Backoff(self._core, "subscribe", 1.0, 60.0)  # the next end within STEADY waits
            return 0.0
        return self.soon().wait(retry_after)
