"""From a wish to what would be sent: checked, held against `[dial]`, and complete."""

from __future__ import annotations

from typing import Any

import msgspec

from sipclient.config.templates import CallerId, fill
from sipclient.dialling import Leg, Plan, parse_dial_string, read_retry
from sipclient.dialling.plan import fill_leg, variable_headers
from sipclient.errors import InvalidValue, MediaError
from sipclient.face.placing import check_called, checked
from sipclient.message import check_header_name, check_header_value
from sipclient.protocol.checks import check_headers
from sipclient.robot.guarded import GuardedClient
from sipclient.robot.wishes import CallWish, retry_of, seconds


class Planned(msgspec.Struct, frozen=True):
    """What would be sent to one target."""

    to: str
    account: str
    request_uri: str
    from_: str = msgspec.field(name="from")
    headers: dict[str, str]
    timeout: float
    retry: dict[str, Any] | None = None


class CallPlan(msgspec.Struct, frozen=True):
    """What a call would be: `would` is its first target, `targets` all of them; `why_not` says what would keep it."""

    would: Planned
    targets: list[Planned]
    allowed: bool
    why_not: str = ""


class Plans:
    """Makes plans, with the accounts that this client has."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    def filled(self, wish: CallWish) -> CallWish:
        """The wish with `{variables.NAME}` filled in, in its caller ID and headers. Raises InvalidValue."""
        variables = wish.variables | dict(self.read(wish.to).variables)
        headers = {name: fill(value, variables) for name, value in wish.headers.items()}
        return msgspec.structs.replace(wish, caller_id=fill(wish.caller_id, variables, CallerId), headers=headers)

    def of_call(self, wish: CallWish) -> Plan:
        """The plan of a call, of a wish that is filled in. Raises InvalidValue for what never could be."""
        check_variables(wish.variables)
        check_headers(tuple(wish.headers.items()))
        check_header_value(wish.caller_id, "caller ID")
        plan = self.read(wish.to)
        if plan.ringback:
            raise InvalidValue("to: ringback is for who waits in a bridge, and in a call nobody does")
        more = (*wish.headers.items(), *variable_headers(wish.variables))
        limit = seconds("timeout", wish.timeout)
        if not limit:
            raise InvalidValue("timeout: a call that rings for no time is never answered: say how long it may")

        variables = wish.variables | dict(plan.variables)

        def complete(leg: Leg) -> Leg:
            leg = fill_leg(leg, variables)
            own = {name.lower() for name, _ in leg.headers}
            headers = (*leg.headers, *(pair for pair in more if pair[0].lower() not in own))
            return msgspec.structs.replace(leg, headers=headers, timeout=leg.timeout or limit)

        retry = retry_of(wish.retry)
        plan = msgspec.structs.replace(
            self.with_account(plan, wish.account).each_leg(complete),
            retry=plan.retry or (read_retry(retry) if retry is not None else None),
            variables=tuple(variables.items()),
        )
        for leg in plan.legs:
            check_called(leg.to, leg.caller_id("x") or wish.caller_id)
            checked(leg.headers)
        return plan

    def read(self, text: str) -> Plan:
        """The plan of a dial string as it stands. Raises InvalidValue."""
        return parse_dial_string(text, [account.key for account in self._client.accounts])

    def with_account(self, plan: Plan, account: str) -> Plan:
        """The plan with the account that calls in every leg. Raises InvalidValue for one that is none."""

        def named(leg: Leg) -> Leg:
            return msgspec.structs.replace(leg, account=self._client.account(leg.account or account or None).key)

        return plan.each_leg(named)

    def allowed(self, plan: Plan) -> None:
        """Raises NotAllowed for what `[dial] allow` does not name, InvalidValue for headers that are not to be set."""
        for leg in plan.legs:
            check_headers(leg.headers)
            self._client.check_target(leg.account, leg.to)

    def with_sound(self, plan: Plan) -> None:
        """Raises MediaError for a call whose account has none."""
        for leg in plan.legs:
            if (leg.media or self._client.account(leg.account).media) == "none":
                raise MediaError(f"{leg.to}: account {leg.account} has no sound (media = none)")

    def shown(self, plan: Plan, caller_id: str) -> list[Planned]:
        """What would be sent to each target."""
        return [self._planned(leg, plan, caller_id) for leg in plan.legs]

    def _planned(self, leg: Leg, plan: Plan, caller_id: str) -> Planned:
        account = self._client.account(leg.account)
        domain = account.address.partition("@")[2] or account.address.partition(":")[2]
        return Planned(
            to=leg.to,
            account=account.key,
            request_uri=leg.to if leg.to.partition(":")[0] in ("sip", "sips", "tel") else f"sip:{leg.to}@{domain}",
            from_=leg.caller_id(account.user) or caller_id or account.address,
            headers=dict(leg.headers),
            timeout=leg.timeout,
            retry=_retry(plan),
        )


def check_variables(variables: dict[str, str]) -> None:
    """Raises InvalidValue for variables that cannot travel as headers."""
    for name, value in variable_headers(variables):
        check_header_name(name)
        check_header_value(value, f"variable {name}")


def _retry(plan: Plan) -> dict[str, Any] | None:
    retry = plan.retry
    if retry is None:
        return None
    on = [each.cause or f"{each.low}-{each.high}" for each in retry.on]
    return {"on": on, "times": retry.times, "wait": float(retry.wait), "backoff": retry.backoff}
