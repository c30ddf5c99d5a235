"""Two messages held against each other, header by header: what of it means something, and what is spelling."""

from __future__ import annotations

import re

from sipclient.errors import MalformedMessage
from sipclient.message import Message, Response, canonical, parse_name_addrs, parse_via, split_commas
from sipclient.trace.replaying.outcome import Difference, Verdict

LATE = 0.25  # seconds: what comes sooner or later than that is told

# In these an agent says what it is and can: that they differ is told, and makes no other message of it.
DESCRIBING = frozenset(
    ("Allow", "Allow-Events", "Supported", "Accept", "Accept-Encoding", "Accept-Language", "User-Agent", "Server")
)

_RESPONSE = re.compile(rb'(\bresponse\s*=\s*")[^"]*', re.IGNORECASE)
_LISTS = frozenset({"Allow", "Supported", "Accept", "Allow-Events", "Require"})
_ADDRESSES = frozenset({"From", "To", "Contact", "Record-Route", "Route", "P-Asserted-Identity", "Refer-To"})
_DIGESTS = frozenset({"Authorization", "Proxy-Authorization"})
_INSTANCE = "+sip.instance"


def masked(data: bytes) -> bytes:
    """A message whose digest `response` nobody can check any more: it is made of a password."""
    return _RESPONSE.sub(rb"\1...", data)


def judge(trace: Message, trace_data: bytes, ours: Message, our_data: bytes) -> tuple[Verdict, tuple[Difference, ...]]:
    """How the message of the trace and ours compare; ours is written with the trace's identifiers already."""
    if trace_data == our_data:
        return "identical", ()
    found = differences(trace, ours)
    return ("same" if all(each.name in DESCRIBING for each in found) else "differs"), found


def differences(trace: Message, ours: Message) -> tuple[Difference, ...]:
    """What differs in more than spelling, in the order of the trace's headers."""
    found: list[Difference] = []
    if trace.start_line() != ours.start_line():
        found.append(Difference("message", "start-line", trace.start_line(), ours.start_line()))
    theirs, mine = _by_name(trace), _by_name(ours)
    answer = isinstance(trace, Response)
    for name in dict.fromkeys((*theirs, *mine)):
        one, other = theirs.get(name, []), mine.get(name, [])
        if one != other and name != "Content-Length" and _meaning(name, one, answer) != _meaning(name, other, answer):
            found.append(Difference("header", name, *_told(name, one, other)))
    if trace.body != ours.body:
        found.append(Difference("body", "body", _size(trace.body), _size(ours.body)))
    return tuple(found)


def _told(name: str, one: list[str], other: list[str]) -> tuple[str, str]:
    """What to show of two values; of credentials only what differs, for no two are alike."""
    if name not in _DIGESTS or not one or not other:
        return _shown(name, one), _shown(name, other)
    theirs, mine = _credentials(one[0]), _credentials(other[0])
    names = [key for key in dict.fromkeys((*theirs, *mine)) if theirs.get(key) != mine.get(key)]
    return (
        ", ".join(f"{key}={theirs[key]}" for key in names if key in theirs),
        ", ".join(f"{key}={mine[key]}" for key in names if key in mine),
    )


def _shown(name: str, values: list[str]) -> str:
    if name in _DIGESTS:
        return ", ".join(f"credentials for {_credentials(value).get('realm', '')}" for value in values)
    return ", ".join(values)


def _size(body: bytes) -> str:
    return f"{len(body)} bytes" if body else ""


def _by_name(message: Message) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for name, value in message.headers:
        lines.setdefault(canonical(name), []).append(value.strip(" \t"))
    return lines


def _meaning(name: str, values: list[str], answer: bool) -> object:
    """What is left of a header when spelling is taken away. What cannot be read means what it says."""
    try:
        if name in _LISTS:
            return sorted(part.strip().lower() for value in values for part in split_commas(value) if part.strip())
        if name in _DIGESTS:
            return sorted(sorted(_credentials(value).items()) for value in values)
        if name == "Via":
            return [_via(part, answer) for value in values for part in split_commas(value)]
        if name in _ADDRESSES:
            return [_address(text, tagged=not (answer and name == "To")) for v in values for text in split_commas(v)]
    except MalformedMessage:
        pass
    return [re.sub(r"\s*([;,=])\s*", r"\1", value) for value in values]


def _via(text: str, answer: bool) -> object:
    via = parse_via(text)
    params = {key.lower(): value for key, value in via.params.items()}
    if answer:  # where a request came from, its sender need not be told: RFC 3581 §4 is about NATs
        params = {key: value for key, value in params.items() if key not in ("received", "rport")}
    return (via.transport.upper(), via.host.lower(), via.port, sorted(params.items()))


def _address(text: str, *, tagged: bool) -> object:
    (address,) = parse_name_addrs(text)
    if not tagged:  # tags are bound to each other where they matter; a stateless answer's is nobody's business
        return (address.display_name, str(address.uri))
    # Which device it is was drawn once in its life (RFC 5626 §4.1): ours has a number of its own.
    params = sorted((k.lower(), "" if k.lower() == _INSTANCE else v) for k, v in address.params.items())
    return (address.display_name, str(address.uri), params)


def _credentials(value: str) -> dict[str, str]:
    """The parameters, less the response; what cannot be read whole."""
    scheme, _, rest = value.partition(" ")
    params = {"": scheme.lower()}
    try:
        parts = split_commas(rest)
    except MalformedMessage:
        return {"": value}
    for part in parts:
        name, _, text = part.partition("=")
        params[name.strip().lower()] = text.strip().strip('"')
    params.pop("response", None)
    return params
