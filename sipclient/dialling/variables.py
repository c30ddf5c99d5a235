"""The names that stand in `{...}` and `[...]` of a dial string, and what each says of a plan or of one leg."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from sipclient.config.causes import RetryOn
from sipclient.config.model import Retry
from sipclient.config.values import LONGEST, Codec, Mistake, Seconds, nearest, quoted
from sipclient.dialling.plan import Leg, Plan, variable_headers
from sipclient.errors import InvalidValue
from sipclient.message import check_call_id, check_header_name, check_header_value

_CODECS = MappingProxyType({name.upper(): name for name in Codec.choices if name != "telephone-event"})
_TRUE = frozenset({"true", "yes", "on", "1", "t", "y", "enabled"})
_FALSE = frozenset({"false", "no", "off", "0", "f", "n", "disabled"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HEADER = "sip_h_"

# What begins so steers FreeSWITCH: it is no variable of the user's own, and would be missed if it did nothing.
_FREESWITCH = (
    *("sip_", "rtp_", "origination_", "originate_", "originated_", "leg_", "bridge_", "execute_on_", "api_", "group_"),
    *("media_", "fail_on_", "continue_on_", "monitor_", "effective_", "record_", "RECORD_", "playback_", "hangup_"),
    *("absolute_", "codec_", "jitterbuffer_", "loopback_", "park_", "transfer_", "caller_id_", "enable_", "ignore_"),
    *("call_timeout", "progress_timeout", "ring_ready", "return_ring_ready", "instant_ringback", "failure_causes"),
    *("bypass_media", "proxy_media", "late_negotiation", "presence_id", "inherit_codec", "max_forwards", "timer_"),
)
_NEAR = 0.88  # how like a known name another must be to be taken for a slip
ANY = RetryOn(low=0, high=699)  # FreeSWITCH tries again whatever the cause


class Settings:
    """What the blocks before a dial string, or before one of its targets (`of_one`), say."""

    def __init__(self, of_one: bool = False) -> None:
        self._of_one = of_one
        self._leg: dict[str, Any] = {}  # fields of Leg
        self._plan: dict[str, Any] = {}  # fields of Plan
        self._headers: dict[str, tuple[str, str]] = {}  # by name in lower case
        self._variables: dict[str, str] = {}
        self._attempts = 1
        self._sleep = 1.0

    def read(self, parts: Iterable[str]) -> None:
        """One block's `name=value`s; a later one of the same name holds. Raises InvalidValue."""
        for part in parts:
            name, equals, value = part.partition("=")
            name, value = name.strip(), value.strip()
            if not equals or not _NAME.fullmatch(name):
                raise InvalidValue(f"{quoted(part)}: a variable is name=value")
            self._set(name, value)

    def leg(self, leg: Leg) -> Leg:
        """This leg with what is said here, where nothing is said for it alone."""
        fields = {name: value for name, value in self._leg.items() if not getattr(leg, name)}
        own = {name.lower() for name, _ in leg.headers}
        given = (*self._headers.values(), *variable_headers(self._variables))
        fields["headers"] = (*leg.headers, *(pair for pair in given if pair[0].lower() not in own))
        return msgspec.structs.replace(leg, **fields)

    def plan(self, rounds: tuple[tuple[Leg, ...], ...]) -> Plan:
        """The plan these are the rounds of."""
        retry = Retry(on=(ANY,), times=self._attempts - 1, wait=Seconds(self._sleep)) if self._attempts > 1 else None
        plan = Plan(rounds, retry=retry, variables=tuple(self._variables.items()), **self._plan)
        return plan.each_leg(self.leg)

    # --- one name -----------------------------------------------------------------------------------

    def _set(self, name: str, value: str) -> None:
        setter = _OF_LEGS.get(name) or _OF_ALL.get(name)
        if setter is not None:
            if self._of_one and name in _OF_ALL:
                raise InvalidValue(f'{name} holds for the whole dial string: write it in "{{...}}" before it')
            setter(self, name, value)
        elif name.startswith(_HEADER):
            self._header(name.removeprefix(_HEADER), value)
        else:
            self._variable(name, value)

    def _variable(self, name: str, value: str) -> None:
        if name.startswith(_FREESWITCH) or nearest(name, KNOWN, _NEAR):
            near = nearest(name, KNOWN)
            raise InvalidValue(f"{name} is not supported{f' (did you mean {near}?)' if near else ''}")
        check_header_value(value, name)
        self._variables[name] = value

    def _header(self, name: str, value: str) -> None:
        check_header_name(name)
        check_header_value(value, name)
        self._headers[name.lower()] = (name, value)

    def _caller(self, name: str, value: str) -> None:
        check_header_value(value, name)
        self._leg["caller_name" if name.endswith("_name") else "caller_number"] = value

    def _leg_timeout(self, name: str, value: str) -> None:
        self._leg["timeout"] = _seconds(name, value)

    def _progress_timeout(self, name: str, value: str) -> None:
        self._leg["progress_timeout"] = _seconds(name, value)

    def _codecs(self, name: str, value: str) -> None:
        separator = ","
        if value.startswith("^^") and len(value) > 2:
            separator, value = value[2], value[3:]
        words = [word.strip().partition("@")[0] for word in value.split(separator)]
        unknown = [word for word in words if word.upper() not in _CODECS]
        if unknown:
            raise InvalidValue(f"{name}: {quoted(unknown[0])} is no codec of ours; {', '.join(_CODECS.values())} are")
        self._leg["codecs"] = (*dict.fromkeys(_CODECS[word.upper()] for word in words), "telephone-event")

    def _secure(self, name: str, value: str) -> None:
        if value.lower() in ("optional", "forbidden"):
            raise InvalidValue(f"{name}={value} is not supported: true or false")
        if _truth(name, "true" if value.lower() == "mandatory" else value):
            self._leg["media"] = "srtp"

    def _id(self, name: str, value: str) -> None:
        try:
            self._plan["id"] = check_call_id(value)
        except InvalidValue as error:
            raise InvalidValue(f"{name}: {error}") from error

    def _timeout(self, name: str, value: str) -> None:
        self._plan["timeout"] = _seconds(name, value)

    def _retries(self, name: str, value: str) -> None:
        self._attempts = max(1, int(_number(name, value, 1000)))

    def _retry_sleep(self, name: str, value: str) -> None:
        self._sleep = _number(name, value, LONGEST * 1000) / 1000

    def _flag(self, name: str, value: str) -> None:
        self._plan[_FLAGS[name]] = _truth(name, value)

    def _ringback(self, name: str, value: str) -> None:
        self._plan["ringback"] = value


