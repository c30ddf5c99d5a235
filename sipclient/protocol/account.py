"""An account at somebody else's PBX: what the engine and the shell must know of it."""

from __future__ import annotations

import msgspec


class _Addressed(msgspec.Struct, frozen=True):
    """What every account has: apart, because it is the one value that may be given by position."""

    address: str


class Account(_Addressed, frozen=True, kw_only=True, omit_defaults=True):
    """One identity at one PBX. All durations are seconds.

    `address` is the address-of-record (`sip:robot@pbx.example.com`); `server` says where packets go
    (`udp:192.0.2.10:5060`, `tls:pbx.example.com`; empty: RFC 3263 on the address's domain).
    The passwords never appear in a `repr`.
    """

    name: str = ""  # how the user calls it; the address where empty
    password: str = ""
    username: str = ""  # digest user name, where it is not the address's user part
    realm: str = ""  # the only realm the password answers for; empty: the first realm the server names
    display_name: str = ""
    server: str = ""
    local: str = ""  # "0.0.0.0:0": what to bind; empty: chosen by the system
    expires: float = 300.0
    register: bool = True
    identity: tuple[str, ...] = ("from", "pai")
    media: str = "rtp"
    keepalive: float = 30.0  # 0: none
    peers: tuple[str, ...] = ()
    browsers: bool = False  # take calls from WebSockets that others opened to us; who may open one, Origin says
    tls_ca: str = ""
    tls_verify: bool = True
    require_strong_digest: bool = False  # refuse an MD5 challenge that does not come over TLS
    codecs: tuple[str, ...] = ()
    rtp_ports: tuple[int, int] = (0, 0)
    dscp: int = 46  # of the packets of media: expedited forwarding
    public_address: str = ""
    stun: str = ""  # "stun:host:3478"
    turn: str = ""  # "turn:host:3478?transport=udp", "turns:host"
    turn_username: str = ""
    turn_password: str = ""
    refer: str = "deny"
    handles: frozenset[str] = frozenset()  # methods handed to the application as RequestReceived
    user_agent: str = ""

    @property
    def key(self) -> str:
        """What commands and events call this account."""
        return self.name or self.address

    @property
    def user(self) -> str:
        """The user of the address: `robot` of `sip:robot@pbx`."""
        return user_at(self.address)

    def __repr__(self) -> str:
        return f"Account({self.key!r}, address={self.address!r}, server={self.server!r})"


def user_at(address: str) -> str:
    """The user of an address as it is written in a configuration: `robot` of `sip:robot@pbx`."""
    return address.partition(":")[2].partition("@")[0]
