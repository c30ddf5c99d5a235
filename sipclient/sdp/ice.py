"""Where media may flow: ICE candidates and the credentials of the checks. RFC 8839."""

from __future__ import annotations

import msgspec


class Candidate(msgspec.Struct, frozen=True):
    """One transport address that may work. RFC 8839 §5.1.

    `component` is 1 for RTP, 2 for RTCP; `transport` is `udp` or `tcp`, in lower case; `host` is an IP
    literal, or the `.local` name behind which a browser hides one; `kind` is `host`, `srflx`, `prflx` or
    `relay`. `rest` holds the extensions nobody here reads, as they were written.
    """

    foundation: str
    component: int
    transport: str
    priority: int
    host: str
    port: int
    kind: str
    related_host: str = ""
    related_port: int = 0
    tcptype: str = ""
    rest: str = ""

    @property
    def is_mdns(self) -> bool:
        """Whether the address hides behind a name that only multicast DNS can resolve."""
        return self.host.lower().rstrip(".").endswith(".local")


class Ice(msgspec.Struct, frozen=True):
    """One side of ICE. `lite`: it answers checks and sends none. `trickle`: more candidates may follow, unless
    `end_of_candidates` says that these are all. `remote` are the pairs its side has chosen: component, host
    and port of the other side (RFC 8839 §5.2)."""

    ufrag: str
    pwd: str
    candidates: tuple[Candidate, ...] = ()
    lite: bool = False
    trickle: bool = False
    end_of_candidates: bool = False
    remote: tuple[tuple[int, str, int], ...] = ()

    def restarts(self, earlier: Ice) -> bool:
        """Whether this asks for an ICE restart: new credentials on the same stream (RFC 8839 §4.4.1.1.1)."""
        return (self.ufrag, self.pwd) != (earlier.ufrag, earlier.pwd)

    def __repr__(self) -> str:
        return f"Ice(ufrag={self.ufrag!r}, pwd=<hidden>, candidates={self.candidates!r}, lite={self.lite})"
