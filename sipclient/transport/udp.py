"""A UDP socket: drained at each wake-up, honest about ICMP, never blocking."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable

from sipclient.protocol.events import Flow, Input, Packet, SendFailed
from sipclient.transport import errqueue, words
from sipclient.transport.addresses import (
    WILDCARDS,
    SocketAddress,
    host_of,
    shown,
    socket_address,
    source_address,
)
from sipclient.transport.limits import Limits

_LARGEST = 65535
_TRIES = 3  # a send may first meet the error of another peer's datagram
_LOST = frozenset((errno.ENOBUFS, errno.ENOMEM))  # a full wire: the retransmission will do


class UdpSocket:
    """One bound socket, shared by all who bind the same address.

    `deliver` takes all datagrams of a wake-up at once; `report` takes trouble, later. `lost` counts datagrams
    dropped because the kernel took no more.
    """

    def __init__(
        self,
        sock: socket.socket,
        deliver: Callable[[list[Input]], None],
        report: Callable[[Input], None],
        limits: Limits,
    ) -> None:
        self.lost = 0
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._deliver = deliver
        self._report = report
        self._limits = limits
        local: SocketAddress = sock.getsockname()
        self.host, self.port = host_of(local), local[1]
        self._flows: dict[SocketAddress, Flow] = {}
        self._sources: dict[str, str] = {}
        self._waiting: deque[tuple[bytes, Flow]] = deque()
        self._loop.add_reader(sock, self._readable)

    @classmethod
    def bind(
        cls,
        host: str,
        port: int,
        deliver: Callable[[list[Input]], None],
        report: Callable[[Input], None],
        limits: Limits,
    ) -> UdpSocket:
        """A socket at an IP literal (a wildcard too) and port, 0 for any. Raises OSError."""
        address = socket_address(host, port)
        sock = socket.socket(socket.AF_INET6 if len(address) == 4 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.receive_buffer)
            errqueue.enable(sock)
            sock.bind(address)
            return cls(sock, deliver, report, limits)
        except OSError:
            sock.close()
            raise

    def flow_to(self, host: str, port: int) -> Flow:
        """The flow to an IP literal and port, its local address found anew. Raises OSError: no route."""
        address = socket_address(host, port)
        remote = host_of(address)
        source = source_address(address) if self.host in WILDCARDS else self.host
        if self._sources.setdefault(remote, source) != source:
            self._flows.clear()  # routing changed: the peer's packets carry the new address from now on
            self._sources[remote] = source
        return self._flow(address)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a datagram, or keep it while the kernel is busy; trouble is reported as SendFailed."""
        if self._waiting:
            self._queue(data, flow)
        elif not self._sent(data, flow):
            self._queue(data, flow)
            self._loop.add_writer(self._socket, self._writable)

    def close(self) -> None:
        """Release the socket; what waits to be sent is dropped."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._waiting.clear()
        self._socket.close()

    # --- receiving ----------------------------------------------------------------------------------

    def _readable(self) -> None:
        received: list[Input] = []
        receive, flows = self._socket.recvfrom, self._flows
        failed = False
        for _ in range(self._limits.datagrams_per_wakeup):
            try:
                data, address = receive(_LARGEST)
            except BlockingIOError:
                failed = failed or not received
                break
            except OSError:
                failed = True  # of an earlier send: the queue says whose
                continue
            if data:
                received.append(Packet(flows.get(address) or self._flow(address), data))
        if failed:
            self._take_errors()
        if received:
            self._deliver(received)

    def _flow(self, address: SocketAddress) -> Flow:
        flow = self._flows.get(address)
        if flow is None:
            if len(self._flows) >= self._limits.remotes_remembered:
                self._flows.clear()
                self._sources.clear()
            host = host_of(address)
            flow = Flow("udp", self._source(host, address), self.port, host, address[1])
            self._flows[address] = flow
        return flow

    def _source(self, host: str, address: SocketAddress) -> str:
        """The local address for a peer: where every address is bound, the one that answers leave from."""
        if self.host not in WILDCARDS:
            return self.host
        source = self._sources.get(host)
        if source is None:
            try:
                source = source_address(address)
            except OSError:
                source = self.host
            self._sources[host] = source
        return source

    def _take_errors(self) -> None:
        for address, number in dict(errqueue.drain(self._socket)).items():
            flow = self._flow(address)
            self._report(SendFailed(flow, f"{shown(flow.remote_host, flow.remote_port)}: {words.of_errno(number)}"))
        # libuv stops watching a descriptor that polled with an error; asking anew costs nothing elsewhere.
        self._loop.remove_reader(self._socket)
        self._loop.add_reader(self._socket, self._readable)

    # --- sending ------------------------------------------------------------------------------------

    def _sent(self, data: bytes, flow: Flow) -> bool:
        """False where the kernel would block; any other trouble is reported, and done with."""
        number = 0
        host, port = flow.remote_host, flow.remote_port
        for _ in range(_TRIES):
            try:
                # Of a pair sendto forgets the zone.
                self._socket.sendto(data, (host, port) if "%" not in host else socket_address(host, port))
                return True
            except BlockingIOError:
                return False
            except OSError as error:
                number = error.errno or 0
            if number in _LOST:
                self.lost += 1
                return True
            if number == errno.EMSGSIZE:
                break
            # The error may be an earlier datagram's, which the kernel reports to whoever comes next.
            self._take_errors()
        self._report(
            SendFailed(flow, f"{shown(host, port)}: {words.of_errno(number)}", too_large=number == errno.EMSGSIZE)
        )
        return True

    def _queue(self, data: bytes, flow: Flow) -> None:
        if len(self._waiting) >= self._limits.datagrams_waiting:
            self.lost += 1
        else:
            self._waiting.append((data, flow))

    def _writable(self) -> None:
        while self._waiting:
            if not self._sent(*self._waiting[0]):
                return
            self._waiting.popleft()
        self._loop.remove_writer(self._socket)
