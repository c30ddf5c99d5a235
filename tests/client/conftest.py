"""A scripted engine, a network that only remembers, and a clock that stands still until told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sipclient.face.shell import Deliver, Work
from sipclient.protocol.events import AccountRemoved, AddAccount, Flow, Invite, RemoveAccount


class FakeClock:
    """Virtual seconds. `advance` rings every alarm on the way."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.alarms: list[FakeAlarm] = []
        self.scheduled = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> FakeAlarm:
        self.scheduled += 1
        alarm = FakeAlarm(self, when, callback)
        self.alarms.append(alarm)
        return alarm

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [alarm for alarm in self.alarms if alarm.when <= end]:
            first = min(due, key=lambda alarm: alarm.when)
            self.alarms.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
        self.now = end


class FakeAlarm:
    def __init__(self, clock: FakeClock, when: float, callback: Callable[[], None]) -> None:
        self.clock = clock
        self.when = when
        self.callback = callback

    def cancel(self) -> None:
        if self in self.clock.alarms:
            self.clock.alarms.remove(self)


class FakeEngine:
    """Answers each command or input with what `script` has for its type, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.ticks: list[float] = []
        self.deadline: float | None = None
        self.script: dict[type, Callable[[Any], list[Any]]] = {
            RemoveAccount: lambda command: [AccountRemoved(command.account)]
        }
        self.on_tick: Callable[[], list[Any]] = list

    def receive(self, packet: Any, now: float, /) -> list[Any]:
        return self._run(packet)

    def do(self, command: Any, now: float, /) -> list[Any]:
        return self._run(command)

    def tick(self, now: float, /) -> list[Any]:
        self.ticks.append(now)
        return self.on_tick()

    def _run(self, value: Any) -> list[Any]:
        effects = self.script.get(type(value), lambda _: [])(value)
        self.told.append(value)
        return effects

    def of(self, kind: type) -> list[Any]:
        return [value for value in self.told if isinstance(value, kind)]

    @property
    def invite(self) -> Any:
        return self.of(Invite)[-1]


class FakeWires:
    """Remembers what it was asked for; `deliver` hands inputs on."""

    def __init__(self) -> None:
        self.performed: list[Work] = []
        self.deliver: Deliver = lambda inputs: None
        self.closed = False

    def perform(self, effect: Work, /) -> None:
        self.performed.append(effect)

    async def listen(
        self, transport: str, host: str, port: int, *, tls: Any = None, origins: Any = ()
    ) -> tuple[str, int]:
        return host, port or 5060

    async def close(self) -> None:
        self.closed = True


class FakeMedia:
    """A media session that says what it was asked; set `trouble` to an error, or `gate` to make it wait."""

    def __init__(self) -> None:
        self.log: list[tuple[str, bytes]] = []
        self.stream: Any = None
        self.holds: list[bool | None] = []
        self.trouble: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.closed = 0
        self.fail: Callable[[str], None] = lambda reason: None

    async def _did(self, what: str, body: bytes = b"") -> None:
        if self.gate is not None:
            await self.gate.wait()
        self.log.append((what, body))
        if self.trouble is not None:
            raise self.trouble

    async def offer(self, hold: bool | None = None) -> bytes:
        self.holds.append(hold)
        await self._did("offer")
        return b"our offer"

    async def answer(self, offer: bytes) -> bytes:
        await self._did("answer", offer)
        return b"our answer"

    async def apply(self, answer: bytes) -> None:
        await self._did("apply", answer)

    def watch(self, failed: Callable[[str], None]) -> None:
        self.fail = failed

    async def close(self) -> None:
        self.closed += 1


class Bench:
    """All the fakes of one test."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.engine = FakeEngine()
        self.wires = FakeWires()
        self.media = FakeMedia()
        self.flow = Flow("udp", "127.0.0.1", 5070, "127.0.0.1", 5060)

    def connect(self, deliver: Deliver, *others: Any) -> FakeWires:
        self.wires.deliver = deliver
        return self.wires

    async def session(self, account: Any, kind: str, local_host: str) -> FakeMedia:
        return self.media

    def say(self, *effects: Any) -> None:
        """The engine says these things, as if a packet had made it."""
        self.engine.script[str] = lambda _: list(effects)
        self.wires.deliver(["packet"])  # type: ignore[list-item]

    def parts(self) -> dict[str, Any]:
        """Arguments that make a Client of the fakes."""
        return {
            "engine": lambda: self.engine,
            "network": self.connect,
            "session": self.session,
            "clock": self.clock,
        }


async def settle(rounds: int = 10) -> None:
    """Let every task that can run do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[..., Any]:
    return settle


@pytest.fixture
def registering() -> Callable[[AddAccount], list[Any]]:
    from sipclient.protocol.events import Registered

    return lambda command: [Registered(command.account.key, 300.0, "sip:x")]
