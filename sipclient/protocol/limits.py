"""How much an engine holds at once."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much an engine holds at once. Beyond it, new work from the network is refused (503) or dropped."""

    server_transactions: int = 50_000  # of 1.3 KiB, for 32 seconds on UDP: 10,000 extensions may speak twice in that
    calls: int = 2_000  # incoming ones not yet ended
    subscribers: int = 20_000  # accepted subscriptions, where we are the notifier
    early_dialogs: int = 16  # forks of one call that are tracked
    subscribe_window: int = 64  # first SUBSCRIBEs of an account under way at once
