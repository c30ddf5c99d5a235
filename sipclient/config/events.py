"""The names of what a robot tells, as `events` of a webhook names them."""

from __future__ import annotations

# Every one there is (a test compares them with what is told), so that a typo is found before something is missed.
EVENTS = frozenset(
    (
        "account-not-registered",
        "account-registered",
        "call-answered",
        "call-not-placed",
        "call-over",
        "call-placed",
        "call-received",
        "call-redirected",
        "call-ringing",
        "callback-over",
        "callback-refused",
        "callback-served",
        "callback-waits",
        "hook-ended",
        "hook-started",
        "incoming-step",
        "job-abandoned",
        "listening",
        "not-reloaded",
        "notice",
        "received",
        "recording-began",
        "recording-complete",
        "recording-failed",
        "reloaded",
        "rule-fired",
        "rule-suppressed",
        "rule-waits",
        "sent",
        "serving",
        "started",
        "state-changed",
        "stopped",
        "stopping",
        "voice-mail",
        "watch-refused",
    )
)
