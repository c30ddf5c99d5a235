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
from sipclient.dialling.names import ALWAYS, refusal
from sipclient.dialling.plan import Leg, Plan, variable_headers
from sipclient.errors import InvalidValue
from sipclient.message import check_call_id, check_header_name, check_header_value

_CODECS = MappingProxyType({name.upper(): name for name in Codec.choices if name != "telephone-event"})
_TRUE = frozenset({"true", "yes", "on", "1", "t", "y", "enabled"})
_FALSE = frozenset({"false", "no", "off", "0", "f", "n", "disabled"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HEADER = "sip_h_"
_PLAYED = ("ringback", "transfer_ringback")  # what may name a tone as `${us-ring}`
UNDEFINED = "_undef_"  # FreeSWITCH's word for a name of which nothing is said
_RATES = MappingProxyType({"PCMU": "8000", "PCMA": "8000", "G722": "8000 16000", "opus": "48000", "L16": "16000"})
_PACKET = "20i"  # milliseconds: every packet of ours
_SECURE = MappingProxyType({"mandatory": True, "forbidden": False})
_NEAR = 0.88  # how like a known name another must be to be taken for a slip
ANY = RetryOn(low=0, high=699)  # FreeSWITCH tries again whatever the cause


class Settings:
    """What the blocks before a dial string, or before one of its targets (`of_one`), say."""

    def __init__(self, of_one: bool = False) -> None:
        self._of_one = of_one
        self._given: dict[str, str] = {}
        self._leg: dict[str, Any] = {}  # fields of Leg
        self._plan: dict[str, Any] = {}  # fields of Plan
        self._headers: dict[str, tuple[str, str]] = {}  # by name in lower case
        self._variables: dict[str, str] = {}
        self._attempts = 1
        self._sleep = 1.0
        self._each_round = False  # whether the time limit is that of each round

    def read(self, parts: Iterable[str]) -> None:
        """One block's `name=value`s; a later one of the same name holds. Raises InvalidValue."""
        for part in parts:
            name, equals, value = part.partition("=")
            name, value = name.strip(), value.strip()
            if not equals or not _NAME.fullmatch(name):
                raise InvalidValue(f"{quoted(part)}: a variable is name=value")
            check_header_value(value, name)
            self._given[name] = value

    def leg(self, leg: Leg) -> Leg:
        """This leg with what is said here, where nothing is said for it alone. Raises InvalidValue."""
        self._settle()
        return self._complete(leg)

    def plan(self, rounds: tuple[tuple[Leg, ...], ...]) -> Plan:
        """The plan these are the rounds of. Raises InvalidValue."""
        self._settle()
        retry = Retry(on=(ANY,), times=self._attempts - 1, wait=Seconds(self._sleep)) if self._attempts > 1 else None
        plan = Plan(rounds, retry=retry, variables=tuple(self._variables.items()), **self._plan)
        plan = plan.each_leg(self._complete)
        return _for_each_round(plan) if self._each_round else plan

    def _complete(self, leg: Leg) -> Leg:
        fields = {name: value for name, value in self._leg.items() if not getattr(leg, name)}
        own = {name.lower() for name, _ in leg.headers}
        given = (*self._headers.values(), *variable_headers(self._variables))
        fields["headers"] = (*leg.headers, *(pair for pair in given if pair[0].lower() not in own))
        return msgspec.structs.replace(leg, **fields)

    def _settle(self) -> None:
        for name, value in sorted(self._given.items(), key=lambda pair: pair[0] == "transfer_ringback"):
            if "${" in value and name not in _PLAYED:
                raise InvalidValue(f"{name}: {quoted(value)} is not filled in here: write the value itself")
            self._set(name, value)

    # --- one name -----------------------------------------------------------------------------------

    def _set(self, name: str, value: str) -> None:
        if self._of_one and name in _OF_ALL:
            raise InvalidValue(f'{name} holds for the whole dial string: write it in "{{...}}" before it')
        setter = _OF_LEGS.get(name) or _OF_ALL.get(name) or (Settings._header if name.startswith(_HEADER) else None)
        if setter is None:
            _refuse(name)
            setter = Settings._variable
        if value != UNDEFINED:
            setter(self, name, value)

    def _variable(self, name: str, value: str) -> None:
        self._variables[name] = value

    def _header(self, name: str, value: str) -> None:
        name = name.removeprefix(_HEADER)
        check_header_name(name)
        self._headers[name.lower()] = (name, value)

    def _always(self, name: str, value: str) -> None:
        only = ALWAYS[name]
        if _truth(name, value) != (only.value == "true"):
            raise InvalidValue(f"{name}={value} is not supported: {only.why}")

    def _caller(self, name: str, value: str) -> None:
        self._leg["caller_name" if name.endswith("_name") else "caller_number"] = value

    def _leg_timeout(self, name: str, value: str) -> None:
        self._leg["timeout"] = _seconds(name, value)

    def _delay(self, name: str, value: str) -> None:
        self._leg["delay"] = _seconds(name, value)

    def _progress_timeout(self, name: str, value: str) -> None:
        self._leg["progress_timeout"] = _seconds(name, value)

    def _codecs(self, name: str, value: str) -> None:
        separator = ","
        if value.startswith("^^") and len(value) > 2:
            separator, value = value[2], value[3:]
        codecs = dict.fromkeys(_codec(name, word.strip()) for word in value.split(separator))
        self._leg["codecs"] = (*codecs, "telephone-event")

    def _secure(self, name: str, value: str) -> None:
        said = value.lower()
        if said not in _SECURE and said not in _TRUE | _FALSE:
            raise InvalidValue(f"{name}={value} is not supported: true or false")
        self._leg["media"] = "srtp" if _SECURE.get(said, said in _TRUE) else "rtp"

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

    def _continue(self, name: str, value: str) -> None:
        self._each_round = _truth(name, value)

    def _early(self, name: str, value: str) -> None:
        said = value.lower()
        self._plan["early_is_ringing"] = said == "ring_ready"
        self._plan["ignore_early_media"] = said in ("ring_ready", "consume") or _truth(name, value)

    def _flag(self, name: str, value: str) -> None:
        self._plan[_FLAGS[name]] = _truth(name, value)

    def _ringback(self, name: str, value: str) -> None:
        self._plan["ringback"] = value


_Setter = Callable[[Settings, str, str], None]
_FLAGS = MappingProxyType(
    {
        "hangup_after_bridge": "hangup_after_bridge",
        "RECORD_STEREO": "stereo",
    }
)
_OF_LEGS: Mapping[str, _Setter] = MappingProxyType(
    {
        "origination_caller_id_name": Settings._caller,
        "origination_caller_id_number": Settings._caller,
        "leg_timeout": Settings._leg_timeout,
        "leg_delay_start": Settings._delay,
        "progress_timeout": Settings._progress_timeout,
        "leg_progress_timeout": Settings._progress_timeout,
        "absolute_codec_string": Settings._codecs,
        "codec_string": Settings._codecs,
        "sip_secure_media": Settings._secure,
        "rtp_secure_media": Settings._secure,
    }
)
_OF_ALL: Mapping[str, _Setter] = MappingProxyType(
    {
        "origination_uuid": Settings._id,
        "originate_timeout": Settings._timeout,
        "originate_continue_on_timeout": Settings._continue,
        "ignore_early_media": Settings._early,
        "originate_retries": Settings._retries,
        "originate_retry_sleep_ms": Settings._retry_sleep,
        "ringback": Settings._ringback,
        "transfer_ringback": Settings._ringback,
        **dict.fromkeys(_FLAGS, Settings._flag),
        **dict.fromkeys(ALWAYS, Settings._always),
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


def _refuse(name: str) -> None:
    """Raises InvalidValue for a name that steers FreeSWITCH, and for one that is nearly one of these."""
    why = refusal(name)
    if why:
        raise InvalidValue(f"{name} is not supported: {why}")
    if why is not None or nearest(name, KNOWN, _NEAR):
        near = nearest(name, KNOWN)
        raise InvalidValue(f"{name} is not supported{f' (did you mean {near}?)' if near else ''}")


def _codec(name: str, word: str) -> str:
    """FreeSWITCH's `NAME[@8000h][@20i]`."""
    said, *details = word.split("@")
    codec = _CODECS.get(said.upper())
    if codec is None:
        raise InvalidValue(f"{name}: {quoted(said)} is no codec of ours; {', '.join(_CODECS.values())} are")
    rates = [f"{rate}h" for rate in _RATES[codec].split()]
    for detail in details:
        if detail not in (*rates, _PACKET):
            raise InvalidValue(f"{name}: {quoted(word)}: {codec} is had with {' or '.join(rates)} and {_PACKET}")
    return codec


def _for_each_round(plan: Plan) -> Plan:
    """The plan whose time limit is not that of the whole, but of each leg."""

    def leg(each: Leg) -> Leg:
        limits = [limit for limit in (each.timeout, plan.timeout) if limit]
        return msgspec.structs.replace(each, timeout=min(limits, default=0.0))

    return msgspec.structs.replace(plan.each_leg(leg), timeout=0.0)
