"""Offers and answers inside an INVITE dialog: re-INVITE, UPDATE, and a PRACK with a description (RFC 3261 §14)."""

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
from sipclient.protocol.dialog import Dialog
from sipclient.protocol.events import (
    Flow,
    Headers,
    InCallRequest,
    OfferAnswered,
    OfferReceived,
    OfferWanted,
    OfferWithdrawn,
)
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.session_timer import SessionTimer
from sipclient.protocol.timers import T1, Timer
from sipclient.protocol.transaction import ServerTransaction


class OffersOwner(Protocol):
    """The dialog whose descriptions are offered and answered."""

    allow: frozenset[str]
    confirmed: bool
    described: bool
    dialog: Dialog
    ended: bool
    local_body: tuple[bytes, str]
    stack: Stack

    @property
    def timer(self) -> SessionTimer:
        """The session timer of the call."""

    @property
    def call(self) -> int:
        """The id of the call, negative for one that came in."""

    def learn(self, message: Request | Response) -> None:
        """What the peer can do."""

    def acknowledge(self, exchange: Exchange, body: bytes, content_type: str) -> None:
        """ACK the 2xx of an INVITE of ours."""

    def acknowledge_again(self, exchange: Exchange) -> None:
        """ACK a 2xx that came again."""

    @property
    def unacknowledged(self) -> bool:
        """Whether the ACK of a 2xx of ours is awaited."""

    def repeat(self, flow: Flow, data: bytes, cseq: int, *, answer_awaited: bool = False) -> None:
        """Send our 2xx until its ACK, which answers our offer where `answer_awaited`."""

    def lost(self, status: int, reason: str) -> None:
        """End what cannot go on."""


