"""What the robot decides: `decide(rules, memory, event, now, at)` gives the actions, and why not. Pure values."""

from __future__ import annotations

from sipclient.config import allowed
from sipclient.rules.conditions import CONDITIONS
from sipclient.rules.decide import decide, simulate
from sipclient.rules.gate import Gate
from sipclient.rules.incoming import Choice, ReceivedCall, choose
from sipclient.rules.memory import Memory
from sipclient.rules.ruleset import RuleSet
from sipclient.rules.values import (
    Action,
    CallFinished,
    Evaluation,
    Event,
    Job,
    PlaceCall,
    Requested,
    RequestExpired,
    RequestWaits,
    RunHook,
    Suppressed,
    Tick,
    Verdict,
    Wait,
    Withdrawn,
)
from sipclient.rules.window import Window

__all__ = [
    "CONDITIONS",
    "Action",
    "CallFinished",
    "Choice",
    "Evaluation",
    "Event",
    "Gate",
    "Job",
    "Memory",
    "PlaceCall",
    "ReceivedCall",
    "RequestExpired",
    "RequestWaits",
    "Requested",
    "RuleSet",
    "RunHook",
    "Suppressed",
    "Tick",
    "Verdict",
    "Wait",
    "Window",
    "Withdrawn",
    "allowed",
    "choose",
    "decide",
    "simulate",
]
