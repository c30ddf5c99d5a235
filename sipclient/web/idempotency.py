"""`Idempotency-Key`: a request that comes twice is done once, and answered the same both times.

The key holds for 24 hours and for whoever chose it, over restarts too. What is done is written down, and then its
answer, before anything is sent: so a crash in between may lose a request, which is told, and never doubles one.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from sipclient.face.tasks import Tasks
from sipclient.robot.desk import Order
from sipclient.store import Answer, Answers
from sipclient.web.problems import Refused

KEPT = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PRUNE_EVERY = 500  # answers kept between two looks for old ones


class Given(msgspec.Struct, frozen=True):
    """An answer, and whether it was given before."""

    body: bytes
    replayed: bool


class Idempotency:
    """The answers of one robot."""

    def __init__(self, answers: Answers, wall: Callable[[], datetime]) -> None:
        self._answers = answers
        self._wall = wall
        self._under_way: dict[str, tuple[str, asyncio.Future[bytes]]] = {}
        self._tasks = Tasks()
        self._kept = 0

    async def once(
        self, key: str | None, who: str, wish: msgspec.Struct, make: Callable[[], Awaitable[tuple[object, Order]]]
    ) -> Given:
        """Do what `make` prepares, unless it was done under this key before. Raises whatever `make` raises, Refused for
        a key that was used for something else, StoreError.

        It is carried through even where whoever asked has gone meanwhile.
        """
        if key is None:
            shape, order = await make()
            body = msgspec.json.encode(shape)
            order.start()
            return Given(body, False)
        if not _KEY.fullmatch(key):
            raise Refused(422, "idempotency-key", "Idempotency-Key: 1 to 255 printable characters without spaces")
        name = f"{who} {key}"
        kind = type(wish).__name__
        fingerprint = hashlib.sha256(kind.encode() + msgspec.json.encode(wish, order="deterministic")).hexdigest()
        under_way = self._under_way.get(name)
        if under_way is not None:
            _same(under_way[0], fingerprint)
            return Given(await asyncio.shield(under_way[1]), True)
        known = await self._known(name) if name not in self._under_way else None
        if known is not None:
            _same(known.fingerprint, fingerprint)
            return Given(known.body.encode(), True)
        under_way = self._under_way.get(name)  # somebody was faster while the disk was asked
        if under_way is not None:
            _same(under_way[0], fingerprint)
            return Given(await asyncio.shield(under_way[1]), True)
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._under_way[name] = fingerprint, done
        self._tasks.spawn(self._do(name, fingerprint, make, done))
        return Given(await asyncio.shield(done), False)

    async def _do(
        self,
        name: str,
        fingerprint: str,
        make: Callable[[], Awaitable[tuple[object, Order]]],
        done: asyncio.Future[bytes],
    ) -> None:
        try:
            shape, order = await make()
            body = msgspec.json.encode(shape)
            answer = Answer(key=name, fingerprint=fingerprint, status=201, body=body.decode(), at=self._wall())
            try:
                await self._answers.keep(answer)
            except BaseException:
                order.drop()
                raise
            order.start()
            done.set_result(body)
        except BaseException as error:
            done.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            done.exception()  # whoever waits hears of it; nobody need
            if not isinstance(error, Exception):
                raise
        finally:
            del self._under_way[name]
        await self._forget_old()

    async def _known(self, name: str) -> Answer | None:
        found = await self._answers.answer(name)
        if found is None or found.at >= self._wall() - KEPT:
            return found
        await self._answers.prune_answers(self._wall() - KEPT)
        return None

    async def _forget_old(self) -> None:
        self._kept += 1
        if self._kept % _PRUNE_EVERY == 0:
            await self._answers.prune_answers(self._wall() - KEPT)


def _same(known: str, fingerprint: str) -> None:
    if known != fingerprint:
        raise Refused(409, "idempotency-key", "this Idempotency-Key was used for another request: take a new one")
