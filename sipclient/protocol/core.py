"""What every part of the engine shares: the moment, the timers, the source of randomness, the effects."""

from __future__ import annotations

from sipclient.protocol.events import Effect, Flow, Send, Traced
from sipclient.protocol.identifiers import Identifiers
from sipclient.protocol.limits import Limits
from sipclient.protocol.timers import Timers


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
