"""The system's randomness, as the engine asks for it."""

from __future__ import annotations

import secrets
from os import urandom

_CHOICES = 1 << 53  # every double in [0, 1) that a fair draw can give


class SystemIdentifiers:
    """Tokens nobody can guess (RFC 3261 §19.3, §8.1.1.7), and jitter, from the operating system."""

    def token(self, role: str) -> str:
        """128 random bits in hexadecimal."""
        return urandom(16).hex()  # what secrets.token_hex does, by fewer steps

    def spread(self, role: str, low: float, high: float) -> float:
        """A number evenly drawn from [low, high)."""
        return low + (high - low) * (secrets.randbelow(_CHOICES) / _CHOICES)
