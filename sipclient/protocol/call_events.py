"""What the engine tells the user of calls."""

from __future__ import annotations

from sipclient.message import Request, Response
from sipclient.protocol.wire import Flow, Headers, Value


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
    response: Response | None = None


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
