"""Headers and SDP lines that a paste damaged, mended by what their grammar leaves no doubt about.

What the damage took is not invented: a host that is gone is written as `unknown.invalid` and named in `missing`.
RFC 3261 §20, RFC 8866, RFC 2606 §2.
"""

from __future__ import annotations

import re

import msgspec

from sipclient.trace.damage import UNKNOWN

_ADDRESSES = frozenset({
    "from", "f", "to", "t", "contact", "m", "route", "record-route", "remote-party-id", "p-asserted-identity",
    "p-preferred-identity", "refer-to", "r", "referred-by", "b", "path", "service-route", "diversion", "reply-to",
})  # fmt: skip
_MUST_BE_BRACKETED = frozenset({"route", "record-route", "path", "service-route"})
_TWO_WAYS = frozenset({"contact", "m", "route", "record-route", "path", "service-route", "refer-to", "r"})
_OF_URI = frozenset({"transport", "lr", "ob", "user", "maddr", "ttl", "method", "gr", "comp", "line", "rinstance"})
_OF_HEADER = frozenset({
    "tag", "expires", "q", "reg-id", "party", "privacy", "screen", "id-type", "reason", "counter", "methods",
    "+sip.instance", "+sip.ice", "pub-gruu", "temp-gruu", "audio", "video", "isfocus",
})  # fmt: skip
_URI = re.compile(r'^(?P<name>"(?:[^"\\]|\\.)*"|[^<>"@:;,]*?)(?<!\s)\s*(?P<uri>(?:sips?|tel):[^\s;<>,"]*)(?P<rest>.*)$')
_REQUEST = re.compile(r"^([A-Z]+) (\S+) (SIP/2\.0)\s*$")
_HOSTLESS = re.compile(r"(?<=@)(?=$|[\s;>:?,])")
_EMPTY = re.compile(r"(?<!\s)\s*;\s*(received|maddr)=(?=\s*(?:;|,|$))")
_GLUED = re.compile(
    r"(?<=[^\s=])\s*(?=(?:a=(?:rtpmap|fmtp|candidate|ptime|maxptime|crypto|rtcp|rtcp-fb|ssrc|mid|setup|fingerprint|"
    r"ice-ufrag|ice-pwd|extmap|group|msid)\b[:-]|a=(?:sendrecv|sendonly|recvonly|inactive|rtcp-mux)\b|"
    r"m=(?:audio|video|application|image|text) \d|c=IN IP[46] |t=\d+ \d+$|(?<=v=0)o=))"
)
_CANDIDATE = re.compile(r"^(a=candidate:\S+ \d+ \w+ \d+) (\d+ typ )")
_NO_ADDRESS = re.compile(r"^(?:c=|o=\S+ \d+ \d+ |a=rtcp:\d+ )IN IP[46]$")
_ORIGIN_LINK = re.compile(r"^(a=extmap:\d+(?:/\w+)? )\S*?(rtp-hdrext/[\w-]+) - src - Git at Google$")


class Mended(msgspec.Struct):
    """A message's lines and what was done. `other` are its header lines in the second reading, [] for none."""

    start: str
    headers: list[str]
    body: list[str]
    repairs: dict[str, None]
    missing: dict[str, None] = msgspec.field(default_factory=dict)
    other: list[str] = msgspec.field(default_factory=list)


def mend(message: Mended) -> None:
    """Mend what is damaged, in place."""
    message.start = _start(message)
    message.headers = [_header(line, message) for line in message.headers]
    if _stripped(message.headers):
        _rewrap(message)
    if message.body and re.match(r"[vo]=", message.body[0]):
        _description(message)


def _start(message: Mended) -> str:
    found = _REQUEST.match(message.start)
    if found is None:
        return message.start
    uri = _hosted(found[2].strip("<>"), "the Request-URI", message)
    if found[2] != found[2].strip("<>"):
        message.repairs["brackets round the Request-URI taken off"] = None
    return f"{found[1]} {uri} {found[3]}"


def _hosted(text: str, where: str, message: Mended) -> str:
    """URIs with the hosts they lost, as `unknown.invalid`."""
    if not _HOSTLESS.search(text):
        return text
    message.missing[f"the host of {where}"] = None
    message.repairs[f"the host that is missing of {where} is written as {UNKNOWN}"] = None
    return _HOSTLESS.sub(UNKNOWN, text)


def _header(line: str, message: Mended) -> str:
    name = line.partition(":")[0].strip()
    lower = name.lower()
    if lower in ("via", "v"):
        found = _EMPTY.search(line)
        if found is not None:
            message.missing[f"the value of {found[1]} in Via"] = None
            message.repairs[f"{found[1]}= without a value left out of Via"] = None
            line = _EMPTY.sub("", line)
    elif lower in _ADDRESSES:
        line = _hosted(line, name, message)
    return line