class Offers:
    """The offers of one dialog: one at a time, ours or the peer's."""

    __slots__ = ("_last", "_ours", "_retry", "_session", "_theirs", "_untold")

    def __init__(self, session: OffersOwner) -> None:
        self._session = session
        self._ours: Exchange | None = None  # our re-INVITE or UPDATE under way
        self._theirs: tuple[ServerTransaction, Request, Flow] | None = None  # the peer's, not answered yet
        self._retry: Timer | None = None  # after glare
        self._last: tuple[str, bytes, str, Headers] | None = None  # what we offered last, and how
        self._untold: Headers = ()  # what waits for its turn to be told

    @property
    def offered(self) -> str:
        """The method of the request whose offer waits for the user's answer, or empty."""
        return self._theirs[1].method if self._theirs is not None else ""

    # --- the end ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The session ends: nothing is tried again, and what the user did not answer is refused (RFC 3261 §15.1.2)."""
        self._session.stack.core.timers.stop(self._retry)
        self._refuse()

    def _refuse(self) -> None:
        if self._theirs is not None:
            transaction, request, flow = self._theirs
            self._theirs = None
            reply(transaction, request, flow, 487)

    def abandon(self) -> None:
        """What is under way is not sent again, nor what still looks for its way at all."""
        if self._ours is not None:
            self._ours.abandon()

    def tell_unanswered(self, why: str) -> None:
        """The dialog is over: what is not answered by now will not be."""
        core = self._session.stack.core
        ours, self._ours = self._ours, None
        self._untold = ()
        waiting = self._retry is not None and self._last is not None and self._last[1]
        if waiting or (ours is not None and ours.draft.body):
            core.emit(OfferAnswered(self._session.call, 481, why))
        if ours is not None:
            core.timers.start(core.now + 64 * T1, lambda _: ours.destroy())

    # --- ours ---------------------------------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        return self._ours is not None or self._theirs is not None or self._retry is not None

    def offer(self, method: str, body: bytes, content_type: str) -> None:
        """Send a re-INVITE or UPDATE with a description (RFC 3261 §14.1, RFC 3311)."""
        if self._session.ended or self._busy:
            self._session.stack.core.emit(OfferAnswered(self._session.call, 491, "another offer is under way"))
        else:
            self._send(method, body, content_type)

    def refresh(self) -> None:
        """Our turn to refresh the session (RFC 4028 §7.4): UPDATE where the peer takes it."""
        if self._busy:
            return
        if "UPDATE" in self._session.allow:
            self._send("UPDATE", b"", "")
        else:
            self._send("INVITE", *self._session.local_body)

    def tell(self, headers: Headers) -> None:
        """Tell something by headers alone, now or after the offer that is under way."""
        self._untold = headers
        self._tell_on()

    def _tell_on(self) -> None:
        session = self._session
        if not self._untold or self._busy or session.ended:
            return
        headers, self._untold = self._untold, ()
        if "UPDATE" in session.allow:
            self._send("UPDATE", b"", "", headers)
        elif session.local_body[0]:  # a re-INVITE without a description would ask for an offer
            self._send("INVITE", *session.local_body, headers)

    def tell_address(self) -> None:
        """Our address may be another one since the peer learned it: it is told by a re-INVITE (robustness 22).

        The description names an address too, so whoever made it is asked for another.
        """
        session = self._session
        if session.local_body[0]:
            session.stack.core.emit(OfferWanted(session.call, session.dialog.flow.local_host))
        else:
            self.refresh()

    def _send(self, method: str, body: bytes, content_type: str, headers: Headers = ()) -> None:
        session = self._session
        self._last = (method, body, content_type, headers)
        extra = (("Allow", ALLOW), ("Supported", SUPPORTED), *session.timer.offer(), *headers)
        draft = session.dialog.draft(method, extra, body, content_type)
        self._ours = session.dialog.send(session.stack, self, draft, contact=True)

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Nothing to do inside a dialog."""

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """No answer: RFC 3261 §12.2.1.2 ends the dialog on 408 and 481."""
        self._done(exchange, status, reason, None)

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """The answer to our offer, or once more the 2xx of one that was answered."""
        self._done(exchange, response.status, exchange.problem or response.reason, response)

    def _done(self, exchange: Exchange, status: int, reason: str, answer: Response | None) -> None:
        if exchange is self._ours:
            self._ours = None
            if answer is not None and status < 300:
                self._agreed(exchange, status, reason, answer)
            else:
                self._refused(exchange, status, reason, answer)
        elif exchange.draft.method == "INVITE" and answer is not None and answer.status < 300:
            self._session.acknowledge_again(exchange)
        if status in (408, 481):
            self._session.lost(status, reason)
        self._tell_on()

    def _agreed(self, exchange: Exchange, status: int, reason: str, answer: Response) -> None:
        session, draft = self._session, exchange.draft
        session.learn(answer)
        session.dialog.refresh_target(answer)
        if exchange.problem:
            self._unreadable(exchange)
            return
        session.timer.agreed(answer)
        if draft.method == "INVITE":
            session.acknowledge(exchange, b"", "")
            if draft.body:
                session.local_body = (draft.body, draft.content_type)
        if draft.body:
            session.stack.core.emit(OfferAnswered(session.call, status, reason, answer.body, answer.content_type))

    def _unreadable(self, exchange: Exchange) -> None:
        """A 2xx to our re-INVITE that is malformed: nobody can say what holds now, so the call ends."""
        session = self._session
        session.acknowledge(exchange, b"", "")
        if exchange.draft.body:
            session.stack.core.emit(OfferAnswered(session.call, 502, exchange.problem))
        session.lost(502, exchange.problem)

    def _refused(self, exchange: Exchange, status: int, reason: str, answer: Response | None) -> None:
        session, core = self._session, self._session.stack.core
        if status == 422 and answer is not None and session.timer.raise_to(answer) and self._last is not None:
            self._send(*self._last)
        elif status == 491 and self._last is not None and not session.ended:
            # RFC 3261 §14.1: whoever made the Call-ID waits longer.
            low, high = (2.1, 4.0) if session.dialog.local_cseq and session.call >= 0 else (0.0, 2.0)
            self._retry = core.timers.start(core.now + core.ids.spread("glare", low, high), self._try_again)
        elif exchange.draft.body:
            core.emit(OfferAnswered(session.call, status, reason))

    def _try_again(self, _: object) -> None:
        self._retry = None
        session = self._session
        if self._last is None or session.ended:  # pragma: no cover - both stop the timer, or never start it
            return
        if self._theirs is None:
            self._send(*self._last)
            return
        self._untold = self._untold or self._last[3]  # it is told once that is answered
        if self._last[1]:
            session.stack.core.emit(OfferAnswered(session.call, 491, "the peer's offer is under way"))

    # --- the peer's ---------------------------------------------------------------------------------

    def received(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """An INVITE or UPDATE in the dialog, or a PRACK with a description: what it offers waits for the user."""
        session, invite = self._session, request.method == "INVITE"
        early = request.method == "UPDATE" and bool(request.body) and not session.described
        theirs = session.call < 0  # the INVITE, and so the first offer
        unanswered = session.unacknowledged or (theirs and not session.confirmed)
        if self._theirs is not None or (invite and unanswered) or (early and theirs):
            # RFC 3261 §14.2, RFC 3311 §5.2: one at a time.
            retry = f"{session.stack.core.ids.spread('retry-after', 1, 10):.0f}"
            reply(transaction, request, flow, 500, headers=(("Retry-After", retry),))
        elif (self._ours is not None and (invite or request.body)) or early or (invite and not session.confirmed):
            reply(transaction, request, flow, 491)
        elif session.timer.too_small(request):
            reply(transaction, request, flow, 422, headers=(("Min-SE", str(session.timer.min_se)),))
        elif request.body and request.content_type != ACCEPT:
            reply(transaction, request, flow, 415, headers=(("Accept", ACCEPT),))
        elif request.method == "UPDATE" and not request.body:
            session.dialog.refresh_target(request)
            headers = (*session.dialog.contact_header(flow), ("Allow", ALLOW), *self._answer_timer(request))
            reply(transaction, request, flow, 200, headers=headers)
            session.stack.core.emit(InCallRequest(session.call, "UPDATE", request))
        else:
            if invite:
                reply(transaction, request, flow, 100)
            self._theirs = (transaction, request, flow)
            session.stack.core.emit(OfferReceived(session.call, request.body, request.content_type))

    def withdraw(self) -> None:
        """A CANCEL of the peer's re-INVITE while it waits (RFC 3261 §9.2): 487, and all stays as it was."""
        self._refuse()
        self._tell_on()
        self._session.stack.core.emit(OfferWithdrawn(self._session.call))

    def _answer_timer(self, request: Request) -> Headers:
        return self._session.timer.answer(request) if self._session.confirmed else ()

    def answer(self, status: int, body: bytes, content_type: str, warnings: Warnings) -> None:
        """The user's answer to OfferReceived."""
        if self._theirs is None:
            return
        session = self._session
        transaction, request, flow = self._theirs
        self._theirs = None
        if status >= 300:
            agent = host_port(session.dialog.line.uri.host, None)
            reply(transaction, request, flow, status, headers=warning_headers(agent, warnings))
            self._tell_on()
            return
        session.local_body = (body, content_type)
        to = response_flow(request, flow)
        headers: Headers = ()
        if request.method != "PRACK":  # which refreshes nothing (RFC 3262 §3)
            session.dialog.refresh_target(request)
            contact = session.dialog.contact_header(flow)
            headers = (*contact, ("Allow", ALLOW), ("Supported", SUPPORTED), *self._answer_timer(request))
        data = response(request, to, 200, headers=headers, body=body, content_type=content_type)
        transaction.flow = to
        transaction.respond(200, data)
        if request.method == "INVITE":
            session.repeat(to, data, request.cseq.number, answer_awaited=not request.body)
        self._tell_on()


def reply(transaction: ServerTransaction, request: Request, flow: Flow, status: int, headers: Headers = ()) -> None:
    """Answer a request in a dialog without a description."""
    to = response_flow(request, flow)
    transaction.flow = to
    transaction.respond(status, response(request, to, status, headers=headers))
