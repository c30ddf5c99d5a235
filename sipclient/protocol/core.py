"""What every part of the engine shares: the moment, the timers, the source of randomness, the effects."""

from __future__ import annotations

import msgspec

from sipclient.protocol.events import Effect, Flow, Send, Traced
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.timers import Timers


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much an engine holds at once. Beyond it, new work from the network is refused (503) or dropped."""

    server_transactions: int = 50_000  # of 1.3 KiB, for 32 seconds on UDP: 10,000 extensions may speak twice in that
    calls: int = 2_000  # incoming ones not yet ended
    subscribers: int = 20_000  # accepted subscriptions, where we are the notifier
    early_dialogs: int = 16  # forks of one call that are tracked
    subscribe_window: int = 64  # first SUBSCRIBEs of an account under way at once


class Core:
    """The shared state of one engine. `now` is the monotonic time of the input being handled."""

    __slots__ = ("call_marks", "effects", "ids", "limits", "now", "product", "serial", "timers")

    def __init__(self, ids: Identifiers, limits: Limits, product: str) -> None:
        self.ids = ids
        self.limits = limits
        self.product = product
        self.timers = Timers()
        self.now = 0.0
        self.effects: list[Effect] = []
        self.serial = 0
        self.call_marks: set[str] = set()  # of the accounts: see Line

    def emit(self, effect: Effect) -> None:
        """Append to the list the current input returns."""
        self.effects.append(effect)

    def send(self, flow: Flow, data: bytes) -> None:
        """Put bytes on a flow."""
        self.effects.append(Send(flow, data))

    def trace(self, text: str, account: str = "") -> None:
        """A debug line for whoever listens."""
        self.effects.append(Traced(text, account))

    def next_id(self) -> int:
        """The id of something that began on the network's side: negative, so that it never meets the user's."""
        self.serial += 1
        return -self.serial

    def take(self) -> list[Effect]:
        """The effects since the last call."""
        effects, self.effects = self.effects, []
        return effects
