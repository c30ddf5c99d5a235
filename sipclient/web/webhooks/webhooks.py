"""`[[webhooks]]` of robot.toml at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from sipclient.config.model import WebhookConfig
from sipclient.errors import StoreError
from sipclient.face.shell import Clock
from sipclient.face.tasks import Tasks
from sipclient.robot import told
from sipclient.robot.alarm import Alarm
from sipclient.robot.told import Told, as_json
from sipclient.store import Letter, Outbox, Unended
from sipclient.web.webhooks.delivery import Delivery
from sipclient.web.webhooks.naming import call_of, end_of, ends, id_of
from sipclient.web.webhooks.posting import Post

MOST = 100_000  # events that may wait for a webhook; then the oldest are lost, and it is told
UNWRITTEN = 10_000  # events that may wait for a store that fails
PAUSE = 5.0  # seconds after the store failed
KEPT = timedelta(days=90)  # the ids of what is done with are forgotten after that
DAY = 86_400.0
FAREWELL = 2.0  # seconds for what is on its way when the robot stops
_LOST = "it was under way when that run ended, and nobody knows how it ended"


class _News(msgspec.Struct, frozen=True):
    id: str
    at: datetime
    news: Told


class Webhooks:
    """Hears what the robot tells, writes it down for each webhook that wants it, and has it delivered.

    What a turn of the loop tells is written together. A call that was told of gets one end, also where a crash came
    between: `unended()` gives those whose end is still owed when the robot runs again. `tell` hears of troubles.
    """

    def __init__(
        self,
        hooks: Iterable[WebhookConfig],
        outbox: Outbox,
        post: Post,
        clock: Clock,
        wall: Callable[[], datetime],
        tell: Callable[[Told], None],
        run: str,
    ) -> None:
        self._outbox = outbox
        self._post = post
        self._clock = clock
        self._wall = wall
        self._tell = tell
        self._run = run  # what the ids begin with of events that are told in this run only
        self._serial = 0
        self._deliveries: dict[str, Delivery] = {}
        self._leaving: list[Delivery] = []
        self._unwritten: list[_News] = []
        self._writing = False
        self._again = Alarm(clock, self._write_soon)
        self._tasks = Tasks()
        self._owed: dict[str, Unended] = {}
        self._dropped = 0
        self._pruned = clock.time()
        self.adopt(hooks)

    @property
    def busy(self) -> bool:
        """Whether anything is being written or delivered at this moment."""
        return bool(self._tasks) or any(delivery.busy for delivery in self._deliveries.values())

    async def begin(self) -> None:
        """Read what an earlier run left, and deliver it. Raises StoreError."""
        self._owed = {call.id: call for call in await self._outbox.unended()}
        for delivery in self._deliveries.values():
            delivery.look()

    def owed(self) -> list[told.JobAbandoned]:
        """What to tell, once the robot has gone through its jobs, of calls of an earlier run that are left over."""
        return [
            told.JobAbandoned(call.job, call.to, _LOST, attempt=int(call.id.split(".")[-2]))
            for call in self._owed.values()
        ]

    def adopt(self, hooks: Iterable[WebhookConfig]) -> None:
        """Other webhooks from now on. One whose URL stays goes on with what waits for it."""
        before, self._deliveries = self._deliveries, {}
        for hook in hooks:
            delivery = before.pop(hook.url, None)
            if delivery is None:
                delivery = Delivery(hook, self._outbox, self._post, self._clock, self._wall, self._trouble)
            delivery.hook = hook
            self._deliveries[hook.url] = delivery
            delivery.look()
        for delivery in before.values():
            self._tasks.spawn(delivery.close())

    def hear(self, news: Told) -> None:
        """One more event."""
        if not self._deliveries or self._is_told_by_its_calls(news):
            return
        self._serial += 1
        self._unwritten.append(_News(id_of(news, self._run, self._serial), self._wall(), news))
        if len(self._unwritten) > UNWRITTEN:
            del self._unwritten[0]
            self._dropped += 1
        if not self._writing:
            self._writing = True
            self._write_soon()

    def _is_told_by_its_calls(self, news: Told) -> bool:
        """Whether it is the end of an order whose calls have ends of their own to come."""
        if not isinstance(news, told.JobAbandoned):
            return False
        return any(call.job.startswith(f"{news.job} call ") for call in self._owed.values())

    async def aclose(self) -> None:
        """Write what was told, try a moment longer to deliver it, and end. What is not delivered waits in the store."""
        self._again.set(None)
        await self._tasks.close(FAREWELL)
        if self._unwritten and not await self._wrote():
            self._tell(told.Notice("error", f"events that webhooks wait for are lost: {len(self._unwritten)}"))
        await asyncio.gather(*(delivery.close(FAREWELL) for delivery in self._deliveries.values()))
        await self._post.aclose()

    def _write_soon(self) -> None:
        """At the end of this turn of the loop, with all else that it tells."""
        self._tasks.spawn(self._write())

    async def _write(self) -> None:
        while self._unwritten:
            if not await self._wrote():
                self._again.set(self._clock.time() + PAUSE)
                return  # `_writing` stays: the alarm is the next to try
        self._writing = False
        await self._prune()

    async def _wrote(self) -> bool:
        """Write all that waits; whether the store took it."""
        batch, self._unwritten = self._unwritten, []
        try:
            await self._outbox.post(
                self._letters(batch),
                [self._begun(each) for each in batch if isinstance(each.news, told.CallPlaced)],
                [each.id for each in batch if ends(each.news)],
            )
        except StoreError as error:
            self._unwritten = batch + self._unwritten
            self._trouble("error", f"events for webhooks cannot be written down, they wait: {error}")
            return False
        for each in batch:
            self._owed.pop(each.id, None)
        if self._dropped:
            self._trouble("error", f"events for webhooks were lost while the store failed: {self._dropped}")
            self._dropped = 0
        for delivery in self._deliveries.values():
            delivery.look()
        return True

    def _letters(self, batch: list[_News]) -> list[Letter]:
        bodies = {each.id: as_json(each.news, each.at) for each in batch}
        return [
            Letter(hook=url, id=each.id, at=each.at, body=bodies[each.id])
            for url, delivery in self._deliveries.items()
            for each in batch
            if any(pattern.matches(each.news.name()) for pattern in delivery.hook.events)
        ]

    def _begun(self, each: _News) -> Unended:
        placed = each.news
        assert isinstance(placed, told.CallPlaced)
        return Unended(id=end_of(call_of(placed)), job=placed.job, to=placed.to, at=each.at)

    async def _prune(self) -> None:
        """Once in an hour's worth of writing: bound what waits, forget what is old."""
        now = self._clock.time()
        if now < self._pruned + DAY / 24:
            return
        self._pruned = now
        try:
            for url in tuple(self._deliveries):
                if lost := await self._outbox.shorten(url, MOST):
                    self._trouble("error", f"a webhook has been away too long: events lost, the oldest first: {lost}")
            await self._outbox.prune_letters(self._wall() - KEPT)
        except StoreError as error:
            self._trouble("error", f"old events cannot be forgotten: {error}")

    def _trouble(self, level: str, text: str) -> None:
        self._tell(told.Notice(level, text))