def _stripped(headers: list[str]) -> bool:
    """Whether the angle brackets of this message were taken for HTML: nobody leaves them out in these places."""
    if any("<" in line for line in headers):
        return False
    for line in headers:
        name, _, value = line.partition(":")
        name, found = name.strip().lower(), _URI.match(value.strip())
        if name not in _ADDRESSES or found is None:
            continue
        inside = any(_name(parameter) in _OF_URI for parameter in _parameters(found["rest"]))
        if name in _MUST_BE_BRACKETED or found["name"].strip() or inside:
            return True
    return False


def _rewrap(message: Mended) -> None:
    headers, other = [], []
    for line in message.headers:
        name, _, value = line.partition(":")
        lower = name.strip().lower()
        if lower not in _ADDRESSES:
            headers.append(line)
            other.append(line)
            continue
        first, second = _wrapped(lower, value)
        if first != value.strip():
            message.repairs[f"<> put back round the address in {name.strip()}"] = None
        headers.append(f"{name.strip()}: {first}")
        other.append(f"{name.strip()}: {second}")
    message.headers = headers
    if other != headers:
        message.other = other
        doubtful = [line.partition(":")[0] for line, also in zip(headers, other, strict=True) if line != also]
        words = " and ".join(dict.fromkeys(doubtful))
        message.repairs[
            f"whether parameters in {words} are the address's or the header's is not known: both are kept"
        ] = None


def _wrapped(name: str, value: str) -> tuple[str, str]:
    """The value with its brackets, and in the other reading."""
    pairs = []
    for part in value.split(",") if '"' not in value else [value]:
        found = _URI.match(part.strip())
        if found is None:
            pairs.append((part.strip(), part.strip()))
            continue
        label = f"{found['name'].strip()} " if found["name"].strip() else ""
        parameters = _parameters(found["rest"])
        outer = [each for each in parameters if _name(each) in _OF_HEADER or _name(each).startswith("+")]
        inner = [each for each in parameters if each not in outer]
        if name not in _TWO_WAYS:
            inner, outer = [each for each in parameters if _name(each) in _OF_URI], parameters
            outer = [each for each in parameters if each not in inner]
        likely = f"{label}<{found['uri']}{''.join(inner)}>{''.join(outer)}"
        turned = f"{label}<{found['uri']}>{''.join(parameters)}" if name in _TWO_WAYS else likely
        pairs.append((likely, turned))
    return ", ".join(first for first, _ in pairs), ", ".join(second for _, second in pairs)


def _parameters(rest: str) -> list[str]:
    return [f";{part.strip()}" for part in re.findall(r';((?:[^;"]|"[^"]*")*)', rest) if part.strip()]


def _name(parameter: str) -> str:
    return parameter.lstrip(";").partition("=")[0].strip().lower()


def _description(message: Mended) -> None:
    """An SDP: lines apart, the two lines put back that are always the same, addresses that are gone marked."""
    lines = []
    for line in message.body:
        parts = _GLUED.split(line)
        if len(parts) > 1:
            message.repairs["SDP lines that were glued together are apart again"] = None
        lines += parts
    if lines and lines[0].startswith("o="):
        lines.insert(0, "v=0")
        message.repairs["v=0 put back before the SDP"] = None
    if len(lines) > 1 and lines[1].startswith("o=") and not any(line.startswith("s=") for line in lines):
        lines.insert(2, "s=-")
        message.repairs["s=- put back into the SDP"] = None
    message.body = [_line(line, message) for line in lines]


def _line(line: str, message: Mended) -> str:
    if _NO_ADDRESS.match(line.rstrip()):
        what = line.partition(" ")[0] if line.startswith("a=") else line[:2]
        message.missing[f"the address of {what}"] = None
        message.repairs[f"the address that is missing of {what} is written as {UNKNOWN}"] = None
        return f"{line.rstrip()} {UNKNOWN}"
    if found := _CANDIDATE.match(line):
        message.missing[f"the address of {found[1].split()[0]}"] = None
        message.repairs[f"the address that is missing of a candidate is written as {UNKNOWN}"] = None
        return f"{found[1]} {UNKNOWN} {line[found.start(2) :]}"
    if found := _ORIGIN_LINK.match(line):
        message.repairs["the title of a linked page in a=extmap is written as the URI it stands for"] = None
        return f"{found[1]}http://www.webrtc.org/experiments/{found[2]}"
    return line
