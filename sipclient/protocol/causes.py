"""From SIP status to hangup cause, by the names FreeSWITCH users know, with Q.850 numbers where they exist."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

NORMAL_CLEARING: Final = ("NORMAL_CLEARING", 16)
NO_ANSWER: Final = ("NO_ANSWER", 19)
LOSE_RACE: Final = ("LOSE_RACE", 0)  # FreeSWITCH's word for a call that another one was faster than
UNSPECIFIED: Final = ("NORMAL_UNSPECIFIED", 31)

_ROWS: tuple[tuple[str, int, tuple[int, ...]], ...] = (
    ("NORMAL_CLEARING", 16, (200,)),
    ("CALL_REJECTED", 21, (401, 402, 403, 407, 603, 608)),
    ("UNALLOCATED_NUMBER", 1, (404,)),
    ("NO_ROUTE_DESTINATION", 3, (485, 604)),
    ("RECOVERY_ON_TIMER_EXPIRE", 102, (408, 504)),
    ("NUMBER_CHANGED", 22, (410,)),
    ("INTERWORKING", 127, (413, 414, 416, 420, 421, 423, 505, 513)),
    ("NO_USER_RESPONSE", 18, (480,)),
    ("NORMAL_TEMPORARY_FAILURE", 41, (400, 481, 500, 503)),
    ("USER_BUSY", 17, (486, 600)),
    ("INVALID_NUMBER_FORMAT", 28, (484,)),
    ("INCOMPATIBLE_DESTINATION", 88, (488, 606)),
    ("NETWORK_OUT_OF_ORDER", 38, (502,)),
    ("SERVICE_UNAVAILABLE", 63, (405,)),
    ("SERVICE_NOT_IMPLEMENTED", 79, (406, 415, 501)),
    ("EXCHANGE_ROUTING_ERROR", 25, (482, 483)),
    ("ORIGINATOR_CANCEL", 0, (487,)),
    ("UNWANTED", 0, (607,)),
    ("NO_IDENTITY", 0, (428,)),
    ("BAD_IDENTITY_INFO", 0, (429,)),
    ("UNSUPPORTED_CERTIFICATE", 0, (437,)),
    ("INVALID_IDENTITY", 0, (438,)),
)
_BY_STATUS: Final = {status: (name, q850) for name, q850, statuses in _ROWS for status in statuses}
# The first name of a number is the one a Reason header means; the rest of Q.850 that PBXs send.
BY_Q850 = MappingProxyType(
    {q850: name for name, q850, _ in reversed(_ROWS) if q850}
    | {
        2: "NO_ROUTE_TRANSIT_NET",
        6: "CHANNEL_UNACCEPTABLE",
        19: "NO_ANSWER",
        20: "SUBSCRIBER_ABSENT",
        26: "NON_SELECTED_USER_CLEARING",
        27: "DESTINATION_OUT_OF_ORDER",
        29: "FACILITY_REJECTED",
        30: "RESPONSE_TO_STATUS_ENQUIRY",
        31: "NORMAL_UNSPECIFIED",
        34: "NORMAL_CIRCUIT_CONGESTION",
        42: "SWITCH_CONGESTION",
        43: "ACCESS_INFO_DISCARDED",
        44: "REQUESTED_CHAN_UNAVAIL",
        50: "FACILITY_NOT_SUBSCRIBED",
        52: "OUTGOING_CALL_BARRED",
        54: "INCOMING_CALL_BARRED",
        57: "BEARERCAPABILITY_NOTAUTH",
        58: "BEARERCAPABILITY_NOTAVAIL",
        65: "BEARERCAPABILITY_NOTIMPL",
        66: "CHAN_NOT_IMPLEMENTED",
        69: "FACILITY_NOT_IMPLEMENTED",
        95: "INVALID_MSG_UNSPECIFIED",
        96: "MANDATORY_IE_MISSING",
        97: "MESSAGE_TYPE_NONEXIST",
        98: "WRONG_MESSAGE",
        99: "IE_NONEXIST",
        100: "INVALID_IE_CONTENTS",
        101: "WRONG_CALL_STATE",
        111: "PROTOCOL_ERROR",
    }
)
STATUS_OF_CAUSE = MappingProxyType(
    {name: statuses[0] for name, _, statuses in _ROWS}
    | {"NO_ANSWER": 480, "CALL_REJECTED": 603, "NORMAL_UNSPECIFIED": 480, "NORMAL_CLEARING": 480}
)
NAMES = frozenset(BY_Q850.values()) | {name for name, _, _ in _ROWS} | {LOSE_RACE[0]}


def cause_of(status: int, q850: int | None = None) -> tuple[str, int]:
    """The hangup cause of a final status: its name, and its Q.850 number (0: it has none).

    A `Reason: Q.850;cause=N` of the same message wins over the table, unless N is 0 (RFC 3326).
    """
    if q850:
        return BY_Q850.get(q850, UNSPECIFIED[0]), q850
    return _BY_STATUS.get(status, UNSPECIFIED)
