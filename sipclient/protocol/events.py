"""What the engine tells the user, and, gathered here, every value it takes and gives (see `wire`, `commands`)."""

from __future__ import annotations

from typing import TypeAlias

from sipclient.message import Request, Response
from sipclient.presence import MessageWaiting, State
from sipclient.protocol.commands import (
    AcceptSubscription,
    AddAccount,
    Answer,
    AnswerOffer,
    AnswerTransfer,
    Command,
    Follow,
    Hangup,
    Invite,
    Notify,
    Offer,
    Redirect,
    Reject,
    RemoveAccount,
    Respond,
    Ring,
    SendInCall,
    SendRequest,
    Subscribe,
    TellTransfer,
    Transfer,
    Unsubscribe,
    Unwatch,
    Watch,
)
from sipclient.protocol.wire import (
    AddressChanged,
    CloseFlow,
    Connect,
    ConnectFailed,
    Flow,
    FlowClosed,
    FlowOpened,
    Headers,
    Input,
    Packet,
    Resolve,
    Resolved,
    Send,
    SendFailed,
    Target,
    Value,
)


class Registered(Value, frozen=True):
    """The account is registered (first time, or again after it was lost). `expires` in seconds."""

    account: str
    expires: float
    contact: str
    again: bool = False


class RegistrationLost(Value, frozen=True):
    """The registration ended or failed; `retry_in` seconds until the next try, negative for none."""

    account: str
    status: int
    reason: str
    retry_in: float


class AccountRemoved(Value, frozen=True):
    """RemoveAccount is done."""

    account: str


class ServerChanged(Value, frozen=True):
    """Packets of the account go to another target now (first connection, or fail-over)."""

    account: str
    flow: Flow
    target: Target


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


class Calling(Value, frozen=True):
    """The INVITE of a call left: the call is placed now."""

    id: int
    call_id: str


class Ringing(Value, frozen=True):
    """A provisional response to our INVITE: 180 or any other above 100. A body is an early description."""

    id: int
    status: int
    reason: str
    body: bytes = b""
    content_type: str = ""


class Redirected(Value, frozen=True):
    """Our call was answered with a 3xx: Follow one of the contacts, or Hangup. The engine follows none by itself:
    where a call may go is not the peer's to decide (RFC 3261 §8.1.3.4)."""

    id: int
    status: int
    contacts: tuple[str, ...]


class Answered(Value, frozen=True):
    """Our call was answered, or the ACK of a call we answered came.

    `body` is the description the peer sent with it (empty: none). `offer` says that it is an offer
    (we sent none) which AnswerOffer must answer: its ACK waits for that.
    """

    id: int
    response: Response | None = None
    body: bytes = b""
    content_type: str = ""
    offer: bool = False


class OfferReceived(Value, frozen=True):
    """The peer offers a new description in an answered call; AnswerOffer must follow."""

    id: int
    body: bytes
    content_type: str


class OfferWanted(Value, frozen=True):
    """Our address changed, and the peer of an answered call must learn where we are: Offer should follow, with a
    description that names the new address: `local_host`, where our packets to the peer leave from now."""

    id: int
    local_host: str = ""


class OfferWithdrawn(Value, frozen=True):
    """The peer took its offer back (CANCEL of a re-INVITE) before it was answered: the session stays as it was."""

    id: int


class OfferAnswered(Value, frozen=True):
    """The peer's answer to our Offer: `status` 200 with a description, or why not."""

    id: int
    status: int
    reason: str
    body: bytes = b""
    content_type: str = ""


class CallEnded(Value, frozen=True):
    """A call ended, answered or not: the last event of its id.

    `status` is the final response's (0: none); `cause` its hangup cause by FreeSWITCH name, `q850` the
    number where there is one; `by` is `local`, `remote`, `timeout` or `network`.
    """

    id: int
    status: int
    cause: str
    q850: int
    reason: str
    by: str
    answered: bool


class IncomingCall(Value, frozen=True):
    """Somebody calls an account. Ring, Answer, Reject or Redirect must follow."""

    id: int
    account: str
    request: Request
    flow: Flow
    replaces: int | None = None  # the call of ours whose place it takes: that ends when this is answered (RFC 3891)


