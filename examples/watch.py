"""Print every change of the extensions given on the command line."""

import asyncio
import os
import sys

from sipclient import Account, Client

pbx = Account("sip:robot@pbx.example.com", password=os.environ.get("SIPCLIENT_PASSWORD", ""))


async def main(*extensions: str) -> None:
    async with Client(pbx) as client:
        async for change in client.watch(*extensions):
            print(f"{change.extension}: {change.before} -> {change.after}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:] or ["1001", "1002"]))
