"""The letters of one webhook, delivered one after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from sipclient.config.model import WebhookConfig
from sipclient.errors import StoreError
from sipclient.face.shell import Clock
from sipclient.face.tasks import Tasks
from sipclient.robot.alarm import Alarm
from sipclient.store import Letter, Outbox
from sipclient.web.webhooks.posting import Post, place_of
from sipclient.web.webhooks.signing import signed

AT_ONCE = 100  # letters read from the store
FIRST_PAUSE = 1.0  # seconds after a first failure; each that follows doubles it
LONGEST_PAUSE = 600.0
LONGEST_ASKED = 3600.0  # seconds that a server may have us wait
GIVEN_UP = timedelta(hours=24)


class Delivery:
    """Brings what waits in the outbox to one webhook, in order: while one letter fails, those behind it wait.

    A letter that was refused for GIVEN_UP is told of and left out. `trouble` hears sentences for the log.
    """

    def __init__(
        self,
        hook: WebhookConfig,
        outbox: Outbox,
        post: Post,
        clock: Clock,
        wall: Callable[[], datetime],
        trouble: Callable[[str, str], None],
    ) -> None:
        self.hook = hook
        self._outbox = outbox
        self._post = post
        self._clock = clock
        self._wall = wall
        self._trouble = trouble
        self._place = place_of(hook.url)
        self._alarm = Alarm(clock, self._begin)
        self._tasks = Tasks()
        self._failures = 0
        self._delivered = 0  # the last one that was
        self._paused = False
        self._more = False

    @property
    def busy(self) -> bool:
        """Whether anything is on its way at this moment."""
        return bool(self._tasks)

    def look(self) -> None:
        """Something may wait."""
        self._more = True
        if not self._paused and not self._tasks:
            self._begin()

    async def close(self, seconds: float = 0.0) -> None:
        """Deliver no more; what is under way gets so long."""
        self._paused = True
        self._alarm.set(None)
        await self._tasks.close(seconds)

    def _begin(self) -> None:
        self._paused = False
        self._tasks.spawn(self._deliver())

    async def _deliver(self) -> None:
        try:
            pause = await self._until_refused()
        except StoreError as error:
            pause = self._refused(f"the store fails: {error}")
        if pause:
            self._paused = True
            self._alarm.set(self._clock.time() + pause)

    async def _until_refused(self) -> float:
        """Deliver until nothing waits (0), or until a letter is refused: then the seconds to wait."""
        while True:
            self._more = False
            letters = await self._outbox.waiting(self.hook.url, AT_ONCE)
            for letter in letters:
                if letter.seq > self._delivered and (pause := await self._send(letter)):
                    return pause
                self._delivered = max(self._delivered, letter.seq)
                await self._outbox.delivered(self.hook.url, letter.seq)
            if not letters and not self._more:
                return 0.0

    async def _send(self, letter: Letter) -> float:
        body = f'{{"id":{_quoted(letter.id)},"seq":{letter.seq},{letter.body[1:]}'.encode()
        headers = signed(self.hook.secret, letter.id, int(self._wall().timestamp()), body)
        reply = await self._post(self.hook.url, body, headers)
        if reply.taken:
            if self._failures:
                self._trouble("info", f"webhook {self._place}: delivers again")
            self._failures = 0
            return 0.0
        if self._wall() - letter.at >= GIVEN_UP:
            hours = GIVEN_UP.total_seconds() / 3600
            self._trouble(
                "error", f"webhook {self._place}: event {letter.seq} is given up after {hours:g} hours: {reply}"
            )
            return 0.0
        return max(self._refused(str(reply)), min(reply.after, LONGEST_ASKED))

    def _refused(self, why: str) -> float:
        """Told once for each time the webhook goes away; the seconds until the next try."""
        if not self._failures:
            self._trouble("warning", f"webhook {self._place}: {why}; what is to be told waits")
        self._failures += 1
        return float(min(FIRST_PAUSE * 2 ** min(self._failures - 1, 20), LONGEST_PAUSE))


def _quoted(id: str) -> str:
    return msgspec.json.encode(id).decode()
