"""Every metric that grows as things happen, by name. docs/metrics.md describes each; a test holds the two together.

Labels are names out of robot.toml (accounts, rules) or from closed lists, so nothing that the network sends can make
new series: no extension, no Call-ID, no free text.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_PEOPLE = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60, 120)
_TALK = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
_LOSS = (0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_WAY = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1)
_MOS = (1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.1, 4.2, 4.3, 4.4)


class Families:
    """The metrics of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sipclient_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"sipclient_{name}", text, labels, registry=registry, buckets=buckets)

        self.registrations = counter(
            "registrations", "Registrations that began: the first, and each after one was lost.", "account"
        )
        self.registration_failures = counter(
            "registration_failures", "Registrations refused or lost, by class of status; none: no answer.",
            "account", "status",
        )  # fmt: skip
        self.subscription_failures = counter(
            "subscription_failures", "Subscriptions of watched extensions refused or lost, by class of status.",
            "account", "package", "status",
        )  # fmt: skip
        self.state_changes = counter("state_changes", "Changes of watched extensions, by new state.", "account", "to")
        self.fired = counter("rule_firings", "How often each rule acted; each further attempt counts.", "rule")
        self.suppressed = counter(
            "rule_suppressions", "Changes of its on which a rule did not act, by the first condition that failed.",
            "rule", "condition",
        )  # fmt: skip
        self.hooks = counter("hooks", "Hooks that ended, by outcome: done or failed.", "outcome")
        self.calls = counter(
            "calls", "Calls that ended, by hangup cause; answered: whether they ever were.",
            "account", "direction", "cause", "answered",
        )  # fmt: skip
        self.not_placed = counter("calls_not_placed", "Calls of rules that were never sent, and will not be.")
        self.abandoned = counter("jobs_abandoned", "Calls of an earlier run that are not carried on.")
        self.notify_to_invite = histogram(
            "notify_to_invite_seconds",
            "From the NOTIFY that a rule fired on, as it was read, until the INVITE left: settle time and waiting for "
            "a turn included, further attempts not.",
            _FAST,
            "rule",
        )
        self.ringing = histogram(
            "call_post_dial_delay_seconds",
            "From our INVITE to the first provisional response above 100 (RFC 6076 §4.3.1).", _PEOPLE, "account",
        )  # fmt: skip
        self.setup = histogram("call_setup_seconds", "From our INVITE to its 200.", _PEOPLE, "account")
        self.duration = histogram(
            "call_duration_seconds", "From the answer of a call to its end.", _TALK, "account", "direction"
        )
        self.loss = histogram("rtp_loss_ratio", "Share of a call's packets that never reached us.", _LOSS, "account")
        self.jitter = histogram("rtp_jitter_seconds", "Interarrival jitter at a call's end.", _JITTER, "account")
        self.round_trip = histogram("rtp_round_trip_seconds", "Round trip by RTCP, at a call's end.", _WAY, "account")
        self.mos = histogram(
            "rtp_mos", "How a call sounded here, estimated (ITU-T G.107): 1 bad to 4.5.", _MOS, "account"
        )
        self.lag = histogram("event_loop_lag_seconds", "How late the event loop rings, looked at once a second.", _LAG)
