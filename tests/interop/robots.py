"""The main job written with the library, as its documentation shows it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sipclient import Account, Client, ExtensionChanged, State
from sipclient.protocol.events import Input, Packet


class Robot:
    """A client, what it was told, and the calls it placed."""

    def __init__(self, *accounts: Account) -> None:
        self.received: Counter[str] = Counter()  # requests that reached it, by method
        self.changes: list[ExtensionChanged] = []
        self.client = Client(*accounts, on_receive=self._count)

    def _count(self, item: Input) -> None:
        if isinstance(item, Packet) and item.data[:1].isalpha():
            self.received[item.data.split(b" ", 1)[0].decode()] += 1

    def state(self, extension: str) -> State:
        """What it knows of an extension."""
        return self.client.extensions.get(extension, State.UNKNOWN)

    async def work(self, *extensions: str, events: tuple[str, ...]) -> None:
        """For each busy → ready that was seen as it happened, tell the queue."""
        async with asyncio.TaskGroup() as tasks:
            async for change in self.client.watch(*extensions, events=events):
                self.changes.append(change)
                if change.closed and change.after == State.READY and not change.gap:
                    tasks.create_task(self._tell_the_queue(change.extension))

    async def _tell_the_queue(self, extension: str) -> None:
        caller_id, headers = f'"Ext {extension} is free" <{extension}>', {"X-Extension": extension, "X-Source": "robot"}
        async with self.client.call("7000", caller_id, headers, timeout=10):
            pass


@asynccontextmanager
async def working(
    account: Account, *extensions: str, events: tuple[str, ...] = ("presence", "dialog")
) -> AsyncIterator[Robot]:
    """A robot at work; leaving ends it. Whatever it raised is raised here."""
    robot = Robot(account)
    async with robot.client:
        work = asyncio.create_task(robot.work(*extensions, events=events))
        try:
            yield robot
        finally:
            if work.done():
                work.result()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
    assert robot.client.failures == 0
