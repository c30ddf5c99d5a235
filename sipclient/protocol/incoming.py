"""Somebody calls us: INVITE as its server (RFC 3261 §13.3), with reliable provisionals and CANCEL."""

from __future__ import annotations

from sipclient.message import Request
from sipclient.protocol.build import ACCEPT, ALLOW, SUPPORTED, Warnings, response, response_flow
from sipclient.protocol.causes import NORMAL_CLEARING, cause_of
from sipclient.protocol.dialog import Dialog, Dialogs, contact_of, route_set
from sipclient.protocol.events import (
    Answer,
    Answered,
    CallEnded,
    Flow,
    Headers,
    IncomingCall,
    OfferAnswered,
    Reject,
    Ring,
)
from sipclient.protocol.exchange import Stack
from sipclient.protocol.line import Line
from sipclient.protocol.outgoing import Registry
from sipclient.protocol.repeater import Repeater
from sipclient.protocol.session import Session, reason_cause, said_cause
from sipclient.protocol.timers import Timer
from sipclient.protocol.transaction import ServerTransaction

PATIENCE = 180.0  # seconds an unanswered call may ring before it is refused
SESSION_EXPIRES = 1800.0  # seconds, asked for in our own refreshes
REMINDER = 60.0  # RFC 3261 §13.3.1.1: a provisional at least every minute keeps proxies from giving up


