"""The shell around an engine: it performs effects, keeps one timer handle, and hands events on.

This is the only place that asks a clock (`clock.py`) and sets its alarm. Nothing here awaits: whatever is slow comes
back later as an input or a command.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import Protocol, TypeAlias

from sipclient.errors import SipError
from sipclient.presence import State
from sipclient.protocol.events import CloseFlow, Command, Connect, Effect, Event, Input, Packet, Resolve, Send

Work: TypeAlias = Send | Connect | Resolve | CloseFlow
Deliver: TypeAlias = Callable[[list[Input]], None]

_WORK = frozenset((Send, Connect, Resolve, CloseFlow))
_PAUSE = 1.0  # seconds: a tick that failed is not tried again sooner, lest a bug burn a core
_SHOWN = 1000  # characters of an input that an error line shows
_SECRET = re.compile(r'((?:response|cnonce)\s*=\s*")[^"]*|((?:password)\s*=\s*\')[^\']*', re.IGNORECASE)

log = logging.getLogger("sipclient")


class Engine(Protocol):
    """What the shell needs of `sipclient.protocol.UserAgent`."""

    @property
    def deadline(self) -> float | None:
        """The next moment at which `tick` must be called, in the clock's seconds; None: no need."""

    def subscriptions(self) -> Iterable[tuple[str, str, str]]:
        """Account, event package and state of every subscription of ours."""

    def states(self) -> Iterable[tuple[str, State]]:
        """Account and merged state of every extension that is watched."""

    def receive(self, packet: Input, now: float, /) -> list[Effect]:
        """The network spoke."""

    def tick(self, now: float, /) -> list[Effect]:
        """A deadline passed."""

    def do(self, command: Command, now: float, /) -> list[Effect]:
        """The user spoke. Raises InvalidValue before anything changed."""


class Wires(Protocol):
    """What the shell needs of `sipclient.transport.Network`."""

    def perform(self, effect: Work, /) -> None:
        """Begin the work; never blocks, and trouble comes back as an input."""

    async def listen(
        self, transport: str, host: str, port: int, *, tls: SSLContext | None = None, origins: Iterable[str] = ()
    ) -> tuple[str, int]:
        """Open a server socket; gives the address and port it is bound to."""

    async def close(self) -> None:
        """Close every socket and await every task."""


class Handle(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Forget it."""


class Clock(Protocol):
    """Monotonic seconds and one alarm; an asyncio event loop is one."""

    def time(self) -> float:
        """Now."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Handle:
        """Call back at `when`."""


class Driver:
    """Joins an engine, a network and a clock. `failures` counts the bugs met: what nobody should have raised.

    `received_at` is when the latest batch of inputs came, in the clock's seconds.

    `on_event` hears every event in order. `on_receive` and `on_send` see every input and every Send; they
    cost nothing where they are None. Effects are performed in the order the engine gave them, also when
    `on_event` gives a command in the middle.
    """

    def __init__(
        self,
        engine: Engine,
        network: Callable[[Deliver], Wires],
        on_event: Callable[[Event], None],
        clock: Clock,
        *,
        on_send: Callable[[Send], None] | None = None,
        on_receive: Callable[[Input], None] | None = None,
    ) -> None:
        self.failures = 0
        self.received_at = clock.time()
        self.engine = engine
        self.clock = clock
        self._on_event = on_event
        self._on_send = on_send
        self._on_receive = on_receive
        self._effects: deque[Effect] = deque()
        self._performing = False
        self._closed = False
        self._handle: Handle | None = None
        self._armed = 0.0
        self._not_before = 0.0
        self.network = network(self.receive)

    def receive(self, inputs: list[Input]) -> None:
        """Run a batch of inputs through the engine, then perform what came of all of them."""
        if self._closed:
            return
        now = self.received_at = self.clock.time()
        receive, effects, on_receive = self.engine.receive, self._effects, self._on_receive
        for item in inputs:
            try:
                if on_receive is not None:
                    on_receive(item)
                effects.extend(receive(item, now))
            except Exception:
                self._failed(item)
        self._perform()

    def do(self, command: Command) -> None:
        """Give the engine a command. Raises InvalidValue where the engine does, and SipError once closed."""
        if self._closed:
            raise SipError("the client is closed")
        try:
            self._effects.extend(self.engine.do(command, self.clock.time()))
        except SipError:
            raise
        except Exception as bug:
            self._failed(command)
            raise SipError(f"{type(command).__name__} failed inside the engine: {bug!r}") from bug
        self._perform()

    def close(self) -> None:
        """Stop the timer and take nothing more; the network is its owner's to close."""
        self._closed = True
        self._effects.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _perform(self) -> None:
        # An event's listener may give commands, and the network may report trouble at once: what they
        # cause is appended to the effects under way, so that nothing overtakes what was decided before.
        if self._performing:
            return
        self._performing = True
        effects, network, on_send = self._effects, self.network, self._on_send
        try:
            while effects:
                effect = effects.popleft()
                try:
                    if type(effect) in _WORK:
                        if on_send is not None and isinstance(effect, Send):
                            on_send(effect)
                        network.perform(effect)  # type: ignore[arg-type]  # _WORK holds exactly its types
                    else:
                        self._on_event(effect)  # type: ignore[arg-type]
                except Exception:
                    self._failed(effect)
        finally:
            self._performing = False
        self._arm()

    def _arm(self) -> None:
        deadline = self.engine.deadline
        if self._handle is not None:
            # An alarm that rings too early costs one look at the deadline; moving it each time costs more.
            if deadline is not None and self._armed <= deadline:
                return
            self._handle.cancel()
            self._handle = None
        if deadline is not None and not self._closed:
            self._armed = max(deadline, self._not_before)
            self._handle = self.clock.call_at(self._armed, self._rang)

    def _rang(self) -> None:
        self._handle = None
        now = self.clock.time()
        deadline = self.engine.deadline
        if deadline is not None and deadline <= now:
            try:
                self._effects.extend(self.engine.tick(now))
            except Exception:
                self._not_before = now + _PAUSE
                self._failed(f"tick at {now}")
        self._perform()

    def _failed(self, what: object) -> None:
        """The border of dispatch: a bug is counted and logged with what set it off, and life goes on."""
        self.failures += 1
        shown = what.data.decode("utf-8", "backslashreplace") if isinstance(what, Packet) else repr(what)
        text = _SECRET.sub(r"\1\2***", shown[:_SHOWN])
        log.exception(
            "a bug in sipclient or in a listener, please report it; it was handling %s: %s",
            type(what).__name__,
            text,
        )
