"""A queue: callers wait in it, agents ring all at once or in turn until one answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipclient.lab.values import Queue, Strategy
from sipclient.protocol.timers import Timer, Timers


class Floor(Protocol):
    """What a queue needs of the PBX."""

    def free(self, agent: str) -> bool:
        """Whether an agent has a phone and nothing to do."""

    def ring(self, call: int, agent: str, seconds: float) -> None:
        """Ring an agent for a waiting call; `failed` or `answered` follows."""

    def give_up(self, call: int) -> None:
        """Refuse a call that waited too long."""


class Waiting:
    """One call that waits: who rings for it, and who did in this round."""

    __slots__ = ("patience", "ringing", "tried")

    def __init__(self) -> None:
        self.patience: Timer | None = None
        self.ringing: set[str] = set()
        self.tried: set[str] = set()


class QueueDesk:
    """One queue at work. `now` gives the moment of the input being handled."""

    def __init__(self, queue: Queue, floor: Floor, timers: Timers, now: Callable[[], float]) -> None:
        self.queue = queue
        self._floor = floor
        self._timers = timers
        self._now = now
        self._waiting: dict[int, Waiting] = {}
        self._turn = 0  # the agent whose turn it is
        self._round: Timer | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, call: int) -> None:
        """A caller comes."""
        waiting = self._waiting[call] = Waiting()
        waiting.patience = self._timers.start(self._now() + self.queue.patience, self._too_long, call)
        self.serve()

    def leave(self, call: int) -> None:
        """A caller was answered, or gave up."""
        waiting = self._waiting.pop(call, None)
        if waiting is not None:
            self._timers.stop(waiting.patience)

    def failed(self, call: int, agent: str) -> None:
        """An agent refused, or did not answer in time: the next one, please."""
        waiting = self._waiting.get(call)
        if waiting is not None:
            waiting.ringing.discard(agent)
            self.serve()

    def serve(self) -> None:
        """Ring whoever can be rung for whoever waits, the longest waiting first."""
        for call, waiting in list(self._waiting.items()):
            if waiting.ringing:
                continue
            agents = [agent for agent in self._in_order() if agent not in waiting.tried and self._floor.free(agent)]
            if not agents:
                self._next_round(waiting)
                continue
            if self.queue.strategy is Strategy.IN_TURN:
                agents = agents[:1]
                self._turn = self.queue.agents.index(agents[0]) + 1
            waiting.ringing.update(agents)
            waiting.tried.update(agents)
            for agent in agents:
                self._floor.ring(call, agent, self.queue.ring_for)

    def _in_order(self) -> list[str]:
        agents = list(self.queue.agents)
        turn = self._turn % len(agents) if agents else 0
        return agents[turn:] + agents[:turn]

    def _next_round(self, waiting: Waiting) -> None:
        """Everybody was tried: all over again, after a pause."""
        if waiting.tried and self._round is None:
            self._round = self._timers.start(self._now() + self.queue.pause, self._begin_round)

    def _begin_round(self, _: object) -> None:
        self._round = None
        for waiting in self._waiting.values():
            if not waiting.ringing:
                waiting.tried.clear()
        self.serve()

    def _too_long(self, call: int) -> None:
        if self._waiting.pop(call, None) is not None:
            self._floor.give_up(call)
