"""What may be said of a call that is to be placed, checked once for every way to say it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias, TypedDict

import msgspec

from sipclient.config.templates import CallerId, fill
from sipclient.dialling.plan import Leg, variable_headers
from sipclient.errors import InvalidValue
from sipclient.face.roster import Which
from sipclient.message import check_call_id, check_header_name, check_header_value
from sipclient.protocol.account import Account
from sipclient.protocol.events import Headers, Invite

GivenHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


class CallOptions(TypedDict, total=False):
    """What `dial` and `call` take beside whom to call, the caller ID, the headers and the time limit."""

    account: Which
    """Who calls: an Account, its name or its address; else the first one."""
    media: str | None
    """`rtp`, `srtp`, `webrtc` or `none`, where it is not the account's."""
    private: bool
    """Ask the PBX to hide the caller (RFC 3323)."""
    late_offer: bool
    """Send the INVITE without a description, and answer that of the 200 (RFC 3261 §13.2.1): not every PBX takes it."""
    id: str
    """Your own id: the Call-ID begins with it, and it is the call's `name`."""
    variables: Mapping[str, str]
    """Travel as `X-` headers, and are the call's `variables`."""


NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class Manner(msgspec.Struct, frozen=True):
    """How a call is placed, beside its INVITE: media and codecs where not the account's, its name and variables."""

    media: str = ""
    codecs: tuple[str, ...] = ()
    name: str = ""
    variables: Mapping[str, str] = NO_VARIABLES


class Placement(msgspec.Struct, frozen=True):
    """A call that is to be placed: the command, and what the engine need not know of it. Nothing was sent."""

    invite: Invite
    manner: Manner = Manner()


def placement_of(
    next_id: Callable[[], int],
    account: Account,
    to: str,
    caller_id: str,
    headers: GivenHeaders,
    timeout: float | None,
    options: CallOptions,
) -> Placement:
    """What `dial` and `call` were asked for. Raises InvalidValue for what must not reach the wire."""
    check_called(to, caller_id)
    if timeout is not None and not (isinstance(timeout, (int, float)) and 0 < timeout < math.inf):
        raise InvalidValue(f"a timeout is a number of seconds above 0, not {timeout!r}")
    name, variables = options.get("id") or "", options.get("variables") or {}
    invite = Invite(
        next_id(),
        account.key,
        to,
        caller_id,
        checked(headers, variables),
        timeout=float(timeout or 0.0),
        private=options.get("private", False),
        late_offer=options.get("late_offer", False),
        call_id=check_call_id(name) if name else "",
    )
    given = MappingProxyType(dict(variables)) if variables else NO_VARIABLES
    return Placement(invite, Manner(options.get("media") or "", (), name, given))


def placement_of_leg(
    next_id: Callable[[], int],
    account: Account,
    leg: Leg,
    caller_id: str,
    call_id: str,
    name: str,
    variables: Mapping[str, str],
    private: bool,
) -> Placement:
    """What one leg of a plan comes to, whose time limits the plan's follower keeps. Raises InvalidValue."""
    shown = leg.caller_id(account.user) or caller_id
    check_called(leg.to, shown)
    call_id = check_call_id(call_id) if call_id else ""
    invite = Invite(next_id(), account.key, leg.to, shown, checked(leg.headers), call_id=call_id, private=private)
    return Placement(invite, Manner(leg.media, leg.codecs, name, MappingProxyType(dict(variables))))


def check_called(to: str, caller_id: str) -> None:
    """Raises InvalidValue for a target or a caller ID that must not reach the wire."""
    check_header_value(to, "target of a call")
    check_header_value(caller_id, "caller ID")


def filled(caller_id: str, headers: GivenHeaders, options: CallOptions) -> tuple[str, Headers]:
    """The caller ID and the headers with the variables filled in; what else they hold is not checked yet.

    Raises InvalidValue.
    """
    variables = options.get("variables") or {}
    if isinstance(caller_id, str) and "{" in caller_id:
        caller_id = fill(caller_id, variables, CallerId)
    pairs = _pairs(headers)
    for place, (name, value) in enumerate(pairs):
        if isinstance(value, str) and "{" in value:
            pairs = (*pairs[:place], (name, fill(value, variables)), *pairs[place + 1 :])
    return caller_id, pairs


def checked(headers: GivenHeaders, variables: Mapping[str, str] | None = None) -> Headers:
    """The headers as pairs, with those that variables become where none of that name is given. Raises InvalidValue."""
    pairs = _pairs(headers)
    more = variable_headers(variables) if variables else ()
    for name, value in (*pairs, *more) if more else pairs:
        check_header_name(name)
        check_header_value(value, f"header {name}")
    if not more:
        return pairs
    given = {name.lower() for name, _ in pairs}
    return pairs + tuple(pair for pair in more if pair[0].lower() not in given)


def _pairs(headers: GivenHeaders) -> Headers:
    if isinstance(headers, tuple):
        return headers
    # A dict is told from other mappings at once: asking the abstract class costs a microsecond.
    return tuple(headers.items() if isinstance(headers, (dict, Mapping)) else headers)
