"""One subscription of ours (RFC 6665 §4.1): made, refreshed, made anew when it is lost, ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from sipclient.message import Request, Response
from sipclient.message.memo import Memo
from sipclient.protocol.again import AFTER_REASON, AT_ONCE, NOT, SLOWLY, SOON, Again
from sipclient.protocol.backoff import RAISES
from sipclient.protocol.build import Draft, response, routed
from sipclient.protocol.dialog import Dialog, Dialogs, contact_of, route_set
from sipclient.protocol.events import Flow, Headers
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.lifetime import Lifetime
from sipclient.protocol.line import Line
from sipclient.protocol.timers import T1
from sipclient.protocol.transaction import ServerTransaction
from sipclient.protocol.window import Window

STEADY: Final = 30.0  # seconds a subscription must live before its end counts as the first one again
EXPIRES_MOST: Final = 7 * 86400


class Subscriber(Protocol):
    """Who wants the NOTIFYs."""

    def on_notify(self, subscription: Subscription, request: Request) -> int:
        """Take a NOTIFY's body, empty ones too; the status it is answered with (200, 400, 415)."""

    def on_lost(self, subscription: Subscription, status: int, reason: str, retry_in: float) -> None:
        """The subscription is gone; it comes back after `retry_in` seconds, never where that is negative."""

    def on_renewed(self, subscription: Subscription) -> None:
        """A new subscription takes the place of this one; what its bodies said so far still holds."""


