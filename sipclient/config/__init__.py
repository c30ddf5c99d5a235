"""robot.toml: what a user may say, as typed values, checked once.

`load(text)` gives a `Config`, `check(text)` everything there is to say about the text.
"""

from sipclient.config.addresses import HostPort, Server, SipAddress, allowed
from sipclient.config.causes import CAUSES, RetryOn
from sipclient.config.findings import Finding
from sipclient.config.hours import Hours
from sipclient.config.incoming_checks import LONGEST_CAMPING
from sipclient.config.loading import LONGEST_FILE, check, load
from sipclient.config.model import (
    AccountConfig,
    CallConfig,
    Config,
    DialConfig,
    Digits,
    HepConfig,
    IncomingAction,
    IncomingConfig,
    ListenConfig,
    Match,
    OtelConfig,
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
from sipclient.config.patterns import Pattern
from sipclient.config.templates import CallerId, HeaderTemplates, IncomingTemplate, Template
from sipclient.config.values import LONGEST, Dscp, Hook, Mistake, Ports, Rate, Seconds

__all__ = [
    "CAUSES",
    "LONGEST",
    "LONGEST_CAMPING",
    "LONGEST_FILE",
    "AccountConfig",
    "CallConfig",
    "CallerId",
    "Config",
    "DialConfig",
    "Digits",
    "Dscp",
    "Finding",
    "HeaderTemplates",
    "HepConfig",
    "Hook",
    "HostPort",
    "Hours",
    "IncomingAction",
    "IncomingConfig",
    "IncomingTemplate",
    "ListenConfig",
    "Match",
    "Mistake",
    "OtelConfig",
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
