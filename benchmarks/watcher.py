"""Watches many extensions with the library. Arguments: the PBX's address, how many, seconds a subscription lasts.

Says `registered`, waits for a line, subscribes, and goes on until it is killed.
"""

import asyncio
import sys

import uvloop

from sipclient import Account, Client


async def main(server: str, count: int, expires: float) -> None:
    pbx = Account("sip:watcher@127.0.0.1", password="secret", server=server, media="none", expires=expires)
    async with Client(pbx) as client:
        print("registered", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        async for _ in client.watch(*(str(10000 + number) for number in range(count)), events=("presence",)):
            pass


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
