"""What goes into the engine and the rules of a run, written down as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sipclient import __version__
from sipclient.face.identifiers import SystemIdentifiers
from sipclient.face.shell import Engine
from sipclient.presence import State
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import Command, Effect, Input, Send
from sipclient.rules import Action, Job, Requested
from sipclient.rules.values import Event
from sipclient.trace.replaying.journal import encode, masked_config
from sipclient.trace.replaying.rehearsal import said

PRODUCT = f"sipclient/{__version__}"


class Tape:
    """The journal of one run; `write` takes whole lines. `config` is the text of robot.toml."""

    def __init__(self, write: Callable[[bytes], None], config: str) -> None:
        self._write = write
        self._config = masked_config(config)
        self._lines: list[bytes] = []

    def begin(self, now: float, wall: datetime) -> None:
        """The run starts: `now` by the engine's clock is `wall` by the other."""
        head = {"product": PRODUCT, "wall": wall.timestamp(), "now": now, "config": self._config}
        self._put(encode("begin", head))

    def engine(self) -> Engine:
        """The engine whose inputs, draws and packets are written down."""
        return TapedEngine(UserAgent(TapedIdentifiers(self), user_agent=PRODUCT), self)

    def input(self, what: str, value: object, now: float) -> None:
        """Something is about to go into the engine."""
        self._lines.append(encode(what, value, now))

    def draw(self, role: str, value: str | float) -> None:
        """The engine drew this."""
        self._lines.append(encode("draw", [role, value]))

    def output(self, effects: list[Effect]) -> None:
        """What came of it."""
        self._lines += [encode("send", effect) for effect in effects if isinstance(effect, Send)]
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        if lines:
            self._write(b"".join(lines))

    # --- the rules ----------------------------------------------------------------------------------

    def decided(self, event: Event, actions: list[Action], now: float, wall: datetime) -> None:
        """The rules were asked."""
        told = [said(action, now) for action in actions]
        self._put(encode("decide", {"event": event, "wall": wall.isoformat(), "said": told}, now))

    def remembered(self, ids: list[str]) -> None:
        """Jobs of earlier runs that the store knows."""
        self._put(encode("remember", ids))

    def observed(self, account: str, extension: str, state: str) -> None:
        """What the store knows of an extension."""
        self._put(encode("observe", [account, extension, state]))

    def resumed(self, job: Job, due: float) -> None:
        """A job of an earlier run is due."""
        self._put(encode("resume", job, due))

    def camps(self, request: Requested, due: float) -> None:
        """Somebody has camped on an extension since an earlier run, until `due`."""
        self._put(encode("camps", request, due))

    def reread(self, config: str) -> None:
        """robot.toml was read again; `adopted` follows."""
        self._config = masked_config(config)

    def adopted(self) -> None:
        """Its rules hold from now on."""
        self._put(encode("rules", self._config))

    def _put(self, line: bytes) -> None:
        self._lines.append(line)
        self.flush()


class TapedIdentifiers:
    """The system's randomness, each draw written down."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._source = SystemIdentifiers()

    def token(self, role: str) -> str:
        """See Identifiers."""
        value = self._source.token(role)
        self._tape.draw(role, value)
        return value

    def spread(self, role: str, low: float, high: float) -> float:
        """See Identifiers."""
        value = self._source.spread(role, low, high)
        self._tape.draw(role, value)
        return value


class TapedEngine:
    """An engine whose inputs are written down before it sees them: a crash leaves what caused it."""

    def __init__(self, engine: Engine, tape: Tape) -> None:
        self._engine = engine
        self._tape = tape

    @property
    def deadline(self) -> float | None:
        """See Engine."""
        return self._engine.deadline

    def subscriptions(self) -> Iterable[tuple[str, str, str]]:
        """See Engine."""
        return self._engine.subscriptions()

    def states(self) -> Iterable[tuple[str, State]]:
        """See Engine."""
        return self._engine.states()

    def receive(self, packet: Input, now: float, /) -> list[Effect]:
        """See Engine."""
        self._tape.input("receive", packet, now)
        return self._told(self._engine.receive, packet, now)

    def tick(self, now: float, /) -> list[Effect]:
        """See Engine."""
        self._tape.input("tick", True, now)
        try:
            effects = self._engine.tick(now)
        except BaseException:
            self._tape.flush()
            raise
        self._tape.output(effects)
        return effects

    def do(self, command: Command, now: float, /) -> list[Effect]:
        """See Engine."""
        self._tape.input("do", command, now)
        return self._told(self._engine.do, command, now)

    def _told(self, step: Callable[..., list[Effect]], value: object, now: float) -> list[Effect]:
        try:
            effects = step(value, now)
        except BaseException:
            self._tape.flush()
            raise
        self._tape.output(effects)
        return effects
