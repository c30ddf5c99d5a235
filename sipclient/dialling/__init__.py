"""How somebody is called: who, in what order, how long, how often. Pure: no clock, no socket.

`parse_dial_string` reads what FreeSWITCH users type into a Plan; `Dialling` follows one, in the time it is told.
"""

from __future__ import annotations

from sipclient.dialling.dialstring import parse_dial_string
from sipclient.dialling.plan import Leg, Plan, read_retry
from sipclient.dialling.policy import Connected, Dialling, Drop, Failed, Place, Step

__all__ = [
    "Connected",
    "Dialling",
    "Drop",
    "Failed",
    "Leg",
    "Place",
    "Plan",
    "Step",
    "parse_dial_string",
    "read_retry",
]
