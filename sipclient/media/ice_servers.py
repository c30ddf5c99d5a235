"""STUN and TURN servers as they are configured. RFC 7064, RFC 7065."""

from __future__ import annotations

import re

import msgspec

from sipclient.errors import MediaError

_URL = re.compile(r"(stun|turn|turns):(\[[^\]]+\]|[^:?\[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?", re.IGNORECASE)
_PORTS = {"stun": 3478, "turn": 3478, "turns": 5349}


class IceServers(msgspec.Struct, frozen=True):
    """Who tells us our address as it is seen from outside, and who relays for us.

    `stun` and `turn` are URLs (`stun:host:3478`, `turn:host:3478?transport=udp`, `turns:host`), empty for
    none. `relay_only` uses nothing but the TURN server. The password never appears in a `repr`.
    """

    stun: str = ""
    turn: str = ""
    username: str = ""
    password: str = ""
    relay_only: bool = False

    def __repr__(self) -> str:
        return f"IceServers(stun={self.stun!r}, turn={self.turn!r}, username={self.username!r})"


NO_SERVERS = IceServers()


class Place(msgspec.Struct, frozen=True):
    """What such a URL says. `transport` is `udp` or `tcp`; `secure`: TLS over it."""

    host: str
    port: int
    transport: str = "udp"
    secure: bool = False

    @classmethod
    def of(cls, url: str) -> Place:
        """Raises MediaError for what is no such URL."""
        found = _URL.fullmatch(url)
        if found is None or int(found[3] or 1) not in range(1, 65536):
            raise MediaError(f'a STUN or TURN server is like "stun:stun.example.com:3478", not {url!r}')
        scheme = found[1].lower()
        secure = scheme == "turns"
        transport = (found[4] or ("tcp" if secure else "udp")).lower()
        if secure and transport == "udp":
            raise MediaError(f"TURN over DTLS is not available: write turns: without transport=udp in {url!r}")
        return cls(found[2].strip("[]"), int(found[3] or _PORTS[scheme]), transport, secure)
