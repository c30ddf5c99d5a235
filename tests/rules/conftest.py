"""A small bench: rules from a few lines of TOML, and a stage on which an extension goes through states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sipclient.config import load
from sipclient.presence import State
from sipclient.protocol.events import ExtensionChanged
from sipclient.rules import Action, Event, Memory, RuleSet, Tick, decide

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday

HEAD = """
[accounts.pbx]
address = "sip:robot@pbx.example.com"
[dial]
allow = ["7???"]
"""
WATCH = '[[watch]]\nextensions = ["1001", "1002", "2000-2009"]\n'


class Stage:
    """Feeds events to `decide` in virtual time, and counts episodes as the engine does."""

    def __init__(self, rules: str, watch: str = WATCH, head: str = HEAD) -> None:
        self.rules = RuleSet(load(head + watch + rules))
        self.memory = Memory()
        self.now = 1000.0
        self.states: dict[str, State] = {}
        self.episodes: dict[str, int] = {}
        self.open: set[str] = set()

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.now - 1000.0)

    def tell(self, event: Event, at: datetime | None = None) -> list[Action]:
        return decide(self.rules, self.memory, event, self.now, at or self.at)

    def change(self, after: str, extension: str = "1001", *, gap: bool = False, note: str = "") -> ExtensionChanged:
        """The change as the engine reports it: an episode opens on the phone, ready or offline closes it."""
        before, state = self.states.get(extension, State.UNKNOWN), State(after)
        self.states[extension] = state
        opened = state is State.ON_THE_PHONE and extension not in self.open
        if opened:
            self.open.add(extension)
            self.episodes[extension] = self.episodes.get(extension, 0) + 1
        closed = extension in self.open and state in (State.READY, State.OFFLINE)
        episode = self.episodes.get(extension, 0) if extension in self.open else 0
        if closed:
            self.open.discard(extension)
        return ExtensionChanged(
            1, "pbx", extension, before, state, episode, opened=opened, closed=closed, gap=gap, note=note
        )

    def go(self, *states: str, extension: str = "1001") -> list[Action]:
        """Through these states at once; all actions."""
        return [action for state in states for action in self.tell(self.change(state, extension))]

    def wait(self, seconds: float) -> list[Action]:
        """Time passes, with a Tick at each deadline."""
        actions: list[Action] = []
        end = self.now + seconds
        while (deadline := self.memory.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            actions += self.tell(Tick())
        self.now = end
        return actions


@pytest.fixture(scope="session")
def stage() -> Callable[..., Stage]:
    return Stage