class IncomingInvite:
    """From IncomingCall to CallEnded."""

    __slots__ = (
        "_acked", "_answered", "_bye_headers", "_described", "_ended", "_ending", "_flow", "_held", "_late",
        "_patience", "_provisional", "_registry", "_reliable", "_reminder", "_replaces", "_request", "_rseq", "_stack",
        "_transaction", "id", "line", "session",
    )  # fmt: skip

    def __init__(
        self,
        stack: Stack,
        dialogs: Dialogs,
        line: Line,
        registry: Registry,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
        replaces: int | None = None,
    ) -> None:
        core = stack.core
        self._stack = stack
        self._replaces = replaces  # the call whose place this one takes
        self.line = line
        self._registry = registry
        self.id = core.next_id()
        self._transaction = transaction
        self._request = request
        self._flow = response_flow(request, flow)
        transaction.flow = self._flow
        transaction.owner = self
        self._answered = False
        self._acked = False
        self._ended = False
        self._ending: tuple[tuple[str, int], str, str] | None = None
        self._bye_headers: Headers = ()
        self._late = not request.body
        self._rseq = 0
        # The reliable provisional not yet acknowledged: its RSeq, and whether it describes something.
        self._reliable: tuple[Repeater, int, bool] | None = None
        self._held: Answer | None = None  # waits for the PRACK of that
        self._described = False  # whether a reliable provisional brought our answer to its offer
        self._provisional = b""
        dialog = Dialog(
            line,
            flow,
            call_id=request.call_id,
            local=f"{request.headers.get('To') or ''};tag={core.ids.token('tag')}",
            local_tag="",
            remote=request.headers.get("From") or "",
            remote_tag=request.from_tag,
            remote_target=contact_of(request),
            routes=route_set(request, reverse=False),
            local_cseq=0,
            remote_cseq=request.cseq.number,
        )
        dialog.local_tag = dialog.local.rpartition(";tag=")[2]
        self.session = Session(stack, dialogs, self, dialog, session_expires=SESSION_EXPIRES)
        self.session.learn(request)
        patience = min(float(request.expires or PATIENCE), PATIENCE)
        self._patience: Timer | None = core.timers.start(core.now + patience, self._too_long)
        self._reminder: Timer | None = core.timers.start(core.now + REMINDER, self._remind)
        self._respond(100)
        core.emit(IncomingCall(self.id, line.account.key, request, flow, replaces))

    # --- the user -----------------------------------------------------------------------------------

    def ring(self, command: Ring) -> None:
        """A provisional response (RFC 3261 §13.3.1.1), reliable where asked and possible (RFC 3262 §3)."""
        if self._answered or self._ended or self._held is not None or not 101 <= command.status <= 199:
            return
        request = self._request
        reliable = "100rel" in request.require or (command.reliable and "100rel" in request.supported)
        if reliable and self._late:
            # RFC 3262 §5: without an offer in the INVITE, the first reliable answer must bring ours: that is the 200.
            if "100rel" in request.require:
                return
            reliable = False
        if reliable and self._reliable is not None:
            return  # RFC 3262 §3: the next reliable one waits for the PRACK of the last
        headers: Headers = (*self._contact(), ("Allow", ALLOW), *command.headers)
        if reliable:
            self._rseq = self._rseq + 1 if self._rseq else 1 + int(self._stack.core.ids.spread("rseq", 0, 2**30))
            headers = (*headers, ("Require", "100rel"), ("RSeq", str(self._rseq)))
        data = self._respond(command.status, command.reason, headers, command.body, command.content_type)
        if reliable:
            # RFC 3262 §3: doubling without a cap until 64·T1.
            repeater = Repeater(self._stack, self._flow, data, self._never_pracked, top=64.0)
            self._reliable = (repeater, self._rseq, bool(command.body))
            self._described = self._described or bool(command.body)
        else:
            self._provisional = data

    def answer(self, command: Answer) -> None:
        """200 (RFC 3261 §13.3.1.4), again and again until its ACK."""
        if self._answered or self._ended:
            return
        if (self._reliable is not None and self._reliable[2]) or self.session.offered == "PRACK":
            self._held = command  # RFC 3262 §3: no 2xx before the PRACK of a provisional with a description
            return
        self._answered = True
        self._stop_timers()
        session = self.session
        session.confirmed = session.described = True
        session.local_body = (command.body, command.content_type)
        headers: Headers = (
            *self._contact(),
            ("Allow", ALLOW),
            ("Supported", SUPPORTED),
            *session.timer.answer(self._request),
            *command.headers,
        )
        data = self._respond(200, "", headers, command.body, command.content_type)
        session.repeat(self._flow, data, self._request.cseq.number)
        if self._replaces is not None:
            self._registry.hang_up(self._replaces)

    def reject(self, command: Reject) -> None:
        """Refuse it."""
        if not self._answered and not self._ended and command.status >= 300:
            self._respond(command.status, command.reason, command.headers)
            self._end(command.status, said_cause(command.headers, cause_of(command.status)), command.reason, "local")

    def hangup(self, headers: Headers) -> None:
        """Refuse what rings (603), BYE what was answered: after its ACK, or once that cannot come (RFC 3261 §15)."""
        if not self._answered:
            self.reject(Reject(self.id, 603, headers=headers))
            return
        if self._ending is None:
            self._ending = (said_cause(headers, NORMAL_CLEARING), "", "local")
            self._bye_headers = headers
            if self._acked:
                self.session.bye(headers)

    def follow_line(self) -> None:
        """Our address is another one: whom we talk to is told; who still waits, once it acknowledged our answer."""
        if self._acked:
            self.session.follow_line()

    def offer(self, method: str, body: bytes, content_type: str) -> None:
        """Offer a new description in the call."""
        if self._acked:
            self.session.offers.offer(method, body, content_type)
        else:
            self._stack.core.emit(OfferAnswered(self.id, 481, "the call is not answered"))

    def answer_offer(self, status: int, body: bytes, content_type: str, warnings: Warnings) -> None:
        """The answer to the peer's new description."""
        self.session.offers.answer(status, body, content_type, warnings)
        self._answer_held()

    @property
    def talking(self) -> Session | None:
        """The dialog of the answered call, None where there is none."""
        return self.session if self._acked and not self._ended and not self.session.ended else None

    def request(self, request: int, method: str, headers: Headers, body: bytes, content_type: str) -> bool:
        """Send a request in the dialog; False where that is not possible."""
        if self._ended or not self._acked or self.session.ended:
            return False
        self.session.request(request, method, headers, body, content_type)
        return True

    # --- the network --------------------------------------------------------------------------------

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Some peers ACK a 2xx with the INVITE's branch: it counts all the same."""
        self.session.on_ack(ack)

    def on_cancel(self, transaction: ServerTransaction, cancel: Request) -> None:
        """The caller gave up (RFC 3261 §9.2)."""
        self._respond(487)
        name, q850 = reason_cause(cancel, 487)
        self._end(487, (name, q850), "", "remote")

    def on_failure(self, transaction: ServerTransaction, reason: str) -> None:
        """The caller's stream closed while it waits: no answer reaches it any more, and it knows (RFC 3261 §17.2.4).

        A datagram that was refused proves nothing: the next one may be taken.
        """
        if self._flow.reliable and not self._answered and not self._ended:
            self._respond(503)
            self._end(0, cause_of(502), reason, "network")

    def on_session_ack(self, request: Request) -> None:
        """Our 200, or our 2xx to a re-INVITE, was acknowledged."""
        if self._acked:
            return
        self._acked = True
        if self._ending is not None:
            self.session.bye(self._bye_headers)
            return
        body = request.body if self._late else b""
        self._stack.core.emit(Answered(self.id, None, body, request.content_type if body else ""))
        self.session.follow_line()

    def on_prack(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """RFC 3262 §3: the PRACK of a reliable provisional stops its retransmission; it may cross our 200."""
        to = response_flow(request, flow)
        rack = request.rack
        waiting = self._reliable
        matches = rack is not None and waiting is not None and rack[0] == waiting[1]
        if waiting is None or not matches or rack is None or rack[1] != self._request.cseq.number:
            transaction.respond(481, response(request, to, 481))
            return
        waiting[0].stop()
        self._reliable = None
        self.session.described = self._described
        if request.body and self._described and not self._answered:
            self.session.offers.received(transaction, request, flow)  # RFC 3262 §5: the 200 to the PRACK must answer it
        else:
            transaction.respond(200, response(request, to, 200))
        self._answer_held()

    def _answer_held(self) -> None:
        held = self._held
        if held is not None and self.session.offered != "PRACK":
            self._held = None
            self.answer(held)

    def on_bye(self, request: Request) -> None:
        """The peer hung up; in an early dialog its INVITE still wants an answer (RFC 3261 §15.1.2)."""
        if not self._answered:
            self._respond(487)
        self._end(200 if self._answered else 487, reason_cause(request, 200), "", "remote")

    def on_bye_done(self) -> None:
        """Our BYE is through."""
        cause, reason, by = self._ending or (NORMAL_CLEARING, "", "local")
        self._end(200, cause, reason, by)

    def on_lost(self, status: int, reason: str) -> None:
        """The dialog died; a BYE is on its way."""
        self._ending = self._ending or (cause_of(status), reason, "network")

    def _never_pracked(self) -> None:
        # RFC 3262 §3: refuse the INVITE.
        self.reject(Reject(self.id, 504, "No PRACK"))

    def _too_long(self, _: object) -> None:
        self._patience = None
        expired = self._request.expires or PATIENCE
        status, reason = (487, "Expired") if expired < PATIENCE else (480, "Not answered")  # RFC 3261 §13.3.1
        self.reject(Reject(self.id, status, reason))

    def _remind(self, _: object) -> None:
        core = self._stack.core
        self._reminder = core.timers.start(core.now + REMINDER, self._remind)
        if self._provisional:
            self._transaction.respond(180, self._provisional)

    # --- writing ------------------------------------------------------------------------------------

    def _contact(self) -> Headers:
        return self.line.contact(self.session.dialog.flow)

    def _respond(
        self, status: int, reason: str = "", headers: Headers = (), body: bytes = b"", content_type: str = ""
    ) -> bytes:
        data = response(
            self._request,
            self._flow,
            status,
            reason,
            to_tag=self.session.dialog.local_tag,
            headers=headers,
            body=body,
            content_type=content_type or ACCEPT,
        )
        self._transaction.respond(status, data)
        return data

    def _stop_timers(self) -> None:
        timers = self._stack.core.timers
        timers.stop(self._patience)
        timers.stop(self._reminder)
        self._patience = self._reminder = None
        if self._reliable is not None:
            self._reliable[0].stop()

    def _end(self, status: int, cause: tuple[str, int], reason: str, by: str) -> None:
        self._ended = True
        self._stop_timers()
        self.session.drop()
        name, q850 = cause
        self._stack.core.emit(CallEnded(self.id, status, name, q850, reason, by, self._answered))
        self._registry.call_ended(self.id)
