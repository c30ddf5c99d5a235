"""An INVITE dialog, early or confirmed: what both sides of a call do inside it (RFC 3261 §12-§15).

Its offers and answers have a room of their own: `offers`.
"""

from __future__ import annotations

from typing import Final, Protocol

from sipclient.message import Headers as MessageHeaders
from sipclient.message import Reason, Request, Response
from sipclient.message.memo import Memo
from sipclient.message.readers import reasons
from sipclient.message.text import split_commas
from sipclient.message.values import parse_tokens
from sipclient.protocol.build import ACCEPT, ALLOW, SUPPORTED, response
from sipclient.protocol.causes import LOSE_RACE, cause_of
from sipclient.protocol.dialog import Ack, Dialog, Dialogs
from sipclient.protocol.events import Flow, Headers, InCallRequest, InCallResponded, OfferAnswered
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.offers import Offers, reply
from sipclient.protocol.repeater import Repeater
from sipclient.protocol.session_timer import SessionTimer
from sipclient.protocol.timers import T1
from sipclient.protocol.transaction import ServerTransaction
from sipclient.protocol.transfer import Transfers, refer_to
from sipclient.protocol.wellformed import lenient

_NOTHING: Final[frozenset[str]] = frozenset()


def _methods(text: str) -> frozenset[str]:
    """The methods of Allow; none where it is no list of them."""
    found = lenient(lambda: parse_tokens([part for part in split_commas(text) if part], "Allow"))
    return frozenset(method.upper() for method in found)


_METHODS: Final = Memo(_methods)  # a peer says the same in each of its messages


