"""A call of ours: INVITE as its client (RFC 3261 §13.2), with forks, 100rel, CANCEL and its race."""

from __future__ import annotations

from typing import Final, Protocol

from sipclient.message import Request, Response, quote
from sipclient.protocol.backoff import RAISES
from sipclient.protocol.build import ALLOW, SUPPORTED, Draft, Warnings, one_line, response, response_flow, routed
from sipclient.protocol.causes import NO_ANSWER, NORMAL_CLEARING, cause_of
from sipclient.protocol.checks import redirections
from sipclient.protocol.dialog import Ack, Dialog, Dialogs, contact_of, route_set
from sipclient.protocol.events import (
    Answered,
    CallEnded,
    Calling,
    Flow,
    Headers,
    Invite,
    OfferAnswered,
    Redirected,
    Ringing,
)
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.line import Line
from sipclient.protocol.session import Session, reason_cause, said_cause
from sipclient.protocol.timers import T1, Timer
from sipclient.protocol.transaction import ServerTransaction

NEWS = 180.0  # seconds after the last provisional response; who still rings says so every minute (RFC 3261 §13.3.1.1)
REDIRECTS = 5  # how many 3xx one call follows
_NOT_OVER: Final[dict[str, Ack]] = {}


class Registry(Protocol):
    """Where the engine keeps its calls."""

    def call_ended(self, id: int) -> None:
        """Forget a call."""

    def hang_up(self, id: int) -> None:
        """Another call has taken the place of this one (RFC 3891 §3)."""


