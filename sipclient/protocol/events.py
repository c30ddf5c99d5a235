"""What the engine tells the user of accounts, and, gathered here, every value it takes and gives.

See `call_events` and `subscription_events` for the rest of what it tells, `commands` for what it is told, and `wire`.
"""

from __future__ import annotations

from typing import TypeAlias

from sipclient.message import Request, Response
from sipclient.protocol.call_events import (
    Answered,
    CallEnded,
    Calling,
    InCallRequest,
    InCallResponded,
    IncomingCall,
    OfferAnswered,
    OfferReceived,
    OfferWanted,
    OfferWithdrawn,
    Redirected,
    Ringing,
    TransferAsked,
    TransferProgress,
)
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
    Refresh,
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
from sipclient.protocol.subscription_events import (
    ExtensionChanged,
    MessagesWaiting,
    Notified,
    SubscribeReceived,
    SubscriberGone,
    SubscriptionEnded,
    WatchProblem,
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
    "Refresh",
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