_Setter = Callable[[Settings, str, str], None]
_FLAGS = MappingProxyType(
    {
        "ignore_early_media": "ignore_early_media",
        "hangup_after_bridge": "hangup_after_bridge",
        "RECORD_STEREO": "stereo",
    }
)
_OF_LEGS: Mapping[str, _Setter] = MappingProxyType(
    {
        "origination_caller_id_name": Settings._caller,
        "origination_caller_id_number": Settings._caller,
        "leg_timeout": Settings._leg_timeout,
        "progress_timeout": Settings._progress_timeout,
        "leg_progress_timeout": Settings._progress_timeout,
        "absolute_codec_string": Settings._codecs,
        "sip_secure_media": Settings._secure,
        "rtp_secure_media": Settings._secure,
    }
)
_OF_ALL: Mapping[str, _Setter] = MappingProxyType(
    {
        "origination_uuid": Settings._id,
        "originate_timeout": Settings._timeout,
        "originate_retries": Settings._retries,
        "originate_retry_sleep_ms": Settings._retry_sleep,
        "ringback": Settings._ringback,
        "transfer_ringback": Settings._ringback,
        **dict.fromkeys(_FLAGS, Settings._flag),
    }
)
KNOWN = frozenset((*_OF_LEGS, *_OF_ALL))


def _number(name: str, value: str, most: float) -> float:
    if not re.fullmatch(r"[0-9]{1,12}", value) or float(value) > most:
        raise InvalidValue(f"{name} is a whole number up to {most:.0f}, not {quoted(value)}")
    return float(value)


def _seconds(name: str, value: str) -> float:
    """FreeSWITCH's bare number of seconds, or a duration as robot.toml has them (`90s`, `2h`)."""
    if re.fullmatch(r"[0-9]{1,12}", value):
        return _number(name, value, LONGEST)
    try:
        return float(Seconds.from_toml(value))
    except Mistake as mistake:
        raise InvalidValue(f"{name}: {mistake}") from mistake


def _truth(name: str, value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise InvalidValue(f"{name} is true or false, not {quoted(value)}")
    return value.lower() in _TRUE
