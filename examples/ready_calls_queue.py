"""Whenever a watched extension hangs up and is ready, call the queue with that extension as the caller."""

import asyncio
import os
from contextlib import suppress

from sipclient import Account, CallFailed, Client

pbx = Account(  # where nothing else is said, `sipclient lab` on this machine
    os.environ.get("SIPCLIENT_ADDRESS", "sip:robot@127.0.0.1"),
    server=os.environ.get("SIPCLIENT_SERVER", ""),
    password=os.environ.get("SIPCLIENT_PASSWORD", "lab-secret"),
)


async def main() -> None:
    async with Client(pbx) as client, asyncio.TaskGroup() as tasks:
        async for change in client.watch("1001", "1002"):
            if (change.before, change.after) == ("on-the-phone", "ready"):
                tasks.create_task(tell_the_queue(client, change.extension))


async def tell_the_queue(client: Client, extension: str) -> None:
    caller_id, headers = f'"Ext {extension} is free" <{extension}>', {"X-Extension": extension}
    try:
        async with client.call("7000", caller_id=caller_id, headers=headers, timeout=45) as call:
            await call.ended()  # entered when answered; leaving hangs up
    except CallFailed as failure:
        print(failure.status, failure.cause)  # 486 USER_BUSY


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C: what is under way was ended, and there is nothing to tell
        asyncio.run(main())
