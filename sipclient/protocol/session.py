"""An INVITE dialog, early or confirmed: what both sides of a call do inside it (RFC 3261 §12-§15)."""

from __future__ import annotations

from typing import Protocol

from sipclient.message import Request, Response
from sipclient.protocol.build import (
    ACCEPT,
    ALLOW,
    SUPPORTED,
    Warnings,
    host_port,
    response,
    response_flow,
    warning_headers,
)
from sipclient.protocol.causes import cause_of
from sipclient.protocol.dialog import Ack, Dialog, Dialogs
from sipclient.protocol.events import (
    Flow,
    Headers,
    InCallRequest,
    InCallResponded,
    OfferAnswered,
    OfferReceived,
    OfferWanted,
    OfferWithdrawn,
)
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.repeater import Repeater
from sipclient.protocol.session_timer import SessionTimer
from sipclient.protocol.timers import T1, Timer
from sipclient.protocol.transaction import ServerTransaction
from sipclient.protocol.transfer import Transfers, refer_to
from sipclient.protocol.wellformed import lenient


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
        "_ack_awaited", "_answer_awaited", "_bye", "_glare", "_offer", "_offered", "_repeater", "_requests", "_retry",
        "_transfers", "ack", "ack_cseq", "allow", "confirmed", "described", "dialog", "dialogs", "ended", "local_body",
        "owner", "rseq", "stack", "timer",
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
        self.allow: frozenset[str] = frozenset()
        self.ack: Ack | None = None  # of the last INVITE of ours in this dialog
        self.ack_cseq = 0
        self.rseq = 0  # the last reliable provisional of the peer that was acknowledged
        self.local_body: tuple[bytes, str] = (b"", "")
        self.timer = SessionTimer(stack.core, session_expires, self._refresh, self._expired)
        self._offer: Exchange | None = None  # our re-INVITE or UPDATE under way
        self._offered: tuple[ServerTransaction, Request, Flow] | None = None  # the peer's, not answered yet
        self._retry: Timer | None = None
        self._glare: tuple[str, bytes, str] | None = None
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
        self.timer.stop()
        self.stack.core.timers.stop(self._retry)
        if self._repeater is not None:
            self._repeater.stop()
        self._refuse_offered()
        self._tell_unanswered()
        self.dialogs.drop(self.dialog)

    def _tell_unanswered(self) -> None:
        """What is not answered by the end of the dialog will not be: nothing is told of a call after its end."""
        core, id, why = self.stack.core, self.owner.id, "the call ended"
        self._abandon()
        requests, self._requests = self._requests, {}
        for request, _ in requests.values():
            if request:
                core.emit(InCallResponded(id, request, 481, why))
        offer, self._offer = self._offer, None
        waiting = self._retry is not None and self._glare is not None and self._glare[1]
        if waiting or (offer is not None and offer.draft.body):
            core.emit(OfferAnswered(id, 481, why))
        if offer is not None:
            core.timers.start(core.now + 64 * T1, lambda _: offer.destroy())

    def _abandon(self) -> None:
        """What is under way is not sent again, nor what still looks for its way at all."""
        for exchange in (*self._requests, *((self._offer,) if self._offer is not None else ())):
            exchange.abandon()

    def learn(self, message: Request | Response) -> None:
        """What the peer can do."""
        if "allow" in message.headers.index:
            self.allow = frozenset(method.upper() for method in lenient(lambda: message.allow))

    @property
    def transfers(self) -> Transfers:
        """The transfers of this call; hardly any call has one."""
        if self._transfers is None:
            self._transfers = Transfers(self.stack, self.dialogs, self.owner.id, self.dialog)
        return self._transfers

    # --- ending -------------------------------------------------------------------------------------

    def bye(self, headers: Headers = ()) -> None:
        """Send BYE (RFC 3261 §15.1.1)."""
        self.timer.stop()
        self.stack.core.timers.stop(self._retry)
        if self._repeater is not None:
            self._repeater.stop()
        self.ended = True
        self._refuse_offered()
        self._abandon()
        draft = self.dialog.draft("BYE", headers)
        self._bye = self.dialog.send(self.stack, self, draft)

    def _refuse_offered(self) -> None:
        """The session ends before the user answered the peer's offer, whose transaction waits (RFC 3261 §15.1.2)."""
        if self._offered is not None:
            transaction, request, flow = self._offered
            self._offered = None
            self._reply(transaction, request, flow, 487)

    def _expired(self) -> None:
        self.bye((("Reason", 'SIP;cause=408;text="Session expired"'),))
        self.owner.on_lost(408, "the session was not refreshed in time")

    # --- our requests -------------------------------------------------------------------------------

    def offer(self, method: str, body: bytes, content_type: str) -> None:
        """Send a re-INVITE or UPDATE with a description (RFC 3261 §14.1, RFC 3311)."""
        core = self.stack.core
        if self.ended or self._offer is not None or self._offered is not None or self._retry is not None:
            core.emit(OfferAnswered(self.owner.id, 491, "another offer is under way"))
            return
        self._send_offer(method, body, content_type)

    def _send_offer(self, method: str, body: bytes, content_type: str) -> None:
        self._glare = (method, body, content_type)
        extra = (("Allow", ALLOW), ("Supported", SUPPORTED), *self.timer.offer())
        draft = self.dialog.draft(method, extra, body, content_type)
        self._offer = self.dialog.send(self.stack, self, draft, contact=True)

    def _refresh(self) -> None:
        """Our turn to refresh the session (RFC 4028 §7.4): UPDATE where the peer takes it."""
        if self._offer is not None or self._offered is not None or self._retry is not None:
            return
        if "UPDATE" in self.allow:
            self._send_offer("UPDATE", b"", "")
        else:
            self._send_offer("INVITE", *self.local_body)

    def follow_line(self) -> None:
        """Our address may be another one since the peer learned it: it is told by a re-INVITE (robustness 22).

        The description names an address too, so whoever made it is asked for another.
        """
        if self.ended or not self.confirmed or not self.dialog.follow_line():
            return
        if self.local_body[0]:
            self.stack.core.emit(OfferWanted(self.owner.id, self.dialog.flow.local_host))
        else:
            self._refresh()

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
        if exchange is self._offer:
            self._offer_done(exchange, status, reason, answer)
        elif exchange in self._requests:
            request, method = self._requests.pop(exchange)
            if method == "PRACK":
                return  # its 200 may have crossed the answer, and who sent the provisional refuses the call himself
            if method == "REFER" and status >= 300:
                self.transfers.refused()
            self.stack.core.emit(InCallResponded(self.owner.id, request, status, reason))
        elif exchange.draft.method == "INVITE" and answer is not None and answer.status < 300:
            self._acknowledge_again(exchange)
        if status in (408, 481) and not self.ended:
            self.bye()
            self.owner.on_lost(status, reason)

    def _offer_done(self, exchange: Exchange, status: int, reason: str, answer: Response | None) -> None:
        core = self.stack.core
        self._offer = None
        invite = exchange.draft.method == "INVITE"
        if answer is not None and status < 300:
            self.learn(answer)
            self.dialog.refresh_target(answer)
            if exchange.problem:
                self._unreadable(exchange)
                return
            self.timer.agreed(answer)
            if invite:
                self.acknowledge(exchange, b"", "")
                self._offer_remembered(exchange)
            if exchange.draft.body:
                core.emit(OfferAnswered(self.owner.id, status, reason, answer.body, answer.content_type))
            return
        if status == 422 and answer is not None and self.timer.raise_to(answer) and self._glare is not None:
            self._send_offer(*self._glare)
        elif status == 491 and self._glare is not None and not self.ended:
            # RFC 3261 §14.1: whoever made the Call-ID waits longer.
            low, high = (2.1, 4.0) if self.dialog.local_cseq and self.owner.id >= 0 else (0.0, 2.0)
            self._retry = core.timers.start(core.now + core.ids.spread("glare", low, high), self._try_again)
        elif exchange.draft.body:
            core.emit(OfferAnswered(self.owner.id, status, reason))

    def _unreadable(self, exchange: Exchange) -> None:
        """A 2xx to our re-INVITE that is malformed: nobody can say what holds now, so the call ends."""
        self.acknowledge(exchange, b"", "")
        if exchange.draft.body:
            self.stack.core.emit(OfferAnswered(self.owner.id, 502, exchange.problem))
        if not self.ended:
            self.bye()
            self.owner.on_lost(502, exchange.problem)

    def _offer_remembered(self, exchange: Exchange) -> None:
        if exchange.draft.body:
            self.local_body = (exchange.draft.body, exchange.draft.content_type)

    def _try_again(self, _: object) -> None:
        self._retry = None
        if self._glare is None or self.ended:  # pragma: no cover - both stop the timer, or never start it
            return
        if self._offered is None:
            self._send_offer(*self._glare)
        elif self._glare[1]:
            self.stack.core.emit(OfferAnswered(self.owner.id, 491, "the peer's offer is under way"))

    def acknowledge(self, exchange: Exchange, body: bytes, content_type: str) -> None:
        """ACK the 2xx of an INVITE of ours."""
        draft = self.dialog.draft("ACK", (), body, content_type)
        self.ack_cseq = exchange.cseq
        # RFC 3261 §22.1: the very credentials of the INVITE.
        self.ack = self.dialog.send_ack(self.stack, draft, exchange.cseq, exchange.credentials)

    def _acknowledge_again(self, exchange: Exchange) -> None:
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

    def repeat(self, flow: Flow, data: bytes, cseq: int) -> None:
        """Send our 2xx until the ACK with this CSeq."""
        self._ack_awaited = cseq
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
            self._on_bye(transaction, request, flow)
        elif self.ended:
            self._reply(transaction, request, flow, 481)
        elif method in ("INVITE", "UPDATE"):
            self.on_offer(transaction, request, flow)
        elif method == "PRACK":
            self.owner.on_prack(transaction, request, flow)
        elif method in ("INFO", "MESSAGE"):
            self._reply(transaction, request, flow, 200)
            self.stack.core.emit(InCallRequest(self.owner.id, method, request))
        elif method == "OPTIONS":
            more = (("Allow", ALLOW), ("Accept", ACCEPT), ("Supported", SUPPORTED))
            self._reply(transaction, request, flow, 200, headers=more)
        elif method == "REFER" and len(request.headers.all("Refer-To")) != 1:
            self._reply(transaction, request, flow, 400)  # RFC 3515 §2.4.2
        elif method == "REFER" and self.dialog.line.account.refer == "deny":
            self._reply(transaction, request, flow, 603)
            self.stack.core.emit(InCallRequest(self.owner.id, method, request))
        elif method == "REFER":
            self.transfers.asked(transaction, request, flow)
        elif method == "NOTIFY":
            self.transfers.notified(transaction, request, flow)
        else:
            self._reply(transaction, request, flow, 405, headers=(("Allow", ALLOW),))

    def _on_bye(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        self._reply(transaction, request, flow, 200)
        ours, self._bye = self._bye, None  # both hung up at once: theirs ends it, ours needs no answer
        self.drop()
        if ours is not None:
            self.owner.on_bye_done()
        else:
            self.owner.on_bye(request)

    @property
    def offered(self) -> str:
        """The method of the request whose offer waits for the user's answer, or empty."""
        return self._offered[1].method if self._offered is not None else ""

    def on_offer(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """An INVITE or UPDATE in the dialog, or a PRACK with a description: what it offers waits for the user."""
        early = request.method == "UPDATE" and bool(request.body) and not self.described
        theirs = self.owner.id < 0  # the INVITE, and so the first offer
        unanswered = self._repeater is not None or (theirs and not self.confirmed)
        if self._offered is not None or (request.method == "INVITE" and unanswered) or (early and theirs):
            # RFC 3261 §14.2, RFC 3311 §5.2: one at a time.
            retry = f"{self.stack.core.ids.spread('retry-after', 1, 10):.0f}"
            self._reply(transaction, request, flow, 500, headers=(("Retry-After", retry),))
        elif (self._offer is not None and (request.method == "INVITE" or request.body)) or (
            early or (request.method == "INVITE" and not self.confirmed)
        ):
            self._reply(transaction, request, flow, 491)
        elif self.timer.too_small(request):
            self._reply(transaction, request, flow, 422, headers=(("Min-SE", str(self.timer.min_se)),))
        elif request.body and request.content_type != ACCEPT:
            self._reply(transaction, request, flow, 415, headers=(("Accept", ACCEPT),))
        elif request.method == "UPDATE" and not request.body:
            self.dialog.refresh_target(request)
            headers = (*self.dialog.contact_header(flow), ("Allow", ALLOW), *self._answer_timer(request))
            self._reply(transaction, request, flow, 200, headers=headers)
            self.stack.core.emit(InCallRequest(self.owner.id, "UPDATE", request))
        else:
            if request.method == "INVITE":
                self._reply(transaction, request, flow, 100)
            self._offered = (transaction, request, flow)
            self.stack.core.emit(OfferReceived(self.owner.id, request.body, request.content_type))

    def withdraw_offer(self) -> None:
        """A CANCEL of the peer's re-INVITE while it waits (RFC 3261 §9.2): 487, and all stays as it was."""
        self._refuse_offered()
        self.stack.core.emit(OfferWithdrawn(self.owner.id))

    def _answer_timer(self, request: Request) -> Headers:
        return self.timer.answer(request) if self.confirmed else ()

    def answer_offer(self, status: int, body: bytes, content_type: str, warnings: Warnings) -> None:
        """The user's answer to OfferReceived."""
        if self._offered is None:
            return
        transaction, request, flow = self._offered
        self._offered = None
        if status >= 300:
            agent = host_port(self.dialog.line.uri.host, None)
            self._reply(transaction, request, flow, status, headers=warning_headers(agent, warnings))
            return
        self.local_body = (body, content_type)
        to = response_flow(request, flow)
        headers: Headers = ()
        if request.method != "PRACK":  # which refreshes nothing (RFC 3262 §3)
            self.dialog.refresh_target(request)
            headers = (
                *self.dialog.contact_header(flow),
                ("Allow", ALLOW),
                ("Supported", SUPPORTED),
                *self._answer_timer(request),
            )
        data = response(request, to, 200, headers=headers, body=body, content_type=content_type)
        transaction.flow = to
        transaction.respond(200, data)
        if request.method == "INVITE":
            self._answer_awaited = not request.body
            self.repeat(to, data, request.cseq.number)

    def _reply(
        self, transaction: ServerTransaction, request: Request, flow: Flow, status: int, headers: Headers = ()
    ) -> None:
        to = response_flow(request, flow)
        transaction.flow = to
        transaction.respond(status, response(request, to, status, headers=headers))


def reason_cause(message: Request | Response, status: int) -> tuple[str, int]:
    """The hangup cause of a message: its Reason header's, else its status' (RFC 3326)."""
    reasons = lenient(lambda: message.reason_header)
    q850 = next((each.cause for each in reasons if each.protocol.upper() == "Q.850"), None)
    return cause_of(status, q850)
