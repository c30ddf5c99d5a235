"""What goes into the engine and what comes out: inputs, commands, effects and events, as plain values.

Inputs are what the network said, commands what the user said; effects are work for the shell, events
are news for the user. `now` is never in here: it is an argument of each call. Ids of calls, watches,
subscriptions and requests are integers chosen by whoever gives the command; ids of what begins on the
network side (incoming calls, incoming requests) are chosen by the engine and are negative, so the two
never meet.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from sipclient.message import Request, Response
from sipclient.presence import MessageWaiting, State
from sipclient.protocol.account import Account

Headers: TypeAlias = tuple[tuple[str, str], ...]


class Value(msgspec.Struct, frozen=True):
    """The base of every value in this module."""


# --- where packets go -------------------------------------------------------------------------------


class Target(Value):
    """One place to try: an address to connect to, as RFC 3263 (or `server =`) gave it."""

    transport: str  # "udp", "tcp", "tls", "ws" or "wss"
    host: str  # an IP literal without brackets
    port: int
    name: str = ""  # the domain a TLS certificate must speak for (RFC 5922): never the SRV target


class Flow(Value):
    """A socket pair. For UDP `remote` is the peer of this packet, and `local` names the bound socket."""

    transport: str
    local_host: str
    local_port: int
    remote_host: str
    remote_port: int
    serial: int = 0  # tells two connections between the same ports apart; 0 for UDP

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 §17)."""
        return self.transport != "udp"


# --- inputs: the network spoke ----------------------------------------------------------------------


class Packet(Value):
    """A datagram, or one framed message (or CRLF keep-alive) of a stream."""

    flow: Flow
    data: bytes


class FlowOpened(Value):
    """Connect `request` succeeded."""

    request: int
    flow: Flow


class ConnectFailed(Value):
    """Connect `request` did not succeed; `reason` in words."""

    request: int
    reason: str


class FlowClosed(Value):
    """A stream ended, by either side, or broke its framing."""

    flow: Flow
    reason: str


class SendFailed(Value):
    """A datagram to this peer was refused (ICMP) or could not be sent."""

    flow: Flow
    reason: str
    too_large: bool = False


class Resolved(Value):
    """The answer to Resolve `request`: targets in the order to try, none where `reason` says why."""

    request: int
    targets: tuple[Target, ...]
    reason: str = ""


Input: TypeAlias = Packet | FlowOpened | ConnectFailed | FlowClosed | SendFailed | Resolved


# --- effects: work for the shell --------------------------------------------------------------------


class Send(Value):
    """Put these bytes on this flow."""

    flow: Flow
    data: bytes


class Connect(Value):
    """Open a flow to `target` for `account`; answer with FlowOpened or ConnectFailed.

    UDP binds (or reuses) the account's socket and finds the local address packets to the target leave from.
    """

    request: int
    target: Target
    account: str


class Resolve(Value):
    """Find the targets of `server` (`udp:192.0.2.10:5060`, `tls:pbx.example.com`) or, where it is a
    SIP URI, of the URI as RFC 3263 §4 says; answer with Resolved."""

    request: int
    server: str
    account: str


class CloseFlow(Value):
    """Close this stream; answer with FlowClosed."""

    flow: Flow


# --- commands: the user spoke -----------------------------------------------------------------------


class AddAccount(Value):
    """Make the account known; it registers (if it says so) at once."""

    account: Account


class RemoveAccount(Value):
    """Hang up, un-subscribe and un-register; AccountRemoved follows when all is answered (or after 4 s)."""

    account: str


class Watch(Value):
    """Watch one extension through some event packages, merged into one state.

    `last`, `episode` and `open` are what the store remembers of it.
    """

    id: int
    account: str
    extension: str  # "1001", or a whole URI
    packages: tuple[str, ...] = ("presence", "dialog")
    last: State = State.UNKNOWN
    episode: int = 0
    open: bool = False


class Unwatch(Value):
    """End a watch."""

    id: int


class Subscribe(Value):
    """One subscription to one event package (RFC 6665); its NOTIFYs come as Notified."""

    id: int
    account: str
    target: str
    package: str
    accept: str = ""
    expires: float = 0.0  # 0: the account's


class Unsubscribe(Value):
    """End a subscription."""

    id: int


class Invite(Value):
    """Place a call. `body` is the offer, empty for a late offer."""

    id: int
    account: str
    to: str
    caller_id: str = ""  # '"Name" <user>' or a user; empty: the account's own
    headers: Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"
    timeout: float = 0.0  # seconds until it must be answered; 0: only the protocol's own limits
    private: bool = False  # Privacy: id
    session_expires: float = 1800.0  # 0: no session timer offered


class Ring(Value):
    """Tell the caller of an incoming call something provisional; a body makes it early media."""

    id: int
    status: int = 180
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"
    reliable: bool = False  # with 100rel, where the caller supports it (RFC 3262)


class Answer(Value):
    """Answer an incoming call with 200. `body` is the answer, or the offer where the INVITE had none."""

    id: int
    headers: Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"


class Reject(Value):
    """Refuse an incoming call with a final status."""

    id: int
    status: int = 486
    reason: str = ""
    headers: Headers = ()


class Redirect(Value):
    """Answer an incoming call with 302 and these contacts."""

    id: int
    contacts: tuple[str, ...]


class Hangup(Value):
    """End a call in whatever state it is: CANCEL, BYE or a refusal, with a Reason where a cause is given."""

    id: int
    reason: str = ""  # the value of a Reason header, e.g. 'Q.850;cause=16;text="NORMAL_CLEARING"'
    headers: Headers = ()


class Offer(Value):
    """Offer a new description in an answered call: re-INVITE, or UPDATE."""

    id: int
    body: bytes
    content_type: str = "application/sdp"
    method: str = "INVITE"