class InCallRequest(Value, frozen=True):
    """A request inside a call that the engine already answered: INFO, MESSAGE and UPDATE without a description
    with 200; REFER with 603, where the account's `refer` is `deny`."""

    id: int
    method: str
    message: Request


class InCallResponded(Value, frozen=True):
    """The final response to a SendInCall."""

    id: int
    request: int
    status: int
    reason: str


class TransferAsked(Value, frozen=True):
    """The peer asks us to call `to` in its stead (REFER; the account's `refer` is `allow`): AnswerTransfer must follow.

    `headers` belong into the INVITE to `to`: Replaces (RFC 3891), Referred-By (RFC 3892).
    """

    id: int
    request: int
    to: str
    headers: Headers
    message: Request


class TransferProgress(Value, frozen=True):
    """How far a Transfer of ours is, by the peer's word; 0 where it said nothing readable. Nothing follows `over`."""

    id: int
    request: int
    status: int
    reason: str
    over: bool


class RequestReceived(Value, frozen=True):
    """A request outside any dialog that the account `handles`; Respond must follow."""

    request: int
    account: str
    message: Request
    flow: Flow


class MessageReceived(Value, frozen=True):
    """A MESSAGE outside any dialog (answered with 200)."""

    account: str
    message: Request


class Responded(Value, frozen=True):
    """The final response to a SendRequest; None and `reason` where none came."""

    request: int
    response: Response | None
    reason: str = ""


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


class Traced(Value, frozen=True):
    """Something worth a debug line that no other event tells: a dropped packet, a fail-over, a repair."""

    text: str
    account: str = ""


Event: TypeAlias = (
    Registered
    | RegistrationLost
    | AccountRemoved
    | ServerChanged
    | ExtensionChanged
    | WatchProblem
    | Notified
    | SubscriptionEnded
    | MessagesWaiting
    | Calling
    | Ringing
    | Redirected
    | Answered
    | OfferReceived
    | OfferWanted
    | OfferWithdrawn
    | OfferAnswered
    | CallEnded
    | IncomingCall
    | InCallRequest
    | InCallResponded
    | TransferAsked
    | TransferProgress
    | RequestReceived
    | MessageReceived
    | Responded
    | SubscribeReceived
    | SubscriberGone
    | Traced
)

Effect: TypeAlias = Send | Connect | Resolve | CloseFlow | Event

__all__ = [
    "AcceptSubscription",
    "AccountRemoved",
    "AddAccount",
    "AddressChanged",
    "Answer",
    "AnswerOffer",
    "AnswerTransfer",
    "Answered",
    "CallEnded",
    "Calling",
    "CloseFlow",
    "Command",
    "Connect",
    "ConnectFailed",
    "Effect",
    "Event",
    "ExtensionChanged",
    "Flow",
    "FlowClosed",
    "FlowOpened",
    "Follow",
    "Hangup",
    "Headers",
    "InCallRequest",
    "InCallResponded",
    "IncomingCall",
    "Input",
    "Invite",
    "MessageReceived",
    "MessagesWaiting",
    "Notified",
    "Notify",
    "Offer",
    "OfferAnswered",
    "OfferReceived",
    "OfferWanted",
    "OfferWithdrawn",
    "Packet",
    "Redirect",
    "Redirected",
    "Registered",
    "RegistrationLost",
    "Reject",
    "RemoveAccount",
    "RequestReceived",
    "Resolve",
    "Resolved",
    "Respond",
    "Responded",
    "Ring",
    "Ringing",
    "Send",
    "SendFailed",
    "SendInCall",
    "SendRequest",
    "ServerChanged",
    "Subscribe",
    "SubscribeReceived",
    "SubscriberGone",
    "SubscriptionEnded",
    "Target",
    "TellTransfer",
    "Traced",
    "Transfer",
    "TransferAsked",
    "TransferProgress",
    "Unsubscribe",
    "Unwatch",
    "Value",
    "Watch",
    "WatchProblem",
]
