"""Place one call, follow its states, and hang up five seconds after the answer."""

import asyncio
import os
import sys
from contextlib import suppress

from sipclient import Account, CallState, Client

pbx = Account(  # where nothing else is said, `sipclient lab` on this machine
    os.environ.get("SIPCLIENT_ADDRESS", "sip:robot@127.0.0.1"),
    server=os.environ.get("SIPCLIENT_SERVER", ""),
    password=os.environ.get("SIPCLIENT_PASSWORD", "lab-secret"),
)


async def main(to: str, talk: float = 5.0) -> None:
    async with Client(pbx) as client:
        call = client.dial(to, timeout=30)
        async for state in call:  # calling: the INVITE left, the call is placed
            print(state, flush=True)
            if state == CallState.ANSWERED:
                await asyncio.sleep(talk)
                call.hangup("NORMAL_CLEARING")
        print(call.status, call.cause, "by", (await call.ended()).by)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C: what is under way was ended, and there is nothing to tell
        asyncio.run(main(sys.argv[1] if sys.argv[1:] else "7000"))
