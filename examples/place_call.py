"""Place one call, follow its states, and hang up five seconds after the answer."""

import asyncio
import os
import sys

from sipclient import Account, CallState, Client

pbx = Account("sip:robot@pbx.example.com", password=os.environ.get("SIPCLIENT_PASSWORD", ""))


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
    asyncio.run(main(sys.argv[1] if sys.argv[1:] else "7000"))