class AnswerOffer(Value):
    """The answer to OfferReceived: a description, or a refusal (status 488) with a Warning text."""

    id: int
    body: bytes = b""
    content_type: str = "application/sdp"
    status: int = 200
    warning: str = ""


class SendInCall(Value):
    """A request inside a call's dialog (INFO, MESSAGE, UPDATE without a description, REFER)."""

    id: int
    request: int
    method: str
    headers: Headers = ()
    body: bytes = b""
    content_type: str = ""


class SendRequest(Value):
    """A request outside any dialog (OPTIONS, MESSAGE, PUBLISH, ...); Responded follows."""

    request: int
    account: str
    method: str
    to: str
    headers: Headers = ()
    body: bytes = b""
    content_type: str = ""


class Respond(Value):
    """The final answer to RequestReceived."""

    request: int
    status: int
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    content_type: str = ""


class AcceptSubscription(Value):
    """Answer SubscribeReceived with 200 and `expires` seconds; a Notify must follow at once."""

    id: int
    expires: float


class Notify(Value):
    """NOTIFY the subscriber of an accepted subscription (we are the notifier).

    `state` is `active`, `pending` or `terminated`; `reason` goes with `terminated`.
    """

    id: int
    body: bytes = b""
    content_type: str = ""
    state: str = "active"
    reason: str = ""


Command: TypeAlias = (
    AddAccount
    | RemoveAccount
    | Watch
    | Unwatch
    | Subscribe
    | Unsubscribe
    | Invite
    | Ring
    | Answer
    | Reject
    | Redirect
    | Hangup
    | Offer
    | AnswerOffer
    | SendInCall
    | SendRequest
    | Respond
    | AcceptSubscription
    | Notify
)


# --- events: news for the user ----------------------------------------------------------------------


class Registered(Value):
    """The account is registered (first time, or again after it was lost). `expires` in seconds."""

    account: str
    expires: float
    contact: str
    again: bool = False


class RegistrationLost(Value):
    """The registration ended or failed; `retry_in` seconds until the next try, negative for none."""

    account: str
    status: int
    reason: str
    retry_in: float


class AccountRemoved(Value):
    """RemoveAccount is done."""

    account: str


class ServerChanged(Value):
    """Packets of the account go to another target now (first connection, or fail-over)."""

    account: str
    flow: Flow
    target: Target


class ExtensionChanged(Value):
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


class WatchProblem(Value):
    """A subscription of a watch was refused or lost; `retry_in` seconds until the next try, negative for none."""

    watch: int
    account: str
    extension: str
    package: str
    status: int
    reason: str
    retry_in: float


class Notified(Value):
    """A NOTIFY of a plain Subscribe. `body` is empty where it had none."""

    id: int
    package: str
    state: str
    content_type: str
    body: bytes


class SubscriptionEnded(Value):
    """A plain subscription ended, or was refused; `retry_in` seconds until the next try, negative for none."""

    id: int
    status: int
    reason: str
    retry_in: float


class MessagesWaiting(Value):
    """A message-summary arrived, solicited or not."""

    account: str
    summary: MessageWaiting


class Calling(Value):
    """The INVITE of a call left: the call is placed now."""

    id: int
    call_id: str


class Ringing(Value):
    """A provisional response to our INVITE: 180 or any other above 100. A body is an early description."""

    id: int
    status: int
    reason: str
    body: bytes = b""
    content_type: str = ""


class Answered(Value):
    """Our call was answered, or the ACK of a call we answered came.

    `body` is the description the peer sent with it (empty: none). `offer` says that it is an offer
    (we sent none) which AnswerOffer must answer: its ACK waits for that.
    """

    id: int
    response: Response | None = None
    body: bytes = b""
    content_type: str = ""
    offer: bool = False


class OfferReceived(Value):
    """The peer offers a new description in an answered call; AnswerOffer must follow."""

    id: int
    body: bytes
    content_type: str


class OfferAnswered(Value):
    """The peer's answer to our Offer: `status` 200 with a description, or why not."""

    id: int
    status: int
    reason: str
    body: bytes = b""
    content_type: str = ""


class CallEnded(Value):
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
    contacts: tuple[str, ...] = ()  # of a 3xx


class IncomingCall(Value):
    """Somebody calls an account. Ring, Answer, Reject or Redirect must follow."""

    id: int
    account: str
    request: Request
    flow: Flow


class InCallRequest(Value):
    """A request inside a call that the engine already answered with 200 (INFO, MESSAGE, UPDATE without a
    description), or REFER, which Respond must answer (`request` is then not 0)."""

    id: int
    method: str
    message: Request
    request: int = 0


class InCallResponded(Value):
    """The final response to a SendInCall."""

    id: int
    request: int
    status: int
    reason: str


class RequestReceived(Value):
    """A request outside any dialog that the account `handles`; Respond must follow."""

    request: int
    account: str
    message: Request
    flow: Flow


class MessageReceived(Value):
    """A MESSAGE outside any dialog (answered with 200)."""

    account: str
    message: Request


class Responded(Value):
    """The final response to a SendRequest; None and `reason` where none came."""

    request: int
    response: Response | None
    reason: str = ""


class SubscribeReceived(Value):
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


class SubscriberGone(Value):
    """An accepted subscription ended: expired, un-subscribed, or its NOTIFY failed."""

    id: int
    reason: str


class Traced(Value):
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
    | Answered
    | OfferReceived
    | OfferAnswered
    | CallEnded
    | IncomingCall
    | InCallRequest
    | InCallResponded
    | RequestReceived
    | MessageReceived
    | Responded
    | SubscribeReceived
    | SubscriberGone
    | Traced
)

Effect: TypeAlias = Send | Connect | Resolve | CloseFlow | Event