class SessionOwner(Protocol):
    """The call a session belongs to."""

    id: int

    def on_bye(self, request: Request) -> None:
        """The peer hung up (already answered with 200)."""

    def on_lost(self, status: int, reason: str) -> None:
        """The dialog is dead: 481 or silence, no ACK, or no session refresh."""

    def on_bye_done(self) -> None:
        """Our BYE was answered, or never will be."""

    def on_prack(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """A PRACK in the dialog of an incoming call."""

    def on_session_ack(self, request: Request) -> None:
        """The ACK of our 2xx to the INVITE that made the dialog."""


class Session:
    """One dialog of one call."""

    __slots__ = (
        "_ack_awaited", "_answer_awaited", "_bye", "_offers", "_repeater", "_requests", "_session_expires", "_timer",
        "_transfers", "ack", "ack_cseq", "allow", "confirmed", "described", "dialog", "dialogs", "ended", "local_body",
        "owner", "rseq", "stack",
    )  # fmt: skip

    def __init__(
        self, stack: Stack, dialogs: Dialogs, owner: SessionOwner, dialog: Dialog, *, session_expires: float
    ) -> None:
        self.stack = stack
        self.dialogs = dialogs
        self.owner = owner
        self.dialog = dialog
        self.confirmed = False
        self.described = False  # whether the first offer has its answer
        self.ended = False
        self.allow = _NOTHING
        self.ack: Ack | None = None  # of the last INVITE of ours in this dialog
        self.ack_cseq = 0
        self.rseq = 0  # the last reliable provisional of the peer that was acknowledged
        self.local_body: tuple[bytes, str] = (b"", "")
        self._session_expires = session_expires
        self._timer: SessionTimer | None = None
        self._offers: Offers | None = None
        self._repeater: Repeater | None = None
        self._ack_awaited = 0  # the CSeq of the INVITE that the repeated 2xx answers
        self._answer_awaited = False  # that INVITE had no description: the ACK answers ours
        self._bye: Exchange | None = None
        self._transfers: Transfers | None = None
        self._requests: dict[Exchange, tuple[int, str]] = {}
        dialog.usage = self
        dialogs.add(dialog)

    def drop(self) -> None:
        """Forget the dialog: whatever comes in it gets 481."""
        self.ended = True
        if self._transfers is not None:
            self._transfers.ended()
        self._stop()
        self._tell_unanswered()
        self.dialogs.drop(self.dialog)
        # They know this session, which none but the garbage collector would free then.
        self._timer = self._bye = self.dialog.usage = None

    def _stop(self) -> None:
        """Nothing is awaited or tried again."""
        if self._timer is not None:
            self._timer.stop()
        if self._repeater is not None:
            self._repeater.stop()
        if self._offers is not None:
            self._offers.stop()

    def _tell_unanswered(self) -> None:
        """What is not answered by the end of the dialog will not be: nothing is told of a call after its end."""
        self._abandon()
        why = "the call ended"
        requests, self._requests = self._requests, {}
        for request, _ in requests.values():
            if request:
                self.stack.core.emit(InCallResponded(self.owner.id, request, 481, why))
        if self._offers is not None:
            self._offers.tell_unanswered(why)

    def _abandon(self) -> None:
        """What is under way is not sent again, nor what still looks for its way at all."""
        for exchange in self._requests:
            exchange.abandon()
        if self._offers is not None:
            self._offers.abandon()

    def learn(self, message: Request | Response) -> None:
        """What the peer can do."""
        if "allow" in message.headers.index:
            self.allow = _METHODS[", ".join(message.headers.lines("allow"))]

    @property
    def timer(self) -> SessionTimer:
        """Its session timer; many a PBX wants none."""
        if self._timer is None:
            self._timer = SessionTimer(self.stack.core, self._session_expires, self)
        return self._timer

    def agree(self, response: Response) -> None:
        """What a 2xx to an INVITE of ours says of the session timer (RFC 4028 §7.2)."""
        if self._timer is not None or "session-expires" in response.headers.index:
            self.timer.agreed(response)

    @property
    def call(self) -> int:
        """The id of the call, negative for one that came in."""
        return self.owner.id

    @property
    def offers(self) -> Offers:
        """The offers inside this call; most calls keep what they agreed on first."""
        if self._offers is None:
            self._offers = Offers(self)
        return self._offers

    @property
    def offered(self) -> str:
        """The method of the request whose offer waits for the user's answer, or empty."""
        return self._offers.offered if self._offers is not None else ""

    @property
    def transfers(self) -> Transfers:
        """The transfers of this call; hardly any call has one."""
        if self._transfers is None:
            self._transfers = Transfers(self.stack, self.dialogs, self.owner.id, self.dialog)
        return self._transfers

    # --- ending -------------------------------------------------------------------------------------

    def bye(self, headers: Headers = ()) -> None:
        """Send BYE (RFC 3261 §15.1.1)."""
        self._stop()
        self.ended = True
        self._abandon()
        draft = self.dialog.draft("BYE", headers)
        self._bye = self.dialog.send(self.stack, self, draft)

    def lost(self, status: int, reason: str) -> None:
        """The peer does not know the dialog, or is not heard any more: it ends."""
        if not self.ended:
            self.bye()
            self.owner.on_lost(status, reason)

    def expired(self) -> None:
        """The peer did not refresh the session (see SessionTimer)."""
        self.bye((("Reason", 'SIP;cause=408;text="Session expired"'),))
        self.owner.on_lost(408, "the session was not refreshed in time")

    # --- our requests -------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Refresh the session (see SessionTimer)."""
        self.offers.refresh()

    def follow_line(self) -> None:
        """Our address is another one: the peer is told, where it knows the old one."""
        if not self.ended and self.confirmed and self.dialog.follow_line(self.stack.flows.ours):
            self.offers.tell_address()

    def request(self, request: int, method: str, headers: Headers, body: bytes, content_type: str) -> None:
        """Send INFO, MESSAGE, REFER ... in the dialog; InCallResponded follows."""
        draft = self.dialog.draft(method, headers, body, content_type)
        contact = method in ("UPDATE", "REFER", "SUBSCRIBE")
        exchange = self.dialog.send(self.stack, self, draft, contact=contact)
        self._requests[exchange] = (request, method)

    def transfer(self, request: int, to: str, replaces: Session | None, headers: Headers) -> None:
        """Send REFER; InCallResponded follows, then the peer's news."""
        if self.transfers.waiting:
            self.stack.core.emit(InCallResponded(self.owner.id, request, 491, "another transfer is under way"))
            return
        self.transfers.begun(request)
        other = replaces.dialog if replaces is not None else None
        value = refer_to(to or (other or self.dialog).remote_target, other)
        by = ("Referred-By", f"<{self.dialog.line.aor}>")  # RFC 3892 §2.1
        self.request(request, "REFER", (("Refer-To", value), by, *headers), b"", "")

    def prack(self, provisional: Response) -> None:
        """Acknowledge a reliable provisional response (RFC 3262 §4), in order and once."""
        rseq = provisional.rseq or 0
        if rseq <= 0 or (self.rseq and rseq != self.rseq + 1):
            return
        self.rseq = rseq
        cseq = provisional.cseq
        draft = self.dialog.draft("PRACK", (("RAck", f"{rseq} {cseq.number} {cseq.method}"),))
        self._requests[self.dialog.send(self.stack, self, draft)] = (0, "PRACK")

    # --- answers to our requests --------------------------------------------------------------------

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Nothing to do inside a dialog."""

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """No answer: RFC 3261 §12.2.1.2 ends the dialog on 408 and 481."""
        self._done(exchange, status, reason, None)

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """An answer to a request of ours in the dialog."""
        reason = exchange.problem or response.reason
        self._done(exchange, response.status, reason, response)

    def _done(self, exchange: Exchange, status: int, reason: str, answer: Response | None) -> None:
        if exchange is self._bye:
            self.drop()
            self.owner.on_bye_done()
            return
        if exchange in self._requests:
            request, method = self._requests.pop(exchange)
            if method == "PRACK":
                return  # its 200 may have crossed the answer, and who sent the provisional refuses the call himself
            if method == "REFER" and status >= 300:
                self.transfers.refused()
            self.stack.core.emit(InCallResponded(self.owner.id, request, status, reason))
        if status in (408, 481):
            self.lost(status, reason)

    def acknowledge(self, exchange: Exchange, body: bytes, content_type: str) -> None:
        """ACK the 2xx of an INVITE of ours."""
        draft = self.dialog.draft("ACK", (), body, content_type)
        self.ack_cseq = exchange.cseq
        # RFC 3261 §22.1: the very credentials of the INVITE.
        self.ack = self.dialog.send_ack(self.stack, draft, exchange.cseq, exchange.credentials)

    def acknowledge_again(self, exchange: Exchange) -> None:
        """A 2xx to a re-INVITE came again; or for the first time, but the dialog has ended meanwhile."""
        if self.ack is not None and self.ack_cseq == exchange.cseq:
            self.ack.again()
        else:
            self.acknowledge(exchange, b"", "")

    # --- the peer's requests ------------------------------------------------------------------------

    def on_ack(self, request: Request) -> None:
        """The ACK of a 2xx of ours; one of an earlier INVITE that was late or came twice is not it."""
        if self._repeater is None or request.cseq.number != self._ack_awaited:
            return
        self._repeater.stop()
        self._repeater = None
        if self._answer_awaited and request.body:
            self.stack.core.emit(OfferAnswered(self.owner.id, 200, "OK", request.body, request.content_type))
        self._answer_awaited = False
        self.owner.on_session_ack(request)

    @property
    def unacknowledged(self) -> bool:
        """Whether the ACK of a 2xx of ours is awaited."""
        return self._repeater is not None

    def repeat(self, flow: Flow, data: bytes, cseq: int, *, answer_awaited: bool = False) -> None:
        """Send our 2xx until the ACK with this CSeq, which answers our offer where `answer_awaited`."""
        self._ack_awaited = cseq
        self._answer_awaited = answer_awaited
        self._repeater = Repeater(self.stack, flow, data, self._never_acknowledged)

    def _never_acknowledged(self) -> None:
        # RFC 3261 §13.3.1.4: the dialog is confirmed, but the session is ended.
        self._repeater = None
        self.bye((("Reason", 'SIP;cause=408;text="No ACK"'),))
        self.owner.on_lost(408, f"no ACK within {64 * T1:.0f} seconds")

    def on_request(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """A request of the peer inside the dialog, in order."""
        method = request.method
        self.learn(request)
        if method == "BYE":
            self._on_bye(transaction, request)
        elif self.ended:
            reply(transaction, request, flow, 481)
        elif method in ("INVITE", "UPDATE"):
            self.offers.received(transaction, request, flow)
        elif method == "PRACK":
            self.owner.on_prack(transaction, request, flow)
        elif method in ("INFO", "MESSAGE"):
            reply(transaction, request, flow, 200)
            self.stack.core.emit(InCallRequest(self.owner.id, method, request))
        elif method == "OPTIONS":
            more = (("Allow", ALLOW), ("Accept", ACCEPT), ("Supported", SUPPORTED))
            reply(transaction, request, flow, 200, headers=more)
        elif method == "REFER" and len(request.headers.all("Refer-To")) != 1:
            reply(transaction, request, flow, 400)  # RFC 3515 §2.4.2
        elif method == "REFER" and self.dialog.line.account.refer == "deny":
            reply(transaction, request, flow, 603)
            self.stack.core.emit(InCallRequest(self.owner.id, method, request))
        elif method == "REFER":
            self.transfers.asked(transaction, request, flow)
        elif method == "NOTIFY":
            self.transfers.notified(transaction, request, flow)
        else:
            reply(transaction, request, flow, 405, headers=(("Allow", ALLOW),))

    def _on_bye(self, transaction: ServerTransaction, request: Request) -> None:
        transaction.respond(200, response(request, transaction.flow, 200))
        ours, self._bye = self._bye, None  # both hung up at once: theirs ends it, ours needs no answer
        self.drop()
        if ours is not None:
            self.owner.on_bye_done()
        else:
            self.owner.on_bye(request)


def reason_cause(message: Request | Response, status: int) -> tuple[str, int]:
    """The hangup cause of a message: its Reason header's, else its status' (RFC 3326)."""
    if "reason" not in message.headers.index:
        return cause_of(status)
    return cause_of(status, _q850(lenient(lambda: message.reason_header)))


def said_cause(headers: Headers, otherwise: tuple[str, int]) -> tuple[str, int]:
    """The hangup cause that a message of ours says in a Reason header, if it has any."""
    said = reasons(MessageHeaders(headers)) if headers else ()
    q850 = _q850(said)
    if q850:
        return cause_of(0, q850)
    elsewhere = any(each.protocol.upper() == "SIP" and each.cause == 200 for each in said)  # RFC 3326 §3.1
    return LOSE_RACE if elsewhere else otherwise


def _q850(said: tuple[Reason, ...]) -> int | None:
    return next((each.cause for each in said if each.protocol.upper() == "Q.850"), None)
