"""The one source of randomness the engine draws from, asked by role.

The engine has none of its own: the shell injects a source, a test injects a seeded one, and a replay
feeds the values of its trace, so that equal behaviour gives equal bytes.
"""

from __future__ import annotations

from typing import Protocol


class Identifiers(Protocol):
    """Where branches, tags, Call-IDs, nonces and jitter come from."""

    def token(self, role: str) -> str:
        """A fresh unguessable token of the characters [0-9a-f], 16 or longer.

        `role` is `branch`, `tag`, `call-id`, `cnonce`, `nonce` or `instance`.
        """

    def spread(self, role: str, low: float, high: float) -> float:
        """A number evenly drawn from [low, high): the jitter of `role`, in the unit of its bounds."""
