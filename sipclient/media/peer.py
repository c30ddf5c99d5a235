"""From whom packets are taken, and to whom ours go. RFC 7362. Pure."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]


class Peer:
    """The other end of a stream, as signalled and as seen.

    Whoever sits behind a NAT sends from another address than it signals: the first sender of a good packet
    is taken for the peer ("latched") as long as nothing came from the signalled address. A stranger can win
    that race only while the peer is silent; once the signalled address spoke, nobody else is heard.
    """

    __slots__ = ("_latched", "_settled", "_signalled")

    def __init__(self, host: str, port: int) -> None:
        self._signalled: Address = (str(ipaddress.ip_address(host)), port)
        self._latched: Address | None = None
        self._settled = False

    @property
    def signalled(self) -> Address:
        """The address of the peer's description."""
        return self._signalled

    @property
    def destination(self) -> Address:
        """Where our packets go now."""
        return self._latched or self._signalled

    def admits(self, source: Address) -> bool:
        """Whether a packet from there can be the peer's."""
        if source == self._signalled:
            return True
        return not self._settled and self._latched in (None, source)

    def heard(self, source: Address) -> None:
        """A good packet came from an address that is admitted: that may settle the matter."""
        if source == self._signalled:
            self._settled = True
            self._latched = None
        elif self._latched is None:
            self._latched = source
