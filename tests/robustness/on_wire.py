"""A whole Client, or a whole robot, on the simulated wire in virtual time: real engine, real shell, no socket."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import count
from typing import Any

from robustness.common import ROBOT
from support.wire import SeededIdentifiers, Wire

from sipclient.face.shell import Deliver, Work
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import Effect, Input
from sipclient.store import UNFINISHED, CallbackRecord, ExtensionRecord, JobRecord, JobState


class Alarm:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class OnWire:
    """The clock and the network of one Client: to the wire it looks like an engine, to the client like its loop.

    Give `parts()` to the Client; `run` lets virtual time pass, and the client's tasks turn, a tenth of a second at a
    time.
    """

    def __init__(self, wire: Wire, host: str = ROBOT, *, seed: int = 1) -> None:
        self.wire = wire
        self.node = wire.node(host, seed=seed)
        self.node.agent = self  # type: ignore[assignment]
        self.engine = UserAgent(SeededIdentifiers(seed), user_agent="test-client")
        self._deliver: Deliver = lambda inputs: None
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._serial = count()
        self._closed = False

    def parts(self) -> dict[str, Any]:
        """Arguments of the Client that runs here."""
        return {"engine": lambda: self.engine, "network": self._network, "clock": self}

    async def run(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds * 10))):
            self.wire.run(min(seconds, 0.1))
            for _ in range(20):
                await asyncio.sleep(0)

    async def run_until(self, done: asyncio.Future[Any]) -> None:
        """Let time pass until somebody has finished; a minute at most."""
        for _ in range(600):
            if done.done():
                break
            await self.run(0.1)
        await done

    # --- the clock ----------------------------------------------------------------------------------

    def time(self) -> float:
        return self.wire.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Alarm:
        alarm = Alarm(callback)
        heapq.heappush(self._alarms, (when, next(self._serial), alarm))
        return alarm

    # --- what the wire sees of an engine ------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        while self._alarms and self._alarms[0][2].callback is None:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def tick(self, now: float) -> list[Effect]:
        while (deadline := self.deadline) is not None and deadline <= now:
            callback = heapq.heappop(self._alarms)[2].callback
            if callback is not None:
                callback()
        return []

    def receive(self, input: Input, now: float) -> list[Effect]:
        if not self._closed:
            self._deliver([input])
        return []

    # --- what the client sees of a network ------------------------------------------------------------

    def _network(self, deliver: Deliver, *_: Any) -> OnWire:
        self._deliver = deliver
        return self

    def perform(self, effect: Work, /) -> None:
        self.wire.perform(self.node, [effect])

    async def listen(self, transport: str, host: str, port: int, *, tls: Any = None) -> tuple[str, int]:
        return self.node.host, self.node.port

    async def close(self) -> None:
        self._closed = True


class MemoryStore:
    """A Store that answers at once: a worker thread and virtual time do not go together."""

    def __init__(self) -> None:
        self.kept: dict[str, JobRecord] = {}

    async def add_job(
        self, job: JobRecord, extensions: Iterable[ExtensionRecord] = (), callback: CallbackRecord | None = None
    ) -> bool:
        return self.kept.setdefault(job.id, job) is job

    async def update_job(self, job: JobRecord) -> bool:
        self.kept[job.id] = job
        return True

    async def job(self, id: str) -> JobRecord | None:
        return self.kept.get(id)

    async def jobs(self, state: JobState | None = None, limit: int = 100) -> list[JobRecord]:
        return [job for job in self.kept.values() if state in (None, job.state)][:limit]

    async def unfinished(self) -> list[JobRecord]:
        return [job for job in self.kept.values() if job.state in UNFINISHED]

    async def save_extensions(self, batch: Iterable[ExtensionRecord]) -> None: ...

    async def extensions(self, account: str) -> list[ExtensionRecord]:
        return []

    async def save_callback(self, callback: CallbackRecord) -> None: ...

    async def callback(self, id: str) -> CallbackRecord | None:
        return None

    async def callbacks(self, limit: int = 100) -> list[CallbackRecord]:
        return []

    async def waiting_callbacks(self) -> list[CallbackRecord]:
        return []

    async def prune(self, before: datetime) -> int:
        return 0
