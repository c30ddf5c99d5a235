"""Call one number, then another, and join them; the recording has the first on the left and the second on the right."""

import asyncio
import os
import sys
from contextlib import suppress

from sipclient import Account, BridgeFailed, BridgeProgress, Client

pbx = Account(  # where nothing else is said, `sipclient lab` on this machine
    os.environ.get("SIPCLIENT_ADDRESS", "sip:robot@127.0.0.1"),
    server=os.environ.get("SIPCLIENT_SERVER", ""),
    password=os.environ.get("SIPCLIENT_PASSWORD", "lab-secret"),
)


def show(progress: BridgeProgress) -> None:
    print(progress.leg or "both", progress.state, flush=True)


async def main(a: str, b: str, record: str = "") -> None:
    async with Client(pbx) as client:
        try:
            async with client.bridge(a, b, ringback="us-ring", record=record, timeout=90, on_progress=show) as joined:
                await joined  # until one of both hangs up
        except BridgeFailed as failure:
            print(failure)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C: both were hung up
        asyncio.run(main(*(sys.argv[1:] or ["1001", "1002"])))
