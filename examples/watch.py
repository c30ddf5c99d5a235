"""Print every change of the extensions given on the command line."""

import asyncio
import os
import sys
from contextlib import suppress

from sipclient import Account, Client

pbx = Account(  # where nothing else is said, `sipclient lab` on this machine
    os.environ.get("SIPCLIENT_ADDRESS", "sip:robot@127.0.0.1"),
    server=os.environ.get("SIPCLIENT_SERVER", ""),
    password=os.environ.get("SIPCLIENT_PASSWORD", "lab-secret"),
)


async def main(*extensions: str) -> None:
    async with Client(pbx) as client:
        async for change in client.watch(*extensions):
            print(f"{change.extension}: {change.before} -> {change.after}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C: what is under way was ended, and there is nothing to tell
        asyncio.run(main(*sys.argv[1:] or ["1001", "1002"]))
