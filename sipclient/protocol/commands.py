"""What the user says to the engine.

Ids of calls, watches, subscriptions and requests are integers of the user's choice; ids of what begins on the
network's side (incoming calls and requests) are the engine's choice and negative, so the two never meet.
"""

from __future__ import annotations

from typing import TypeAlias

from sipclient.presence import State
from sipclient.protocol.account import Account
from sipclient.protocol.wire import Flow, Headers, Value


class AddAccount(Value, frozen=True):
    """Make the account known; it registers (if it says so) at once."""

    account: Account


class RemoveAccount(Value, frozen=True):
    """Hang up, un-subscribe and un-register; AccountRemoved follows when all is answered (or after 4 s)."""

    account: str


class Watch(Value, frozen=True):
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


class Unwatch(Value, frozen=True):
    """End a watch."""

    id: int


class Subscribe(Value, frozen=True):
    """One subscription to one event package (RFC 6665); its NOTIFYs come as Notified."""

    id: int
    account: str
    target: str
    package: str
    accept: str = ""
    expires: float = 0.0  # 0: the account's


class Unsubscribe(Value, frozen=True):
    """End a subscription."""

    id: int


class Invite(Value, frozen=True):
    """Place a call. `body` is the offer, empty for a late offer."""

    id: int
    account: str
    to: str
    caller_id: str = ""  # '"Name" <user>' or a user; empty: the account's own
    headers: Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"
    timeout: float = 0.0  # seconds until it must be answered; 0: it ends three minutes after the last news
    private: bool = False  # Privacy: id
    session_expires: float = 1800.0  # 0: no session timer offered
    flow: Flow | None = None  # where it goes, for a PBX calling its phones; None: to the account's server
    call_id: str = ""  # what its Call-ID begins with; empty: something nobody can guess
    late_offer: bool = False  # whoever places it makes no offer for it: `body` stays empty


class Follow(Value, frozen=True):
    """Try the call again at `to`: the answer to Redirected (Hangup is the other one)."""

    id: int
    to: str


class Ring(Value, frozen=True):
    """Tell the caller of an incoming call something provisional; a body makes it early media."""

    id: int
    status: int = 180
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"
    reliable: bool = False  # with 100rel, where the caller supports it (RFC 3262)


class Answer(Value, frozen=True):
    """Answer an incoming call with 200. `body` is the answer, or the offer where the INVITE had none."""

    id: int
    headers: Headers = ()
    body: bytes = b""
    content_type: str = "application/sdp"


class Reject(Value, frozen=True):
    """Refuse an incoming call with a final status."""

    id: int
    status: int = 486
    reason: str = ""
    headers: Headers = ()


class Redirect(Value, frozen=True):
    """Answer an incoming call with 302 and these contacts."""

    id: int
    contacts: tuple[str, ...]


class Hangup(Value, frozen=True):
    """End a call in whatever state it is: CANCEL, BYE or a refusal, with a Reason where a cause is given."""

    id: int
    reason: str = ""  # the value of a Reason header, e.g. 'Q.850;cause=16;text="NORMAL_CLEARING"'
    headers: Headers = ()


class Offer(Value, frozen=True):
    """Offer a new description in an answered call: re-INVITE, or UPDATE."""

    id: int
    body: bytes
    content_type: str = "application/sdp"
    method: str = "INVITE"


class AnswerOffer(Value, frozen=True):
    """The answer to OfferReceived: a description, or a refusal (status 488) with its reasons: warn-codes
    and words, a Warning header each (RFC 3261 §20.43)."""

    id: int
    body: bytes = b""
    content_type: str = "application/sdp"
    status: int = 200
    warnings: tuple[tuple[int, str], ...] = ()


class SendInCall(Value, frozen=True):
    """A request inside a call's dialog (INFO, MESSAGE, UPDATE without a description, REFER)."""

    id: int
    request: int
    method: str
    headers: Headers = ()
    body: bytes = b""
    content_type: str = ""


class Refresh(Value, frozen=True):
    """Tell the peer of an answered call something by headers, and change nothing of the session: by UPDATE where it
    takes that (RFC 3311 §5.1), else by a re-INVITE with the description that holds. The latest of what waits is told.
    """

    id: int
    headers: Headers


class Transfer(Value, frozen=True):
    """Ask the peer of an answered call to call `to` (REFER, RFC 3515): InCallResponded, then TransferProgress follow.

    `replaces` is another call of ours, whose place the new call shall take (RFC 3891): then `to` may be empty, for
    the far end of that call.
    """

    id: int
    request: int
    to: str = ""
    replaces: int | None = None
    headers: Headers = ()


class AnswerTransfer(Value, frozen=True):
    """The answer to TransferAsked: 202, or a refusal. What becomes of it is told by TellTransfer."""

    request: int
    status: int = 202
    reason: str = ""


class TellTransfer(Value, frozen=True):
    """How far the call is that a transfer asked for; a final status is the last word (RFC 3515 §2.4.5)."""

    request: int
    status: int
    reason: str = ""


class SendRequest(Value, frozen=True):
    """A request outside any dialog (OPTIONS, MESSAGE, PUBLISH, ...); Responded follows."""

    request: int
    account: str
    method: str
    to: str
    headers: Headers = ()
    body: bytes = b""
    content_type: str = ""
    flow: Flow | None = None  # where it goes; None: to the account's server


class Respond(Value, frozen=True):
    """The final answer to RequestReceived."""

    request: int
    status: int
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""
    content_type: str = ""


class AcceptSubscription(Value, frozen=True):
    """Answer SubscribeReceived with 200 and `expires` seconds; a Notify must follow at once."""

    id: int
    expires: float


class Notify(Value, frozen=True):
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
    | Follow
    | Ring
    | Answer
    | Reject
    | Redirect
    | Hangup
    | Offer
    | AnswerOffer
    | SendInCall
    | Refresh
    | Transfer
    | AnswerTransfer
    | TellTransfer
    | SendRequest
    | Respond
    | AcceptSubscription
    | Notify
)