class Subscription:
    """A SUBSCRIBE usage with at most one dialog: the first NOTIFY's (or the 2xx's); forks beyond it get 481."""

    __slots__ = (
        "_again", "_cseq", "_dialogs", "_end", "_exchange", "_life", "_missing", "_on_gone", "_raised", "_renewed",
        "_since", "_unsubscribing", "accept", "call_id", "dialog", "expires", "line", "owner", "package", "refused",
        "stack", "tag", "target", "window",
    )  # fmt: skip

    def __init__(
        self,
        stack: Stack,
        dialogs: Dialogs,
        line: Line,
        owner: Subscriber,
        *,
        target: str,
        package: str,
        accept: str,
        expires: float,
        window: Window,
    ) -> None:
        self.stack = stack
        self._dialogs = dialogs
        self.line = line
        self.owner = owner
        self.target = target
        self.package = package
        self.accept = accept
        self.expires = expires
        self.window = window
        self.call_id = ""
        self.tag = ""
        self.dialog: Dialog | None = None
        self._cseq = 0
        self._exchange: Exchange | None = None
        self._life = Lifetime(stack.core, self._due, self._expired)
        self._end = False
        self._unsubscribing = False  # whether the SUBSCRIBE under way is the one that ends it
        self._on_gone: Callable[[], None] | None = None
        self._since = 0.0
        self._renewed = -STEADY
        self._again = Again(stack.core, line.account.keepalive)
        self._raised = 0  # how often in a row a 423 was followed
        self.refused = False  # whether it was lost because the notifier said no to this very subscription
        self._missing = False  # something the notifier said, since the SUBSCRIBE under way left

    @property
    def state(self) -> str:
        """`active`: the notifier holds it; `asking`: a SUBSCRIBE is under way; `refused`: the notifier said no;
        `waiting`: for its turn, or for the next try."""
        if self.dialog is not None:
            return "active"
        if self._exchange is not None:
            return "asking"
        return "refused" if self.refused else "waiting"

    # --- asking -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Ask, or ask for more time, as soon as the window has room."""
        self.window.enter(self)

    def start_afresh(self) -> None:
        """The server is back: ask, whatever ended before. That it was away is no reason to make it wait."""
        self._again.come_back()
        self.start()

    def ask_for_all(self) -> None:
        """Something the notifier said is missing: a refresh brings the full state (RFC 6665 §4.2.1.4).

        The SUBSCRIBE under way may have brought its own before that, so it does not count.
        """
        if self._exchange is None:
            self.start()
        else:
            self._missing = True

    def proceed(self) -> None:
        """There is room: refresh what lives (a PBX that restarted answers 481 and is asked anew), else subscribe."""
        if self._exchange is not None:
            self.window.done(self)
        elif self.dialog is not None:
            self._life.ask_no_more()
            self._in_dialog(self.expires)
        else:
            self._subscribe()

    def _subscribe(self) -> None:
        """Ask with a fresh Call-ID and tag."""
        self._forget()
        ids = self.stack.core.ids
        self.call_id, self.tag = ids.token("call-id"), ids.token("tag")
        self._cseq = 0
        self._dialogs.expect(self.call_id, self.tag, self)
        uri, routes = routed(self.target, self.line.service_routes)
        draft = Draft(
            "SUBSCRIBE",
            uri,
            self.line.from_value(self.tag),
            f"<{self.target}>",
            self.call_id,
            routes=routes,
            extra=self._headers(self.expires),
        )
        self._exchange = Exchange(self.stack, self.line, draft, self, self._next_cseq, decorate=self._contact).start()

    def end(self, on_gone: Callable[[], None]) -> None:
        """Un-subscribe (RFC 6665 §4.1.2.3), then call back."""
        self._end = True
        self._on_gone = on_gone
        self._life.ask_no_more()
        if self._exchange is None or self._exchange.abandon():
            self._unsubscribe()
        # else: its answer says whether there is something to end

    def _unsubscribe(self) -> None:
        if self.dialog is None or self._unsubscribing:
            self._gone()
        else:
            self._unsubscribing = True
            self._in_dialog(0.0)

    def _in_dialog(self, expires: float) -> None:
        self._missing = False
        dialog = self.dialog
        if dialog is not None:  # pragma: no branch - who asks in a dialog has one
            dialog.follow_line()
            draft = dialog.draft("SUBSCRIBE", self._headers(expires))
            self._exchange = dialog.send(self.stack, self, draft, contact=True)

    def _headers(self, expires: float) -> Headers:
        return (
            ("Event", self.package),
            ("Accept", self.accept),
            ("Expires", str(int(expires))),
            ("User-Agent", self.line.account.user_agent or self.stack.core.product),
        )

    def _contact(self, flow: Flow) -> Headers:
        return self.line.contact(flow)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    # --- the answer to SUBSCRIBE --------------------------------------------------------------------

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Nothing to do."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """The notifier answered a SUBSCRIBE."""
        if exchange is not self._exchange:
            return
        self._exchange = None
        self.window.done(self)
        status = response.status
        if status < 300:
            self._accepted(exchange, response)
            if self._missing:  # it was not asked for by an un-SUBSCRIBE
                self.start()
        elif self._end and status == 481:
            self._gone()
        elif self._end:
            self._unsubscribe()
        elif status == 423 and response.min_expires and self.expires < response.min_expires <= EXPIRES_MOST:
            self.expires = float(response.min_expires)
            self._raised += 1
            if self._raised <= RAISES:
                self.start()
            else:
                self._raised = 0
                self._lost(status, "the PBX demands a longer subscription each time", SLOWLY)
        elif status == 481:
            # RFC 6665 §4.1.2.2: the subscription is gone there; ask anew, at once.
            self._lost(status, response.reason, AT_ONCE)
        elif self.dialog is not None and (status in (408, 480, 500) or status > 500):
            # One failed refresh does not end what was granted: try again within it.
            self._later(float(min(response.retry_after or 0, 3600)))
        elif status in (403, 404, 405, 410, 489, 501, 603, 604) or 400 <= status < 408:
            self._lost(status, exchange.problem or response.reason, SLOWLY)
        else:
            self._lost(status, response.reason, SOON, float(min(response.retry_after or 0, 3600)))

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """Nobody answered a SUBSCRIBE."""
        if exchange is not self._exchange:
            return
        self._exchange = None
        self.window.done(self)
        if self._end:
            self._gone()
        elif self.dialog is not None:
            self._later(0.0)
        else:
            self._lost(0, reason, SOON)  # RFC 3261 §8.1.3.1 has us take it for a 408 or 503, but nobody sent one

    def _accepted(self, exchange: Exchange, response: Response) -> None:
        core = self.stack.core
        granted = self.expires if response.expires is None else float(min(response.expires, EXPIRES_MOST, self.expires))
        if self._unsubscribing:
            self._left()
            return
        self._raised = 0
        if self.dialog is None and exchange.flow is not None:
            self._establish(
                exchange.flow,
                response.to_tag,
                response.headers.get("To") or "",
                contact_of(response) or self.target,
                route_set(response, reverse=True),
            )
        elif self.dialog is not None and response.to_tag == self.dialog.remote_tag:
            self.dialog.refresh_target(response)
        if self._end:
            self._unsubscribe()
            return
        if granted <= 0:
            self._lost(response.status, "the PBX granted no time", SOON)
            return
        self._life.grant(granted)
        if self._since and core.now - self._since >= STEADY:
            self._again.reset()
        if not self._since:
            # Timer N (RFC 6665 §4.1.2.4): a NOTIFY must follow.
            self._life.end_in(64 * T1, self._no_notify)

    def _establish(self, flow: Flow, remote_tag: str, remote: str, target: str, routes: tuple[str, ...]) -> Dialog:
        cseq = self._cseq if self.dialog is None else max(self._cseq, self.dialog.local_cseq)
        self._dialogs.drop(self.dialog)
        dialog = self.dialog = Dialog(
            self.line,
            flow,
            usage=self,
            call_id=self.call_id,
            local=self.line.from_value(self.tag),
            local_tag=self.tag,
            remote=remote,
            remote_tag=remote_tag,
            remote_target=target,
            routes=routes,
            local_cseq=cseq,
        )
        self._dialogs.add(dialog)
        return dialog

    def _due(self) -> None:
        if self.dialog is None:
            self.start()
        elif self._exchange is None and not self._end:
            self._in_dialog(self.expires)

    def _expired(self, _: object) -> None:
        self._lost(0, "the subscription expired", SOON)

    def _no_notify(self, _: object) -> None:
        self._lost(0, "no NOTIFY came", SOON)

    def _later(self, at_least: float) -> None:
        """Try the refresh again, within what was granted."""
        self._life.retry(self._again.soon().wait(), at_least)

    # --- NOTIFY -------------------------------------------------------------------------------------

    def awaits(self, request: Request) -> bool:
        """Whether a NOTIFY is the first of this subscription (RFC 6665 §4.1.2.4).

        It may come before the 2xx, and from another fork than the 2xx did.
        """
        return not self._since and request.from_tag != "" and request.event[0] == self.package

    def adopt(self, request: Request, flow: Flow) -> Dialog:
        """Make the dialog from a NOTIFY."""
        return self._establish(
            flow,
            request.from_tag,
            request.headers.get("From") or "",
            contact_of(request) or self.target,
            route_set(request, reverse=False),
        )

    def on_ack(self, request: Request) -> None:
        """No INVITE lives here."""

    def out_of_order(self) -> bool:
        """A NOTIFY's CSeq went back: overtaken on the way, or its sender restarted and counts anew (robustness 11).

        A new subscription settles which. What is known stays known meanwhile: on a lossy network this is common,
        and to forget the state here would be to miss the edge that follows. False where it is too soon for another
        subscription, so that this one must live on.
        """
        now = self.stack.core.now
        if self._end or self._exchange is not None or now < self._renewed + STEADY:
            return False
        self._renewed = now
        self._forget()
        self.owner.on_renewed(self)
        self.start()
        return True

    def on_request(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """A NOTIFY in our dialog (RFC 6665 §4.1.3)."""
        core = self.stack.core
        to = transaction.flow
        if request.method != "NOTIFY":
            transaction.respond(405, response(request, to, 405, headers=(("Allow", "NOTIFY"),)))
            return
        package = request.event[0]
        state, params = request.subscription_state
        if package not in ("", self.package):  # FreeSWITCH's final NOTIFY has no Event
            transaction.respond(489, response(request, to, 489, headers=(("Allow-Events", self.package),)))
            return
        if not state:
            transaction.respond(400, response(request, to, 400, "Missing Subscription-State"))
            return
        status = 200 if self._end else self.owner.on_notify(self, request)
        more = (("Accept", self.accept),) if status == 415 else ()
        transaction.respond(status, response(request, to, status, headers=more))
        if self.dialog is not None:  # pragma: no branch - the one it came in
            self.dialog.refresh_target(request)
        if state == "terminated":
            retry_after = _SECONDS[params.get("retry-after", "")]
            reason = params.get("reason", "").lower()
            text = f"terminated{f' ({reason})' if reason else ''}"
            self._lost(status if status >= 300 else 0, text, AFTER_REASON.get(reason, AT_ONCE), retry_after)
            return
        first = not self._since
        if first:
            self._since = core.now
            self._dialogs.expect_no_more(self.call_id, self.tag)
        expires = _SECONDS[params.get("expires", "")]
        if 0 < expires <= EXPIRES_MOST and self._exchange is None and not self._end:
            self._life.shorten(expires, first=first)
        elif first and not self._end:
            self._life.shorten(self.expires, first=first)

    # --- losing it ----------------------------------------------------------------------------------

    def _lost(self, status: int, reason: str, again: str, retry_after: float = 0.0) -> None:
        core = self.stack.core
        lived = self._since and core.now - self._since >= STEADY
        self._forget()
        self.window.done(self)
        if self._end:
            self._gone()
            return
        if lived:
            self._again.reset()
        self.refused = again in (SLOWLY, NOT)
        wait = self._again.after(again, retry_after)
        self.owner.on_lost(self, status, reason, wait)
        if wait == 0.0:
            self.start()
        elif wait > 0.0:
            self._life.ask_in(wait)

    def _forget(self) -> None:
        self._life.stop()
        self._dialogs.expect_no_more(self.call_id, self.tag)
        self._dialogs.drop(self.dialog)
        self.dialog = None
        self._exchange = None
        self._missing = False
        self._since = 0.0

    def _left(self) -> None:
        """We un-subscribed: the dialog stays for the last NOTIFY (RFC 6665 §4.1.2.3), but nobody waits for that."""
        self._life.end_in(64 * T1)
        self._tell_gone()

    def _gone(self) -> None:
        self._forget()
        self._tell_gone()

    def _tell_gone(self) -> None:
        self.window.forget(self)
        on_gone, self._on_gone = self._on_gone, None
        if on_gone is not None:
            on_gone()


def _number(text: str) -> float:
    return float(min(int(text), EXPIRES_MOST)) if text.isascii() and text.isdigit() else 0.0


_SECONDS: Final = Memo(_number)
