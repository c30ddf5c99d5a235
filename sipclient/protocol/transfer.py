"""REFER inside a call, both ways, with the subscription it makes by itself (RFC 3515, RFC 5589)."""

from __future__ import annotations

import re
from collections.abc import Callable

from sipclient.errors import MalformedMessage
from sipclient.message import NameAddr, Request, Response, SipUri, parse_uri, reason_phrase
from sipclient.protocol.build import response, response_flow
from sipclient.protocol.dialog import Dialog, Dialogs
from sipclient.protocol.events import Flow, Headers, TransferAsked, TransferProgress
from sipclient.protocol.exchange import Exchange, Stack
from sipclient.protocol.timers import Timer
from sipclient.protocol.transaction import ServerTransaction

PATIENCE = 25.0  # seconds the user has to say whether a transfer is followed; the peer gives up after 32
LASTING = 180.0  # seconds that the outcome of a transfer is waited for
SIPFRAG = "message/sipfrag;version=2.0"  # RFC 3420
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?")


class Referral:
    """The peer asks us to call somebody: from TransferAsked until its outcome is told."""

    __slots__ = ("_accepted", "_asked", "_call", "_dialog", "_event", "_forget", "_quiet", "_stack", "_timer", "id")

    def __init__(
        self,
        stack: Stack,
        call: int,
        dialog: Dialog,
        asked: tuple[ServerTransaction, Request, Flow],
        forget: Callable[[int], None],
    ) -> None:
        core, request = stack.core, asked[1]
        self.id = core.next_id()
        self._stack = stack
        self._call = call
        self._dialog = dialog
        self._forget = forget
        self._asked: tuple[ServerTransaction, Request, Flow] | None = asked
        self._accepted = False
        self._event = f"refer;id={request.cseq.number}"  # RFC 3515 §2.4.6
        # RFC 4488 §4: the peer may say that it does not care what becomes of it.
        self._quiet = (request.headers.get("Refer-Sub") or "").strip().lower().startswith("false")
        self._timer: Timer | None = core.timers.start(core.now + PATIENCE, self._never_answered)

    def ask(self, request: Request, target: NameAddr) -> None:
        """Tell the user. Of the headers that the URI would add, only Replaces is handed on."""
        uri, headers = target.uri, []
        if isinstance(uri, SipUri):
            headers = [("Replaces", value) for name, value in uri.headers if name.lower() == "replaces"][:1]
            uri = uri.replace(headers=())
        by = request.headers.get("Referred-By")  # RFC 3892 §2.1: it goes with the call
        headers += [("Referred-By", by)] if by else []
        self._stack.core.emit(TransferAsked(self._call, self.id, str(uri), tuple(headers), request))

    def answer(self, status: int, reason: str) -> None:
        """202, and the first NOTIFY (RFC 3515 §2.4.4); or a refusal."""
        if self._asked is None:
            return
        transaction, request, flow = self._asked
        self._asked = None
        core, to = self._stack.core, response_flow(request, flow)
        core.timers.stop(self._timer)
        transaction.flow = to
        if status >= 300:
            transaction.respond(status, response(request, to, status, reason))
            self._drop()
            return
        headers = (("Refer-Sub", "false"),) if self._quiet else ()
        more: Headers = (*self._dialog.contact_header(to), *headers)
        transaction.respond(202, response(request, to, 202, headers=more))
        self._accepted = True
        self._timer = core.timers.start(core.now + LASTING, self._too_long)
        self.tell(100, "")

    def tell(self, status: int, reason: str) -> None:
        """What became of it so far (RFC 3515 §2.4.5); a final status is the last word."""
        if not self._accepted:
            return
        final = status >= 200
        left = f"active;expires={LASTING:.0f}"
        if not self._quiet:
            state = "terminated;reason=noresource" if final else left
            line = f"SIP/2.0 {status} {reason or reason_phrase(status)}\r\n".encode()
            headers = (("Event", self._event), ("Subscription-State", state))
            draft = self._dialog.draft("NOTIFY", headers, line, SIPFRAG)
            self._dialog.send(self._stack, self, draft, contact=True)
        if final:
            self._drop()

    def _never_answered(self, _: object) -> None:
        self.answer(603, "")

    def _too_long(self, _: object) -> None:
        self.tell(408, "")

    def leave(self) -> None:
        """The account leaves: nothing more is told, and what was not answered is refused."""
        if self._asked is not None:
            self.answer(480, "")
        else:
            self._drop()

    def _drop(self) -> None:
        self._accepted = False
        self._stack.core.timers.stop(self._timer)
        self._forget(self.id)

    def on_provisional(self, exchange: Exchange, response: Response) -> None:
        """Nothing to do."""

    def on_final(self, exchange: Exchange, response: Response) -> None:
        """Whether the peer still listens changes nothing: who asked for a transfer often hangs up at once."""

    def on_failed(self, exchange: Exchange, status: int, reason: str) -> None:
        """As above."""


