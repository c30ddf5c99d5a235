"""What is shown, as values: their JSON is the HTTP API's. Times are aware, durations are seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["waiting", "calling", "ringing", "early", "answered", "ended"]
Direction: TypeAlias = Literal["out", "in"]


class Shape(msgspec.Struct, kw_only=True, frozen=True):
    """The base of all."""


class Moment(Shape, frozen=True):
    """One line of a timeline."""

    at: datetime
    event: str
    detail: str = ""


class CallShape(msgspec.Struct, kw_only=True):
    """A call: a rule's, a hook's, one asked for over HTTP, or one that reached us.

    `job` is its name in the events; attempts at the same call are one of these. `rule` and `extension` are those of
    the change that made it, `bridge` the id of the bridge it is a leg of.
    """

    id: str
    direction: Direction
    created: datetime
    state: State = "waiting"
    account: str = ""
    to: str = ""
    from_: str = msgspec.field(name="from", default="")
    caller_id: str = ""
    call_id: str = ""
    answered: datetime | None = None
    ended: datetime | None = None
    status: int = 0
    cause: str = ""
    reason: str = ""
    by: str = ""
    attempt: int = 1
    retry_at: datetime | None = None
    variables: dict[str, str] = {}
    headers: dict[str, str] = {}
    held: bool = False
    bridge: str | None = None
    rule: str = ""
    extension: str = ""
    job: str = ""
    recordings: list[str] = []
    timeline: list[Moment] = []


class LadderMessage(Shape, frozen=True):
    """An arrow of a ladder: `from` and `to` are hosts, `sent` says that it is ours, `seconds` since the first; `at` is
    null where a trace does not tell the date, and `seconds` where it has no times."""

    at: datetime | None
    seconds: float | None
    from_: str = msgspec.field(name="from")
    to: str
    summary: str
    detail: str
    tone: str
    sent: bool
    copies: int = 0


class Ladder(Shape, frozen=True):
    """The messages of a call between their hosts, the oldest first; `lost` counts those that are no longer kept."""

    hosts: list[str]
    messages: list[LadderMessage]
    text: str = ""
    lost: int = 0


class Subscription(Shape, frozen=True):
    """A subscription of a watched extension: `pending`, `active` or `lost`."""

    package: str
    state: Literal["pending", "active", "lost"]
    reason: str = ""


class ExtensionShape(Shape, frozen=True):
    """A watched extension. `open`: an episode is under way; `flaps`: its changes in the last ten minutes;
    `callbacks`: how many camp on it."""

    account: str
    extension: str
    state: str
    since: datetime | None
    note: str
    episode: int
    open: bool
    flaps: int
    subscriptions: list[Subscription]
    callbacks: int = 0


class Failure(Shape, frozen=True):
    """Why an account is not registered, or was not."""

    at: datetime
    status: int
    reason: str
    retry_in: float


class SubscriptionCounts(Shape, frozen=True):
    """The subscriptions of an account, by state."""

    active: int = 0
    pending: int = 0
    lost: int = 0


class AccountShape(Shape, frozen=True):
    """An account. `register` false: it does not register, and calls go straight to its server."""

    name: str
    address: str
    server: str
    transport: str
    register: bool
    registered: bool
    expires: float
    since: datetime | None
    last_error: Failure | None
    calls: int
    subscriptions: SubscriptionCounts


class Fired(Shape, frozen=True):
    """When a rule acted last, and why; `job` is its call or hook."""

    at: datetime
    account: str
    extension: str
    job: str | None
    because: str


class Decision(Shape, frozen=True):
    """How a rule judged its last change: `condition` is the first that failed, empty where it fired."""

    at: datetime
    account: str
    extension: str
    before: str
    after: str
    fired: bool
    condition: str
    detail: str


class WhyNot(Shape, frozen=True):
    """A change that was the rule's, and on which it did not act: `condition` is the first that failed."""

    at: datetime
    account: str
    extension: str
    condition: str
    detail: str


class RuleShape(Shape, frozen=True):
    """A rule: its last firing, how it judged its last change, and the last one of its own on which it did not
    act. `next_allowed` is when its `limit` lets it act again, None where that is now."""

    name: str
    enabled: bool
    account: str
    extensions: list[str]
    from_: list[str] = msgspec.field(name="from")
    to: list[str]
    settle: float
    armed: str
    action: str
    hours: str
    limit: str
    last_fired: Fired | None
    last_decision: Decision | None
    last_suppressed: WhyNot | None
    fired_total: int
    suppressed_total: int
    next_allowed: datetime | None


class DialShape(Shape, frozen=True):
    """`[dial]`: its limits, and how far they are used."""

    calls_at_once: int
    in_use: int
    calls_per_second: float
    waiting: int


class Totals(Shape, frozen=True):
    """How many there are, and how many of them are well."""

    total: int
    registered: int


class Subscriptions(Shape, frozen=True):
    """How many subscriptions there are, and how many are lost."""

    total: int
    lost: int


class StatusShape(Shape, frozen=True):
    """How the robot is. `loop_lag` is how late its clock rang last, in seconds; `findings` is what `check` says."""

    version: str
    started: datetime
    uptime: float
    dry_run: bool
    dial: DialShape
    accounts: Totals
    subscriptions: Subscriptions
    loop_lag: float
    findings: list[str]
