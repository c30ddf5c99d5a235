"""Every SIP message, copied to a collector as HEP3: `[hep]`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from sipclient.config import HepConfig
from sipclient.face.tasks import Tasks
from sipclient.protocol.events import Flow, Input, Packet, Send
from sipclient.trace import Address, hep

LARGEST = 60_000  # bytes of a message: with what HEP adds it must fit a datagram
MOST_KEY = 256  # bytes
AGAIN = 30.0  # seconds until a name that could not be resolved is asked for again
_CALL_ID = (b"\r\ncall-id:", b"\r\ni:")


class Mirror:
    """Sends, or drops and counts: it never waits. `tell` hears once that packets are dropped, and how many at the end.

    A collector's refusal (ICMP) shows with the packet after; one that is silent cannot be told from one that listens.
    """

    def __init__(self, config: HepConfig, wall: Callable[[], datetime], tell: Callable[[str], None]) -> None:
        self.mirrored = 0
        self.dropped = 0
        self._host, self._port = config.server.place
        self._server = config.server
        self._id = config.id
        self._key = config.password.encode(errors="replace")[:MOST_KEY]
        self._wall = wall
        self._tell = tell
        self._socket: socket.socket | None = None
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
            self._socket = _connected(found[0][0], found[0][4])
        except OSError:  # a name, which takes its time, or an address that cannot be reached now
            self._tasks.spawn(self._open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.close(0.0)
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self.dropped:
            self._tell(f"[hep] {self.dropped} of {self.dropped + self.mirrored} messages did not reach {self._server}")

    # --- what passes ----------------------------------------------------------------------------------

    def sent(self, send: Send) -> None:
        """A message left."""
        if send.data.strip():
            local, remote = _ends(send.flow)
            self._copy(local, remote, send.flow.transport, send.data)

    def received(self, input: Input) -> None:
        """The network spoke; only messages are copied."""
        if isinstance(input, Packet) and input.data.strip():
            local, remote = _ends(input.flow)
            self._copy(remote, local, input.flow.transport, input.data)

    def _copy(self, source: Address, destination: Address, transport: str, data: bytes) -> None:
        if self._socket is None:
            self._drop("it is not found yet")
            return
        if len(data) > LARGEST:
            self._drop("one was too large")
            return
        at = self._wall().timestamp()
        capture = hep.Capture(source, destination, transport.upper(), at, hep.SIP, data)
        try:
            self._socket.send(hep.encode(capture, self._id, self._key, _call_id(data)))
        except OSError as error:
            self._drop((error.strerror or str(error)).lower())
        else:
            self.mirrored += 1

    def _drop(self, why: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            self._tell(f"[hep] {self._server} does not get every message: {why}; it goes on without")

    # --- the way there --------------------------------------------------------------------------------

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        while self._socket is None:
            try:
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
                self._socket = _connected(found[0][0], found[0][4])
            except OSError as error:
                self._tell(f"[hep] {self._server} cannot be reached: {(error.strerror or str(error)).lower()}")
                await asyncio.sleep(AGAIN)


def _connected(family: int, address: tuple[object, ...]) -> socket.socket:
    """A socket that never blocks, and hears of refusals."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    try:
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _ends(flow: Flow) -> tuple[Address, Address]:
    return Address(flow.local_host, flow.local_port), Address(flow.remote_host, flow.remote_port)


def _call_id(data: bytes) -> bytes:
    """What stands in its Call-ID; empty where there is none that is easily found."""
    lowered = data[:4096].lower()
    for name in _CALL_ID:
        begin = lowered.find(name)
        if begin >= 0:
            begin += len(name)
            return data[begin : data.find(b"\r\n", begin)].strip()[:MOST_KEY]
    return b""
