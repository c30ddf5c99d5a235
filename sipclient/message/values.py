"""The values of the less common headers, and how each is read."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from sipclient.errors import MalformedMessage
from sipclient.message.limits import MAX_DELTA, MAX_VALUES
from sipclient.message.text import EMPTY, Params, number, parse_params, split_commas, unquote
from sipclient.message.via import MAX_CSEQ

_SCHEME: Final = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]++)(?:[ \t]++(.++))?+", re.S)
_AUTH_PARAM: Final = re.compile(
    r"""([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+=[ \t]*+([^\x00-\x20\x7f",=][^\x00-\x20\x7f",]*+|"(?:[^"\\]++|\\.)*+")?+""",
    re.S,
)
_NEXT_CHALLENGE: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++[ \t]++[A-Za-z0-9\-.!%*_+`'~]++[ \t]*+=[^=]")
_MEDIA_TYPE: Final = re.compile(
    r"([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+(;.*+)?+", re.S
)
_TOKEN_PARAMS: Final = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]++)[ \t]*+(;.*+)?+", re.S)
_DELTA: Final = re.compile(r"([0-9]++)[ \t]*+(?:[(;].*+)?+", re.S)
_RACK: Final = re.compile(r"([0-9]++)[ \t]++([0-9]++)[ \t]++([A-Za-z0-9\-.!%*_+`'~]++)")


class Challenge(msgspec.Struct, frozen=True):
    """WWW-Authenticate or (`proxy`) Proxy-Authenticate: names of parameters in lower case, values unquoted."""

    scheme: str
    params: dict[str, str]
    proxy: bool = False


class Credentials(msgspec.Struct, frozen=True):
    """Authorization or (`proxy`) Proxy-Authorization, in the same form. The repr tells no parameter."""

    scheme: str
    params: dict[str, str]
    proxy: bool = False

    def __repr__(self) -> str:
        return f"Credentials({self.scheme!r})"


class Reason(msgspec.Struct, frozen=True):
    """One value of Reason (RFC 3326): `cause` is None where none is said, or it is no number."""

    protocol: str
    cause: int | None = None
    text: str = ""


class Replaces(msgspec.Struct, frozen=True):
    """The dialog a call takes the place of (RFC 3891 §6.1), tags as its receiver sees them."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False


class RAck(NamedTuple):
    """What a PRACK acknowledges: RSeq, and the CSeq of the INVITE (RFC 3262 §7.2)."""

    rseq: int
    cseq: int
    method: str


def _auth_params(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in split_commas(text):
        match = _AUTH_PARAM.fullmatch(part)
        if match is None:
            if part:
                raise MalformedMessage("an authentication parameter is not `name=value`")
            continue
        values.setdefault(match[1].lower(), unquote(match[2] or ""))
    return values


def parse_challenge(text: str) -> tuple[str, dict[str, str]]:
    """Scheme as written, and parameters, of a challenge or of credentials. Raises 400.

    A scheme that has no `name=value` after it (Negotiate) has no parameters for us.
    """
    match = _SCHEME.fullmatch(text.strip(" \t"))
    if match is None:
        raise MalformedMessage("a challenge does not begin with its scheme")
    scheme, rest = match.groups("")
    try:
        return scheme, _auth_params(rest)
    except MalformedMessage:
        if scheme.lower() == "digest":
            raise
        return scheme, {}


def parse_challenges(text: str) -> list[tuple[str, dict[str, str]]]:
    """The challenges of one line. Raises 400.

    SIP forbids several in one (RFC 3261 §7.3.1), but servers on top of HTTP's libraries write them as HTTP does
    (RFC 7235 §4.1): whatever comes behind a comma as `scheme name=value` begins the next.
    """
    if "," not in text:
        return [parse_challenge(text)]
    pieces: list[list[str]] = []
    for part in split_commas(text):
        if not pieces or _NEXT_CHALLENGE.match(part) is not None:
            pieces.append([])
        pieces[-1].append(part)
    return [parse_challenge(",".join(piece)) for piece in pieces]


def parse_authentication_info(text: str) -> dict[str, str]:
    """The parameters of Authentication-Info, names in lower case, values unquoted (RFC 7616 §3.5). Raises 400."""
    return _auth_params(text)


def parse_reason(text: str) -> Reason:
    """One value of Reason. Raises 400. A cause that is no number is no cause."""
    protocol, params = parse_token_params(text, "Reason")
    cause = params.get("cause", "")
    plain = cause.isascii() and cause.isdigit() and len(cause) <= 6
    return Reason(protocol, int(cause) if plain else None, params.get("text", ""))


def parse_replaces(text: str) -> Replaces:
    """The value of Replaces, also as it stands (unescaped) in the Refer-To URI. Raises 400."""
    call_id, semicolon, rest = text.strip(" \t").partition(";")
    params = parse_params(semicolon + rest)
    if not call_id.strip(" \t") or not params.get("to-tag") or not params.get("from-tag"):
        raise MalformedMessage("Replaces is not `call-id;to-tag=...;from-tag=...`")
    return Replaces(call_id.strip(" \t"), params["to-tag"], params["from-tag"], "early-only" in params)


def parse_rack(text: str) -> RAck:
    """The value of RAck. Raises 400."""
    match = _RACK.fullmatch(text.strip(" \t"))
    if match is None:
        raise MalformedMessage("RAck is not `number number method`")
    return RAck(number(match[1], "RAck"), number(match[2], "RAck", MAX_CSEQ), match[3])


def parse_token_params(text: str, what: str) -> tuple[str, Params]:
    """A token and its parameters (Event, Subscription-State, Reason, Content-Disposition). Raises 400."""
    match = _TOKEN_PARAMS.fullmatch(text.strip(" \t"))
    if match is None:
        raise MalformedMessage(f"{what} does not begin with a token")
    return match[1], parse_params(match[2]) if match[2] else EMPTY


def parse_media_type(text: str) -> tuple[str, Params]:
    """`type/subtype` in lower case and the parameters of a Content-Type. Raises 400."""
    match = _MEDIA_TYPE.fullmatch(text.strip(" \t"))
    if match is None:
        raise MalformedMessage("Content-Type is not `type/subtype`")
    return f"{match[1]}/{match[2]}".lower(), parse_params(match[3]) if match[3] else EMPTY


def parse_delta(text: str, what: str) -> tuple[int, str]:
    """Seconds, clamped to 2**32 - 1, and what follows them: a comment or parameters (Retry-After). Raises 400."""
    text = text.strip(" \t")
    match = _DELTA.fullmatch(text)
    if match is None:
        raise MalformedMessage(f"{what} is not a number of seconds")
    return number(match[1], what, MAX_DELTA, clamp=True), text[match.end(1) :].lstrip(" \t")


def parse_tokens(values: list[str], what: str) -> tuple[str, ...]:
    """Tokens of a list header. Raises 400 for anything that is none."""
    if len(values) > MAX_VALUES:
        raise MalformedMessage(f"more than {MAX_VALUES} values in {what}")
    for value in values:
        if _TOKEN_PARAMS.fullmatch(value) is None or ";" in value:
            raise MalformedMessage(f"{what} is not a list of tokens")
    return tuple(values)
