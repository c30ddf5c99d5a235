"""Which address packets to a server leave from, looked at now and then: an interface or the routing may change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipclient.protocol.events import AddressChanged, Flow, Input
from sipclient.transport.addresses import socket_address, source_address


class Whereabouts:
    """Asks the routing table (no packet leaves for it) every `pause` seconds about each host a flow was opened to.

    `report` hears AddressChanged once a change. Flows bound to an address other than the one routing would choose
    stay where they are.
    """

    def __init__(self, report: Callable[[Input], None], pause: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._pause = pause
        self._sources: dict[str, str] = {}  # by host at the other end, what flows to it call their local side
        self._timer: asyncio.TimerHandle | None = None

    def note(self, flow: Flow) -> None:
        """A flow was opened: keep an eye on its host."""
        if _source(flow.remote_host) == flow.local_host:
            self._sources[flow.remote_host] = flow.local_host
            if self._timer is None:
                self._timer = self._loop.call_later(self._pause, self._look)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._sources.clear()

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._pause, self._look)
        for host, before in self._sources.items():
            after = _source(host)
            if after and after != before:
                self._sources[host] = after
                self._report(AddressChanged(host, before, after))


def _source(host: str) -> str:
    """Empty where there is no way at the moment: one that comes back is looked at again."""
    try:
        return source_address(socket_address(host, 9))
    except OSError:
        return ""
