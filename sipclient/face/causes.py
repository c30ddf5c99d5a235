"""Why a call ends, as we say it: the Reason header, and the end of what never left."""

from __future__ import annotations

from types import MappingProxyType

from sipclient.errors import InvalidValue
from sipclient.protocol.causes import BY_Q850, LOSE_RACE
from sipclient.protocol.events import CallEnded

_Q850 = MappingProxyType({name: number for number, name in BY_Q850.items()})
TELLABLE = frozenset((*_Q850, LOSE_RACE[0]))  # the causes that a Reason header can tell


def reason_of(cause: str | int | None, words: str = "") -> str:
    """The value of a Reason header (RFC 3326) for a hangup cause, by name or Q.850 number; empty for None.

    `LOSE_RACE` is FreeSWITCH's for a call that another one was faster than: a telephone then shows no missed call.
    `words` stand in the place of the cause's name. Raises InvalidValue for a name that has no number.
    """
    if cause is None:
        return ""
    if cause == LOSE_RACE[0]:
        return 'SIP;cause=200;text="Call completed elsewhere"'  # RFC 3326 §3.1
    if isinstance(cause, int):
        if not 1 <= cause <= 127:
            raise InvalidValue(f"{cause} is no Q.850 cause: those go from 1 to 127")
        number, text = cause, words or BY_Q850.get(cause, "")
    else:
        text = words or cause.upper()
        number = _Q850.get(cause.upper(), 0)
        if not number:
            raise InvalidValue(f"{cause!r} is no hangup cause with a Q.850 number, such as USER_BUSY")
    return f'Q.850;cause={number};text="{_quoted(text)}"' if text else f"Q.850;cause={number}"


def _quoted(words: str) -> str:
    """Words as they may stand between the quotes of a header."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "?" for each in words)


def q850_of(cause: str) -> int:
    """The Q.850 number of a cause, 0 where it has none."""
    return _Q850.get(cause, 0)


def unsent(id: int, cause: str, reason: str) -> CallEnded:
    """The end of a call whose INVITE never left."""
    return CallEnded(id, 0, cause, q850_of(cause), reason, "local", False)
