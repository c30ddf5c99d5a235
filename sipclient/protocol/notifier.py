"""Somebody subscribes to us: the notifier's side of RFC 6665 §4.2."""

from __future__ import annotations

from collections.abc import Callable

from sipclient.message import Request, Response
from sipclient.protocol.build import response, response_flow
from sipclient.protocol.dialog import Dialog, Dialogs, contact_of, route_set
from sipclient.protocol.events import Flow, Headers, Notify, Reject, SubscribeReceived, SubscriberGone
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.line import Line
from sipclient.protocol.timers import Timer
from sipclient.protocol.transaction import ServerTransaction

DEFAULT_EXPIRES = 3600.0
PATIENCE = 30.0  # seconds the user has to answer; the peer gives up after 32 (RFC 3261 Timer F), and 408 is not for us
# to send (RFC 4320 §4.2)


class Notifier:
    """One subscription to us, from its first SUBSCRIBE until SubscriberGone."""

    __slots__ = (
        "_asked", "_dialogs", "_ended", "_expires", "_on_gone", "_patience", "_stack", "_timer", "accepted", "dialog",
        "event", "id", "line", "package",
    )  # fmt: skip

    def __init__(
        self,
        stack: Stack,
        dialogs: Dialogs,
        line: Line,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
        on_gone: Callable[[int], None],
    ) -> None:
        self._stack = stack
        self._dialogs = dialogs
        self.line = line
        self._on_gone = on_gone
        self.id = stack.core.next_id()
        self.package = request.event[0]
        self.event = request.headers.get("Event") or self.package  # with its `id`, as it was asked for
        self.accepted = False
        self._ended = False
        self._expires = 0.0
        self._timer: Timer | None = None
        self._patience: Timer | None = None
        tag = stack.core.ids.token("tag")
        self.dialog = Dialog(
            line,
            flow,
            usage=self,
            call_id=request.call_id,
            local=f"{request.headers.get('To') or ''};tag={tag}",
            local_tag=tag,
            remote=request.headers.get("From") or "",
            remote_tag=request.from_tag,
            remote_target=contact_of(request),
            routes=route_set(request, reverse=False),
            local_cseq=0,
            remote_cseq=request.cseq.number,
        )
        dialogs.add(self.dialog)
        self._asked: tuple[ServerTransaction, Request, Flow] | None = None
        self._ask(transaction, request, flow, refresh=False)

    def _ask(self, transaction: ServerTransaction, request: Request, flow: Flow, *, refresh: bool) -> None:
        core, to = self._stack.core, response_flow(request, flow)
        if self._asked is not None:
            transaction.respond(500, response(request, to, 500, headers=(("Retry-After", "1"),)))
            return
        self._asked = (transaction, request, to)
        self._patience = core.timers.start(core.now + PATIENCE, self._never_answered)
        expires = DEFAULT_EXPIRES if request.expires is None else float(request.expires)
        core.emit(SubscribeReceived(self.id, self.line.account.key, request, flow, self.package, expires, refresh))

    def _never_answered(self, _: object) -> None:
        self.reject(Reject(self.id, 500, "Not Answered"))

    def on_ack(self, request: Request) -> None:
        """No INVITE lives here."""

    def on_request(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """A refresh, or the end of it (RFC 6665 §4.2.1.3)."""
        if request.method == "SUBSCRIBE" and not self._ended:
            self.dialog.refresh_target(request)
            self._ask(transaction, request, flow, refresh=True)
        else:
            status = 481 if self._ended else 405
            to = response_flow(request, flow)
            transaction.respond(status, response(request, to, status))

    def accept(self, expires: float) -> None:
        """200 to the SUBSCRIBE that waits."""
        core = self._stack.core
        if self._asked is None:
            return
        headers: Headers = (("Expires", str(int(expires))), *self.dialog.contact_header(self.dialog.flow))
        self._answer(200, "", headers)
        self.accepted = True
        self._expires = core.now + expires
        core.timers.stop(self._timer)
        self._timer = core.timers.start(self._expires, self._expired)

    def leave(self) -> None:
        """The account leaves: the subscriber is told (RFC 6665 §4.2.2), or refused where it still waits."""
        if self.accepted:
            self.notify(Notify(self.id, state="terminated", reason="deactivated"))
        else:
            self.reject(Reject(self.id, 480))

    def reject(self, command: Reject) -> None:
        """Refuse the SUBSCRIBE that waits; a refused refresh ends nothing by itself."""
        self._answer(command.status, command.reason, command.headers)
        if not self.accepted:
            self._end("refused")

    def _answer(self, status: int, reason: str, headers: Headers) -> None:
        if self._asked is None:
            return
        transaction, request, to = self._asked
        self._asked = None
        self._stack.core.timers.stop(self._patience)
        data = response(request, to, status, reason, to_tag=self.dialog.local_tag, headers=headers)
        transaction.flow = to
        transaction.respond(status, data)

    def notify(self, command: Notify) -> None:
        """NOTIFY (RFC 6665 §4.2.2)."""
        core = self._stack.core
        left = max(0, int(self._expires - core.now))
        if command.state == "terminated":
            state = "terminated" + (f";reason={command.reason}" if command.reason else "")
        else:
            state = f"{command.state};expires={left}"
        headers = (("Event", self.event), ("Subscription-State", state))
        draft = self.dialog.draft("NOTIFY", headers, command.body, command.content_type)
        self.dialog.send(self._stack, self, draft, contact=True)
        if command.state == "terminated":
            self._end(command.reason or "terminated")

    def _expired(self, _: object) -> None:
        self._timer = None
        self.notify(Notify(self.id, state="terminated", reason="timeout"))

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Nothing to do."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """RFC 6665 §4.2.2: a refusal ends the subscription, unless it says when to retry."""
        if response.status >= 300 and response.retry_after is None and not self._ended:
            self._end(f"{response.status} {response.reason}")

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """The subscriber is gone."""
        if not self._ended:
            self._end(reason)

    def _end(self, reason: str) -> None:
        self._ended = True
        self._answer(481, "", ())
        core = self._stack.core
        core.timers.stop(self._timer)
        self._dialogs.drop(self.dialog)
        core.emit(SubscriberGone(self.id, reason))
        self._on_gone(self.id)
