"""How two numbers are to be called and joined: what is said in so many words, and what dial strings say of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict

import msgspec

from sipclient.config.model import Retry
from sipclient.config.templates import CallerId, fill
from sipclient.dialling import Leg, Plan, parse_dial_string, read_retry
from sipclient.dialling.plan import fill_leg
from sipclient.errors import InvalidValue
from sipclient.face.placing import GivenHeaders, checked
from sipclient.face.progress import BridgeProgress
from sipclient.face.roster import Which
from sipclient.media.tones.countries import KINDS, named_tone
from sipclient.message import check_call_id, check_header_value
from sipclient.protocol.identity import parse_caller_id

LEG_TIMEOUT = 45.0  # seconds until somebody must answer, where nothing is said of it


class BridgeOptions(TypedDict, total=False):
    """What `Client.bridge` takes. What dial strings say of time limits, retries, headers and variables comes first."""

    id: str
    """Your own id: each Call-ID begins with it, every BridgeProgress carries it; else one is made."""
    variables: Mapping[str, str]
    """Travel as `X-` headers, and in every BridgeProgress."""
    account: Which
    """Who calls: an Account, its name or its address; else the first one."""
    caller_id: str
    """`"Name" <user>` or a user, shown to both; `{variables.NAME}` in it is filled in."""
    headers: GivenHeaders
    """For both; `{variables.NAME}` in their values is filled in."""
    ringback: str | Path | None
    """What the one hears that waits: a tone, a file; None: `us-ring`, empty: nothing."""
    announcement: str | Path
    """What `a` hears where `b` is not reached; empty: a busy or congestion tone."""
    record: str | Path
    """The file that both are recorded to."""
    stereo: bool | None
    """`a` on the left, `b` on the right; False: a mix."""
    timeout: float | None
    """Seconds until both talk, attempts and waits included; None: no limit."""
    leg_timeout: float
    """Seconds until each call must be answered; 0: no limit."""
    progress_timeout: float
    """Seconds until each call must ring; 0: no limit."""
    retry: Retry | Mapping[str, object] | None
    """After which failures to call again, as robot.toml has it."""
    ignore_early_media: bool
    """`a` hears `ringback` until `b` answers, and sound before the answer is no sign of progress."""
    at_once: bool
    """Call both at the same time."""
    hangup: bool | None
    """False: one hanging up leaves the other."""
    on_progress: Callable[[BridgeProgress], None] | None
    """Called at every step."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The BridgeOptions with what is usual where nothing is said."""

    id: str = ""
    variables: Mapping[str, str] = MappingProxyType({})
    account: Which = None
    caller_id: str = ""
    headers: GivenHeaders = ()
    ringback: str | Path | None = None
    announcement: str | Path = ""
    record: str | Path = ""
    stereo: bool | None = None
    timeout: float | None = None
    leg_timeout: float = LEG_TIMEOUT
    progress_timeout: float = 0.0
    retry: Retry | Mapping[str, object] | None = None
    ignore_early_media: bool = False
    at_once: bool = False
    hangup: bool | None = None
    on_progress: Callable[[BridgeProgress], None] | None = None

    def plans(self, a: str, b: str, accounts: Collection[str]) -> tuple[Plan, Plan]:
        """How each is called. Raises InvalidValue for what cannot be dialled, and for a retry that is none."""
        checked(self.headers, self.variables)
        check_header_value(self.caller_id, "caller ID")
        first, second = (parse_dial_string(text, accounts) for text in (a, b))
        return self._complete(first, second), self._complete(second, first)

    def settled(self, plans: tuple[Plan, Plan], fresh_id: str) -> Settled:
        """What holds for both together. Raises InvalidValue for an id that is none, and for dial strings that say
        against each other what can only be one."""
        ringback = self.ringback if self.ringback is not None else said(plans, "ringback")
        stereo = self.stereo if self.stereo is not None else said(plans, "stereo")
        hangup = self.hangup if self.hangup is not None else said(plans, "hangup_after_bridge")
        return Settled(
            check_call_id(self.id or said(plans, "id") or fresh_id),
            ringback="us-ring" if ringback is None else ringback,
            stereo=stereo is not False,
            hangup=hangup is not False,
            announcement=self.announcement,
            record=self.record,
            timeout=self.timeout,
            at_once=self.at_once,
            account=self.account,
        )

    def _complete(self, plan: Plan, other: Plan) -> Plan:
        more = checked(self.headers, self.variables)
        own_variables = {**self.variables, **dict(plan.variables)}
        variables = {**dict(other.variables), **own_variables}  # to be filled in: what either dial string says
        caller_id = fill(self.caller_id, variables, CallerId)
        caller = parse_caller_id(caller_id) if caller_id else None

        def leg(each: Leg) -> Leg:
            own = {name.lower() for name, _ in each.headers}
            whole = msgspec.structs.replace(
                each,
                headers=(*each.headers, *(pair for pair in more if pair[0].lower() not in own)),
                timeout=each.timeout or self.leg_timeout,
                progress_timeout=each.progress_timeout or self.progress_timeout,
            )
            whole = fill_leg(whole, variables)
            if caller is None or whole.caller_name or whole.caller_number:
                return whole
            return msgspec.structs.replace(whole, caller_name=caller.name, caller_number=caller.user)

        return msgspec.structs.replace(
            plan.each_leg(leg),
            retry=plan.retry or (read_retry(self.retry) if self.retry is not None else None),
            ignore_early_media=plan.ignore_early_media or self.ignore_early_media,
            variables=tuple(own_variables.items()),
        )


class Settled(msgspec.Struct, frozen=True):
    """What holds for both calls of a bridge together, once dial strings were heard."""

    id: str
    ringback: str | Path = "us-ring"
    stereo: bool = True
    hangup: bool = True
    announcement: str | Path = ""
    record: str | Path = ""
    timeout: float | None = None
    at_once: bool = False
    account: Which = None


def said(plans: tuple[Plan, ...], name: str) -> Any:
    """What the dial strings say of that for a bridge as a whole; None where they say nothing. Raises InvalidValue where
    one says this and the other that."""
    values = [value for plan in plans if (value := getattr(plan, name)) not in (None, "")]
    if any(value != values[0] for value in values):
        raise InvalidValue(f"{_AS_WRITTEN[name]}: a says {values[0]}, b says {values[1]}, and a bridge has one")
    return values[0] if values else None


_AS_WRITTEN = MappingProxyType(
    {
        "id": "origination_uuid",
        "ringback": "ringback",
        "stereo": "RECORD_STEREO",
        "hangup_after_bridge": "hangup_after_bridge",
    }
)


def tone_for(ringback: str | Path, cause: str) -> str:
    """The tone that says why: busy, or congestion for any other cause, of the country whose ringback was heard."""
    country, _, kind = str(ringback).strip("${}").partition("-")
    if kind not in KINDS or named_tone(f"{country}-busy") is None:
        country = "us"
    return f"{country}-{'busy' if cause == 'USER_BUSY' else 'congestion'}"
