"""What the engine tells the user of subscriptions, its own and those of others."""

from __future__ import annotations

from sipclient.message import Request
from sipclient.presence import MessageWaiting, State
from sipclient.protocol.wire import Flow, Value


class ExtensionChanged(Value, frozen=True):
    """A watched extension's merged state changed.

    An episode opens when the extension is on the phone; ringing and on-hold in between keep it open;
    ready or offline closes it. `episode` is the number of the episode this change opens, continues or
    closes, 0 where there is none. `gap` says that we did not see it whole (the state was unknown in
    between, or we were down).
    """

    watch: int
    account: str
    extension: str
    before: State
    after: State
    episode: int = 0
    opened: bool = False
    closed: bool = False
    gap: bool = False
    note: str = ""


class WatchProblem(Value, frozen=True):
    """A subscription of a watch was refused or lost; `retry_in` seconds until the next try, negative for none.

    `status` is what the server said, 0 where it said nothing. `refused`: the server answered for this extension
    and will hardly answer otherwise soon (403, 404, 489, noresource ...), so the next try is far off.
    """

    watch: int
    account: str
    extension: str
    package: str
    status: int
    reason: str
    retry_in: float
    refused: bool = False


class Notified(Value, frozen=True):
    """A NOTIFY of a plain Subscribe. `body` is empty where it had none."""

    id: int
    package: str
    state: str
    content_type: str
    body: bytes


class SubscriptionEnded(Value, frozen=True):
    """A plain subscription ended, or was refused; `retry_in` seconds until the next try, negative for none."""

    id: int
    status: int
    reason: str
    retry_in: float


class MessagesWaiting(Value, frozen=True):
    """A message-summary arrived, solicited or not."""

    account: str
    summary: MessageWaiting


class SubscribeReceived(Value, frozen=True):
    """Somebody subscribes to us (the account handles SUBSCRIBE): AcceptSubscription, or Reject, must follow.

    `refresh` says it is an accepted subscription asking for more time: `expires` 0 ends it.
    """

    id: int
    account: str
    request: Request
    flow: Flow
    package: str
    expires: float
    refresh: bool = False


class SubscriberGone(Value, frozen=True):
    """An accepted subscription ended: expired, un-subscribed, or its NOTIFY failed."""

    id: int
    reason: str