class OutgoingCall:
    """From `Invite` to CallEnded."""

    __slots__ = (
        "_called", "_cancel_headers", "_cseq", "_ended", "_exchange", "_failure", "_forks", "_guard", "_invite",
        "_late", "_limit", "_min_se", "_moved", "_over", "_raised", "_redirects", "_registry", "_session",
        "_silent_at", "_stack", "_target", "_wanted", "call_id", "dialogs", "id", "line", "tag",
    )  # fmt: skip

    def __init__(self, stack: Stack, dialogs: Dialogs, line: Line, registry: Registry, invite: Invite) -> None:
        core = stack.core
        self._stack = stack
        self.dialogs = dialogs
        self.line = line
        self._registry = registry
        self._invite = invite
        self.id = invite.id
        self.call_id = f"{invite.call_id or core.ids.token('call-id')}-{line.call_mark}"
        self.tag = core.ids.token("tag")
        self._target = line.target_uri(invite.to)
        self._cseq = 0
        self._forks: dict[str, Session] = {}
        self._session: Session | None = None  # the one that was answered
        # Once the call has ended: what answers the 2xx that come again, by To tag.
        self._over: dict[str, Ack] = _NOT_OVER
        self._late: Exchange | None = None  # answered with an offer: its ACK waits for our answer
        self._exchange: Exchange | None = None
        self._failure: tuple[int, tuple[str, int], str, str] | None = None  # how it will end once CANCEL is done
        self._cancel_headers: Headers = ()
        self._ended = False
        self._called = False
        self._moved: tuple[int, tuple[str, int], str, str] | None = None  # how it ends unless a 3xx is followed
        self._redirects = 0
        self._wanted = invite.session_expires
        self._min_se = 0
        self._raised = 0  # how often a 422 was followed
        self._silent_at = 0.0
        self._guard: Timer | None = None
        self._limit: Timer | None = None
        seconds = invite.timeout
        if seconds > 0:
            self._limit = core.timers.start(core.now + seconds, self._too_long)

    def start(self) -> None:
        """Send the INVITE as soon as there is a flow."""
        invite, line = self._invite, self.line
        identity = line.identities.of(invite.caller_id, private=invite.private)
        timer: Headers = (("Session-Expires", str(int(self._wanted))),) if self._wanted else ()
        if self._min_se:
            timer = (*timer, ("Min-SE", str(self._min_se)))
        body = invite.body
        extra = (
            *identity.headers,
            ("Allow", ALLOW),
            # RFC 3262 §5: without an offer of ours a reliable provisional may bring one, and its PRACK must answer.
            ("Supported", SUPPORTED if body else "timer"),
            *timer,
            ("User-Agent", line.account.user_agent or self._stack.core.product),
            *invite.headers,
        )
        uri, routes = routed(self._target, line.service_routes)
        draft = Draft(
            "INVITE",
            uri,
            f"{identity.from_value};tag={self.tag}",
            f"<{self._target}>",
            self.call_id,
            routes=routes,
            extra=extra,
            body=body,
            content_type=invite.content_type,
        )
        self._exchange = Exchange(self._stack, line, draft, self, self._next_cseq, decorate=self._leaving)
        self._exchange.start(invite.flow)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _leaving(self, flow: Flow) -> Headers:
        if not self._called:
            self._called = True
            self._stack.core.emit(Calling(self.id, self.call_id))
        return self.line.contact(flow)

    # --- the answer ---------------------------------------------------------------------------------

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """18x and the like; a 100 too, which tells nothing but lets a CANCEL leave (RFC 3261 §9.1)."""
        if self._failure is not None:
            exchange.cancel(self._cancel_headers)
            self._give_cancel_time()
        elif not self._invite.timeout:
            core = self._stack.core
            self._silent_at = core.now + NEWS
            if self._limit is None:
                self._limit = core.timers.start(self._silent_at, self._no_news)
        if response.status == 100:
            return
        tag = response.to_tag
        if tag:
            session = self._fork(exchange, response, tag)
            if session is not None and "require" in response.headers.index and "100rel" in response.require:
                session.described = session.described or bool(response.body)
                session.prack(response)
        if self._failure is None:
            core = self._stack.core
            body, kind = response.body, response.content_type
            core.emit(Ringing(self.id, response.status, response.reason, body, kind, response))

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """The call was answered, or refused."""
        if response.status < 300:
            self._answered(exchange, response)
            return
        status = response.status
        if self._failure is not None:
            self._end(*self._failure)
        elif status < 400 and (contacts := redirections(response.contacts)) and self._redirects < REDIRECTS:
            self._drop_forks()
            self._moved = (status, reason_cause(response, status), response.reason, "remote")
            self._stack.core.emit(Redirected(self.id, status, contacts))
        elif status == 422 and response.min_se and response.min_se > max(self._min_se, 89):
            self._raise_to(response.min_se)
        else:
            reason = exchange.problem or response.reason
            self._end(status, reason_cause(response, status), reason, "remote")

    def _raise_to(self, min_se: int) -> None:
        """A 422 (RFC 4028 §7.3): ask for a session interval that is long enough."""
        self._drop_forks()
        self._raised += 1
        if self._raised > RAISES:
            self._end(422, cause_of(422), "the PBX demands a longer session interval each time", "remote")
            return
        self._min_se = min_se
        self._wanted = max(self._wanted, float(min_se))
        self.start()

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """Nobody answered the INVITE."""
        failure = self._failure or (
            0,
            cause_of(status) if status == 408 else cause_of(502),
            reason,
            "network",
        )
        self._end(*failure)

    def follow(self, to: str) -> None:
        """Try where a 3xx pointed (RFC 3261 §8.1.3.4)."""
        if self._moved is None or self._ended:
            return
        self._moved = None
        self._redirects += 1
        self._target = to
        self.start()

    def _fork(self, exchange: Exchange, response: Response, tag: str) -> Session | None:
        """The early (or confirmed) dialog of a To tag (RFC 3261 §12.1.2)."""
        session = self._forks.get(tag)
        flow = exchange.flow
        if session is None and flow is not None and len(self._forks) < self._stack.core.limits.early_dialogs:
            draft = exchange.draft
            dialog = Dialog(
                self.line,
                flow,
                call_id=self.call_id,
                local=draft.from_,
                local_tag=self.tag,
                remote=response.headers.index["to"].strip(" \t"),
                remote_tag=tag,
                remote_target=contact_of(response) or self._target,
                routes=route_set(response, reverse=True),
                local_cseq=exchange.cseq,
            )
            session = Session(self._stack, self.dialogs, self, dialog, session_expires=self._wanted)
            self._forks[tag] = session
        if session is not None:
            session.learn(response)
        return session

    def _answered(self, exchange: Exchange, response: Response) -> None:
        tag = response.to_tag
        over = self._over.get(tag)
        if over is not None:
            over.again()
            return
        kept = self._session
        if kept is not None and kept.dialog.remote_tag == tag:
            if kept.ack is not None:
                kept.ack.again()
            return
        self._make_room(tag)
        session = self._fork(exchange, response, tag)
        if session is None:
            return
        if exchange.problem and self._failure is None and kept is None:
            self._failure = (0, cause_of(502), exchange.problem, "network")
        if kept is not None or self._ended or self._failure is not None:
            # A second fork answered, or the 200 crossed our CANCEL: ACK, then BYE (RFC 3261 §13.2.2.4, §15).
            if session.ack is None:
                session.confirmed = True
                self._confirm(session, exchange, response)
                session.acknowledge(exchange, b"", "")
                session.bye()
                if self._failure is not None and not self._ended and self._session is None:
                    self._session = session
            else:
                session.ack.again()
            return
        self._session = session
        self._confirm(session, exchange, response)
        self._stop_timers()
        session.local_body = (self._invite.body, self._invite.content_type)
        session.agree(response)
        for other in [other for other in self._forks if other != tag]:
            self._forks.pop(other).drop()
        core = self._stack.core
        if not self._invite.body and response.body:
            self._late = exchange
            core.emit(Answered(self.id, response, response.body, response.content_type, offer=True))
            return
        session.acknowledge(exchange, b"", "")
        core.emit(Answered(self.id, response, response.body, response.content_type))
        session.follow_line()

    def _make_room(self, tag: str) -> None:
        """A 2xx must be acknowledged, however many branches rang before."""
        if tag not in self._forks and len(self._forks) >= self._stack.core.limits.early_dialogs:
            early = next((tag for tag, session in self._forks.items() if not session.confirmed), None)
            if early is not None:
                self._forks.pop(early).drop()

    @staticmethod
    def _confirm(session: Session, exchange: Exchange, response: Response) -> None:
        """The 2xx decides the route set and the remote target (RFC 3261 §13.2.2.4)."""
        session.confirmed = session.described = True
        dialog = session.dialog
        dialog.routes = route_set(response, reverse=True)
        dialog.local_cseq = max(dialog.local_cseq, exchange.cseq)
        dialog.refresh_target(response)

    # --- the user -----------------------------------------------------------------------------------

    def hangup(self, headers: Headers) -> None:
        """CANCEL or BYE, whichever fits."""
        usual = NORMAL_CLEARING if self._session else cause_of(487)
        self._stop_with(0, said_cause(headers, usual), "", "local", headers)

    def _too_long(self, _: object) -> None:
        self._limit = None
        reason = 'Q.850;cause=19;text="NO_ANSWER"'
        text = f"not answered within {self._invite.timeout:g} seconds"
        self._stop_with(0, NO_ANSWER, text, "timeout", (("Reason", reason),))

    def _no_news(self, _: object) -> None:
        core = self._stack.core
        if core.now < self._silent_at:  # there was some meanwhile
            self._limit = core.timers.start(self._silent_at, self._no_news)
            return
        self._limit = None
        self._stop_with(0, cause_of(408), f"nothing was heard of the call for {NEWS:.0f} seconds", "timeout", ())

    def _stop_with(self, status: int, cause: tuple[str, int], reason: str, by: str, headers: Headers) -> None:
        if self._moved is not None:
            self._end(*self._moved)
            return
        if self._session is not None:
            if not self._session.ended:
                if self._late is not None:
                    self._session.acknowledge(self._late, b"", "")
                    self._late = None
                self._failure = (200, cause, reason, by)
                self._session.bye(headers)
            return
        if self._failure is not None:
            return
        self._failure = (status, cause, reason, by)
        self._cancel_headers = headers
        exchange = self._exchange
        if exchange is None or exchange.abandon():
            self._end(*self._failure)
        elif exchange.provisional:
            exchange.cancel(headers)
            self._give_cancel_time()
        # else: RFC 3261 §9.1, the CANCEL waits for the first provisional response

    def _give_cancel_time(self) -> None:
        core = self._stack.core
        if self._guard is None:
            self._guard = core.timers.start(core.now + 64 * T1, self._cancel_ignored)

    def _cancel_ignored(self, _: object) -> None:
        if self._failure is not None and self._exchange is not None:  # pragma: no branch - or the guard were not set
            self._exchange.destroy()
            self._end(*self._failure)

    def answer_offer(self, status: int, body: bytes, content_type: str, warnings: Warnings) -> None:
        """The answer to a late offer goes with the ACK, else to the peer's re-offer."""
        session = self._session
        if session is None:
            return
        if self._late is None:
            session.offers.answer(status, body, content_type, warnings)
            return
        exchange, self._late = self._late, None
        session.local_body = (body, content_type)
        session.acknowledge(exchange, body if status < 300 else b"", content_type)
        if status < 300:
            session.follow_line()
        if status >= 300:
            words = one_line("; ".join(text for _, text in warnings))
            reason = f"SIP;cause={status};text={quote(words)}" if words else f"SIP;cause={status}"
            self._failure = (status, cause_of(status), words, "local")
            session.bye((("Reason", reason),))

    def follow_line(self) -> None:
        """Our address is another one: whom we talk to is told; who still rings, when it answers."""
        if self._session is not None and self._late is None:
            self._session.follow_line()

    def offer(self, method: str, body: bytes, content_type: str) -> None:
        """Offer a new description in the call."""
        if self._session is not None:
            self._session.offers.offer(method, body, content_type)
        else:
            self._stack.core.emit(OfferAnswered(self.id, 481, "the call is not answered"))

    @property
    def talking(self) -> Session | None:
        """The dialog of the answered call, None where there is none."""
        return self._session if self._session is not None and not self._session.ended else None

    def request(self, request: int, method: str, headers: Headers, body: bytes, content_type: str) -> bool:
        """Send a request in the dialog; False where there is none."""
        session = self._session
        if session is None or session.ended:
            return False
        session.request(request, method, headers, body, content_type)
        return True

    # --- the dialog speaks --------------------------------------------------------------------------

    def on_bye(self, request: Request) -> None:
        """The peer hung up; of branches that ring the last one counts."""
        cause = reason_cause(request, 200)
        if self._session is not None:
            self._end(200, cause, "", "remote")
        elif all(each.ended for each in self._forks.values()):
            self._stop_with(0, cause, "", "remote", ())

    def on_bye_done(self) -> None:
        """Our BYE is through: of the call, or of a fork nobody wanted."""
        if self._failure is not None and self._session is not None and self._session.ended:
            self._end(*self._failure)

    def on_lost(self, status: int, reason: str) -> None:
        """The dialog died; a BYE is on its way."""
        self._failure = (200, cause_of(status), reason, "network")

    def on_prack(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """We send no reliable provisionals here, so there is nothing to acknowledge (RFC 3262 §3)."""
        to = response_flow(request, flow)
        transaction.respond(481, response(request, to, 481))

    def on_session_ack(self, request: Request) -> None:
        """The ACK of our 2xx to a re-INVITE: nothing to tell."""

    def _stop_timers(self) -> None:
        timers = self._stack.core.timers
        timers.stop(self._limit)
        timers.stop(self._guard)
        self._limit = self._guard = None

    def _drop_forks(self) -> None:
        for session in self._forks.values():
            if not session.confirmed:
                session.drop()
        self._forks = {tag: session for tag, session in self._forks.items() if session.confirmed}

    def _end(self, status: int, cause: tuple[str, int], reason: str, by: str) -> None:
        if self._ended:  # pragma: no cover - nothing that ends a call is left then; to tell it twice would be worse
            return
        self._ended = True
        self._stop_timers()
        answered = self._session is not None and status == 200
        self._drop_forks()
        name, q850 = cause
        self._stack.core.emit(CallEnded(self.id, status, name, q850, reason, by, answered))
        self._registry.call_ended(self.id)
        # The INVITE's transaction lives on for half a minute. Of the call it needs no more than this, and what knows
        # each other here would be left to the garbage collector.
        self._over = {tag: each.ack for tag, each in self._forks.items() if each.ack is not None}
        self._forks = {}
        self._session = self._exchange = None
