"""Answers OPTIONS until it is killed. Arguments: the contestant (sipclient, sipclient-uvloop, aiosipua), our port."""

import asyncio
import logging
import socket
import sys

from sipclient.face.identifiers import SystemIdentifiers
from sipclient.face.shell import Driver
from sipclient.protocol.account import Account
from sipclient.protocol.agent import UserAgent
from sipclient.protocol.events import AddAccount, ServerChanged
from sipclient.transport import Network


async def serve_sipclient(port: int, asker: int) -> None:
    server = f"udp:127.0.0.1:{asker}"
    account = Account("sip:bench@127.0.0.1", register=False, keepalive=0, server=server, local=f"127.0.0.1:{port}")
    known = asyncio.Event()  # whose OPTIONS are answered is not known before the server was looked up
    driver = Driver(
        UserAgent(SystemIdentifiers()),
        lambda deliver: Network(deliver, {account.key: account}.__getitem__),
        lambda event: known.set() if isinstance(event, ServerChanged) else None,
        asyncio.get_running_loop(),
    )
    driver.do(AddAccount(account))
    await driver.network.listen("udp", "127.0.0.1", port)
    await known.wait()
    print(f"port {port}", flush=True)
    await asyncio.Event().wait()


async def serve_aiosipua(port: int) -> None:
    from aiosipua import SipUAS, UdpSipTransport

    # Under CPython 3.11 it asserts, in a callback, a base class that asyncio's transport does not have; it works.
    logging.getLogger("asyncio").disabled = True
    agent = SipUAS(UdpSipTransport(local_addr=("127.0.0.1", port)), user_agent="bench")
    await agent.start()
    print(f"port {port}", flush=True)
    await asyncio.Event().wait()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(contestant: str, asker: int) -> None:
    if contestant == "aiosipua":
        asyncio.run(serve_aiosipua(free_port()))
    elif contestant == "sipclient":
        asyncio.run(serve_sipclient(free_port(), asker))
    else:
        import uvloop

        uvloop.run(serve_sipclient(free_port(), asker))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
