"""Who is to be called, and how: the values that a dial string or the arguments of a function come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sipclient.config.model import Retry
from sipclient.config.templates import fill
from sipclient.config.values import Mistake
from sipclient.errors import InvalidValue


class Leg(msgspec.Struct, frozen=True):
    """One number to be called, and what is its own."""

    to: str
    account: str = ""  # by name or address; empty: that of the whole
    caller_name: str = ""  # who is shown to call; empty: the name and the number of the account
    caller_number: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = 0.0  # seconds until it must be answered; 0: as long as the whole may take
    delay: float = 0.0  # seconds after the others of its round until it is called; its own limits begin then
    progress_timeout: float = 0.0  # seconds until it must ring, or be answered; 0: no limit
    media: str = ""  # in place of the account's
    codecs: tuple[str, ...] = ()  # in place of the account's

    def caller_id(self, user: str) -> str:
        """`"Name" <number>` or a number; `user` is the account's own number. Empty where nothing is said."""
        if not self.caller_name:
            return self.caller_number
        name = self.caller_name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{self.caller_number or user}>'


class Plan(msgspec.Struct, frozen=True):
    """One way to reach somebody: `rounds` one after another, the legs of one round all at once.

    Whoever answers first is it. `timeout` is in seconds and holds for the whole: every round, every attempt and
    the waits between them; 0: no limit. `retry` says after which failures all rounds are tried again.
    """

    rounds: tuple[tuple[Leg, ...], ...]
    id: str = ""  # the caller's own name for it, in every Call-ID and every event
    timeout: float = 0.0
    retry: Retry | None = None
    ignore_early_media: bool = False  # sound before the answer is not passed on, and is no sign of progress
    early_is_ringing: bool = False  # but it is, all the same
    hangup_after_bridge: bool | None = None  # None: not said
    ringback: str = ""  # what the other side hears while this one rings
    stereo: bool | None = None  # how a recording is made; None: not said
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def legs(self) -> tuple[Leg, ...]:
        """All of them, in the order of the rounds."""
        return tuple(leg for each in self.rounds for leg in each)

    def each_leg(self, change: Callable[[Leg], Leg]) -> Plan:
        """The same plan with every leg changed."""
        return msgspec.structs.replace(self, rounds=tuple(tuple(map(change, each)) for each in self.rounds))


def variable_headers(variables: Mapping[str, str] | tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Variables as they travel to who is called: `order_id` is the header `X-order-id`."""
    pairs = variables.items() if isinstance(variables, Mapping) else variables
    return tuple((f"X-{name.replace('_', '-')}", value) for name, value in pairs)


def fill_leg(leg: Leg, variables: Mapping[str, str]) -> Leg:
    """The leg with `{variables.NAME}` filled in, in who is shown to call and in its headers. Raises InvalidValue."""
    given = {name for name, _ in variable_headers(variables)}  # what is a variable's value is no template
    return msgspec.structs.replace(
        leg,
        caller_name=fill(leg.caller_name, variables),
        caller_number=fill(leg.caller_number, variables),
        headers=tuple((name, value if name in given else fill(value, variables)) for name, value in leg.headers),
    )


def read_retry(value: Retry | Mapping[str, object]) -> Retry:
    """A `retry` as robot.toml writes it: `{"on": ["USER_BUSY", "5xx"], "times": 3, "wait": "10s", "backoff": 2}`.

    Raises InvalidValue.
    """
    if isinstance(value, Retry):
        return value
    try:
        return msgspec.convert(dict(value), Retry, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise InvalidValue(f"retry: {error}") from error


def _decode(kind: Any, value: object) -> object:
    try:
        return kind.from_toml(value)
    except Mistake as mistake:
        raise ValueError(str(mistake)) from mistake
