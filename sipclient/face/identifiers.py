"""The system's randomness, as the engine asks for it."""

from __future__ import annotations

import secrets
from os import urandom

_BITS = 128
_AT_ONCE = 64  # tokens; no fork outlives them, as no client does one
_CHOICES = 1 << 53  # every double in [0, 1) that a fair draw can give


class SystemIdentifiers:
    """Tokens nobody can guess (RFC 3261 §19.3, §8.1.1.7), and jitter, from the operating system."""

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def token(self, role: str) -> str:
        """128 random bits in hexadecimal, drawn from the system many at a time: each time it is asked costs."""
        if not self._drawn:
            drawn = urandom(_BITS // 8 * _AT_ONCE).hex()
            self._drawn = [drawn[start : start + _BITS // 4] for start in range(0, len(drawn), _BITS // 4)]
        return self._drawn.pop()

    def spread(self, role: str, low: float, high: float) -> float:
        """A number evenly drawn from [low, high)."""
        return low + (high - low) * (secrets.randbelow(_CHOICES) / _CHOICES)
