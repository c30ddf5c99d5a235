"""The UDP sockets of a user agent: one for each address that accounts bind, and family."""

from __future__ import annotations

import socket
from collections.abc import Callable

from sipclient.protocol.events import Flow, Input, Send, SendFailed, Target
from sipclient.transport import words
from sipclient.transport.addresses import WILDCARDS, family_of, parse_bind, shown, wildcard
from sipclient.transport.connecting import CannotConnect
from sipclient.transport.limits import Limits
from sipclient.transport.udp import UdpSocket


class Datagrams:
    """Binds at first use, and finds the socket of a flow again."""

    def __init__(self, deliver: Callable[[list[Input]], None], report: Callable[[Input], None], limits: Limits) -> None:
        self._deliver = deliver
        self._report = report
        self._limits = limits
        self._by_setting: dict[tuple[str, socket.AddressFamily], UdpSocket] = {}
        self._by_local: dict[tuple[str, int], UdpSocket] = {}  # by what flows call their local side
        self._by_flow: dict[Flow, UdpSocket] = {}  # found there before

    def flow_to(self, target: Target, local: str) -> Flow:
        """The flow from the socket of an account whose `local` says so. Raises CannotConnect."""
        family = family_of(target.host)
        try:
            bound = self._by_setting.get((local, family)) or self._bind_setting(local, family)
        except ValueError as error:
            raise CannotConnect(str(error)) from None
        try:
            flow = bound.flow_to(target.host, target.port)
        except OSError as error:
            raise CannotConnect(words.of_error(error)) from None
        if flow.local_host != bound.host:
            self._by_local[flow.local_host, flow.local_port] = bound
        return flow

    def send(self, effect: Send) -> None:
        """Send on the socket that the flow names."""
        flow = effect.flow
        bound = self._by_flow.get(flow) or self._bound_for(flow)
        if bound is None:
            where = shown(flow.local_host, flow.local_port)
            self._report(SendFailed(flow, f"no UDP socket is bound to {where}"))
        else:
            bound.send(effect.data, flow)

    def _bound_for(self, flow: Flow) -> UdpSocket | None:
        host, port = flow.local_host, flow.local_port
        bound = self._by_local.get((host, port)) or self._by_local.get((wildcard(family_of(host)), port))
        if bound is not None:
            if len(self._by_flow) >= self._limits.remotes_remembered:
                self._by_flow.clear()
            self._by_flow[flow] = bound
        return bound

    def bind(self, host: str, port: int) -> UdpSocket:
        """The socket at an IP literal and port: the one we have, or a new one. Raises OSError."""
        bound = self._by_local.get((host, port)) if port else None
        if bound is None:
            bound = UdpSocket.bind(host, port, self._deliver, self._report, self._limits)
            self._by_local[bound.host, bound.port] = bound
        return bound

    def close(self) -> None:
        """Release every socket."""
        for bound in set(self._by_local.values()):
            bound.close()
        self._by_local.clear()
        self._by_flow.clear()
        self._by_setting.clear()

    def _bind_setting(self, local: str, family: socket.AddressFamily) -> UdpSocket:
        host, port = parse_bind(local)
        if host in WILDCARDS:
            host = wildcard(family)  # "0.0.0.0" means any address here, an IPv6 one for an IPv6 server
        elif family_of(host) != family:
            raise CannotConnect(f"an address of the other family cannot be reached from {host}, which `local` binds")
        try:
            bound = self.bind(host, port)
        except OSError as error:
            raise CannotConnect(f"cannot bind udp:{shown(host, port)}: {words.of_error(error)}") from None
        self._by_setting[local, family] = bound
        return bound
