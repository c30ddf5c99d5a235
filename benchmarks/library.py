"""The main job with the library alone: fifteen lines of Python, no store. Arguments: the PBX's port, extensions, name.

The garbage collector is spared as docs/library.md says (the floor leaves it nothing to do).
"""

import asyncio
import gc
import sys

import uvloop

from sipclient import Account, Client


async def main(port: int, count: int, name: str) -> None:
    server = f"udp:127.0.0.1:{port}"
    pbx = Account(f"sip:{name}@127.0.0.1", password="secret", server=server, media="none", keepalive=0)
    extensions = [str(10000 + number) for number in range(count)]
    async with Client(pbx) as client, asyncio.TaskGroup() as tasks:
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        async for change in client.watch(*extensions, events=("presence",)):
            if (change.before, change.after) == ("on-the-phone", "ready"):
                tasks.create_task(tell_the_queue(client, change.extension))


async def tell_the_queue(client: Client, extension: str) -> None:
    caller_id, headers = f'"Ext {extension} is free" <{extension}>', {"X-Extension": extension}
    async with client.call("7000", caller_id=caller_id, headers=headers, timeout=45) as call:
        await call.ended()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
