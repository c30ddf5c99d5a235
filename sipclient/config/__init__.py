"""robot.toml: what a user may say, as typed values, checked once.

`load(text)` gives a `Config`, `check(text)` everything there is to say about the text.
"""

from .addresses import HostPort, Server, SipAddress, allowed
from .causes import CAUSES, RetryOn
from .findings import Finding
from .hours import Hours
from .loading import check, load
from .model import (
    AccountConfig,
    CallConfig,
    Config,
    DialConfig,
    Digits,
    IncomingAction,
    IncomingConfig,
    ListenConfig,
    Match,
    Retry,
    RuleConfig,
    States,
    StoreConfig,
    Turn,
    WatchConfig,
    WebConfig,
    WebhookConfig,
    When,
)
from .patterns import Pattern
from .templates import CallerId, HeaderTemplates, IncomingTemplate, Template
from .values import Hook, Mistake, Ports, Rate, Seconds

__all__ = [
    "CAUSES",
    "AccountConfig",
    "CallConfig",
    "CallerId",
    "Config",
    "DialConfig",
    "Digits",
    "Finding",
    "HeaderTemplates",
    "Hook",
    "HostPort",
    "Hours",
    "IncomingAction",
    "IncomingConfig",
    "IncomingTemplate",
    "ListenConfig",
    "Match",
    "Mistake",
    "Pattern",
    "Ports",
    "Rate",
    "Retry",
    "RetryOn",
    "RuleConfig",
    "Seconds",
    "Server",
    "SipAddress",
    "States",
    "StoreConfig",
    "Template",
    "Turn",
    "WatchConfig",
    "WebConfig",
    "WebhookConfig",
    "When",
    "allowed",
    "check",
    "load",
]
