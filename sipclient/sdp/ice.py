"""Where media may flow: ICE candidates and the credentials of the checks. RFC 8839."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

import msgspec

from sipclient.sdp.description import Attribute, MediaDescription

_CANDIDATE = re.compile(
    r"(?:candidate:)?(\S{1,64}) +(\d{1,5}) +(\S{1,16}) +(\d{1,10}) +(\S{1,255}) +(\d{1,5}) +typ +(\S{1,32})((?: .*)?)",
    re.ASCII | re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+\.?", re.ASCII)
_MOST = 200  # candidates that are read; agents check 100 pairs: RFC 8445 §6.1.2.5
_CREDENTIAL = re.compile(r"[!-~]{1,256}")


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

    @property
    def family(self) -> str:
        """`IP4` or `IP6`, empty for a name."""
        if ":" in self.host:
            return "IP6"
        return "IP4" if is_address(self.host) else ""

    def __str__(self) -> str:
        """What stands behind `a=candidate:`."""
        words = [f"{self.foundation} {self.component} {self.transport} {self.priority} {self.host} {self.port}"]
        words.append(f"typ {self.kind}")
        if self.related_host:
            words.append(f"raddr {self.related_host} rport {self.related_port}")
        if self.tcptype:
            words.append(f"tcptype {self.tcptype}")
        return " ".join([*words, self.rest] if self.rest else words)


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

    @property
    def complete(self) -> bool:
        """Whether no candidate is to come but those here."""
        return self.end_of_candidates or not self.trickle

    def __repr__(self) -> str:
        return f"Ice(ufrag={self.ufrag!r}, pwd=<hidden>, candidates={self.candidates!r}, lite={self.lite})"


def is_address(text: str) -> bool:
    """Whether this is an IP literal."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def read_candidate(text: str) -> Candidate | None:
    """The candidate that stands behind `a=candidate:`, None where it is none: an address that is neither an
    IP literal nor a name, a port beyond 65535, a piece that is missing."""
    found = _CANDIDATE.fullmatch(text.strip())
    if found is None:
        return None
    foundation, component, transport, priority, host, port, kind, extensions = found.groups()
    if not (is_address(host) or _NAME.fullmatch(host)) or int(port) > 65535:
        return None
    known, rest = {"raddr": "", "rport": "0", "tcptype": ""}, []
    words = extensions.split()
    for name, value in zip(words[::2], [*words[1::2], ""], strict=False):
        if name in known and value:
            known[name] = value
        else:
            rest.append(f"{name} {value}".rstrip())
    return Candidate(
        foundation,
        int(component),
        transport.lower(),
        int(priority),
        host,
        int(port),
        kind.lower(),
        known["raddr"],
        int(known["rport"]) if _small(known["rport"]) else 0,
        known["tcptype"].lower(),
        " ".join(rest),
    )


def ice_of(media: MediaDescription) -> Ice | None:
    """Its writer's side of ICE, None where the credentials are missing, or nothing of it is there."""
    ufrag, pwd = credential(media, "ice-ufrag"), credential(media, "ice-pwd")
    if not ufrag or not pwd:
        return None
    candidates = (read_candidate(attribute.value) for attribute in media.all("candidate")[:_MOST])
    options = " ".join(attribute.value for attribute in (*media.all("ice-options"), *media.session.all("ice-options")))
    return Ice(
        ufrag,
        pwd,
        tuple(candidate for candidate in candidates if candidate is not None),
        lite=media.session.first("ice-lite") is not None,
        trickle="trickle" in options.split(),
        end_of_candidates=media.inherited("end-of-candidates") is not None,
        remote=tuple(_remote(media.value("remote-candidates").split()[: 3 * _MOST])),
    )


def _remote(words: list[str]) -> Iterator[tuple[int, str, int]]:
    for component, host, port in zip(words[::3], words[1::3], words[2::3], strict=False):
        if _small(component) and is_address(host) and _small(port):
            yield int(component), host, int(port)


def _small(text: str) -> bool:
    return len(text) < 6 and text.isascii() and text.isdigit()


def credential(media: MediaDescription, name: str) -> str:
    """`ice-ufrag` or `ice-pwd`, the stream's or else the session's; empty where it is none."""
    found = media.inherited(name)
    text = found.value.strip() if found else ""
    return text if _CREDENTIAL.fullmatch(text) else ""


def broken_candidates(media: MediaDescription) -> list[Attribute]:
    """The candidate lines that are none."""
    return [attribute for attribute in media.all("candidate")[:_MOST] if read_candidate(attribute.value) is None]


def ice_lines(ice: Ice) -> list[str]:
    """The attributes of our m-line that tell our side of ICE."""
    lines = [f"a=ice-ufrag:{ice.ufrag}", f"a=ice-pwd:{ice.pwd}"]
    if ice.trickle:
        lines.append("a=ice-options:trickle")
    lines += [f"a=candidate:{candidate}" for candidate in ice.candidates]
    if ice.end_of_candidates:
        lines.append("a=end-of-candidates")
    if ice.remote:
        lines.append("a=remote-candidates:" + " ".join(f"{part} {host} {port}" for part, host, port in ice.remote))
    return lines
