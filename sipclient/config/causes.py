"""On what a failed call is tried again: hangup causes by their FreeSWITCH names, and SIP status ranges."""

from __future__ import annotations

import re
from typing import Self

from sipclient.config.values import Mistake, Plain, did_you_mean, kind, quoted, shown

# Every name the engine can end a call with (a test compares), so that a typo is found before it matters.
CAUSES = frozenset(
    (
        "ACCESS_INFO_DISCARDED",
        "BAD_IDENTITY_INFO",
        "BEARERCAPABILITY_NOTAUTH",
        "BEARERCAPABILITY_NOTAVAIL",
        "BEARERCAPABILITY_NOTIMPL",
        "CALL_REJECTED",
        "CHANNEL_UNACCEPTABLE",
        "CHAN_NOT_IMPLEMENTED",
        "DESTINATION_OUT_OF_ORDER",
        "EXCHANGE_ROUTING_ERROR",
        "FACILITY_NOT_IMPLEMENTED",
        "FACILITY_NOT_SUBSCRIBED",
        "FACILITY_REJECTED",
        "IE_NONEXIST",
        "INCOMING_CALL_BARRED",
        "INCOMPATIBLE_DESTINATION",
        "INTERWORKING",
        "INVALID_IDENTITY",
        "INVALID_IE_CONTENTS",
        "INVALID_MSG_UNSPECIFIED",
        "INVALID_NUMBER_FORMAT",
        "LOSE_RACE",
        "MANDATORY_IE_MISSING",
        "MESSAGE_TYPE_NONEXIST",
        "NETWORK_OUT_OF_ORDER",
        "NON_SELECTED_USER_CLEARING",
        "NORMAL_CIRCUIT_CONGESTION",
        "NORMAL_CLEARING",
        "NORMAL_TEMPORARY_FAILURE",
        "NORMAL_UNSPECIFIED",
        "NO_ANSWER",
        "NO_IDENTITY",
        "NO_ROUTE_DESTINATION",
        "NO_ROUTE_TRANSIT_NET",
        "NO_USER_RESPONSE",
        "NUMBER_CHANGED",
        "ORIGINATOR_CANCEL",
        "OUTGOING_CALL_BARRED",
        "PROTOCOL_ERROR",
        "RECOVERY_ON_TIMER_EXPIRE",
        "REQUESTED_CHAN_UNAVAIL",
        "RESPONSE_TO_STATUS_ENQUIRY",
        "SERVICE_NOT_IMPLEMENTED",
        "SERVICE_UNAVAILABLE",
        "SUBSCRIBER_ABSENT",
        "SWITCH_CONGESTION",
        "UNALLOCATED_NUMBER",
        "UNSUPPORTED_CERTIFICATE",
        "UNWANTED",
        "USER_BUSY",
        "WRONG_CALL_STATE",
        "WRONG_MESSAGE",
    )
)

_CLASS = re.compile(r"([3-6])xx", re.IGNORECASE)
_STATUSES = re.compile(r"(\d{3})(?:-(\d{3}))?", re.ASCII)


class RetryOn(Plain):
    """One cause (`"USER_BUSY"`) or range of final statuses (`"4xx"`, `"500-599"`, `"486"`)."""

    __slots__ = ("cause", "high", "low")

    def __init__(self, cause: str = "", low: int = 0, high: int = 0) -> None:
        self.cause = cause
        self.low = low
        self.high = high

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string, or a status as a number; statuses are 300 to 699."""
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise Mistake(f'expected a hangup cause or SIP statuses, like "USER_BUSY" or "4xx", not {kind(value)}')
        text = str(value)
        if found := _CLASS.fullmatch(text):
            return cls(low=int(found[1]) * 100, high=int(found[1]) * 100 + 99)
        if found := _STATUSES.fullmatch(text):
            low, high = int(found[1]), int(found[2] or found[1])
            if not 300 <= low <= high <= 699:
                raise Mistake(f"{quoted(text)} is no range of final statuses: they go from 300 to 699")
            return cls(low=low, high=high)
        if text[:1].isdigit():  # meant as statuses, whatever follows
            raise Mistake(f"{quoted(text)} is no final status: they go from 300 to 699")
        if text not in CAUSES:
            raise Mistake(f"unknown hangup cause {quoted(text)}{did_you_mean(text.upper(), CAUSES)}")
        return cls(cause=text)

    def matches(self, status: int, cause: str) -> bool:
        """Whether a call that ended so is tried again. Status 0 means that no final response came."""
        return cause == self.cause if self.cause else self.low <= status <= self.high


class RejectWith(str):
    """How an incoming call is refused: a hangup cause, or a final status from 400 to 699."""

    __slots__ = ()

    @classmethod
    def from_toml(cls, value: object) -> Self:
        """A string, or a status as a number."""
        wanted = RetryOn.from_toml(value)
        if not wanted.cause and (wanted.low != wanted.high or wanted.low < 400):
            raise Mistake(f"a refusal is one hangup cause or one status from 400 to 699, not {shown(value)}")
        return cls(value)
