"""Writes jobs until it is killed: `python writer.py URL FIRST`. A line on stdout is an acknowledgement:
`a ID` for a job that was added, `u ID` for one that was brought to its end, `d ID` for one that was there."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from sipclient.store import JobState, Store, open_store
from tests.store.records import extension, job


def say(word: str, id: str) -> None:
    """Unbuffered, so that what was said before the kill was really said."""
    os.write(1, f"{word} {id}\n".encode())


async def one(store: Store, number: int) -> None:
    """A job's life."""
    record = job(f"job-{number}", episode=number)
    states = [extension(state="on-the-phone", episode=number, open=True)]
    say("a" if await store.add_job(record, states) else "d", record.id)
    await store.update_job(msgspec.structs.replace(record, state=JobState.DONE, status=200))
    say("u", record.id)


async def main(url: str, number: int) -> None:
    """Ten lives at once, one ten after the other."""
    async with open_store(url) as store:
        while True:
            await asyncio.gather(*(one(store, number + n) for n in range(10)))
            number += 10


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