class Transfers:
    """The transfers of one call: one at a time each way, as a call can go to one place only."""

    __slots__ = ("_asked", "_call", "_dialog", "_dialogs", "_ours", "_stack")

    def __init__(self, stack: Stack, dialogs: Dialogs, call: int, dialog: Dialog) -> None:
        self._stack = stack
        self._dialogs = dialogs
        self._call = call
        self._dialog = dialog
        self._ours: int | None = None  # our Transfer whose outcome is awaited
        self._asked: Referral | None = None

    @property
    def waiting(self) -> bool:
        """Whether a transfer of ours is under way."""
        return self._ours is not None

    def begun(self, request: int) -> None:
        """We sent a REFER."""
        self._ours = request

    def refused(self) -> None:
        """It was refused: no NOTIFY follows."""
        self._ours = None

    def asked(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """The peer sent a REFER, which the account's policy does not refuse."""
        to = response_flow(request, flow)
        transaction.flow = to
        try:
            target = request.refer_to
        except MalformedMessage:
            target = None
        if target is None:  # RFC 3515 §2.4.2
            transaction.respond(400, response(request, to, 400, "Bad or Missing Refer-To"))
        elif self._asked is not None:
            transaction.respond(491, response(request, to, 491))
        else:
            self._asked = Referral(self._stack, self._call, self._dialog, (transaction, request, flow), self._answered)
            self._dialogs.asked[self._asked.id] = self._asked
            self._asked.ask(request, target)

    def notified(self, transaction: ServerTransaction, request: Request, flow: Flow) -> None:
        """A NOTIFY inside the call: of our REFER, or of nothing we know (RFC 6665 §4.1.3)."""
        to = response_flow(request, flow)
        transaction.flow = to
        if self._ours is None or request.event[0] != "refer":
            transaction.respond(481, response(request, to, 481))
            return
        transaction.respond(200, response(request, to, 200))
        told = progress(self._call, self._ours, request)
        if told.over:
            self._ours = None
        self._stack.core.emit(told)

    def ended(self) -> None:
        """The call ended. Whoever asked us for a transfer is told of its outcome all the same, for as long as the
        account is there."""
        ours, self._ours = self._ours, None
        if ours is not None:
            why = "the call ended before the outcome was told"
            self._stack.core.emit(TransferProgress(self._call, ours, 0, why, True))
        if self._asked is not None and self._dialog.line.removing:
            self._asked.leave()

    def _answered(self, id: int) -> None:
        self._asked = None
        self._dialogs.asked.pop(id, None)


def progress(call: int, request: int, notify: Request) -> TransferProgress:
    """What a NOTIFY of the refer package says; status 0 where it says nothing that can be read."""
    found = _STATUS_LINE.match(notify.body.lstrip())
    status = int(found[1]) if found else 0
    reason = (found[2] or b"").decode("utf-8", "replace") if found else ""
    state = (notify.headers.get("Subscription-State") or "").partition(";")[0].strip().lower()
    return TransferProgress(call, request, status, reason, status >= 200 or state == "terminated")


def refer_to(to: str, replaces: Dialog | None) -> str:
    """The value of Refer-To: a URI, with the dialog it takes the place of as its target knows it (RFC 3891 §6.1)."""
    uri = parse_uri(to)
    if replaces is not None and isinstance(uri, SipUri):
        value = f"{replaces.call_id};to-tag={replaces.remote_tag};from-tag={replaces.local_tag}"
        uri = uri.replace(headers=(("Replaces", value),))
    return f"<{uri}>"
