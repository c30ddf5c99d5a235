"""What goes into the rules and what comes out: events and actions, as plain values.

ExtensionChanged of `protocol.events` is the main event; the others are here. `now` and `at` are never in here:
they are arguments of `decide`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec

from sipclient.protocol.events import ExtensionChanged, Headers

# --- events -----------------------------------------------------------------------------------------


class Tick(msgspec.Struct, frozen=True):
    """`Memory.deadline` has passed."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call for one rule, extension and episode.

    `id` is made of those three (and the watching account), or of the request in the place of the episode, so that
    it is the same whoever makes it and however often: the store holds it unique. It has no `/` but as separator, the
    extension's own aside.
    """

    id: str
    rule: str
    account: str  # places the call
    to: str
    watched: str  # the account that watches the extension
    extension: str
    episode: int = 0  # 0: the change was outside any episode, and `id` ends in its time instead
    state: str = "ready"  # what the extension became, and must still be when the call is tried again
    caller_id: str = ""
    headers: Headers = ()
    timeout: float = 0.0  # seconds
    attempt: int = 1
    request: str = ""  # the id of the request it answers, where the rule is armed on request
    variables: Headers = ()  # what the request gave along


class CallFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A call ended, or could not be placed. `status` is the final response's (0: none came)."""

    job: Job
    cause: str  # the hangup cause by its FreeSWITCH name
    status: int = 0
    answered: bool = False


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody camps on an extension: a rule armed on request acts for the first of them.

    `id` is the asker's choice, without `/` and not digits alone; the same id again changes nothing. The same caller
    again, by another id, renews what he asked for: he keeps his place. `expires` is in seconds from now.
    """

    id: str
    account: str
    extension: str
    caller: str = ""
    caller_name: str = ""
    variables: Headers = ()
    expires: float = 3600.0


class Withdrawn(msgspec.Struct, frozen=True):
    """Whoever camped on an extension does no longer."""

    id: str


Event: TypeAlias = ExtensionChanged | Tick | CallFinished | Requested | Withdrawn


# --- actions ----------------------------------------------------------------------------------------


class PlaceCall(msgspec.Struct, frozen=True):
    """Write the job to the store and, where it was not there, place the call."""

    job: Job
    because: str  # in words


class RunHook(msgspec.Struct, frozen=True, kw_only=True):
    """Run the user's function with this change. `id` is unique as a job's is."""

    id: str
    rule: str
    file: str
    function: str
    change: ExtensionChanged
    because: str
    request: Requested | None = None  # the one it answers, where the rule is armed on request


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """The change is the rule's, but it does not act: `condition` is the first that failed, in the order of
    CONDITIONS, or `retry`, or for a request without a rule, `request`."""

    rule: str
    account: str
    extension: str
    episode: int
    condition: str
    detail: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to do but to tick at `until` (in the time of `now`); `condition` is `settle` or `retry`."""

    rule: str
    account: str
    extension: str
    episode: int
    until: float
    condition: str


class RequestWaits(msgspec.Struct, frozen=True):
    """A request was taken, or `renewed`: it waits for its extension from now on."""

    request: Requested
    renewed: bool = False


class RequestExpired(msgspec.Struct, frozen=True):
    """A request ended unheard."""

    request: Requested


Action: TypeAlias = PlaceCall | RunHook | Suppressed | Wait | RequestWaits | RequestExpired


# --- why not ----------------------------------------------------------------------------------------


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule judged its last change: it fired, or `condition` is the first that failed and `detail` says how."""

    rule: str
    at: datetime
    account: str
    extension: str
    before: str
    after: str
    episode: int = 0
    fired: bool = False
    condition: str = ""
    detail: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """One condition of a rule, held against a change; `detail` says why it does not hold."""

    condition: str
    holds: bool
    detail: str = ""
