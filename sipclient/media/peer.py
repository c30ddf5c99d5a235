"""From whom packets are taken, and to whom ours go. RFC 7362. Pure."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]

FIRST_WORD = 3.0  # seconds the signalled address has for its DTLS before anybody else's is taken
INSISTENCE = 100  # packets: two seconds of sound from an address that the peer has left, by its description


class Peer:
    """The other end of a stream, as signalled and as seen.

    Whoever sits behind a NAT sends from another address than it signals: the first sender of a good packet
    is taken for the peer ("latched") as long as nothing came from the signalled address. A stranger can win
    that race only while the peer is silent; once the signalled address spoke, nobody else is heard.

    After a new description (`before` is the peer of the last one) what is still under way from where packets came
    until now takes nothing over: only who insists is believed to be there still.
    """

    __slots__ = ("_first_word", "_insisted", "_latched", "_left", "_settled", "_signalled")

    def __init__(self, host: str, port: int, before: Peer | None = None, now: float = 0.0) -> None:
        self._signalled: Address = (str(ipaddress.ip_address(host)), port)
        self._left = None if before is None else before.destination
        self._insisted = 0
        self._latched: Address | None = None
        self._settled = False
        self._first_word = now + FIRST_WORD

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
        if self._settled or self._latched is not None:
            return source == self._latched
        if source == self._left:
            self._insisted += 1
            return self._insisted > INSISTENCE
        return True

    def admits_record(self, source: Address, now: float) -> bool:
        """Whether a record of DTLS from there can be the peer's. A handshake listens to one, so that a stranger's
        would be the end of it: until `now` is some seconds after the description came, the signalled address only."""
        return self.admits(source) and (source == self.destination or now >= self._first_word)

    def heard(self, source: Address) -> None:
        """A good packet came from an address that is admitted: that may settle the matter."""
        if source == self._signalled:
            self._settled = True
            self._latched = None
        elif self._latched is None:
            self._latched = source
