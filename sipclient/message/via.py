"""Via and CSeq. RFC 3261 §20.42, §20.16; rport RFC 3581."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from sipclient.errors import MalformedMessage
from sipclient.message.text import EMPTY, USUAL_PARAMS, Params, number, parse_params, split_commas, usual_params
from sipclient.message.uri import read_ipv6

_VIA: Final = re.compile(
    r"""([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+/[ \t]*+
    ([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++(?:\[([0-9A-Fa-f:.]++)\]|([A-Za-z0-9_.\-]++))
    [ \t]*+(?::[ \t]*+([0-9]{1,5}+)[ \t]*+)?+(;.*+)?+""",
    re.X | re.S,
)
_USUAL: Final = re.compile(
    rf"[ \t]*+SIP/2\.0/([A-Z]++)[ ]([A-Za-z0-9_.\-]++)(?::([1-5][0-9]{{4}}|[0-9]{{1,4}}))?+({USUAL_PARAMS}{{1,16}}+)"
)
# The same with a branch, `rport` and `received` alone, as nearly every request and every answer to ours has it: what
# stands around the branch, which was cut out.
_RPORT: Final = r"(;rport(?:=(?:[1-5][0-9]{4}|6[0-4][0-9]{3}|[1-9][0-9]{0,3})(?![0-9]))?+)?+"
_RECEIVED: Final = r"(?:;received=[0-9A-Fa-f.:]++)?+"
AROUND_BRANCH: Final = re.compile(
    r"[ \t]*+SIP/2\.0/[A-Z]++[ ]([A-Za-z0-9_.\-]++)(?::([1-5][0-9]{4}|[1-9][0-9]{0,3}))?+"
    rf"{_RPORT};branch={_RECEIVED}{_RPORT}{_RECEIVED}"
)
_CSEQ: Final = re.compile(r"[ \t]*+([0-9]++)[ \t]++([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+")
MAX_CSEQ: Final = 2**31 - 1


class Via(msgspec.Struct, frozen=True):
    """One hop. `transport` is in upper case, `host` without brackets, `port` None where none was written."""

    transport: str
    host: str
    port: int | None = None
    params: Params = EMPTY
    protocol: str = "SIP/2.0"

    @property
    def branch(self) -> str:
        """The branch, "" if there is none (RFC 2543 peers)."""
        return self.params.get("branch", "")

    @property
    def rport(self) -> int | str | None:
        """None where absent, "" where asked for (`;rport`), else the port (RFC 3581 §4)."""
        text = self.params.get("rport")
        return number(text, "rport", 65535) if text else text

    @property
    def received(self) -> str:
        """The address the packet came from, without brackets (RFC 5118 §4.5); "" if it is not said."""
        return self.params.get("received", "").strip("[]")

    @property
    def maddr(self) -> str:
        """The maddr parameter without brackets, "" if there is none."""
        return self.params.get("maddr", "").strip("[]")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.protocol}/{self.transport} {host}{port}{self.params}"


class Hop(msgspec.Struct, frozen=True, gc=False):
    """What matching and answering need of the top Via; `below` counts the hops under it."""

    branch: str  # "" if there is none
    sent_by: str  # `host:port` in lower case, nothing behind the colon where no port was written
    host: str
    port: int | None
    rport: str | None  # None where absent, "" where asked for, else the port in digits
    below: int = 0
    bare: bool = False  # of the usual form, with ";rport" as it was asked for, and nothing filled in yet


class CSeq(msgspec.Struct, frozen=True):
    """The sequence number, below 2**31, and the method as written."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_via(text: str) -> Via:
    """One via-parm. Raises 400. Other versions and transports than ours are let through: they are the sender's."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        transport, host, port, params = usual.groups()
        via = Via(transport, host, int(port) if port is not None else None, usual_params(params))
        return via if not via.params.get("rport") else _with_port(via)
    match = _VIA.fullmatch(text.strip(" \t"))
    if match is None:
        raise MalformedMessage("Via is not `SIP/2.0/transport host:port;parameters`")
    name, version, transport, literal, host, port, params = match.groups()
    if literal is not None:
        host = read_ipv6(literal)
    if port is not None and int(port) > 65535:
        raise MalformedMessage("the port of Via is above 65535")
    via = Via(
        transport.upper(),
        host,
        int(port) if port is not None else None,
        parse_params(params) if params is not None else EMPTY,
        "SIP/2.0" if name == "SIP" and version == "2.0" else f"{name.upper()}/{version}",
    )
    return _with_port(via)


def _with_port(via: Via) -> Via:
    """The same, once its rport was found to be a port."""
    rport = via.params.get("rport")
    if rport:
        number(rport, "rport", 65535)
    return via


def parse_vias(text: str) -> list[Via]:
    """The hops of one Via line. Raises 400."""
    if "," not in text:
        return [parse_via(text)]
    return [parse_via(part) for part in split_commas(text)]


def parse_cseq(text: str) -> CSeq:
    """The value of CSeq. Raises 400, also for 2**31 and above (RFC 3261 §8.1.1.5, RFC 4475 §3.1.2.4)."""
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise MalformedMessage("CSeq is not `number method`")
    digits, method = match.groups()
    return CSeq(int(digits) if len(digits) < 10 else number(digits, "the number of CSeq", MAX_CSEQ), method)
