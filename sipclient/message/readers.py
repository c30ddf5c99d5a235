"""What the typed properties of a message are read from: one small function for each header."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sipclient.errors import MalformedMessage
from sipclient.message.address import USUAL, NameAddr, parse_name_addr, parse_name_addrs
from sipclient.message.headers import Headers
from sipclient.message.limits import MAX_DELTA, MAX_VALUES
from sipclient.message.memo import Memo
from sipclient.message.names import is_token
from sipclient.message.text import Params, number, split_commas
from sipclient.message.values import (
    Challenge,
    Credentials,
    RAck,
    Reason,
    Replaces,
    parse_authentication_info,
    parse_challenge,
    parse_challenges,
    parse_delta,
    parse_media_type,
    parse_rack,
    parse_reason,
    parse_replaces,
    parse_token_params,
    parse_tokens,
)
from sipclient.message.via import AROUND_BRANCH, Hop, Via, parse_cseq, parse_via, parse_vias


def _needed(headers: Headers, key: str, name: str) -> str:
    value = headers.first(key)
    if value is None:
        raise MalformedMessage(f"there is no {name}")
    return value


def vias(headers: Headers) -> tuple[Via, ...]:
    """All hops, ours (or the peer's) first."""
    top = headers.index.get("via", "")
    if top and "," not in top and not headers.repeats:
        return (parse_via(top),)
    return tuple(hop for line in headers.lines("via") for hop in parse_vias(line))


def via(headers: Headers) -> Via:
    """The top hop."""
    hops = headers.read(vias)
    if not hops:
        raise MalformedMessage("there is no Via")
    return hops[0]


def hop(headers: Headers) -> Hop:
    """What the top hop says, in good form as all below it."""
    return _hop_of(headers.read(via), len(headers.read(vias)) - 1)


def _hop_of(top: Via, below: int) -> Hop:
    sent_by = f"{top.host}:{top.port or ''}".lower()
    return Hop(top.branch, sent_by, top.host, top.port, top.params.get("rport"), below)


def _place(around: str) -> tuple[str, str, int | None, str | None, bool] | None:
    """What a Via of the usual form says besides its branch: `sent_by`, host, port, rport and bare, as Hop has them."""
    usual = AROUND_BRANCH.fullmatch(around)
    if usual is None:
        return None
    host, port, before, after = usual.groups()
    rport = before or after  # ";rport" or ";rport=5060"
    bare = rport == ";rport" and around.count(";r") == 1
    return f"{host}:{port or ''}".lower(), host, int(port) if port else None, rport and rport[7:], bare


_PLACES: Final = Memo(_place)


def _hop(text: str) -> Hop:
    """What one line of Via says, as `hop` has it. Only the branch is new in most."""
    start = text.find(";branch=") + len(";branch=")
    end = text.find(";", start)
    if end < 0:
        end = len(text)
    branch = text[start:end]
    place = _PLACES[text[:start] + text[end:]]
    if place is not None and is_token(branch):
        sent_by, host, port, rport, bare = place
        return Hop(branch, sent_by, host, port, rport, 0, bare)
    hops = parse_vias(text)
    return _hop_of(hops[0], len(hops) - 1)


HOP: Final = Memo(_hop)


ADDRESS: Final = Memo(parse_name_addr)


def from_(headers: Headers) -> NameAddr:
    """From."""
    return ADDRESS[_needed(headers, "from", "From")]


def to(headers: Headers) -> NameAddr:
    """To."""
    return ADDRESS[_needed(headers, "to", "To")]


_IS_USUAL: Final = Memo(lambda text: USUAL.fullmatch(text) is not None)


def _tag(text: str) -> str:
    """The tag of an address; none is made where the usual form tells it. Only the tag is new in most."""
    end = text.find(";tag=")
    if end >= 0 and is_token(tag := text[end + len(";tag=") :]) and _IS_USUAL[text[:end]]:
        return tag
    usual = USUAL.fullmatch(text)
    return usual[2] or "" if usual is not None else parse_name_addr(text).tag


TAG: Final = Memo(_tag)


def _call_id(text: str) -> str:
    """Any text without blanks, as some peers leave the grammar of `word`."""
    text = text.strip(" \t")
    if not text or " " in text or "\t" in text:
        raise MalformedMessage("Call-ID is empty or holds a blank")
    return text


CALL_ID: Final = Memo(_call_id)
CSEQ: Final = Memo(parse_cseq)
ADDRESSES: Final = Memo(lambda text: tuple(parse_name_addrs(text)))


def addresses(key: str) -> Callable[[Headers], tuple[NameAddr, ...]]:
    """A reader of all addresses in the lines of one name."""

    def read(headers: Headers) -> tuple[NameAddr, ...]:
        if headers.first(key) is None:
            return ()
        found = tuple([address for line in headers.lines(key) for address in ADDRESSES[line]])
        if len(found) > MAX_VALUES:
            raise MalformedMessage(f"more than {MAX_VALUES} addresses in {key}")
        return found

    return read


def contact_star(headers: Headers) -> bool:
    """Whether Contact is `*`: alone, or it is malformed (RFC 3261 §10.2.2)."""
    lines = headers.lines("contact")
    if "*" not in lines:
        return False
    if len(lines) > 1:
        raise MalformedMessage("Contact is `*` and more")
    return True


_all_contacts: Final = addresses("contact")


def contacts(headers: Headers) -> tuple[NameAddr, ...]:
    """The addresses of Contact; none for `*`."""
    return () if contact_star(headers) else _all_contacts(headers)


def _first_uri(text: str) -> str:
    """The URI of the first address in a line of Contact, "" for `*`."""
    usual = USUAL.fullmatch(text)
    if usual is not None:
        return usual[1]
    found = contacts(Headers.of_entries([("contact", "Contact", text)]))
    return str(found[0].uri) if found else ""


CONTACT: Final = Memo(_first_uri)


routes: Final = addresses("route")
record_routes: Final = addresses("record-route")
paths: Final = addresses("path")
service_routes: Final = addresses("service-route")
asserted_identities: Final = addresses("p-asserted-identity")


def address(key: str) -> Callable[[Headers], NameAddr | None]:
    """A reader of the one address in a header that may be missing."""

    def read(headers: Headers) -> NameAddr | None:
        value = headers.first(key)
        return ADDRESS[value] if value is not None else None

    return read


refer_to: Final = address("refer-to")
referred_by: Final = address("referred-by")


def seconds(key: str, name: str) -> Callable[[Headers], int | None]:
    """A reader of delta-seconds, parameters and comments behind them left aside."""

    def read(headers: Headers) -> int | None:
        value = headers.first(key)
        return parse_delta(value, name)[0] if value is not None else None

    return read


expires: Final = seconds("expires", "Expires")
min_expires: Final = seconds("min-expires", "Min-Expires")
min_se: Final = seconds("min-se", "Min-SE")
retry_after: Final = seconds("retry-after", "Retry-After")
flow_timer: Final = seconds("flow-timer", "Flow-Timer")


def integer(key: str, name: str, limit: int = MAX_DELTA) -> Callable[[Headers], int | None]:
    """A reader of one number that may be missing."""

    def read(headers: Headers) -> int | None:
        value = headers.first(key)
        return number(value, name, limit) if value is not None else None

    return read


rseq: Final = integer("rseq", "RSeq")
MAX_FORWARDS: Final = Memo(lambda text: number(text, "Max-Forwards", 255))
MEDIA_TYPE: Final = Memo(parse_media_type)


def tokens(key: str, name: str, *, lower: bool = True) -> Callable[[Headers], tuple[str, ...]]:
    """A reader of a list of tokens; option tags in lower case."""

    def read(headers: Headers) -> tuple[str, ...]:
        if headers.first(key) is None:
            return ()
        found = parse_tokens(headers.values(key), name)
        return tuple(token.lower() for token in found) if lower else found

    return read


require: Final = tokens("require", "Require")
supported: Final = tokens("supported", "Supported")
proxy_require: Final = tokens("proxy-require", "Proxy-Require")
unsupported: Final = tokens("unsupported", "Unsupported")
allow: Final = tokens("allow", "Allow", lower=False)


def _state(text: str) -> tuple[str, Params]:
    """The state counts though a parameter of it is none (`terminated;reason=`): a NOTIFY that is refused leaves us with
    what was true before."""
    try:
        state, params = parse_token_params(text, "Subscription-State")
    except MalformedMessage:
        word, *rest = text.split(";")
        whole = [each for each in rest if all(side.strip(" \t") for side in each.split("=", 1))]
        state, params = parse_token_params(";".join((word, *whole)), "Subscription-State")
    return state.lower(), params


EVENT: Final = Memo(lambda text: parse_token_params(text, "Event"))
SUBSCRIPTION_STATE: Final = Memo(_state)


def rack(headers: Headers) -> RAck | None:
    """RAck."""
    value = headers.first("rack")
    return parse_rack(value) if value is not None else None


def session_expires(headers: Headers) -> tuple[int, str]:
    """Session-Expires (RFC 4028 §4): seconds (0 where it is missing) and "uac", "uas" or ""."""
    value = headers.first("session-expires")
    if value is None:
        return 0, ""
    delta, rest = parse_delta(value, "Session-Expires")
    refresher = _params(rest).get("refresher", "").lower()
    return delta, refresher if refresher in ("uac", "uas") else ""


def _params(rest: str) -> Params:
    return parse_token_params(f"x{rest}", "Session-Expires")[1]


def reasons(headers: Headers) -> tuple[Reason, ...]:
    """Reason: for the user's ears only, so what cannot be read is left out."""
    found = []
    for line in headers.lines("reason"):
        try:
            found += [parse_reason(part) for part in split_commas(line) if part]
        except MalformedMessage:
            continue
    return tuple(found)


def replaces(headers: Headers) -> Replaces | None:
    """Replaces."""
    value = headers.first("replaces")
    return parse_replaces(value) if value is not None else None


def challenges(headers: Headers) -> tuple[Challenge, ...]:
    """WWW-Authenticate, then Proxy-Authenticate."""
    pairs = ((False, "www-authenticate"), (True, "proxy-authenticate"))
    lines = ((proxy, line) for proxy, key in pairs for line in headers.lines(key))
    return tuple(Challenge(*found, proxy) for proxy, line in lines for found in parse_challenges(line))


def authorizations(headers: Headers) -> tuple[Credentials, ...]:
    """Authorization, then Proxy-Authorization, one of each line."""
    pairs = ((False, "authorization"), (True, "proxy-authorization"))
    return tuple(Credentials(*parse_challenge(line), proxy) for proxy, key in pairs for line in headers.lines(key))


def authentication_info(headers: Headers) -> dict[str, str]:
    """Authentication-Info, or else Proxy-Authentication-Info (RFC 7615); empty where both are missing."""
    value = headers.first("authentication-info") or headers.first("proxy-authentication-info")
    return parse_authentication_info(value) if value is not None else {}
