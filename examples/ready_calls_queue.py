"""Whenever a watched extension hangs up and is ready, call the queue with that extension as the caller."""

import asyncio
import os

from sipclient import Account, CallFailed, Client

pbx = Account("sip:robot@pbx.example.com", password=os.environ.get("SIPCLIENT_PASSWORD", ""))


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
    asyncio.run(main())
